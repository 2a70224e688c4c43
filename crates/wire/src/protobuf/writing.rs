//! Keys and values of one table to bytes, and the few pieces that Protobuf is made of.
//!
//! A field that holds others begins with its length, which is known only when it is written. One
//! byte is left for it, which is what columns take; what is longer is moved on.

use super::numbers::change;
use super::source::SourceWriter;
use super::table::Table;
use crate::event::{Operation, Told, WrittenKey, WrittenValue};
use crate::layout::Settings;
use ::change::{Row, Schema};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct ProtobufWriter {
    table: Table,
    source: SourceWriter,
}

impl ProtobufWriter {
    pub(crate) fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            table: Table::new(schema),
            source: SourceWriter::new(settings),
        }
    }

    pub(crate) fn key(&mut self, row: &Row, out: &mut Vec<u8>) -> WrittenKey {
        let start = out.len();
        self.table.write_key(row, out);
        let whole = start..out.len();
        WrittenKey {
            hashed: whole.clone(),
            whole,
        }
    }

    pub(crate) fn value(&mut self, told: Told<'_>, out: &mut Vec<u8>) -> WrittenValue {
        let start = out.len();
        varint_field(out, change::OPERATION, number_of(told.operation));
        let mut image = start..start;
        for (tag, row) in [(change::BEFORE, told.before), (change::AFTER, told.after)] {
            if let Some(row) = row {
                varint(out, tag.into());
                let from = begin(out);
                self.table.write_row(row, out);
                image = end(out, from)..out.len();
            }
        }
        self.source.write(&self.table, told, out);
        varint_field(out, change::TS_MS, told.processed_at_ms.cast_unsigned());
        WrittenValue {
            whole: start..out.len(),
            image,
        }
    }
}

/// The operation's number in `change.proto`.
pub(super) fn number_of(operation: Operation) -> u64 {
    match operation {
        Operation::Create => 1,
        Operation::Update => 2,
        Operation::Delete => 3,
        Operation::Read => 4,
    }
}

#[inline]
pub(super) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A number, unless it is the default.
#[inline]
pub(super) fn varint_field(out: &mut Vec<u8>, tag: u32, number: u64) {
    if number != 0 {
        varint(out, tag.into());
        varint(out, number);
    }
}

/// Bytes, even if there are none.
#[inline]
pub(super) fn bytes_field(out: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    varint(out, tag.into());
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes, unless there are none.
pub(super) fn bytes_unless_empty(out: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        bytes_field(out, tag, bytes);
    }
}

/// Leaves room for a length. What follows is counted by [`end`].
#[inline]
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Puts the length of what was written since; tells where that begins now.
#[inline]
pub(super) fn end(out: &mut Vec<u8>, start: usize) -> usize {
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
        return start;
    }
    let more = (usize::BITS - length.leading_zeros()).div_ceil(7) as usize - 1;
    out.resize(out.len() + more, 0);
    out.copy_within(start..start + length, start + more);
    let mut rest = length;
    for byte in &mut out[start - 1..start + more] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[start + more - 1] &= 0x7f;
    start + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_are_put_ahead_of_what_they_count() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let content = vec![7; length];
            let mut expected = vec![9];
            varint(&mut expected, length as u64);
            let at = expected.len();
            expected.extend_from_slice(&content);
            let mut out = vec![9];
            let start = begin(&mut out);
            out.extend_from_slice(&content);
            assert_eq!(end(&mut out, start), at);
            assert!(out == expected, "{length}");
        }
    }
}
