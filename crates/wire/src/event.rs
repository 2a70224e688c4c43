//! What one message's value says, whatever the format that it was written in.

use change::{Change, ChangeKind, Ordinal, Origin, Place, Row};
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

/// The change that the operation and the images are. `None` where they do not go together.
pub(crate) fn kind(
    operation: Operation,
    before: Option<Row>,
    after: Option<Row>,
) -> Option<ChangeKind> {
    match (operation, before, after) {
        (Operation::Create, None, Some(after)) => Some(ChangeKind::Insert { after }),
        (Operation::Read, None, Some(row)) => Some(ChangeKind::Read { row }),
        (Operation::Update, Some(before), Some(after)) => {
            Some(ChangeKind::Update { before, after })
        }
        (Operation::Delete, Some(before), None) => Some(ChangeKind::Delete { before }),
        (
            Operation::Create | Operation::Read | Operation::Update | Operation::Delete,
            None | Some(_),
            None | Some(_),
        ) => None,
    }
}
