//! From the configuration and a table's columns to the plan that its rows are mapped by.
//!
//! All that can be wrong with a table's names, key or choices is found here, all at once and
//! before the first row: a table that compiles fails later only over a value.

use crate::choice::ColumnChoice;
use crate::config::{IdentityChoice, MappingConfig, TableChoices};
use crate::encoding::Encoding;
use crate::names;
use crate::problem::{Problem, Problems};
use crate::table::{Field, IdentityPlan, TableMapper};
use change::{Collection, Column, Schema, TableName};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes that a value of fixed size takes at most, with its type.
const VALUE_BYTES: usize = 40;

/// Compiles tables by one configuration.
#[derive(Clone, Debug)]
pub struct Mapper {
    config: Arc<MappingConfig>,
    defaults: Arc<TableChoices>,
}

/// One table with its choices, while it is compiled.
struct Compilation<'a> {
    schema: &'a Schema,
    choices: &'a TableChoices,
    /// One for each column of the schema.
    columns: Vec<ColumnChoice>,
    key: Vec<usize>,
    encodings: Vec<Encoding>,
    problems: Vec<Problem>,
}

impl Mapper {
    pub fn new(config: MappingConfig) -> Self {
        Self {
            config: Arc::new(config),
            defaults: Arc::default(),
        }
    }

    pub fn config(&self) -> &MappingConfig {
        &self.config
    }

    /// The collection that a table's documents stand in, known from its name alone.
    pub fn collection(&self, table: &TableName) -> Collection {
        names::collection_of(&self.config, table)
    }

    /// Whether the table's documents are told apart by a key.
    pub fn has_key(&self, table: &TableName) -> bool {
        self.choices(table).identity != IdentityChoice::Row
    }

    /// The choices for a table, or the defaults.
    pub(crate) fn choices(&self, table: &TableName) -> &TableChoices {
        self.config.tables.get(table).unwrap_or(&self.defaults)
    }

    /// Finds tables that would share a collection, and databases that MongoDB holds equal.
    pub fn check_collections<'a>(
        &self,
        tables: impl IntoIterator<Item = &'a TableName>,
    ) -> Result<(), Problems> {
        Problems::unless_empty(names::collisions(&self.config, tables))
    }

    /// The plan for rows of this schema.
    pub fn compile(&self, schema: &Arc<Schema>) -> Result<TableMapper, Problems> {
        let choices = self.choices(&schema.name);
        let collection = names::collection_of(&self.config, &schema.name);
        let columns = schema.columns.iter();
        let mut compilation = Compilation {
            schema,
            choices,
            columns: columns
                .map(|column| self.config.choice(&schema.name, column))
                .collect(),
            key: Vec::new(),
            encodings: Vec::new(),
            problems: Vec::new(),
        };
        let misnamed = names::check_collection(&schema.name, &collection);
        compilation.problems.extend(misnamed);
        compilation.find_unknown_columns();
        compilation.choose_encodings();
        compilation.choose_key();
        let identity = compilation.identity();
        let fields = compilation.fields(&identity);
        compilation.check_fields(&identity, &fields);
        Problems::unless_empty(compilation.problems)?;
        let names_bytes: usize = fields.iter().map(|field| field.name.len()).sum();
        let key_bytes: usize = compilation
            .key
            .iter()
            .map(|&column| 2 * (schema.columns[column].name.len() + VALUE_BYTES))
            .sum();
        let chosen = schema.columns.iter().zip(&compilation.columns);
        let lossy = chosen.flat_map(|(column, choice)| {
            let words = choice.lossy().into_iter();
            let losing = words.filter(|word| loses(column, word));
            losing
                .map(|word| (column.name.clone(), word))
                .collect::<Vec<_>>()
        });
        let lossy = lossy.collect();
        Ok(TableMapper {
            schema: schema.clone(),
            collection: Arc::new(collection),
            unique: Vec::new(),
            fixed_bytes: 64 + key_bytes + names_bytes + fields.len() * VALUE_BYTES,
            lossy,
            encodings: compilation.encodings,
            identity,
            fields,
        })
    }
}

impl Compilation<'_> {
    fn problem(&mut self, code: &'static str, column: Option<usize>, text: [String; 2]) {
        let [message, remedy] = text;
        self.problems.push(Problem {
            code,
            table: self.schema.name.clone(),
            column: column.map(|column| self.schema.columns[column].name.clone()),
            message,
            remedy,
        });
    }

    /// The name of the column's field.
    fn field_name(&self, column: usize) -> &str {
        let renamed = self.columns[column].rename.as_deref();
        renamed.unwrap_or(&self.schema.columns[column].name)
    }

    fn find_unknown_columns(&mut self) {
        let named = self
            .choices
            .columns
            .keys()
            .chain(&self.choices.identity_columns);
        let unknown: Vec<&String> = named
            .filter(|name| self.schema.column(name).is_none())
            .collect();
        for name in unknown {
            let texts = [
                format!(
                    "the configuration names a column {name:?}, which the table does not have."
                ),
                "Correct the name under [tables]; MySQL's own spelling counts.".into(),
            ];
            self.problem("LS5008", None, texts);
        }
    }

    fn choose_encodings(&mut self) {
        let none = ColumnChoice::default();
        for (index, column) in self.schema.columns.iter().enumerate() {
            let encoding = Encoding::of(&column.kind, &self.columns[index]).or_else(|unsuitable| {
                let allowed = if unsuitable.allowed.is_empty() {
                    "Remove it.".to_owned()
                } else {
                    format!("Choose one of {}.", unsuitable.allowed.join(", "))
                };
                let message = format!("the choice {} does not suit it.", unsuitable.word);
                self.problem("LS5006", Some(index), [message, allowed]);
                Encoding::of(&column.kind, &none)
            });
            let encoding = encoding.expect("every kind of column has a default");
            self.encodings.push(encoding);
        }
    }

    fn choose_key(&mut self) {
        self.key = if self.choices.identity == IdentityChoice::Row {
            Vec::new()
        } else if self.choices.identity_columns.is_empty() {
            self.schema.key.clone()
        } else {
            let named = self.choices.identity_columns.iter();
            named.filter_map(|name| self.schema.column(name)).collect()
        };
    }

    fn identity(&mut self) -> IdentityPlan {
        if self.choices.identity == IdentityChoice::Row {
            return IdentityPlan::Row;
        }
        self.check_key();
        match (self.choices.identity, self.key.as_slice()) {
            (IdentityChoice::ObjectId, key) => IdentityPlan::ObjectId(key.to_vec()),
            (_, [column]) => IdentityPlan::Single(*column),
            (_, key) => {
                IdentityPlan::Composite(key.iter().map(|&column| self.field(column)).collect())
            }
        }
    }

    fn check_key(&mut self) {
        if self.key.is_empty() {
            let texts = [
                "it has no key that could tell its rows apart.".into(),
                "Name columns that are unique together (identity_columns = […]), choose identity = \"row\", or leave the table out.".into(),
            ];
            self.problem("LS5005", None, texts);
        }
        let object_id = self.choices.identity == IdentityChoice::ObjectId;
        for column in self.key.clone() {
            let encoding = &self.encodings[column];
            let reason = if self.schema.columns[column].nullable {
                "a key column may not be NULL, and this one can be"
            } else if self.key.len() == 1 && encoding.is_array() && !object_id {
                "the value becomes an array, which _id cannot be"
            } else if encoding.merges().is_some() && !object_id {
                "two different keys could become the same _id"
            } else {
                continue;
            };
            let texts = [
                format!("it cannot identify documents: {reason}."),
                "Choose another form for the column (number for ENUM and SET), other identity_columns, or identity = \"object_id\".".into(),
            ];
            self.problem("LS5004", Some(column), texts);
        }
    }

    fn field(&self, column: usize) -> Field {
        let mut name = self.field_name(column).as_bytes().to_vec();
        name.push(0);
        Field {
            column,
            name: name.into_boxed_slice(),
            absent: self.columns[column].absent == Some(true),
        }
    }

    fn fields(&self, identity: &IdentityPlan) -> Vec<Field> {
        let keeps_key =
            self.choices.keep_key_columns || matches!(identity, IdentityPlan::ObjectId(_));
        let is_id = |column: usize| {
            matches!(identity, IdentityPlan::Single(key) if *key == column)
                && self.field_name(column) == "_id"
        };
        (0..self.schema.columns.len())
            .filter(|&column| !self.key.contains(&column) || keeps_key && !is_id(column))
            .map(|column| self.field(column))
            .collect()
    }

    /// Names of the document's fields, and of the parts of a composite `_id`.
    fn check_fields(&mut self, identity: &IdentityPlan, fields: &[Field]) {
        let parts: &[Field] = match identity {
            IdentityPlan::Composite(parts) => parts,
            IdentityPlan::Single(_) | IdentityPlan::ObjectId(_) | IdentityPlan::Row => &[],
        };
        for (names, top_level) in [(parts, false), (fields, true)] {
            let mut taken: HashMap<String, usize> = HashMap::new();
            for field in names {
                let column = field.column;
                let name = self.field_name(column).to_owned();
                let spelled = &self.schema.columns[column].name;
                if let Some(problem) = names::check_field(&self.schema.name, spelled, &name)
                    && !self.problems.contains(&problem)
                {
                    self.problems.push(problem);
                }
                if top_level && name == "_id" {
                    let texts = [
                        "a field _id would stand in the place of the document's identity.".into(),
                        "Choose another name for it: rename = \"…\".".into(),
                    ];
                    self.problem("LS5001", Some(column), texts);
                    continue;
                }
                if let Some(first) = taken.insert(name.clone(), column) {
                    let first = self.schema.columns[first].name.clone();
                    let texts = [
                        format!("its field {name:?} is also that of the column {first}."),
                        "Choose another name: rename = \"…\".".into(),
                    ];
                    self.problem("LS5003", Some(column), texts);
                }
            }
        }
    }
}

/// Whether this choice loses something on this column: `date` does on DATETIME(6) alone.
fn loses(column: &Column, word: &str) -> bool {
    let choice = ColumnChoice::parse(word).expect("the words of a choice can be parsed");
    Encoding::of(&column.kind, &choice).is_ok_and(|encoding| encoding.merges() == Some(word))
}
