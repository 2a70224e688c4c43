//! Changes of one table to messages.
//!
//! insert `c`, update `u`, delete `d` and a tombstone, snapshot read `r`. A row of whose end the key
//! alone is known is `d` without an image, and a tombstone. An update that moves the
//! row to another key is `d` and a tombstone of the old key and `c` of the new one, because each
//! key has its partition. A table without a key has no tombstones, and its rows are told apart by
//! all they hold: an update of one is `d` and `c` too, so that equal rows always meet in one
//! partition. How a message is spelled is the format's part.

use crate::avro::{AvroWriter, SchemaIds};
use crate::error::WireError;
use crate::event::{Operation, Told, WrittenKey, WrittenValue};
use crate::format::Format;
use crate::json::JsonWriter;
use crate::layout::Settings;
use crate::messages::{Messages, Part, Role};
use crate::murmur2::partition_hash;
use crate::protobuf::ProtobufWriter;
use change::{Change, ChangeKind, Row, Schema};
use std::sync::Arc;

/// Encodes the changes of one table, as one schema describes it.
#[derive(Debug)]
pub struct Encoder {
    schema: Arc<Schema>,
    writer: Writer,
}

/// Keys and values of one format.
#[derive(Debug)]
enum Writer {
    Json(JsonWriter),
    Protobuf(ProtobufWriter),
    Avro(AvroWriter),
}

impl Encoder {
    pub fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            schema: Arc::clone(schema),
            writer: match settings.format {
                Format::DebeziumJson | Format::DebeziumJsonWithSchema => {
                    Writer::Json(JsonWriter::new(schema, settings))
                }
                Format::Protobuf => Writer::Protobuf(ProtobufWriter::new(schema, settings)),
                Format::Avro => Writer::Avro(AvroWriter::new(schema, settings)),
            },
        }
    }

    /// What a registry calls the schemas of this table's keys and values, which messages in Avro
    /// name. Other formats name none.
    #[must_use]
    pub fn registered_as(mut self, ids: SchemaIds) -> Self {
        match &mut self.writer {
            Writer::Avro(avro) => avro.registered_as(ids),
            Writer::Json(_) | Writer::Protobuf(_) => {}
        }
        self
    }

    /// The schema that this encoder was made for.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Appends the one to three messages of a change of this encoder's schema.
    ///
    /// Every value is encoded; the only failure is an image that has not one value per column.
    pub fn encode(&mut self, change: &Change, messages: &mut Messages) -> Result<(), WireError> {
        let images = change.kind.gone().into_iter().chain(change.kind.after());
        for image in images {
            if image.len() != self.schema.columns.len() {
                return Err(WireError::Width {
                    table: self.schema.name.clone(),
                    ordinal: change.ordinal,
                    values: image.len(),
                    columns: self.schema.columns.len(),
                });
            }
        }
        let told = |operation, before, after| Told {
            change,
            before,
            after,
            operation,
            processed_at_ms: messages.processed_at_ms(),
        };
        match &change.kind {
            ChangeKind::Insert { after } => {
                self.one(told(Operation::Create, None, Some(after)), after, messages);
            }
            ChangeKind::Read { row } => {
                self.one(told(Operation::Read, None, Some(row)), row, messages);
            }
            ChangeKind::Delete { before } => {
                let told = told(Operation::Delete, Some(before), None);
                let key = self.one(told, before, messages);
                self.tombstone(change, key, messages);
            }
            ChangeKind::Gone { key } => {
                let told = told(Operation::Delete, None, None);
                let key = self.one(told, key, messages);
                self.tombstone(change, key, messages);
            }
            ChangeKind::Update { before, after } => {
                let halves = Halves {
                    whole: told(Operation::Update, Some(before), Some(after)),
                    before: told(Operation::Delete, Some(before), None),
                    after: told(Operation::Create, None, Some(after)),
                };
                if self.schema.key.is_empty() {
                    self.keyless_update(halves, messages);
                } else {
                    self.keyed_update(halves, (before, after), messages);
                }
            }
        }
        Ok(())
    }

    /// A message of its own, with the key of `row` where the table has one.
    fn one(&mut self, told: Told<'_>, row: &Row, messages: &mut Messages) -> Option<WrittenKey> {
        let keyed = !self.schema.key.is_empty();
        let key = keyed.then(|| self.writer.key(row, messages));
        let value = self.writer.value(told, messages);
        push(told.change, key.clone(), value, Role::Whole, messages);
        key
    }

    fn tombstone(&self, change: &Change, key: Option<WrittenKey>, messages: &mut Messages) {
        if let Some(key) = key {
            let hash = partition_hash(&messages.buffer[key.hashed]);
            messages.push(Part {
                key: Some(key.whole),
                value: None,
                hash,
                role: Role::Tombstone,
                ordinal: change.ordinal,
            });
        }
    }

    fn keyed_update(
        &mut self,
        halves: Halves<'_>,
        (before, after): (&Row, &Row),
        messages: &mut Messages,
    ) {
        let change = halves.whole.change;
        let old = self.writer.key(before, messages);
        let new = self.writer.key(after, messages);
        if messages.buffer[old.whole.clone()] == messages.buffer[new.whole.clone()] {
            messages.buffer.truncate(old.whole.end);
            let value = self.writer.value(halves.whole, messages);
            push(change, Some(old), value, Role::Whole, messages);
            return;
        }
        let value = self.writer.value(halves.before, messages);
        push(change, Some(old.clone()), value, Role::Before, messages);
        self.tombstone(change, Some(old), messages);
        let value = self.writer.value(halves.after, messages);
        push(change, Some(new), value, Role::After, messages);
    }

    fn keyless_update(&mut self, halves: Halves<'_>, messages: &mut Messages) {
        let change = halves.whole.change;
        let old = self.writer.value(halves.before, messages);
        let new = self.writer.value(halves.after, messages);
        if messages.buffer[old.image.clone()] == messages.buffer[new.image.clone()] {
            messages.buffer.truncate(old.whole.start);
            let value = self.writer.value(halves.whole, messages);
            push(change, None, value, Role::Whole, messages);
            return;
        }
        push(change, None, old, Role::Before, messages);
        push(change, None, new, Role::After, messages);
    }
}

/// An update, and what it is told as where the row moves to another key.
struct Halves<'a> {
    whole: Told<'a>,
    before: Told<'a>,
    after: Told<'a>,
}

impl Writer {
    /// Appends the key of a row of a table that has one.
    fn key(&mut self, row: &Row, messages: &mut Messages) -> WrittenKey {
        match self {
            Writer::Json(json) => json.key(row, &mut messages.buffer),
            Writer::Protobuf(protobuf) => protobuf.key(row, &mut messages.buffer),
            Writer::Avro(avro) => avro.key(row, &mut messages.buffer),
        }
    }

    fn value(&mut self, told: Told<'_>, messages: &mut Messages) -> WrittenValue {
        match self {
            Writer::Json(json) => json.value(told, &mut messages.buffer),
            Writer::Protobuf(protobuf) => protobuf.value(told, &mut messages.buffer),
            Writer::Avro(avro) => avro.value(told, &mut messages.buffer),
        }
    }
}

/// A message whose partition its key chooses, or its row where there is none.
fn push(
    change: &Change,
    key: Option<WrittenKey>,
    value: WrittenValue,
    role: Role,
    messages: &mut Messages,
) {
    let hashed = match &key {
        Some(key) => key.hashed.clone(),
        None => value.image,
    };
    let hash = partition_hash(&messages.buffer[hashed]);
    messages.push(Part {
        key: key.map(|key| key.whole),
        value: Some(value.whole),
        hash,
        role,
        ordinal: change.ordinal,
    });
}
