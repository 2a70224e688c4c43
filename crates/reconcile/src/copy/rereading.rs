//! Keys that are read anew while their table follows, and what leads to it.
//!
//! A table of which keys wait is in `recopy`: at no barrier is it said to follow while its
//! collection may differ. The keys are stored with the barrier that has the change which made them
//! wait, and go with the barrier that tells how they stand. Where there would be too many, all of
//! the table is read; where nobody knows which rows changed, it is emptied and copied anew, and the
//! mark for that is stored in the same way.

use super::{Copies, Extent, Task, WindowId};
use crate::capture::Limits;
use crate::table_copy::TableCopy;
use crate::window::Window;
use change::{Identity, TableName, TableProgress, TableState, Value};

impl Copies {
    /// Keys go ahead of ranges: they are few, and a table waits for them that was complete.
    pub(super) fn read_keys(&mut self, window_bytes: usize) -> Option<Task> {
        let readable = |copy: &&mut TableCopy| copy.keys.are_waiting() && copy.reads_keys();
        let copy = self.tables.values_mut().find(readable)?;
        let description = copy.description.clone()?;
        let keys = copy.keys.take_waiting();
        let window = WindowId(self.next_window);
        self.next_window += 1;
        self.open_windows += 1;
        let opened = Window::open_keys(&description.schema, &keys, window_bytes);
        let extent = Extent::Keys(keys);
        copy.claimed.insert(window, (extent.clone(), opened));
        Some(Task::Read {
            window,
            table: description,
            extent,
        })
    }

    /// These keys stand as the next barrier says.
    pub(crate) fn settled<'a>(
        &mut self,
        table: &TableName,
        keys: impl Iterator<Item = &'a Identity>,
    ) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        keys.for_each(|key| copy.keys.settle(key));
        self.dirty.insert(table.clone());
        if copy.is_copying() && copy.is_complete() {
            copy.progress.state = TableState::Following;
            // A later description than the one that the keys were read by may be known by now.
            if std::mem::take(&mut copy.unindexed)
                && let Some(description) = &copy.description
            {
                self.ahead.hold(description.clone());
            }
        }
    }

    /// The row of this key has to be read anew: at the place where the stream is, the collection
    /// does not hold it as it is. `loosens`: it may also hold a unique value that it lost.
    pub(crate) fn keep_key(
        &mut self,
        table: &TableName,
        key: Vec<Value>,
        loosens: bool,
        limits: &Limits,
    ) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        if loosens && !copy.unindexed {
            copy.unindexed = true;
            self.loosened.insert(table.clone());
        }
        if copy.progress.state == TableState::Following {
            copy.progress.state = TableState::Recopy;
        }
        // All rows will be read.
        if !copy.progress.planned {
            return;
        }
        self.dirty.insert(table.clone());
        let (max_keys, max_bytes) = (limits.max_keys, limits.max_keys_bytes);
        if copy.keys.is_full(max_keys, max_bytes) {
            self.read_all_again(table);
        } else {
            copy.keys.keep(key);
        }
    }

    /// Somebody wants the keys read anew; tells whether they can be.
    pub(crate) fn want_keys(
        &mut self,
        table: &TableName,
        keys: &[Vec<Value>],
        limits: &Limits,
    ) -> bool {
        let Some(copy) = self.tables.get_mut(table) else {
            return false;
        };
        let columns = copy
            .progress
            .key
            .as_ref()
            .map_or(0, |key| key.columns.len());
        let fit = columns > 0 && keys.iter().all(|key| key.len() == columns);
        if !fit
            || copy
                .keys
                .would_overflow(keys, limits.max_keys, limits.max_keys_bytes)
        {
            return false;
        }
        match copy.progress.state {
            TableState::Following | TableState::Recopy => copy.progress.state = TableState::Recopy,
            TableState::Copying if copy.progress.live => {}
            TableState::Copying | TableState::Stopped | TableState::Dropped => return false,
        }
        for key in keys {
            copy.keys.keep(key.clone());
        }
        self.dirty.insert(table.clone());
        true
    }

    /// Rows changed that nothing names.
    pub(crate) fn mark_anew(&mut self, table: &TableName) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        copy.progress.anew = true;
        if copy.progress.state == TableState::Following {
            copy.progress.state = TableState::Recopy;
        }
        self.dirty.insert(table.clone());
    }

    /// Reads the table over what there is. Changes go on being applied, and no row is left behind:
    /// each that went was told by its key.
    fn read_all_again(&mut self, table: &TableName) {
        let Some(copy) = self.tables.get(table) else {
            return;
        };
        let unindexed = copy.unindexed;
        let progress = TableProgress {
            planned: false,
            remaining: Vec::new(),
            rows_copied: 0,
            keys: copy.keys.to_store(),
            ..copy.progress.clone()
        };
        self.begin_anew(table, progress);
        if let Some(copy) = self.tables.get_mut(table) {
            copy.unindexed = unindexed;
        }
    }
}
