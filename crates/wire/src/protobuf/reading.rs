//! Keys and values of one table from bytes: the inverse of `writing.rs`.

use super::numbers::{COLUMNS, change};
use super::source::SourceReader;
use super::table::Table;
use super::taking::Fields;
use super::value_reading;
use super::writing::number_of;
use crate::cursor::Broken;
use crate::event::{self, Event, Operation};
use crate::layout::Settings;
use ::change::{Row, Schema, Value};
use bytes::Bytes;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct ProtobufReader {
    table: Table,
    source: SourceReader,
}

impl ProtobufReader {
    pub(crate) fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            table: Table::new(schema),
            source: SourceReader::new(settings),
        }
    }

    /// Appends the key that the row has.
    pub(crate) fn key(&mut self, row: &Row, out: &mut Vec<u8>) {
        self.table.write_key(row, out);
    }

    pub(crate) fn value(&mut self, value: &Bytes, key: Option<&[u8]>) -> Result<Event, Broken> {
        let mut fields = Fields::new(value);
        let operation = operation(fields.number(change::OPERATION)?);
        let before = self.row(&mut fields, change::BEFORE)?;
        let after = self.row(&mut fields, change::AFTER)?;
        let kind = match operation {
            Some(operation) => event::kind(operation, before, after, || self.row_of_key(key))?,
            None => None,
        };
        let Some(kind) = kind else {
            return fields.broken("the operation of these images");
        };
        fields.expect(change::SOURCE, "the field source")?;
        let source = self.source.read(&self.table, fields.nested()?)?;
        if source.snapshot != event::is_of_snapshot(&kind, &source.origin) {
            return fields.broken("a read for a row of the snapshot, and only for one");
        }
        fields.number(change::TS_MS)?;
        fields.end()?;
        Ok(Event { kind, source })
    }

    /// The row in this field, if it is there.
    fn row(&self, fields: &mut Fields<'_>, tag: u32) -> Result<Option<Row>, Broken> {
        if !fields.take(tag) {
            return Ok(None);
        }
        let mut row = fields.nested()?;
        let mut values = Vec::with_capacity(self.table.columns.len());
        for index in 0..self.table.columns.len() {
            let value = self.column(index, &mut row);
            values.push(value.map_err(|broken| Broken {
                column: Some(index),
                ..broken
            })?);
        }
        row.end()?;
        Ok(Some(Row::new(values)))
    }

    /// The row that a key tells of.
    fn row_of_key(&self, key: Option<&[u8]>) -> Result<Row, Broken> {
        let key = Bytes::copy_from_slice(key.unwrap_or_default());
        let mut fields = Fields::new(&key);
        let row = event::key_row(&self.table.schema, |column| {
            self.column(column, &mut fields)
        })?;
        fields.end()?;
        Ok(row)
    }

    fn column(&self, index: usize, row: &mut Fields<'_>) -> Result<Value, Broken> {
        let column = &self.table.columns[index];
        row.expect(COLUMNS, "a column")?;
        let mut content = row.nested()?;
        if !content.take_bytes(&column.name) {
            return content.broken("the column's name");
        }
        value_reading::value(column, content)
    }
}

fn operation(number: u64) -> Option<Operation> {
    let all = [
        Operation::Create,
        Operation::Update,
        Operation::Delete,
        Operation::Read,
    ];
    all.into_iter().find(|one| number_of(*one) == number)
}
