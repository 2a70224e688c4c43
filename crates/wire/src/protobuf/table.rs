//! One table, compiled: the bytes of a column that are the same in each row.

use super::numbers::{COLUMNS, column};
use super::writing::{bytes_unless_empty, varint};
use change::{ColumnKind, Row, Schema, Text};
use std::sync::Arc;

/// What every message of the table has in common.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: Arc<Schema>,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug)]
pub(super) struct Column {
    /// The field with its name.
    pub(super) name: Vec<u8>,
    /// Of an ENUM or SET; empty otherwise.
    pub(super) members: Arc<[Text]>,
}

impl Table {
    pub(super) fn new(schema: &Arc<Schema>) -> Self {
        let columns = schema.columns.iter().map(|of| {
            let mut name = Vec::new();
            bytes_unless_empty(&mut name, column::NAME, of.name.as_bytes());
            let members = match &of.kind {
                ColumnKind::Enum { members } | ColumnKind::Set { members } => Arc::clone(members),
                ColumnKind::Integer { .. }
                | ColumnKind::Float
                | ColumnKind::Double
                | ColumnKind::Decimal { .. }
                | ColumnKind::Bit { .. }
                | ColumnKind::Year
                | ColumnKind::Date
                | ColumnKind::Time { .. }
                | ColumnKind::DateTime { .. }
                | ColumnKind::Timestamp { .. }
                | ColumnKind::Text { .. }
                | ColumnKind::Binary { .. }
                | ColumnKind::Json
                | ColumnKind::Geometry
                | ColumnKind::Vector => Arc::default(),
            };
            Column { name, members }
        });
        Self {
            columns: columns.collect(),
            schema: Arc::clone(schema),
        }
    }

    /// Appends a row's key. The table has one.
    pub(super) fn write_key(&self, row: &Row, out: &mut Vec<u8>) {
        for &index in &self.schema.key {
            self.write_column(index, row, out);
        }
    }

    /// Appends the content of a `Row`.
    pub(super) fn write_row(&self, row: &Row, out: &mut Vec<u8>) {
        for index in 0..self.columns.len() {
            self.write_column(index, row, out);
        }
    }

    fn write_column(&self, index: usize, row: &Row, out: &mut Vec<u8>) {
        let column = &self.columns[index];
        varint(out, COLUMNS.into());
        let start = super::writing::begin(out);
        out.extend_from_slice(&column.name);
        super::value_writing::value(column, &row[index], out);
        super::writing::end(out, start);
    }
}
