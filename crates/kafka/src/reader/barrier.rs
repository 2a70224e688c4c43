//! Records of many partitions to the changes of one barrier.
//!
//! The records of a partition are in order; those of a barrier are put in order by the ordinals in
//! their headers. Messages of one change have the same ordinal, wherever they lie. What a record
//! holds is copied once, into buffers that many rows share: of a size that is soon used again, where
//! one for all rows would be fetched from the system, and copied while it grows, for each barrier.

use crate::error::Error;
use crate::record::RecordId;
use bytes::Bytes;
use change::{Change, MappingVersion, Ordinal};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use std::collections::HashMap;
use std::ops::Range;
use wire::{Decoder, Received, Role, WireError, headers};

/// Large enough for many rows, small enough to be made of memory that was given back a moment ago.
const BUFFER_BYTES: usize = 256 << 10;
/// The first one, as most barriers are small.
const FIRST_BUFFER_BYTES: usize = 8 << 10;

/// What a barrier's records have to be.
pub(super) struct Expected<'a> {
    pub(super) pipeline: &'a [u8],
    pub(super) mapping: &'a MappingVersion,
    /// Its changes lie after this ordinal,
    pub(super) previous: Option<Ordinal>,
    /// and up to this one.
    pub(super) last: Ordinal,
}

/// The records of one barrier so far.
#[derive(Default)]
pub(super) struct Records {
    /// What is being filled.
    bytes: Vec<u8>,
    full: Vec<Bytes>,
    records: Vec<Record>,
    schemas: Vec<RecordId>,
}

struct Record {
    ordinal: Ordinal,
    role: Role,
    /// Place in `schemas`.
    schema: usize,
    /// Place of the buffer that has key and value.
    buffer: usize,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    partition: i32,
    offset: i64,
}

impl Records {
    /// Takes a record, if its headers say that it belongs here.
    pub(super) fn take(
        &mut self,
        message: &BorrowedMessage<'_>,
        expected: &Expected<'_>,
    ) -> Result<(), Error> {
        let headed = self.head(message).map_err(|problem| Error::Wire {
            place: place(message.topic(), message.partition(), message.offset()),
            problem: Box::new(problem),
        })?;
        let inconsistent = |problem: String| Error::Inconsistent {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            problem,
        };
        if headed.pipeline != expected.pipeline {
            return Err(inconsistent("the record is another pipeline's".to_owned()));
        }
        let Headed { ordinal, .. } = headed;
        if Some(ordinal) <= expected.previous || ordinal > expected.last {
            let problem = format!(
                "the record of change {ordinal} lies in the barrier {}",
                expected.last
            );
            return Err(inconsistent(problem));
        }
        if headed.mapping != expected.mapping.version {
            let problem = format!(
                "the record of change {ordinal} is of mapping {}, its barrier of {}",
                headed.mapping, expected.mapping.version
            );
            return Err(inconsistent(problem));
        }
        let (role, schema) = (headed.role, headed.schema);
        self.make_room(message.key_len() + message.payload_len());
        let key = message.key().map(|bytes| self.put(bytes));
        let value = message.payload().map(|bytes| self.put(bytes));
        self.records.push(Record {
            ordinal,
            role,
            schema,
            buffer: self.full.len(),
            key,
            value,
            partition: message.partition(),
            offset: message.offset(),
        });
        Ok(())
    }

    /// Begins another buffer, if so much does not fit into this one.
    fn make_room(&mut self, bytes: usize) {
        if self.bytes.capacity() - self.bytes.len() >= bytes {
            return;
        }
        let usual = (FIRST_BUFFER_BYTES << self.full.len().min(16)).min(BUFFER_BYTES);
        let next = Vec::with_capacity(usual.max(bytes));
        let filled = std::mem::replace(&mut self.bytes, next);
        self.full.push(filled.into());
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    fn head<'a>(&mut self, message: &'a BorrowedMessage<'_>) -> Result<Headed<'a>, WireError> {
        let (mut pipeline, mut ordinal, mut mapping) = (None, None, None);
        let (mut schema, mut layout, mut role) = (None, None, None);
        for header in message.headers().into_iter().flat_map(|found| found.iter()) {
            match header.key {
                headers::PIPELINE => pipeline = header.value,
                headers::ORDINAL => ordinal = header.value,
                headers::MAPPING => mapping = header.value,
                headers::SCHEMA => schema = header.value,
                headers::LAYOUT => layout = header.value,
                headers::ROLE => role = header.value,
                // Somebody who copies topics may add his own.
                _ => {}
            }
        }
        headers::check_layout(layout.unwrap_or_default())?;
        let schema = std::str::from_utf8(schema.unwrap_or_default()).unwrap_or_default();
        let schema = match self.schemas.iter().rposition(|known| *known.0 == *schema) {
            Some(place) => place,
            None => {
                self.schemas.push(RecordId(schema.into()));
                self.schemas.len() - 1
            }
        };
        Ok(Headed {
            pipeline: pipeline.unwrap_or_default(),
            ordinal: headers::ordinal(ordinal.unwrap_or_default())?,
            mapping: headers::mapping(mapping.unwrap_or_default())?,
            role: headers::role(role)?,
            schema,
        })
    }
}

/// What a record's headers say.
struct Headed<'a> {
    pipeline: &'a [u8],
    ordinal: Ordinal,
    mapping: u32,
    role: Role,
    schema: usize,
}

/// Decodes changes, and remembers the schemas that it has met.
#[derive(Default)]
pub(super) struct Decoding {
    decoders: HashMap<RecordId, Decoder>,
}

/// Schemas that are remembered; after that all are forgotten.
const MET_AT_MOST: usize = 50_000;

impl Decoding {
    /// The changes that the records are, in order. `decoder` makes one for the schema of that id.
    pub(super) fn changes(
        &mut self,
        mut records: Records,
        mut decoder: impl FnMut(&RecordId) -> Result<Decoder, Error>,
    ) -> Result<Vec<Change>, Error> {
        if self.decoders.len() >= MET_AT_MOST {
            self.decoders.clear();
        }
        for id in &records.schemas {
            if !self.decoders.contains_key(id) {
                self.decoders.insert(id.clone(), decoder(id)?);
            }
        }
        records
            .records
            .sort_by_key(|record| (record.ordinal, record.role));
        let mut buffers = records.full;
        buffers.push(records.bytes.into());
        let mut changes = Vec::with_capacity(records.records.len());
        let mut received = Vec::new();
        let of_one = |one: &Record, other: &Record| one.ordinal == other.ordinal;
        for group in records.records.chunk_by(of_one) {
            let first = &group[0];
            received.clear();
            received.extend(group.iter().map(|record| {
                let buffer = &buffers[record.buffer];
                Received {
                    key: record.key.clone().map(|range| &buffer[range]),
                    value: record.value.clone().map(|range| buffer.slice(range)),
                    role: record.role,
                }
            }));
            let id = &records.schemas[first.schema];
            let decoder = self.decoders.get_mut(id).expect("made above");
            let change = decoder.decode(first.ordinal, &received);
            changes.push(change.map_err(|problem| Error::Wire {
                place: place(
                    &decoder.schema().name.to_string(),
                    first.partition,
                    first.offset,
                ),
                problem: Box::new(problem),
            })?);
        }
        Ok(changes)
    }
}

fn place(topic: &str, partition: i32, offset: i64) -> String {
    format!("{topic}, partition {partition}, offset {offset}")
}
