//! Keys and values of one table to bytes, and the few pieces that Avro is made of.

use super::source::SourceWriter;
use super::table::{Scratch, Table};
use crate::event::{Operation, Told, WrittenKey, WrittenValue};
use crate::layout::Settings;
use ::change::{Row, Schema};
use std::sync::Arc;

/// What a registry calls the schemas of a table's keys and values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SchemaIds {
    pub key: u32,
    pub value: u32,
}

/// Ahead of what Avro knows: a zero byte and the schema's id.
pub(super) const FRAME: usize = 5;

#[derive(Debug)]
pub(crate) struct AvroWriter {
    table: Table,
    source: SourceWriter,
    ids: SchemaIds,
    scratch: Scratch,
}

impl AvroWriter {
    pub(crate) fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            table: Table::new(schema),
            source: SourceWriter::new(settings),
            ids: SchemaIds::default(),
            scratch: Scratch::default(),
        }
    }

    pub(crate) fn registered_as(&mut self, ids: SchemaIds) {
        self.ids = ids;
    }

    pub(crate) fn key(&mut self, row: &Row, out: &mut Vec<u8>) -> WrittenKey {
        let start = out.len();
        frame(out, self.ids.key);
        self.table.write_key(row, out, &mut self.scratch);
        // The key alone: another id of the schema must not move rows to other partitions.
        WrittenKey {
            whole: start..out.len(),
            hashed: start + FRAME..out.len(),
        }
    }

    pub(crate) fn value(&mut self, told: Told<'_>, out: &mut Vec<u8>) -> WrittenValue {
        let start = out.len();
        frame(out, self.ids.value);
        let mut image = start..start;
        for row in [told.before, told.after] {
            long(out, row.is_some().into());
            if let Some(row) = row {
                image.start = out.len();
                self.table.write_row(row, out, &mut self.scratch);
                image.end = out.len();
            }
        }
        self.source.write(&self.table, told, out);
        bytes(out, &[letter(told.operation)]);
        long(out, 1);
        long(out, told.processed_at_ms);
        // No transaction.
        long(out, 0);
        WrittenValue {
            whole: start..out.len(),
            image,
        }
    }
}

fn frame(out: &mut Vec<u8>, id: u32) {
    out.push(0);
    out.extend_from_slice(&id.to_be_bytes());
}

/// As in JSON.
pub(super) fn letter(operation: Operation) -> u8 {
    match operation {
        Operation::Create => b'c',
        Operation::Update => b'u',
        Operation::Delete => b'd',
        Operation::Read => b'r',
    }
}

/// A number of any width; also a place in a union.
#[inline]
pub(super) fn long(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes or a text.
#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    long(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}
