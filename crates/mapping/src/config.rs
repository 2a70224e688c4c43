//! The effective mapping: everything a person decided about names, identity and types.
//!
//! It is a value, not a file: the binary reads it from the configuration, and its hash stands in
//! every barrier. Equal decisions give equal hashes, however they were spelled: the canonical form
//! is sorted, and what equals the default is left out.

use crate::choice::{ColumnChoice, FormChoice};
use crate::encoding::{Encoding, is_dated};
use change::{Column, ColumnKind, IntegerWidth, TableName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Counts the defaults: raised when this version would write another document than the one before
/// for the same row and configuration.
const DEFAULTS_VERSION: u32 = 1;

/// What makes a row's document the same document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityChoice {
    /// `_id` is the key.
    #[default]
    Key,
    /// `_id` is an ObjectId derived from the key, whose columns stay fields.
    ObjectId,
    /// No key: equal rows are counted, `_id` is `{hash, n}`.
    Row,
}

/// The choices for one table.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableChoices {
    /// The collection's name, where it is not the table's.
    pub collection: Option<String>,
    pub identity: IdentityChoice,
    /// Columns that are unique together and stand for the key, in this order. Empty: the key that
    /// the table's schema names.
    pub identity_columns: Vec<String>,
    /// Whether the key's columns are fields too.
    pub keep_key_columns: bool,
    pub columns: BTreeMap<String, ColumnChoice>,
}

/// The effective mapping of a pipeline.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingConfig {
    /// The target database; without one every MySQL database keeps its name.
    pub database: Option<String>,
    /// Choices for all columns of a type, by its word in [`TYPES`]. Each holds for the columns that
    /// it suits and that do not say otherwise themselves.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, ColumnChoice>,
    #[serde(with = "as_list")]
    pub tables: BTreeMap<TableName, TableChoices>,
}

/// The form that is hashed. Changing it changes every hash.
#[derive(Serialize)]
struct Canonical<'a> {
    defaults: u32,
    database: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    types: BTreeMap<&'a str, ColumnChoice>,
    tables: Vec<(&'a TableName, TableChoices)>,
}

impl MappingConfig {
    /// The hash for [`change::MappingVersion`]: SHA-256 of the canonical form, hexadecimal.
    pub fn hash(&self) -> Arc<str> {
        let types: BTreeMap<&str, ColumnChoice> = self
            .types
            .iter()
            .map(|(word, choice)| (word.as_str(), choice.clone().without_defaults()))
            .filter(|(_, choice)| *choice != ColumnChoice::default())
            .collect();
        let tables = self.tables.iter().map(|(name, choices)| {
            let mut choices = choices.clone();
            // A word for the default says something only against a choice for the type.
            if types.is_empty() {
                for choice in choices.columns.values_mut() {
                    *choice = std::mem::take(choice).without_defaults();
                }
            }
            choices
                .columns
                .retain(|_, choice| *choice != ColumnChoice::default());
            (name, choices)
        });
        let canonical = Canonical {
            defaults: DEFAULTS_VERSION,
            database: self.database.as_deref(),
            tables: tables
                .filter(|(_, choices)| *choices != TableChoices::default())
                .collect(),
            types: types.clone(),
        };
        let bytes =
            serde_json::to_vec(&canonical).expect("names, words and flags always have a JSON form");
        hexadecimal(&Sha256::digest(&bytes)).into()
    }

    /// What holds for a column: its own choices, and those for its type where it has none.
    pub fn choice(&self, table: &TableName, column: &Column) -> ColumnChoice {
        let choices = self.tables.get(table);
        let own = choices.and_then(|choices| choices.columns.get(&*column.name));
        let mut choice = own.cloned().unwrap_or_default();
        let kind = &column.kind;
        let Some(general) = self.types.get(type_word(kind)) else {
            return choice;
        };
        let form = |form: &FormChoice| {
            let alone = ColumnChoice {
                form: Some(*form),
                ..ColumnChoice::default()
            };
            Encoding::of(kind, &alone).is_ok()
        };
        choice.form = choice.form.or(general.form.filter(form));
        choice.zero_date = choice
            .zero_date
            .or(general.zero_date.filter(|_| is_dated(kind)));
        choice.absent = choice.absent.or(general.absent);
        choice.zone = choice.zone.or_else(|| general.zone.clone());
        choice
    }

    /// Whether text of this column is wanted as the bytes that are stored. Whoever reads rows has
    /// to know, since the bytes of other character sets than UTF-8 are lost in decoding.
    pub fn wants_stored_bytes(&self, table: &TableName, column: &str) -> bool {
        let own = self
            .tables
            .get(table)
            .and_then(|choices| choices.columns.get(column)?.form);
        let general = || self.types.get("text").and_then(|choice| choice.form);
        own.or_else(general) == Some(FormChoice::Binary)
    }
}

/// The words for the types of columns, by which choices are made for all columns of a type.
pub const TYPES: &[&str] = &[
    "bigint",
    "bigint unsigned",
    "binary",
    "bit",
    "date",
    "datetime",
    "decimal",
    "double",
    "enum",
    "float",
    "geometry",
    "int",
    "json",
    "mediumint",
    "set",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyint",
    "vector",
    "year",
];

fn type_word(kind: &ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Integer { width, unsigned } => match width {
            IntegerWidth::Tiny => "tinyint",
            IntegerWidth::Small => "smallint",
            IntegerWidth::Medium => "mediumint",
            IntegerWidth::Int => "int",
            IntegerWidth::Big if *unsigned => "bigint unsigned",
            IntegerWidth::Big => "bigint",
        },
        ColumnKind::Float => "float",
        ColumnKind::Double => "double",
        ColumnKind::Decimal { .. } => "decimal",
        ColumnKind::Bit { .. } => "bit",
        ColumnKind::Year => "year",
        ColumnKind::Date => "date",
        ColumnKind::Time { .. } => "time",
        ColumnKind::DateTime { .. } => "datetime",
        ColumnKind::Timestamp { .. } => "timestamp",
        ColumnKind::Text { .. } => "text",
        ColumnKind::Binary { .. } => "binary",
        ColumnKind::Enum { .. } => "enum",
        ColumnKind::Set { .. } => "set",
        ColumnKind::Json => "json",
        ColumnKind::Geometry => "geometry",
        ColumnKind::Vector => "vector",
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A map keyed by a structure, as a list of pairs: most formats take only text as a key.
mod as_list {
    use super::{TableChoices, TableName};
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(
        tables: &BTreeMap<TableName, TableChoices>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(tables)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<TableName, TableChoices>, D::Error> {
        let pairs = Vec::<(TableName, TableChoices)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}
