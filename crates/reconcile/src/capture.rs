//! Capture's decisions: how changes, chunks and table events become barriers.
//!
//! The loop in `flow` feeds in what the source and the readers say and takes out closed barriers;
//! everything about order is decided here. An open barrier collects whole transactions. It is
//! closed when the log would take it at once (so that it is small when idle and grows under load)
//! or when it is full; a transaction that fills it alone leaves in parts, each with a torn
//! checkpoint. Chunks and table events stand between transactions, in barriers of their own.

mod answers;
mod emission;
mod partial;
#[cfg(test)]
mod tests;

use crate::copy::{Copies, Extent, Task, WindowId};
use crate::table_copy::TableCopy;
use crate::window::WindowBounds;
use change::{
    Barrier, Change, Checkpoint, Gtid, MappingVersion, Ordinal, Origin, Position, Row, RowChange,
    Schema, TableEvent, TableName, TableProgress, TableState, Torn,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// How large a barrier and a window may grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub max_barrier_changes: usize,
    /// By the memory that the changes hold.
    pub max_barrier_bytes: usize,
    /// What one window may remember before its chunk is read again.
    pub max_window_bytes: usize,
    /// Keys of one table that may wait for being read anew, and what they may hold; beyond that all
    /// of the table is read.
    pub max_keys: usize,
    pub max_keys_bytes: usize,
}

/// The stream does not go on where the checkpoint was torn.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TornMismatch {
    #[error(
        "transaction {torn} was applied in part, and the source goes on with {came} instead of it"
    )]
    Another { torn: Arc<str>, came: Arc<str> },
    #[error(
        "{applied} changes of transaction {torn} were applied, and it has only {seen} of the \
         selected tables"
    )]
    Shorter {
        torn: Arc<str>,
        applied: u64,
        seen: u64,
    },
}

/// A chunk as it was read.
#[derive(Clone, Debug)]
pub struct ReadChunk {
    pub schema: Arc<Schema>,
    pub rows: Vec<Row>,
    pub bounds: WindowBounds,
    pub rest: Option<Extent>,
}

/// The capture state machine.
#[derive(Debug)]
pub struct Capture {
    limits: Limits,
    mapping: MappingVersion,
    copies: Copies,
    /// The last whole transaction's.
    position: Position,
    committed_at_ms: i64,
    /// The highest ordinal given out.
    last: Ordinal,
    changes: Vec<Change>,
    bytes: usize,
    /// How much of `changes` and `bytes` belongs to whole transactions.
    settled: (usize, usize),
    current: Option<Transaction>,
    torn: Option<Torn>,
    waiting: Vec<(TableName, WindowId, ReadChunk)>,
    /// Tables that are not what was described; the stream will tell why.
    outdated: BTreeSet<TableName>,
    /// Tables that somebody wants copied from the beginning.
    wanted: BTreeSet<TableName>,
    closed: VecDeque<(Barrier, usize)>,
    closed_bytes: usize,
    /// The position moved since the last barrier was closed.
    moved: bool,
}

#[derive(Debug)]
struct Transaction {
    name: Arc<str>,
    origin: Arc<Origin>,
    number: u64,
    /// Changes of the selected tables so far, emitted or not.
    seen: u64,
    /// So many of them were emitted before a restart.
    skip: u64,
    parts: u32,
    events: Vec<TableEvent>,
}

impl Capture {
    /// A pipeline that starts at `position`.
    pub fn start(limits: Limits, mapping: MappingVersion, position: Position) -> Self {
        let checkpoint = Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: Ordinal::default(),
            position,
            torn: None,
            committed_at_ms: 0,
        };
        let mut capture = Self::resume(limits, mapping, checkpoint, Vec::new());
        capture.moved = true;
        capture
    }

    /// A pipeline that goes on after a checkpoint.
    pub fn resume(
        limits: Limits,
        mapping: MappingVersion,
        checkpoint: Checkpoint,
        tables: Vec<TableProgress>,
    ) -> Self {
        let anew = tables.iter().filter(|table| table.anew);
        let wanted = anew.map(|progress| progress.table.clone()).collect();
        Self {
            limits,
            mapping,
            copies: Copies::resume(tables),
            position: checkpoint.position,
            committed_at_ms: checkpoint.committed_at_ms,
            last: checkpoint.ordinal,
            changes: Vec::new(),
            bytes: 0,
            settled: (0, 0),
            current: None,
            torn: checkpoint.torn,
            waiting: Vec::new(),
            outdated: BTreeSet::new(),
            wanted,
            closed: VecDeque::new(),
            closed_bytes: 0,
            moved: false,
        }
    }

    /// A table that exists and matches the selection.
    pub fn add_table(&mut self, table: &TableName) {
        self.copies.add(table);
    }

    /// Where the stream stands: the last whole transaction.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The highest ordinal given out so far.
    pub fn last_ordinal(&self) -> Ordinal {
        self.last
    }

    /// The transaction that was applied in part before a restart and has not come again yet.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// When the source committed what the stream stands at, in milliseconds since 1970; 0 before
    /// the first transaction.
    pub fn committed_at_ms(&self) -> i64 {
        self.committed_at_ms
    }

    /// Whether no transaction is in progress.
    pub fn is_between_transactions(&self) -> bool {
        self.current.is_none() && self.torn.is_none()
    }

    /// Every table's copy state.
    pub fn progress(&self) -> impl Iterator<Item = &TableProgress> {
        self.copies.progress()
    }

    /// Whether changes of the table are emitted.
    pub fn is_live(&self, table: &TableName) -> bool {
        self.copies.get(table).is_some_and(TableCopy::is_live)
    }

    /// Whether all that is known of the table's progress has left in a barrier.
    pub fn has_told(&self, table: &TableName) -> bool {
        !self.wanted.contains(table) && !self.copies.is_news(table)
    }

    /// Whether nothing is left to copy.
    pub fn is_copied(&self) -> bool {
        self.progress().all(|table| match table.state {
            TableState::Copying | TableState::Recopy => false,
            TableState::Following | TableState::Stopped | TableState::Dropped => true,
        })
    }

    /// The next thing for a reader to do, if there is one. A window opens at the present position.
    pub fn next_task(&mut self) -> Option<Task> {
        let between = self.is_between_transactions();
        self.copies.next_task(between, self.limits.max_window_bytes)
    }

    /// A transaction begins. After a resume at a torn checkpoint this has to be the torn one: its
    /// predecessors are in the checkpoint's set and it is not.
    pub fn begin(&mut self, origin: Arc<Origin>) -> Result<(), TornMismatch> {
        let name = origin
            .transaction
            .clone()
            .expect("a source names its transactions");
        let (skip, parts) = match self.torn.take() {
            Some(torn) if torn.transaction != name => {
                let came = name;
                return Err(TornMismatch::Another {
                    torn: torn.transaction,
                    came,
                });
            }
            Some(torn) => (torn.changes_before, torn.parts),
            None => (0, 0),
        };
        let number = self.last.transaction + 1;
        self.last = Ordinal {
            transaction: number,
            change: 0,
        };
        let gtid: Option<Gtid> = name.parse().ok();
        self.copies.begin(gtid.as_ref());
        self.current = Some(Transaction {
            name,
            origin,
            number,
            seen: 0,
            skip,
            parts,
            events: Vec::new(),
        });
        Ok(())
    }

    /// Changes of one table inside the current transaction.
    pub fn rows(&mut self, schema: &Arc<Schema>, rows: Vec<RowChange>) {
        let by_key = self.copies.get_mut(&schema.name);
        let by_key = by_key.map(|copy| copy.by_key(schema));
        let schema = by_key.as_ref().unwrap_or(schema);
        let copy = self.copies.get(&schema.name);
        let emitted = copy.is_some_and(|copy| copy.emits(schema));
        let recording = copy.is_some_and(TableCopy::has_windows);
        for RowChange { place, kind } in rows {
            let Some((ordinal, origin)) = self.number() else {
                continue;
            };
            if recording && let Some(copy) = self.copies.get_mut(&schema.name) {
                copy.record(schema, &kind);
            }
            if !emitted {
                continue;
            }
            let change = Change {
                schema: schema.clone(),
                ordinal,
                kind,
                origin,
                place,
            };
            self.emit(change);
        }
    }

    /// Numbers the next change of the current transaction; `None` for one that was applied before a
    /// restart.
    fn number(&mut self) -> Option<(Ordinal, Arc<Origin>)> {
        let transaction = self.current.as_mut();
        let transaction = transaction.expect("rows come inside a transaction");
        let ordinal = Ordinal {
            transaction: transaction.number,
            change: transaction.seen,
        };
        transaction.seen += 1;
        (transaction.seen > transaction.skip).then(|| (ordinal, transaction.origin.clone()))
    }

    /// Puts a change into the open barrier.
    fn emit(&mut self, change: Change) {
        self.last = change.ordinal;
        self.bytes += change.heap_bytes();
        self.changes.push(change);
        if self.is_full() {
            self.make_room();
        }
    }

    /// Something happened to a table as a whole inside the current transaction.
    pub fn table_event(&mut self, event: TableEvent) {
        if let Some(copy) = self.copies.get_mut(&event.table) {
            copy.record_table_change();
        }
        let transaction = self
            .current
            .as_mut()
            .expect("table events come inside a transaction");
        transaction.events.push(event);
    }

    /// The current transaction is complete. One that was applied in part before a restart has to
    /// be as long as it was then.
    pub fn commit(&mut self, position: Position) -> Result<(), TornMismatch> {
        let transaction = self.current.as_ref();
        let transaction = transaction.expect("a commit ends a transaction");
        if transaction.seen < transaction.skip {
            return Err(TornMismatch::Shorter {
                torn: transaction.name.clone(),
                applied: transaction.skip,
                seen: transaction.seen,
            });
        }
        if !transaction.events.is_empty() {
            if self.settled.0 > 0 {
                self.close_settled();
            }
            // Its own rows leave ahead of its events, as a part: what empties a collection must not
            // be followed by what was in it, and the position is the events' to move.
            if !self.changes.is_empty() {
                self.make_room();
            }
        }
        let transaction = self.current.take().expect("a commit ends a transaction");
        // Before the events: an emptied collection equals its table only from here on.
        self.position = position;
        if !transaction.events.is_empty() {
            self.apply_events(transaction.events);
        }
        self.committed_at_ms = transaction.origin.committed_at_ms;
        self.settled = (self.changes.len(), self.bytes);
        self.moved = true;
        self.copies.reached(&self.position);
        if transaction.parts > 0 || self.is_full() {
            // Closed at once, so that nothing stays torn for longer than it must.
            self.close_settled();
        }
        self.emit_chunks();
        Ok(())
    }

    /// Nothing of interest up to this position.
    pub fn heartbeat(&mut self, position: Position) {
        if self.current.is_some() || self.torn.is_some() {
            return;
        }
        self.moved |= position != self.position;
        self.position = position;
        self.copies.reached(&self.position);
        self.emit_chunks();
    }

    /// Whether [`Capture::close`] would have anything to close.
    pub fn has_work(&self) -> bool {
        self.settled.0 > 0 || (self.current.is_none() && self.copies.has_news())
    }

    /// Closes the open barrier if it holds anything worth sending.
    pub fn close(&mut self) {
        if self.has_work() {
            self.close_settled();
        }
    }

    /// Closes a barrier even if only the position moved, so that the checkpoint follows the server.
    pub fn close_heartbeat(&mut self) {
        if self.has_work() || (self.moved && self.current.is_none() && self.torn.is_none()) {
            self.close_settled();
        }
    }

    /// Memory that the changes of closed barriers hold, in bytes.
    pub fn closed_bytes(&self) -> usize {
        self.closed_bytes
    }

    /// Whether a closed barrier waits to be taken.
    pub fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// The next closed barrier, in order.
    pub fn take_closed(&mut self) -> Option<Barrier> {
        let (barrier, bytes) = self.closed.pop_front()?;
        self.closed_bytes -= bytes;
        Some(barrier)
    }
}
