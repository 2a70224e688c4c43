//! What the readers, the catalogue and the source answer, and what it does to the tables' copies.

use super::{Capture, ReadChunk};
use crate::copy::WindowId;
use change::{KeyRange, Position, TableDescription, TableName, Trouble};
use std::sync::Arc;

impl Capture {
    /// The catalogue's answer to [`Task::Describe`].
    pub fn described(&mut self, table: &TableName, description: Option<TableDescription>) {
        self.copies.described(table, description);
    }

    /// The answer to [`Task::Plan`].
    pub fn planned(
        &mut self,
        description: &Arc<TableDescription>,
        ranges: Vec<KeyRange>,
        rows_estimated: u64,
    ) {
        self.copies.planned(description, ranges, rows_estimated);
    }

    /// Whether the end of the source's log is to be asked for: descriptions wait for the stream.
    pub fn wants_head(&self) -> bool {
        self.copies.wants_head()
    }

    /// The answer to [`Capture::wants_head`].
    pub fn head_is(&mut self, head: &Position) {
        self.copies.head_is(head);
        if self.is_between_transactions() {
            self.copies.reached(&self.position);
        }
    }

    /// A describe or plan task came to nothing and is to be asked again.
    pub fn unanswered(&mut self, table: &TableName) {
        self.copies.unanswered(table);
    }

    /// The answer to [`Task::Read`]: it waits for its boundary.
    pub fn chunk_read(&mut self, table: &TableName, window: WindowId, chunk: ReadChunk) {
        self.waiting.push((table.clone(), window, chunk));
        self.emit_chunks();
    }

    /// The table no longer looks as described, or the read failed: its range is free again.
    pub fn chunk_void(&mut self, table: &TableName, window: WindowId, altered: bool) {
        // A window that is gone already belongs to a plan that is forgotten.
        let open = self.copies.take_window(table, window).is_some();
        if open && altered {
            self.outdated.insert(table.clone());
            self.begin_anew();
        }
    }

    /// Empties the table's collection and copies it from the beginning, at the next place between
    /// transactions. Tables that are stopped or dropped stay what they are.
    pub fn recopy(&mut self, table: &TableName) {
        self.wanted.insert(table.clone());
        self.begin_anew();
    }

    /// Gives up on a table; the others go on.
    pub fn stop_table(&mut self, table: &TableName, trouble: Trouble) {
        self.copies.stop(table, trouble);
        self.waiting.retain(|(waiting, _, _)| waiting != table);
    }
}
