//! Changes of one table to messages.
//!
//! insert `c`, update `u`, delete `d` and a tombstone, snapshot read `r`. An update that moves the
//! row to another key is `d` and a tombstone of the old key and `c` of the new one, because each
//! key has its partition. A table without a key has no tombstones, and its rows are told apart by
//! all they hold: an update of one is `d` and `c` too, so that equal rows always meet in one
//! partition.

use crate::error::WireError;
use crate::layout::{Layout, Settings};
use crate::messages::{Messages, Part, Role};
use crate::murmur2::partition_hash;
use crate::number::integer;
use crate::source::SourceWriter;
use change::{Change, ChangeKind, Row, Schema};
use std::ops::Range;
use std::sync::Arc;

/// Encodes the changes of one table, as one schema describes it.
#[derive(Debug)]
pub struct Encoder {
    layout: Layout,
    source: SourceWriter,
}

/// A value that was written: all of it, and the row image that stands for its key where the table
/// has none.
struct Written {
    value: Range<usize>,
    image: Range<usize>,
}

impl Encoder {
    pub fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            layout: Layout::new(schema, settings),
            source: SourceWriter::default(),
        }
    }

    /// The schema that this encoder was made for.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.layout.schema
    }

    /// Appends the one to three messages of a change of this encoder's schema.
    ///
    /// Every value is encoded; the only failure is an image that has not one value per column.
    pub fn encode(&mut self, change: &Change, messages: &mut Messages) -> Result<(), WireError> {
        let images = change.kind.before().into_iter().chain(change.kind.after());
        for image in images {
            if image.len() != self.layout.columns.len() {
                return Err(WireError::Width {
                    table: self.layout.schema.name.clone(),
                    ordinal: change.ordinal,
                    values: image.len(),
                    columns: self.layout.columns.len(),
                });
            }
        }
        let whole = Role::Whole;
        match &change.kind {
            ChangeKind::Insert { after } => self.one(change, (None, Some(after)), b'c', messages),
            ChangeKind::Read { row } => self.one(change, (None, Some(row)), b'r', messages),
            ChangeKind::Delete { before } if self.is_keyed() => {
                let key = self.key(before, messages);
                let value = self.value(change, (Some(before), None), b'd', messages);
                self.keyed(change, key.clone(), Some(value), whole, messages);
                self.keyed(change, key, None, Role::Tombstone, messages);
            }
            ChangeKind::Delete { before } => {
                self.one(change, (Some(before), None), b'd', messages);
            }
            ChangeKind::Update { before, after } if self.is_keyed() => {
                self.keyed_update(change, before, after, messages);
            }
            ChangeKind::Update { before, after } => {
                self.keyless_update(change, before, after, messages);
            }
        }
        Ok(())
    }

    fn is_keyed(&self) -> bool {
        !self.layout.key.is_empty()
    }

    /// A change of one message.
    fn one(
        &mut self,
        change: &Change,
        images: (Option<&Row>, Option<&Row>),
        operation: u8,
        messages: &mut Messages,
    ) {
        match images.1 {
            Some(row) if self.is_keyed() => {
                let key = self.key(row, messages);
                let value = self.value(change, images, operation, messages);
                self.keyed(change, key, Some(value), Role::Whole, messages);
            }
            Some(_) | None => {
                let value = self.value(change, images, operation, messages);
                self.keyless(change, value, Role::Whole, messages);
            }
        }
    }

    fn keyed_update(
        &mut self,
        change: &Change,
        before: &Row,
        after: &Row,
        messages: &mut Messages,
    ) {
        let old = self.key(before, messages);
        let new = self.key(after, messages);
        if messages.buffer[old.clone()] == messages.buffer[new.clone()] {
            messages.buffer.truncate(old.end);
            let value = self.value(change, (Some(before), Some(after)), b'u', messages);
            self.keyed(change, old, Some(value), Role::Whole, messages);
            return;
        }
        let value = self.value(change, (Some(before), None), b'd', messages);
        self.keyed(change, old.clone(), Some(value), Role::Before, messages);
        self.keyed(change, old, None, Role::Tombstone, messages);
        let value = self.value(change, (None, Some(after)), b'c', messages);
        self.keyed(change, new, Some(value), Role::After, messages);
    }

    fn keyless_update(
        &mut self,
        change: &Change,
        before: &Row,
        after: &Row,
        messages: &mut Messages,
    ) {
        let old = self.value(change, (Some(before), None), b'd', messages);
        let new = self.value(change, (None, Some(after)), b'c', messages);
        if messages.buffer[old.image.clone()] == messages.buffer[new.image.clone()] {
            messages.buffer.truncate(old.value.start);
            let value = self.value(change, (Some(before), Some(after)), b'u', messages);
            self.keyless(change, value, Role::Whole, messages);
            return;
        }
        self.keyless(change, old, Role::Before, messages);
        self.keyless(change, new, Role::After, messages);
    }

    /// Appends the key of a row of a table that has one.
    fn key(&self, row: &Row, messages: &mut Messages) -> Range<usize> {
        let out = &mut messages.buffer;
        let start = out.len();
        out.extend_from_slice(&self.layout.key_head);
        self.layout.write_key(row, out, &mut messages.scratch);
        out.extend_from_slice(self.layout.tail);
        start..out.len()
    }

    fn value(
        &mut self,
        change: &Change,
        (before, after): (Option<&Row>, Option<&Row>),
        operation: u8,
        messages: &mut Messages,
    ) -> Written {
        let processed_at_ms = messages.processed_at_ms();
        let (out, scratch) = (&mut messages.buffer, &mut messages.scratch);
        let start = out.len();
        out.extend_from_slice(&self.layout.value_head);
        let mut image = start..start;
        for (name, row) in [(&b"{\"before\":"[..], before), (b",\"after\":", after)] {
            out.extend_from_slice(name);
            match row {
                Some(row) => {
                    image.start = out.len();
                    self.layout.write_image(row, out, scratch);
                    image.end = out.len();
                }
                None => out.extend_from_slice(b"null"),
            }
        }
        let origin = (&change.origin, operation == b'r');
        self.source
            .write(&self.layout, origin, change.place, change.ordinal, out);
        out.extend_from_slice(b",\"op\":\"");
        out.push(operation);
        out.extend_from_slice(b"\",\"ts_ms\":");
        integer(out, processed_at_ms);
        out.extend_from_slice(b",\"transaction\":null}");
        out.extend_from_slice(self.layout.tail);
        Written {
            value: start..out.len(),
            image,
        }
    }

    fn keyed(
        &self,
        change: &Change,
        key: Range<usize>,
        value: Option<Written>,
        role: Role,
        messages: &mut Messages,
    ) {
        // The key alone, without its schema: a wider type must not move rows to other partitions.
        let hashed = key.start + self.layout.key_head.len()..key.end - self.layout.tail.len();
        let hash = partition_hash(&messages.buffer[hashed]);
        messages.push(Part {
            key: Some(key),
            value: value.map(|written| written.value),
            hash,
            role,
            ordinal: change.ordinal,
        });
    }

    fn keyless(&self, change: &Change, value: Written, role: Role, messages: &mut Messages) {
        let hash = partition_hash(&messages.buffer[value.image]);
        messages.push(Part {
            key: None,
            value: Some(value.value),
            hash,
            role,
            ordinal: change.ordinal,
        });
    }
}
