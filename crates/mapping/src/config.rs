//! The effective mapping: everything a person decided about names, identity and types.
//!
//! It is a value, not a file: the binary reads it from the configuration, and its hash stands in
//! every barrier. Equal decisions give equal hashes, however they were spelled: the canonical form
//! is sorted, and what equals the default is left out.

use crate::choice::ColumnChoice;
use change::TableName;
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
    #[serde(with = "as_list")]
    pub tables: BTreeMap<TableName, TableChoices>,
}

/// The form that is hashed. Changing it changes every hash.
#[derive(Serialize)]
struct Canonical<'a> {
    defaults: u32,
    database: Option<&'a str>,
    tables: Vec<(&'a TableName, TableChoices)>,
}

impl MappingConfig {
    /// The hash for [`change::MappingVersion`]: SHA-256 of the canonical form, hexadecimal.
    pub fn hash(&self) -> Arc<str> {
        let tables = self.tables.iter().map(|(name, choices)| {
            let mut choices = choices.clone();
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
        };
        let bytes =
            serde_json::to_vec(&canonical).expect("names, words and flags always have a JSON form");
        hexadecimal(&Sha256::digest(&bytes)).into()
    }

    /// The choices that can lose something, as `database.table.column: word`, sorted.
    pub fn lossy(&self) -> Vec<String> {
        let columns = self
            .tables
            .iter()
            .flat_map(|(table, choices)| choices.columns.iter().map(move |entry| (table, entry)));
        columns
            .flat_map(|(table, (column, choice))| {
                choice
                    .lossy()
                    .into_iter()
                    .map(move |word| format!("{table}.{column}: {word}"))
            })
            .collect()
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
