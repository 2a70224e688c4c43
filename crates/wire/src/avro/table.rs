//! One table, compiled: how each column's values are written.

use super::schema::is_int;
use super::value_writing;
use crate::form::Form;
use change::{ColumnKind, Row, Schema, Text};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: Arc<Schema>,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug)]
pub(super) struct Column {
    /// As in JSON, which also holds what the usual type would change.
    pub(super) form: Form,
    /// Whether its numbers are an `int` rather than a `long`.
    pub(super) is_int: bool,
    /// Of an ENUM or SET; empty otherwise.
    pub(super) members: Arc<[Text]>,
}

/// Empty between two values.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) text: Vec<u8>,
    pub(super) document: Vec<u8>,
}

impl Table {
    pub(super) fn new(schema: &Arc<Schema>) -> Self {
        let columns = schema.columns.iter().map(|column| Column {
            form: Form::of(&column.kind),
            is_int: match column.kind {
                ColumnKind::Integer { width, unsigned } => is_int(width, unsigned),
                _ => false,
            },
            members: match &column.kind {
                ColumnKind::Enum { members } | ColumnKind::Set { members } => Arc::clone(members),
                _ => Arc::default(),
            },
        });
        Self {
            columns: columns.collect(),
            schema: Arc::clone(schema),
        }
    }

    /// Appends a row's key. The table has one.
    pub(super) fn write_key(&self, row: &Row, out: &mut Vec<u8>, scratch: &mut Scratch) {
        for &index in &self.schema.key {
            value_writing::value(&self.columns[index], &row[index], out, scratch);
        }
    }

    pub(super) fn write_row(&self, row: &Row, out: &mut Vec<u8>, scratch: &mut Scratch) {
        for (column, value) in self.columns.iter().zip(row.iter()) {
            value_writing::value(column, value, out, scratch);
        }
    }
}
