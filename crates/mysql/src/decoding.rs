//! The binlog's forms decoded without a connection: what fuzzing, the replay of its corpus and
//! benchmarks call.
//!
//! All of it takes bytes that nobody has vouched for. Whatever they are, the answer is a value or
//! an error, in time and memory that the bytes' own length bounds. Character sets are Unicode's
//! alone, since the others come from a server.

use crate::binlog::event::Event;
use crate::binlog::number::read_decimal;
use crate::binlog::payload::{Inflate, Inflater, PayloadHeader};
use crate::binlog::rows::{Read, RowsError, RowsEvent};
use crate::binlog::table_map::{TableMap, read_head, read_parts};
use crate::charset::Charsets;
use crate::json::{apply_diffs, read_document};
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::{ChangeKind, Decimal, Json, Row, Schema};
use futures::FutureExt;
use std::sync::Arc;

/// The bytes can't be decoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Undecodable(String);

impl From<Malformed> for Undecodable {
    fn from(malformed: Malformed) -> Self {
        Self(malformed.to_string())
    }
}

/// A table, as a table map event describes it.
#[derive(Debug)]
pub struct Table(TableMap);

impl Table {
    /// Reads the body of a table map event.
    pub fn read(body: Bytes) -> Result<Self, Undecodable> {
        let head = read_head(body)?;
        let parts = read_parts(head.rest)?;
        let charsets = Charsets::of_unicode();
        let built = TableMap::build(head.name, parts, None, &charsets, "no place")
            .now_or_never()
            .ok_or(Undecodable("a server would have to be asked".to_owned()))?;
        let map = built.map_err(|error| Undecodable(error.to_string()))?;
        Ok(Self(map))
    }

    pub fn schema(&self) -> &Arc<Schema> {
        &self.0.schema
    }

    /// Gives every change of a row event's body that has whole rows, and tells how many changes there
    /// were.
    pub fn changes(
        &self,
        event_type: u8,
        body: Bytes,
        mut each: impl FnMut(ChangeKind<Row>),
    ) -> Result<usize, Undecodable> {
        let told = |error| match error {
            RowsError::Malformed(reason) => Undecodable(reason),
        };
        let mut images = RowsEvent::read(event_type, body)?
            .images(&self.0)
            .map_err(told)?;
        let mut count = 0;
        while let Some(change) = images.next().map_err(told)? {
            if let Read::Whole(change) = change {
                each(change);
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Reads a document in binary JSON.
pub fn json(bytes: Bytes) -> Result<Json, Undecodable> {
    Ok(read_document(bytes)?)
}

/// Applies the differences of a partial update.
pub fn json_diffs(document: &mut Json, diffs: Bytes) -> Result<(), Undecodable> {
    Ok(apply_diffs(document, diffs)?)
}

/// Reads a packed DECIMAL, and tells how many bytes it took.
pub fn decimal(bytes: Bytes, precision: u8, scale: u8) -> Result<(Decimal, usize), Undecodable> {
    let length = bytes.len();
    let mut cursor = Cursor::new(bytes);
    let decimal = read_decimal(&mut cursor, precision, scale)?;
    Ok((decimal, length - cursor.remaining()))
}

/// Reads the body of a compressed transaction, and gives type and body of each event inside.
pub fn payload(body: &Bytes, mut each: impl FnMut(u8, Bytes)) -> Result<(), Undecodable> {
    let header = PayloadHeader::read(&body[..body.len().min(PayloadHeader::LONGEST)])?;
    let mut inflater = Inflater::new(&header)?;
    inflater.feed(body.slice(header.length..));
    while let Inflate::Event(Event { header, body }) = inflater.next()? {
        each(header.event_type, body);
    }
    match inflater.is_used_up() {
        true => Ok(()),
        false => Err(Undecodable("it ends inside an event".to_owned())),
    }
}
