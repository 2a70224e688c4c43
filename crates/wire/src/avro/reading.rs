//! Keys and values of one table from bytes: the inverse of `writing.rs`.

use super::source::SourceReader;
use super::table::{Scratch, Table};
use super::taking::Binary;
use super::value_reading;
use super::writing::{FRAME, letter};
use crate::cursor::Broken;
use crate::event::{self, Event, Operation};
use crate::layout::Settings;
use ::change::{Row, Schema};
use bytes::Bytes;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct AvroReader {
    table: Table,
    source: SourceReader,
    scratch: Scratch,
}

impl AvroReader {
    pub(crate) fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            table: Table::new(schema),
            source: SourceReader::new(settings),
            scratch: Scratch::default(),
        }
    }

    /// Appends the key that the row has; its schema has the id that `found` names.
    pub(crate) fn key(&mut self, row: &Row, found: Option<&[u8]>, out: &mut Vec<u8>) {
        out.push(0);
        let named = found.and_then(|found| found.get(1..FRAME));
        out.extend_from_slice(named.unwrap_or_default());
        self.table.write_key(row, out, &mut self.scratch);
    }

    pub(crate) fn value(&mut self, value: &Bytes, key: Option<&[u8]>) -> Result<Event, Broken> {
        let mut binary = Binary::new(value);
        let [zero, _id @ ..] = binary.chunk::<FRAME>()?;
        if zero != 0 {
            return Binary::new(value).broken("a zero byte and a schema's id");
        }
        let before = self.row(&mut binary)?;
        let after = self.row(&mut binary)?;
        let source = self.source.read(&self.table, &mut binary)?;
        let start = binary;
        let operation = operation(&binary.bytes()?);
        let kind = match operation {
            Some(operation) => event::kind(operation, before, after, || self.row_of_key(key))?,
            None => None,
        };
        let Some(kind) = kind else {
            return start.broken("the operation of these images");
        };
        if source.snapshot != event::is_of_snapshot(&kind, &source.origin) {
            return start.broken("r for a row of the snapshot, and only for one");
        }
        if !binary.is_there()? {
            return binary.broken("the field ts_ms");
        }
        binary.long()?;
        if binary.is_there()? {
            return binary.broken("the field transaction, null");
        }
        binary.end()?;
        Ok(Event { kind, source })
    }

    /// The row that a key tells of.
    fn row_of_key(&mut self, key: Option<&[u8]>) -> Result<Row, Broken> {
        let key = Bytes::copy_from_slice(key.unwrap_or_default());
        let mut binary = Binary::new(&key);
        // What it is framed with is compared with the rest of it.
        binary.chunk::<FRAME>()?;
        let (table, scratch) = (&self.table, &mut self.scratch);
        let row = event::key_row(&table.schema, |column| {
            value_reading::value(&table.columns[column], &mut binary, scratch)
        })?;
        binary.end()?;
        Ok(row)
    }

    fn row(&mut self, binary: &mut Binary<'_>) -> Result<Option<Row>, Broken> {
        if !binary.is_there()? {
            return Ok(None);
        }
        let mut values = Vec::with_capacity(self.table.columns.len());
        for (index, column) in self.table.columns.iter().enumerate() {
            let value = value_reading::value(column, binary, &mut self.scratch);
            values.push(value.map_err(|broken| Broken {
                column: Some(index),
                ..broken
            })?);
        }
        Ok(Some(Row::new(values)))
    }
}

fn operation(text: &[u8]) -> Option<Operation> {
    let all = [
        Operation::Create,
        Operation::Update,
        Operation::Delete,
        Operation::Read,
    ];
    all.into_iter().find(|one| [letter(*one)] == *text)
}
