//! Messages of one table back to changes.
//!
//! It reads this version's own layout and nothing else: every byte is expected, none is skipped. A
//! message of another program, or of a later layout, is an error that names the place. What is read
//! is checked for being one change: the same ordinal in header and source, the key that the image
//! has, halves that belong together.

use crate::cursor::{Broken, Cursor};
use crate::error::WireError;
use crate::layout::{Layout, Settings};
use crate::messages::Role;
use crate::source::{Source, SourceReader};
use bytes::Bytes;
use change::{Change, ChangeKind, Ordinal, Row, Schema};
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
    layout: Layout,
    source: SourceReader,
    /// Keys are written here once more and compared.
    key: Vec<u8>,
    scratch: Vec<u8>,
}

/// What one message's value says.
struct Event {
    kind: ChangeKind,
    source: Source,
}

impl Decoder {
    /// `settings` are those that the messages were written with, but for the version.
    pub fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        Self {
            layout: Layout::new(schema, settings),
            source: SourceReader::default(),
            key: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The schema that this decoder was made for.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.layout.schema
    }

    /// The change that these messages are: all that have its ordinal, in the order of their roles.
    pub fn decode(
        &mut self,
        ordinal: Ordinal,
        messages: &[Received<'_>],
    ) -> Result<Change, WireError> {
        let keyed = !self.layout.key.is_empty();
        let event = match messages {
            [whole] if whole.role == Role::Whole => {
                let event = self.event(ordinal, whole)?;
                // In a table with a key, a row that is gone leaves a tombstone too.
                let deleted = matches!(event.kind, ChangeKind::Delete { .. });
                (!(keyed && deleted)).then_some(event)
            }
            [whole, tombstone] if whole.role == Role::Whole && is_tombstone(whole, tombstone) => {
                let event = self.event(ordinal, whole)?;
                let deleted = matches!(event.kind, ChangeKind::Delete { .. });
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
                table: self.layout.schema.name.clone(),
                ordinal,
                messages: messages.len(),
            });
        };
        Ok(Change {
            schema: Arc::clone(&self.layout.schema),
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
        let outcome = value.ok_or(missing).and_then(|value| self.value(value));
        let event = outcome.map_err(|broken| self.unreadable(ordinal, "value", broken))?;
        if event.source.ordinal != ordinal {
            return Err(WireError::Ordinal {
                table: self.layout.schema.name.clone(),
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
        let row = kind.after().or(kind.before());
        let keyed = row.filter(|_| !self.layout.key.is_empty());
        self.key.clear();
        let expected = keyed.map(|row| {
            let out = &mut self.key;
            out.extend_from_slice(&self.layout.key_head);
            self.layout.write_key(row, out, &mut self.scratch);
            out.extend_from_slice(self.layout.tail);
            &out[..]
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

    fn value(&mut self, value: &Bytes) -> Result<Event, Broken> {
        let layout = &self.layout;
        let cursor = &mut Cursor::new(value);
        cursor.expect(&layout.value_head, "the schema of this table's values")?;
        cursor.expect(b"{\"before\":", "the field before")?;
        let before = image(layout, cursor)?;
        cursor.expect(b",\"after\":", "the field after")?;
        let after = image(layout, cursor)?;
        let source = self.source.read(layout, cursor)?;
        cursor.expect(b",\"op\":\"", "the field op")?;
        let operation = cursor.peek();
        let kind = match (operation, before, after) {
            (Some(b'c'), None, Some(after)) => ChangeKind::Insert { after },
            (Some(b'r'), None, Some(row)) => ChangeKind::Read { row },
            (Some(b'u'), Some(before), Some(after)) => ChangeKind::Update { before, after },
            (Some(b'd'), Some(before), None) => ChangeKind::Delete { before },
            _ => return cursor.broken("the operation of these images"),
        };
        if source.snapshot != matches!(kind, ChangeKind::Read { .. }) {
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

    fn unreadable(&self, ordinal: Ordinal, part: &'static str, broken: Broken) -> WireError {
        let schema = &self.layout.schema;
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
