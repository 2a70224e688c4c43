//! Barriers: the unit of everything that is written, applied and checkpointed.
//!
//! A barrier holds some whole source transactions, or one snapshot chunk, or one part of an
//! oversized transaction, or one table event, or nothing but a newer position. It carries its own
//! checkpoint: whoever stores the barrier's effects stores the checkpoint with them, in the same
//! transaction, and resumes from nothing else.

use crate::{Alteration, Change, Column, Index, Position, Row, TableDescription, TableName, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What capture numbers changes with. `transaction` only ever grows, whatever happens to binlog
/// files; `change` counts from 0 inside it.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
pub struct Ordinal {
    pub transaction: u64,
    pub change: u64,
}

impl std::fmt::Display for Ordinal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.transaction, self.change)
    }
}

/// A checkpoint inside an oversized transaction. Nothing is proven or frozen while torn.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Torn {
    /// The transaction's GTID, or another name that its server gives it.
    pub transaction: Arc<str>,
    /// Parts of it that are done, this one included.
    pub parts: u32,
    /// Row changes of the selected tables that the parts hold, counted from the transaction's
    /// start: a resume on the same server skips so many.
    pub changes_before: u64,
}

/// How far a side is, and all that is needed to go on from there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Version of this record's layout.
    pub format: u32,
    /// The last ordinal that is covered.
    pub ordinal: Ordinal,
    /// The last whole transaction that is covered; inside a torn transaction, the one before it.
    pub position: Position,
    pub torn: Option<Torn>,
    /// When the source committed what is covered, in milliseconds since 1970 by its own clock.
    pub committed_at_ms: i64,
}

impl Checkpoint {
    /// The layout that this version writes.
    pub const FORMAT: u32 = 1;
}

/// The effective mapping that produced the documents. Two runs with different hashes write
/// different documents for the same row, so a change of the hash is refused at the start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MappingVersion {
    /// Counts the mappings that this pipeline has had, from 1.
    pub version: u32,
    /// Of the canonical form of the mapping, hexadecimal.
    pub hash: Arc<str>,
}

/// A range of keys still to be copied: keys greater than `after` and not greater than `through`,
/// in the server's own order. `None` is open.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct KeyRange {
    pub after: Option<Vec<Value>>,
    pub through: Option<Vec<Value>>,
}

/// Where a table stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableState {
    /// Chunks are being read; the collection is a subset of the table.
    Copying,
    /// The collection equals the table at every barrier that is not torn.
    Following,
    /// Following, while chunks rewrite it, or keys are read anew.
    Recopy,
    /// Given up, with a reason.
    Stopped,
    /// Dropped at the source; its collection is empty.
    Dropped,
}

/// Why a table stands still.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// A code with a page of its own: `lockstep explain CODE`.
    pub code: Arc<str>,
    pub message: Arc<str>,
    pub remedy: Arc<str>,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; {}", self.code, self.message, self.remedy)
    }
}

/// What capture must remember about one table to go on after a restart.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TableProgress {
    pub table: TableName,
    pub state: TableState,
    /// Whether changes of the table are emitted: true from its first window on. Before that they
    /// are skipped, since the windows will read their result.
    pub live: bool,
    /// What is left to copy. Empty with `planned = true`: all is copied.
    pub remaining: Vec<KeyRange>,
    /// Whether `remaining` was filled by a plan.
    pub planned: bool,
    /// Rows that chunks have emitted.
    pub rows_copied: u64,
    /// The server's own estimate of the table's rows when the copy was planned.
    pub rows_estimated: u64,
    /// What identifies the rows that were copied. `None` before the copy, and in what versions
    /// before this one stored.
    #[serde(default)]
    pub key: Option<TableKey>,
    /// Keys that are still to be read anew, each in the order of `key`: the log told that their
    /// rows changed and not how, or somebody asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Vec<Value>>,
    /// Whether the collection is to be emptied and copied from the beginning, since rows changed
    /// that the log does not name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
    pub trouble: Option<Trouble>,
}

/// What identifies a table's rows in its collection: it stays until the table is copied anew.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableKey {
    /// In key order; none where rows have no identity of their own.
    pub columns: Vec<Column>,
    /// Whether it is the primary key, which comes and goes by its own name.
    pub primary: bool,
}

impl TableKey {
    pub fn of(description: &TableDescription) -> Self {
        let schema = &description.schema;
        let columns: Vec<Column> = schema
            .key
            .iter()
            .map(|&index| schema.columns[index].clone())
            .collect();
        let is_key = |index: &Index| {
            let parts = index.parts.iter().map(|part| part.column.as_deref());
            index.unique && parts.eq(columns.iter().map(|column| Some(&*column.name)))
        };
        Self {
            primary: !columns.is_empty() && !description.indexes.iter().any(is_key),
            columns,
        }
    }

    /// Whether rows may be identified by something else after this.
    pub fn may_change_by(&self, alteration: &Alteration) -> bool {
        alteration.touches(&self.columns) || (alteration.unique_keys && !self.primary)
    }
}

impl TableProgress {
    /// A table that was never looked at.
    pub fn unplanned(table: TableName) -> Self {
        Self {
            table,
            state: TableState::Copying,
            live: false,
            remaining: Vec::new(),
            planned: false,
            rows_copied: 0,
            rows_estimated: 0,
            key: None,
            keys: Vec::new(),
            anew: false,
            trouble: None,
        }
    }
}

/// Something that happened to a table as a whole, in order with its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableEvent {
    pub table: TableName,
    pub kind: TableEventKind,
}

/// What happened to the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TableEventKind {
    /// TRUNCATE TABLE: the collection is empty afterwards.
    Truncated,
    /// DROP TABLE: the collection is empty afterwards and stays.
    Dropped,
    /// CREATE TABLE: the table is copied like any other, from here on.
    Created,
    /// The definition is another one, and rows may be others with no word of them in the log.
    Altered(Alteration),
    /// A statement that this version does not follow; the table stops.
    Unsupported(Trouble),
}

/// What the changes of a barrier are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BarrierKind {
    /// What the source's log tells, or nothing but a newer position.
    #[default]
    Stream,
    /// One snapshot chunk: neighbouring chunks may be applied side by side.
    Chunk,
    /// Keys that were read anew: each row as it stands there, [`ChangeKind::Read`], or that there
    /// is none, [`ChangeKind::Gone`].
    ///
    /// [`ChangeKind::Read`]: crate::ChangeKind::Read
    /// [`ChangeKind::Gone`]: crate::ChangeKind::Gone
    Keys,
}

/// The unit of progress.
#[derive(Clone, Debug)]
pub struct Barrier<I = Row> {
    /// What is covered once this barrier is.
    pub checkpoint: Checkpoint,
    /// In order. Empty in a barrier that only moves the position.
    pub changes: Vec<Change<I>>,
    pub kind: BarrierKind,
    /// Collections to be emptied; a barrier that has one holds no changes.
    pub emptied: Vec<TableName>,
    /// Tables whose unique keys may no longer hold: their collections lose their unique indexes
    /// before the barrier's effects.
    pub loosened: Vec<TableName>,
    /// Tables described for the first time since capture started: their collections are prepared
    /// before the barrier's effects.
    pub described: Vec<Arc<TableDescription>>,
    /// Tables whose copy state this barrier changes: stored with its effects.
    pub progress: Vec<TableProgress>,
    pub mapping: MappingVersion,
}

impl Barrier<Row> {
    /// Memory that the changes hold, in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.changes.iter().map(Change::heap_bytes).sum()
    }
}
