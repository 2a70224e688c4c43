//! Messages of one table back to changes.
//!
//! It reads this version's own layout and nothing else: every byte is expected, none is skipped. A
//! message of another program, or of a later layout, is an error that names the place. What is read
//! is checked for being one change: the same ordinal in header and source, the key that the image
//! has, halves that belong together.

use crate::avro::AvroReader;
use crate::cursor::Broken;
use crate::error::WireError;
use crate::event::Event;
use crate::format::Format;
use crate::json::JsonReader;
use crate::layout::Settings;
use crate::messages::Role;
use crate::protobuf::ProtobufReader;
use bytes::Bytes;
use change::{Change, ChangeKind, Ordinal, Schema};
use std::sync::Arc;

/// A message as it came: key, value, and the role that its headers tell. The row's texts and bytes
/// stay slices of the value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<Bytes>,
    pub role: Role,
}

/// Decodes the changes of one table, as one schema describes it.
#[derive(Debug)]
pub struct Decoder {
    schema: Arc<Schema>,
    reader: Reader,
    /// Keys are written here once more and compared.
    key: Vec<u8>,
}

/// Keys and values of one format.
#[derive(Debug)]
enum Reader {
    Json(JsonReader),
    Protobuf(ProtobufReader),
    Avro(AvroReader),
}

impl Decoder {
    /// `settings` are those that the messages were written with, but for the version.
    pub fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            schema: Arc::clone(schema),
            reader: match settings.format {
                Format::DebeziumJson | Format::DebeziumJsonWithSchema => {
                    Reader::Json(JsonReader::new(schema, settings))
                }
                Format::Protobuf => Reader::Protobuf(ProtobufReader::new(schema, settings)),
                Format::Avro => Reader::Avro(AvroReader::new(schema, settings)),
            },
            key: Vec::new(),
        }
    }

    /// The schema that this decoder was made for.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The change that these messages are: all that have its ordinal, in the order of their roles.
    pub fn decode(
        &mut self,
        ordinal: Ordinal,
        messages: &[Received<'_>],
    ) -> Result<Change, WireError> {
        let keyed = !self.schema.key.is_empty();
        let event = match messages {
            [whole] if whole.role == Role::Whole => {
                let event = self.event(ordinal, whole)?;
                // In a table with a key, a row that is gone leaves a tombstone too.
                let deleted = event.kind.after().is_none();
                (!(keyed && deleted)).then_some(event)
            }
            [whole, tombstone] if whole.role == Role::Whole && is_tombstone(whole, tombstone) => {
                let event = self.event(ordinal, whole)?;
                let deleted = event.kind.after().is_none();
                (keyed && deleted).then_some(event)
            }
            [before, tombstone, after] if keyed && is_tombstone(before, tombstone) => {
                self.halves(ordinal, before, after)?
            }
            [before, after] if !keyed => self.halves(ordinal, before, after)?,
            _ => None,
        };
        let Some(Event { kind, source }) = event else {
            return Err(WireError::Incomplete {
                table: self.schema.name.clone(),
                ordinal,
                messages: messages.len(),
            });
        };
        Ok(Change {
            schema: Arc::clone(&self.schema),
            ordinal,
            kind,
            origin: source.origin,
            place: source.place,
        })
    }

    /// An update that moved a row to another key. `None` where these are not its halves.
    fn halves(
        &mut self,
        ordinal: Ordinal,
        before: &Received<'_>,
        after: &Received<'_>,
    ) -> Result<Option<Event>, WireError> {
        if (before.role, after.role) != (Role::Before, Role::After) {
            return Ok(None);
        }
        let old = self.event(ordinal, before)?;
        let new = self.event(ordinal, after)?;
        if old.source != new.source || (before.key.is_some() && before.key == after.key) {
            return Ok(None);
        }
        Ok(match (old.kind, new.kind) {
            (ChangeKind::Delete { before }, ChangeKind::Insert { after }) => Some(Event {
                kind: ChangeKind::Update { before, after },
                source: new.source,
            }),
            _ => None,
        })
    }

    /// One message with a value.
    fn event(&mut self, ordinal: Ordinal, message: &Received<'_>) -> Result<Event, WireError> {
        let missing = Broken {
            at: 0,
            expected: "a value",
            column: None,
        };
        let value = message.value.as_ref();
        let outcome = value
            .ok_or(missing)
            .and_then(|value| match &mut self.reader {
                Reader::Json(json) => json.value(value, message.key),
                Reader::Protobuf(protobuf) => protobuf.value(value, message.key),
                Reader::Avro(avro) => avro.value(value, message.key),
            });
        let event = outcome.map_err(|broken| self.unreadable(ordinal, "value", broken))?;
        if event.source.ordinal != ordinal {
            return Err(WireError::Ordinal {
                table: self.schema.name.clone(),
                header: ordinal,
                source_ordinal: event.source.ordinal,
            });
        }
        self.check_key(ordinal, message.key, &event.kind)?;
        Ok(event)
    }

    /// The key says nothing that the image does not; that it says the same is checked.
    fn check_key(
        &mut self,
        ordinal: Ordinal,
        found: Option<&[u8]>,
        kind: &ChangeKind,
    ) -> Result<(), WireError> {
        let row = kind.after().or(kind.gone());
        let keyed = row.filter(|_| !self.schema.key.is_empty());
        self.key.clear();
        let expected = keyed.map(|row| {
            match &mut self.reader {
                Reader::Json(json) => json.key(row, &mut self.key),
                Reader::Protobuf(protobuf) => protobuf.key(row, &mut self.key),
                Reader::Avro(avro) => avro.key(row, found, &mut self.key),
            }
            &self.key[..]
        });
        if expected == found {
            return Ok(());
        }
        let broken = Broken {
            at: 0,
            expected: "the key of the row in the value",
            column: None,
        };
        Err(self.unreadable(ordinal, "key", broken))
    }

    fn unreadable(&self, ordinal: Ordinal, part: &'static str, broken: Broken) -> WireError {
        let schema = &self.schema;
        let column = broken.column.and_then(|index| schema.columns.get(index));
        WireError::Unreadable {
            table: schema.name.clone(),
            ordinal,
            column: column.map(|column| Arc::clone(&column.name)),
            part,
            at: broken.at,
            expected: broken.expected,
        }
    }
}

fn is_tombstone(deleted: &Received<'_>, tombstone: &Received<'_>) -> bool {
    tombstone.role == Role::Tombstone && tombstone.value.is_none() && tombstone.key == deleted.key
}
