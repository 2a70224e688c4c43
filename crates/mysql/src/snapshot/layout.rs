//! How a table's rows are selected and taken apart.
//!
//! A layout holds for one set of columns: it is made when a table is first read, and dropped when
//! the catalogue has other columns than it.

use super::key::{self, Key};
use super::{SnapshotError, json, value_of};
use crate::charset::Charsets;
use crate::describe::{CatalogueColumn, CatalogueTable};
use crate::quote;
use change::{ColumnKind, Row, Schema, TableDescription, Value};
use mysql_async::Value as Sent;
use std::sync::Arc;

/// What is known of a table while it is read.
#[derive(Clone)]
pub(crate) struct Layout {
    pub(crate) schema: Arc<Schema>,
    /// As the catalogue has them, to see whether they change.
    pub(crate) columns: Arc<[CatalogueColumn]>,
    pub(crate) key: Arc<Key>,
    /// What is selected, one expression per column, then one per JSON column.
    pub(crate) selection: Arc<str>,
}

impl Layout {
    /// `None` where the catalogue's columns are not those of the description.
    pub(crate) fn new(table: &TableDescription, catalogue: &CatalogueTable) -> Option<Self> {
        let schema = &table.schema;
        let same = schema.columns.len() == catalogue.columns.len()
            && schema
                .columns
                .iter()
                .zip(&catalogue.columns)
                .all(|(described, found)| {
                    described.name == found.name
                        && described.nullable == found.nullable
                        && found.kind().as_ref() == Some(&described.kind)
                });
        same.then(|| Self {
            schema: schema.clone(),
            columns: catalogue.columns.clone().into(),
            key: Arc::new(Key::new(schema, catalogue)),
            selection: selection(schema).into(),
        })
    }

    /// A row, and the key values that a range would not get from it: text that is not stored as
    /// UTF-8 stays as stored there.
    pub(crate) fn row(
        &self,
        mut sent: Vec<Sent>,
        charsets: &Charsets,
    ) -> Result<(Row, StoredTexts), SnapshotError> {
        let mut json_types = sent
            .split_off(self.schema.columns.len().min(sent.len()))
            .into_iter();
        let stored = self.key.stored_texts(&sent);
        let mut values = Vec::with_capacity(self.schema.columns.len());
        for (column, sent) in self.schema.columns.iter().zip(sent) {
            let json_types = match &column.kind {
                ColumnKind::Json => json_types.next(),
                _ => None,
            };
            let value = value_of(&column.kind, sent, json_types, charsets);
            values.push(value.map_err(|reason| SnapshotError::Value {
                table: self.schema.name.clone(),
                column: column.name.to_string(),
                reason,
            })?);
        }
        Ok((Row::new(values), stored))
    }

    /// The row's key as a range holds it.
    pub(crate) fn range_key(&self, row: &Row, stored: StoredTexts) -> Vec<Value> {
        let mut key: Vec<Value> = self
            .schema
            .key
            .iter()
            .map(|&position| row[position].clone())
            .collect();
        for (index, value) in stored.0 {
            key[index] = value;
        }
        key
    }
}

/// Key values by their place in the key, as stored.
#[derive(Default)]
pub(crate) struct StoredTexts(pub(crate) Vec<(usize, Value)>);

fn selection(schema: &Schema) -> String {
    let mut expressions = Vec::with_capacity(schema.columns.len());
    let mut types = Vec::new();
    for column in &schema.columns {
        let name = format!("t.{}", quote::identifier(&column.name));
        if column.kind == ColumnKind::Json {
            types.push(json::types_of(&name));
        }
        expressions.push(key::selected(&name, &column.kind));
    }
    expressions.append(&mut types);
    expressions.join(", ")
}
