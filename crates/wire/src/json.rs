//! The messages of `debezium-json`: one table's, from its compiled layout.

use crate::cursor::{Broken, Cursor};
use crate::event::{self, Event, Operation, Told, WrittenKey, WrittenValue};
use crate::layout::{Layout, Settings};
use crate::number::integer;
use crate::source::{SourceReader, SourceWriter};
use bytes::Bytes;
use change::{Row, Schema};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct JsonWriter {
    layout: Layout,
    source: SourceWriter,
    /// Empty between two values; documents are written here before they are escaped.
    scratch: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct JsonReader {
    layout: Layout,
    source: SourceReader,
    scratch: Vec<u8>,
}

impl JsonWriter {
    pub(crate) fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            layout: Layout::new(schema, settings),
            source: SourceWriter::default(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn key(&mut self, row: &Row, out: &mut Vec<u8>) -> WrittenKey {
        let start = out.len();
        let whole = start..key(&self.layout, row, out, &mut self.scratch);
        // The key alone, without its schema: a wider type must not move rows to other partitions.
        let head = self.layout.key_head.len();
        WrittenKey {
            hashed: start + head..whole.end - self.layout.tail.len(),
            whole,
        }
    }

    pub(crate) fn value(&mut self, told: Told<'_>, out: &mut Vec<u8>) -> WrittenValue {
        let start = out.len();
        out.extend_from_slice(&self.layout.value_head);
        let mut image = start..start;
        for (name, row) in [
            (&b"{\"before\":"[..], told.before),
            (b",\"after\":", told.after),
        ] {
            out.extend_from_slice(name);
            match row {
                Some(row) => {
                    image.start = out.len();
                    self.layout.write_image(row, out, &mut self.scratch);
                    image.end = out.len();
                }
                None => out.extend_from_slice(b"null"),
            }
        }
        let change = told.change;
        let snapshot = event::is_of_snapshot(&change.kind, &change.origin);
        let origin = (&change.origin, snapshot);
        self.source
            .write(&self.layout, origin, change.place, change.ordinal, out);
        out.extend_from_slice(b",\"op\":\"");
        out.push(letter(told.operation));
        out.extend_from_slice(b"\",\"ts_ms\":");
        integer(out, told.processed_at_ms);
        out.extend_from_slice(b",\"transaction\":null}");
        out.extend_from_slice(self.layout.tail);
        WrittenValue {
            whole: start..out.len(),
            image,
        }
    }
}

impl JsonReader {
    pub(crate) fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            layout: Layout::new(schema, settings),
            source: SourceReader::default(),
            scratch: Vec::new(),
        }
    }

    /// Appends the key that the row has.
    pub(crate) fn key(&mut self, row: &Row, out: &mut Vec<u8>) {
        key(&self.layout, row, out, &mut self.scratch);
    }

    pub(crate) fn value(&mut self, value: &Bytes, key: Option<&[u8]>) -> Result<Event, Broken> {
        let layout = &self.layout;
        let cursor = &mut Cursor::new(value);
        cursor.expect(&layout.value_head, "the schema of this table's values")?;
        cursor.expect(b"{\"before\":", "the field before")?;
        let before = image(layout, cursor)?;
        cursor.expect(b",\"after\":", "the field after")?;
        let after = image(layout, cursor)?;
        let source = self.source.read(layout, cursor)?;
        cursor.expect(b",\"op\":\"", "the field op")?;
        let operation = cursor.peek().and_then(operation);
        let kind = match operation {
            Some(operation) => event::kind(operation, before, after, || row_of_key(layout, key))?,
            None => None,
        };
        let Some(kind) = kind else {
            return cursor.broken("the operation of these images");
        };
        if source.snapshot != event::is_of_snapshot(&kind, &source.origin) {
            return cursor.broken("r for a row of the snapshot, and only for one");
        }
        cursor.advance(1);
        cursor.expect(b"\",\"ts_ms\":", "the field ts_ms")?;
        cursor.signed()?;
        cursor.expect(b",\"transaction\":null}", "the field transaction, null")?;
        cursor.expect(layout.tail, "the end of the payload")?;
        cursor.end()?;
        Ok(Event { kind, source })
    }
}

/// Appends a row's key and tells where it ends.
fn key(layout: &Layout, row: &Row, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&layout.key_head);
    layout.write_key(row, out, scratch);
    out.extend_from_slice(layout.tail);
    out.len()
}

/// The row that a key tells of.
fn row_of_key(layout: &Layout, key: Option<&[u8]>) -> Result<Row, Broken> {
    let key = Bytes::copy_from_slice(key.unwrap_or_default());
    let cursor = &mut Cursor::new(&key);
    cursor.expect(&layout.key_head, "the schema of this table's keys")?;
    let mut prefixes = layout.key.iter();
    let row = event::key_row(&layout.schema, |column| {
        let field = prefixes.next().expect("a key has its columns");
        cursor.expect(&field.prefix, "the column's name")?;
        crate::read::value(&layout.columns[column].form, cursor)
    })?;
    cursor.expect(b"}", "the end of the key")?;
    cursor.expect(layout.tail, "the end of the payload")?;
    cursor.end()?;
    Ok(row)
}

fn letter(operation: Operation) -> u8 {
    match operation {
        Operation::Create => b'c',
        Operation::Update => b'u',
        Operation::Delete => b'd',
        Operation::Read => b'r',
    }
}

fn operation(letter: u8) -> Option<Operation> {
    let all = [
        Operation::Create,
        Operation::Update,
        Operation::Delete,
        Operation::Read,
    ];
    all.into_iter().find(|one| self::letter(*one) == letter)
}

/// A row's image, or `None` for null.
fn image(layout: &Layout, cursor: &mut Cursor<'_>) -> Result<Option<Row>, Broken> {
    if cursor.take(b"null") {
        return Ok(None);
    }
    if layout.columns.is_empty() {
        cursor.expect(b"{", "a row")?;
    }
    let mut values = Vec::with_capacity(layout.columns.len());
    for (index, field) in layout.columns.iter().enumerate() {
        let in_column = |broken: Broken| Broken {
            column: Some(index),
            ..broken
        };
        cursor
            .expect(&field.prefix, "the column's name")
            .map_err(in_column)?;
        values.push(crate::read::value(&field.form, cursor).map_err(in_column)?);
    }
    cursor.expect(b"}", "the end of the row")?;
    Ok(Some(Row::new(values)))
}
