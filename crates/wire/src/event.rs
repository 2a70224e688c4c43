//! What one message's value says, whatever the format that it was written in.

use crate::cursor::Broken;
use change::{Change, ChangeKind, Ordinal, Origin, Place, Row, Schema, Value};
use std::ops::Range;
use std::sync::Arc;

/// A change as one message tells it: the images that it has, and its operation.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) change: &'a Change,
    pub(crate) before: Option<&'a Row>,
    pub(crate) after: Option<&'a Row>,
    pub(crate) operation: Operation,
    pub(crate) processed_at_ms: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
    Read,
}

/// A key that was written: all of it, and what chooses the partition.
#[derive(Clone)]
pub(crate) struct WrittenKey {
    pub(crate) whole: Range<usize>,
    pub(crate) hashed: Range<usize>,
}

/// A value that was written: all of it, and the row image that stands for its key where the table
/// has none.
pub(crate) struct WrittenValue {
    pub(crate) whole: Range<usize>,
    pub(crate) image: Range<usize>,
}

/// What a value that was read says.
pub(crate) struct Event {
    pub(crate) kind: ChangeKind,
    pub(crate) source: Source,
}

/// What a source block says.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Source {
    pub(crate) origin: Arc<Origin>,
    pub(crate) snapshot: bool,
    pub(crate) place: Place,
    pub(crate) ordinal: Ordinal,
}

/// The change that the operation and the images are. `None` where they do not go together. A row
/// that is gone without an image is known by its message's key alone, which `key` reads.
pub(crate) fn kind(
    operation: Operation,
    before: Option<Row>,
    after: Option<Row>,
    key: impl FnOnce() -> Result<Row, Broken>,
) -> Result<Option<ChangeKind>, Broken> {
    Ok(match (operation, before, after) {
        (Operation::Create, None, Some(after)) => Some(ChangeKind::Insert { after }),
        (Operation::Read, None, Some(row)) => Some(ChangeKind::Read { row }),
        (Operation::Update, Some(before), Some(after)) => {
            Some(ChangeKind::Update { before, after })
        }
        (Operation::Delete, Some(before), None) => Some(ChangeKind::Delete { before }),
        (Operation::Delete, None, None) => Some(ChangeKind::Gone { key: key()? }),
        (
            Operation::Create | Operation::Read | Operation::Update | Operation::Delete,
            None | Some(_),
            None | Some(_),
        ) => None,
    })
}

/// Whether a change is told as one that the snapshot read: no transaction of the log's is its.
pub(crate) fn is_of_snapshot(kind: &ChangeKind, origin: &Origin) -> bool {
    match kind {
        ChangeKind::Read { .. } => true,
        ChangeKind::Gone { .. } => origin.transaction.is_none(),
        ChangeKind::Insert { .. } | ChangeKind::Update { .. } | ChangeKind::Delete { .. } => false,
    }
}

/// A row of which the key's columns alone are set; all others are NULL.
pub(crate) fn key_row(
    schema: &Schema,
    mut next: impl FnMut(usize) -> Result<Value, Broken>,
) -> Result<Row, Broken> {
    if schema.key.is_empty() {
        return Err(Broken {
            at: 0,
            expected: "an image, since the table has no key",
            column: None,
        });
    }
    let mut values = vec![Value::Null; schema.columns.len()];
    for &column in &schema.key {
        values[column] = next(column).map_err(|broken| Broken {
            column: Some(column),
            ..broken
        })?;
    }
    Ok(Row::new(values))
}
