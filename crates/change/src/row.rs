//! Rows and what happens to them.

use crate::{Ordinal, Schema, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A row: one value per column of its schema, in column order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row(Box<[Value]>);

impl Row {
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_boxed_slice())
    }

    /// Memory that the row holds, in bytes.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0) + self.0.iter().map(Value::heap_bytes).sum::<usize>()
    }
}

impl std::ops::Deref for Row {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

/// What happened to one row. `I` is the row's image: a [`Row`] on the way to MongoDB, a document
/// on the way back.
#[derive(Clone, PartialEq, Debug)]
pub enum ChangeKind<I = Row> {
    Insert {
        after: I,
    },
    Update {
        before: I,
        after: I,
    },
    Delete {
        before: I,
    },
    /// A row that the snapshot read: equal to the table's row at the barrier that carries it.
    Read {
        row: I,
    },
    /// No row has this key any more, and what it held is not told: the log told the key alone, or
    /// the key was read anew and is not there. `key` is a row of which the key's columns alone are
    /// set.
    Gone {
        key: I,
    },
}

/// The transaction that a change belongs to, as the source's own log tells it. Its changes share
/// one value.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The transaction's name on its server (its GTID). `None` for rows that the snapshot read:
    /// they belong to no transaction, and stand at the position of the chunk that they are in.
    pub transaction: Option<Arc<str>>,
    /// `server_id` of the server that wrote the log.
    pub server_id: u32,
    /// The log's file, which no transaction leaves.
    pub file: Arc<str>,
    /// When the source committed it, or when the snapshot read it, by the server's own clock, in
    /// milliseconds since 1970; 0 where the server does not say.
    pub committed_at_ms: i64,
}

/// Where a change stands in the file of its [`Origin`]. No two changes of a server have the same.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Place {
    /// Bytes from the file's start to the start of the event; of the compressed payload for the
    /// events in one. For snapshot rows: to the position of the chunk.
    pub offset: u64,
    /// Counts the rows that share the offset, from 0.
    pub row: u32,
}

/// A row's change as a source tells it.
#[derive(Clone, PartialEq, Debug)]
pub struct RowChange {
    pub place: Place,
    pub kind: ChangeKind<Row>,
}

/// A change of which the source's log does not tell whole rows. A column is `None` where an image
/// lacks it; in the image after an update that means that it is as it was.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PartialChange {
    pub place: Place,
    /// Of an update and a delete.
    pub before: Option<Box<[Option<Value>]>>,
    /// Of an insert and an update.
    pub after: Option<Box<[Option<Value>]>>,
}

/// One row's change, with the schema that its images were read with.
#[derive(Clone, Debug)]
pub struct Change<I = Row> {
    pub schema: Arc<Schema>,
    pub ordinal: Ordinal,
    pub kind: ChangeKind<I>,
    pub origin: Arc<Origin>,
    pub place: Place,
}

impl<I> ChangeKind<I> {
    /// The image after the change, if the row still exists then.
    pub fn after(&self) -> Option<&I> {
        match self {
            ChangeKind::Insert { after } | ChangeKind::Update { after, .. } => Some(after),
            ChangeKind::Read { row } => Some(row),
            ChangeKind::Delete { .. } | ChangeKind::Gone { .. } => None,
        }
    }

    /// The image before the change, if the row existed then and the change tells it.
    pub fn before(&self) -> Option<&I> {
        match self {
            ChangeKind::Update { before, .. } | ChangeKind::Delete { before } => Some(before),
            ChangeKind::Insert { .. } | ChangeKind::Read { .. } | ChangeKind::Gone { .. } => None,
        }
    }

    /// The image that has the key which the change takes away: the one before it, or the key alone.
    pub fn gone(&self) -> Option<&I> {
        match self {
            ChangeKind::Gone { key } => Some(key),
            ChangeKind::Insert { .. }
            | ChangeKind::Update { .. }
            | ChangeKind::Delete { .. }
            | ChangeKind::Read { .. } => self.before(),
        }
    }
}

impl Change<Row> {
    /// Memory that the change holds, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let images = self.kind.after().into_iter().chain(self.kind.gone());
        size_of::<Self>() + images.map(Row::heap_bytes).sum::<usize>()
    }
}
