//! How open work becomes closed barriers: settled transactions, parts, emptied tables, chunks.
//!
//! The order in which barriers are pushed here is the order in which they are applied. Three rules
//! keep it right: what is settled leaves before anything that stands behind it; a part leaves only
//! when nothing settled is left; a chunk leaves only between transactions, at the position that it
//! is equal to.

use super::{Capture, ReadChunk};
use crate::copy::{Extent, WindowId};
use crate::table_copy::TableCopy;
use crate::window::{Void, WindowBounds};
use change::{
    Barrier, BarrierKind, Change, ChangeKind, Checkpoint, Ordinal, Origin, Place, TableEvent,
    TableEventKind, TableName, Torn,
};
use std::sync::Arc;

impl Capture {
    pub(super) fn is_full(&self) -> bool {
        self.changes.len() >= self.limits.max_barrier_changes
            || self.bytes >= self.limits.max_barrier_bytes
    }

    pub(super) fn make_room(&mut self) {
        if self.settled.0 > 0 {
            self.close_settled();
            return;
        }
        let transaction = self
            .current
            .as_mut()
            .expect("unsettled changes have a transaction");
        transaction.parts += 1;
        let torn = Torn {
            transaction: transaction.name.clone(),
            parts: transaction.parts,
            changes_before: transaction.seen,
        };
        let committed_at_ms = transaction.origin.committed_at_ms;
        let changes = std::mem::take(&mut self.changes);
        self.bytes = 0;
        let checkpoint = Checkpoint {
            torn: Some(torn),
            committed_at_ms,
            ..self.checkpoint(self.last)
        };
        self.push(
            checkpoint,
            changes,
            BarrierKind::Stream,
            Vec::new(),
            Vec::new(),
        );
    }

    /// Closes a barrier with everything that is settled, or with the position alone.
    pub(super) fn close_settled(&mut self) {
        let (count, bytes) = std::mem::take(&mut self.settled);
        let rest = self.changes.split_off(count);
        let changes = std::mem::replace(&mut self.changes, rest);
        self.bytes -= bytes;
        // A checkpoint inside a transaction in progress takes the last settled ordinal; between
        // transactions a fresh one keeps every barrier's ordinal unique.
        let ordinal = match changes.last() {
            Some(change) => change.ordinal,
            None => self.next_ordinal(),
        };
        let checkpoint = Checkpoint {
            torn: self.torn.clone(),
            ..self.checkpoint(ordinal)
        };
        self.push(
            checkpoint,
            changes,
            BarrierKind::Stream,
            Vec::new(),
            Vec::new(),
        );
        self.moved = false;
    }

    pub(super) fn apply_events(&mut self, events: Vec<TableEvent>) {
        let mut emptied = Vec::new();
        let mut loosened = Vec::new();
        for event in events {
            match event.kind {
                TableEventKind::Truncated => {
                    if self
                        .copies
                        .get(&event.table)
                        .is_some_and(TableCopy::is_live)
                    {
                        emptied.push(event.table);
                    }
                }
                TableEventKind::Dropped => {
                    self.waiting.retain(|(table, _, _)| *table != event.table);
                    if self.copies.drop_table(&event.table) {
                        // Whatever comes under this name next has indexes of its own.
                        loosened.push(event.table.clone());
                        emptied.push(event.table);
                    }
                }
                TableEventKind::Altered(alteration) => {
                    let altered = self.copies.alter(&event.table, &alteration);
                    let copy = self.copies.get(&event.table);
                    if !copy.is_some_and(TableCopy::has_windows) {
                        self.waiting.retain(|(table, _, _)| *table != event.table);
                    }
                    if altered.loosened {
                        loosened.push(event.table.clone());
                    }
                    if altered.emptied {
                        emptied.push(event.table);
                    }
                }
                TableEventKind::Created => self.copies.add(&event.table),
                // Before that, the windows will read its result.
                TableEventKind::Unsupported(trouble) if self.is_live(&event.table) => {
                    self.stop_table(&event.table, trouble);
                }
                TableEventKind::Unsupported(_) => {}
            }
        }
        if !emptied.is_empty() || !loosened.is_empty() {
            self.empty(emptied, loosened);
        }
    }

    /// The sink keeps its checkpoint torn, before this barrier, until the collections are empty.
    fn empty(&mut self, emptied: Vec<TableName>, loosened: Vec<TableName>) {
        if self.settled.0 > 0 {
            self.close_settled();
        }
        let ordinal = self.next_ordinal();
        let checkpoint = self.checkpoint(ordinal);
        self.push(
            checkpoint,
            Vec::new(),
            BarrierKind::Stream,
            emptied,
            loosened,
        );
    }

    /// Has tables that are ahead of the stream described and copied again, and those that somebody
    /// wants to have copied. What was copied of the former is of another definition, and so are the
    /// target's unique indexes.
    pub(super) fn begin_anew(&mut self) {
        if self.current.is_some() || self.torn.is_some() {
            return;
        }
        // The new state is told with the emptied collection and not before it: a crash between the
        // two would leave documents that nobody removes.
        if self.settled.0 > 0 && !(self.outdated.is_empty() && self.wanted.is_empty()) {
            self.close_settled();
        }
        let outdated = std::mem::take(&mut self.outdated).into_iter();
        let wanted = std::mem::take(&mut self.wanted).into_iter();
        let tables = outdated.map(|table| (table, false));
        for (table, is_wanted) in tables.chain(wanted.map(|table| (table, true))) {
            let altered = if is_wanted {
                self.copies.copy_anew(&table)
            } else {
                self.copies.outdate(&table)
            };
            self.waiting.retain(|(waiting, _, _)| *waiting != table);
            let of_table = |wanted| {
                if wanted {
                    vec![table.clone()]
                } else {
                    Vec::new()
                }
            };
            if altered.loosened {
                self.empty(of_table(altered.emptied), of_table(true));
            }
        }
    }

    /// Emits the chunks whose window has reached its end. Only between transactions: a row of a
    /// chunk must not overwrite what a part of a later transaction wrote.
    pub(super) fn emit_chunks(&mut self) {
        if self.current.is_some() || self.torn.is_some() {
            return;
        }
        self.begin_anew();
        let mut index = 0;
        while index < self.waiting.len() {
            match self.waiting[index].2.bounds.reached_by(&self.position) {
                Some(false) => index += 1,
                Some(true) => {
                    let (table, window, chunk) = self.waiting.swap_remove(index);
                    self.emit_chunk(&table, window, chunk);
                }
                None => {
                    let (table, window, _) = self.waiting.swap_remove(index);
                    self.copies.take_window(&table, window);
                }
            }
        }
    }

    fn emit_chunk(&mut self, table: &TableName, window: WindowId, chunk: ReadChunk) {
        let ReadChunk {
            schema,
            rows,
            bounds,
            rest,
        } = chunk;
        let window = match self.copies.take_window(table, window) {
            Some((Extent::Range(_), window)) => window,
            Some((Extent::Keys(keys), window)) => {
                let chunk = (schema, rows, bounds, rest);
                return self.emit_keys(table, keys, window, chunk);
            }
            None => return,
        };
        let rest = match rest {
            Some(Extent::Range(rest)) => Some(rest),
            Some(Extent::Keys(_)) | None => None,
        };
        let rows_read = rows.len() as u64;
        let rows = match window.close(&schema, rows, &bounds) {
            Ok(rows) => rows,
            Err(Void::TableChanged | Void::TooManyTouched) => return,
        };
        // That a table is live is stored ahead of its first rows: the sink writes rows of a copy
        // before their checkpoint, and changes of rows that a crash leaves behind must be followed.
        if self.settled.0 > 0 || self.copies.has_news() {
            self.close_settled();
        }
        if schema.key.is_empty() {
            // What an earlier attempt may have left behind would never be counted again.
            self.empty(vec![table.clone()], Vec::new());
        }
        self.copies.emitted(table, rest, rows_read);
        let transaction = self.last.transaction + 1;
        let (origin, offset) = self.here(&bounds);
        let changes: Vec<Change> = (0..)
            .zip(rows)
            .map(|(change, row)| Change {
                schema: schema.clone(),
                ordinal: Ordinal {
                    transaction,
                    change,
                },
                kind: ChangeKind::Read { row },
                origin: origin.clone(),
                place: Place {
                    offset,
                    row: u32::try_from(change).unwrap_or(u32::MAX),
                },
            })
            .collect();
        self.last = Ordinal {
            transaction,
            change: (changes.len() as u64).saturating_sub(1),
        };
        let checkpoint = self.checkpoint(self.last);
        self.push(
            checkpoint,
            changes,
            BarrierKind::Chunk,
            Vec::new(),
            Vec::new(),
        );
        self.moved = false;
    }

    fn next_ordinal(&mut self) -> Ordinal {
        self.last = Ordinal {
            transaction: self.last.transaction + 1,
            change: 0,
        };
        self.last
    }

    /// What rows of a chunk say of where they come from: the server that was read and when, and the
    /// position that they are equal at.
    pub(super) fn here(&self, bounds: &WindowBounds) -> (Arc<Origin>, u64) {
        let log = self.position.log();
        let origin = Origin {
            transaction: None,
            server_id: bounds.server_id,
            file: log.file.clone(),
            committed_at_ms: bounds.read_at_ms,
        };
        (Arc::new(origin), log.offset)
    }

    pub(super) fn checkpoint(&self, ordinal: Ordinal) -> Checkpoint {
        Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal,
            position: self.position.clone(),
            torn: None,
            committed_at_ms: self.committed_at_ms,
        }
    }

    pub(super) fn push(
        &mut self,
        checkpoint: Checkpoint,
        changes: Vec<Change>,
        kind: BarrierKind,
        emptied: Vec<TableName>,
        mut loosened: Vec<TableName>,
    ) {
        loosened.extend(self.copies.take_loosened());
        let (progress, described) = self.copies.take_news();
        let mapping = self.mapping.clone();
        let barrier = Barrier {
            checkpoint,
            changes,
            kind,
            emptied,
            loosened,
            described,
            progress,
            mapping,
        };
        let bytes = barrier.heap_bytes();
        self.closed_bytes += bytes;
        self.closed.push_back((barrier, bytes));
    }
}
