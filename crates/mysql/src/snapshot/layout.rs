//! How a table's rows are selected and taken apart.
//!
//! A layout holds for one set of columns: it is made when a table is first read, and dropped when
//! the catalogue has other columns than it.

use super::key::{self, Key};
use super::{SnapshotError, json, value_of};
use crate::charset::Charsets;
use crate::describe::{CatalogueColumn, CatalogueTable};
use crate::quote;
use change::{ColumnKind, Row, Schema, TableDescription, Text, Value};
use mysql_async::Value as Sent;
use std::sync::Arc;

/// What is known of a table while it is read.
#[derive(Clone)]
pub(crate) struct Layout {
    pub(crate) schema: Arc<Schema>,
    /// As the catalogue has them, to see whether they change.
    pub(crate) columns: Arc<[CatalogueColumn]>,
    pub(crate) key: Arc<Key>,
    /// What is selected: one expression per column, then what is sent beside some of them.
    pub(crate) selection: Arc<str>,
    /// For each column, whether something is sent beside it.
    beside: Arc<[bool]>,
    /// For each column, whether it is text that stays as it is stored.
    stored: Arc<[bool]>,
}

impl Layout {
    /// `None` where the catalogue's columns are not those of the description.
    pub(crate) fn new(
        table: &TableDescription,
        catalogue: &CatalogueTable,
        charsets: &Charsets,
    ) -> Option<Self> {
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
        if !same {
            return None;
        }
        let mut expressions = Vec::with_capacity(schema.columns.len());
        let mut more = Vec::new();
        let mut beside = Vec::with_capacity(schema.columns.len());
        for (column, found) in schema.columns.iter().zip(&catalogue.columns) {
            let name = format!("t.{}", quote::identifier(&column.name));
            let with = sent_beside(&name, &column.kind, found);
            beside.push(with.is_some());
            more.extend(with);
            expressions.push(key::selected(&name, &column.kind));
        }
        expressions.append(&mut more);
        let stored = schema.columns.iter().map(|column| match &column.kind {
            ColumnKind::Text { charset } => charsets.leaves(&schema.name, &column.name, charset),
            _ => false,
        });
        Some(Self {
            stored: stored.collect(),
            schema: schema.clone(),
            columns: catalogue.columns.clone().into(),
            key: Arc::new(Key::new(schema, catalogue)),
            selection: expressions.join(", ").into(),
            beside: beside.into(),
        })
    }

    /// A row, and the key values that a range would not get from it: text that is not stored as
    /// UTF-8 stays as stored there.
    pub(crate) fn row(
        &self,
        mut sent: Vec<Sent>,
        charsets: &Charsets,
    ) -> Result<(Row, StoredTexts), SnapshotError> {
        let mut more = sent
            .split_off(self.schema.columns.len().min(sent.len()))
            .into_iter();
        let stored = self.key.stored_texts(&sent);
        let mut values = Vec::with_capacity(self.schema.columns.len());
        for (index, sent) in sent.into_iter().enumerate() {
            let column = &self.schema.columns[index];
            let beside = if self.beside[index] {
                more.next()
            } else {
                None
            };
            let value = match (&column.kind, beside) {
                (ColumnKind::Text { .. }, _) if self.stored[index] => match sent {
                    Sent::Bytes(bytes) => Ok(Value::Malformed(bytes.into())),
                    sent => value_of(&column.kind, sent, None, charsets),
                },
                (ColumnKind::Json, beside) => value_of(&column.kind, sent, beside, charsets),
                (kind, None) => value_of(kind, sent, None, charsets),
                (kind, Some(text)) => value_of(kind, sent, None, charsets)
                    .and_then(|value| spelled(kind, value, &text)),
            };
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

/// What has to be sent beside a column for its value to be exact: the types inside a JSON document;
/// the text of a member whose spelling in the catalogue may be garbled.
fn sent_beside(name: &str, kind: &ColumnKind, found: &CatalogueColumn) -> Option<String> {
    match kind {
        ColumnKind::Json => Some(json::types_of(name)),
        _ if found.members_may_be_garbled() => Some(format!("CONVERT({name} USING utf8mb4)")),
        _ => None,
    }
}

/// The value, if the members that it stands for are spelled as the schema has them.
fn spelled(kind: &ColumnKind, value: Value, text: &Sent) -> Result<Value, String> {
    let (members, chosen): (&[Text], Vec<usize>) = match (kind, &value) {
        (ColumnKind::Enum { members }, Value::Enum(index)) => {
            let chosen = usize::from(*index).checked_sub(1);
            (members, chosen.into_iter().collect())
        }
        (ColumnKind::Set { members }, Value::Set(bits)) => {
            let chosen = (0..members.len()).filter(|index| bits >> index & 1 == 1);
            (members, chosen.collect())
        }
        _ => return Ok(value),
    };
    let names: Vec<&[u8]> = chosen
        .into_iter()
        .filter_map(|index| members.get(index))
        .map(Text::as_bytes)
        .collect();
    match text {
        Sent::Bytes(text) if *text == names.join(&b',') => Ok(value),
        _ => Err("the server's catalogue does not spell its member as it is".to_owned()),
    }
}
