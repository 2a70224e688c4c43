//! The copy of each table: what is known, what is left, and which windows are open.
//!
//! A table goes from unknown to described, planned, copied chunk by chunk, and following. Every
//! step that has to survive a restart is in its [`TableProgress`], which travels with barriers;
//! windows do not survive, their ranges are read again. A table is *live* from its first window
//! on: only then are its changes emitted, and the mark is stored no later than the first of them.
//! (A table without a key is live once its single chunk is emitted: its rows are a multiset, and
//! a change may be counted only once.)

mod rereading;

use crate::ahead::Ahead;
use crate::table_copy::TableCopy;
use crate::window::Window;
use change::{
    Gtid, KeyRange, LogPosition, Position, TableDescription, TableKey, TableName, TableProgress,
    TableState, Trouble, Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names an open window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WindowId(u64);

/// What a window reads.
#[derive(Clone, PartialEq, Debug)]
pub enum Extent {
    /// From its start.
    Range(KeyRange),
    /// These keys, each in key order.
    Keys(Vec<Vec<Value>>),
}

/// What capture wants a reader to do next.
#[derive(Clone, Debug)]
pub enum Task {
    /// Ask the catalogue what the table looks like.
    Describe(TableName),
    /// Split the table into ranges.
    Plan(Arc<TableDescription>),
    /// Read a chunk; everything up to the present position must be visible to it.
    Read {
        window: WindowId,
        table: Arc<TableDescription>,
        extent: Extent,
    },
}

/// All tables of the pipeline.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    tables: BTreeMap<TableName, TableCopy>,
    /// Tables whose progress changed since it was last handed out.
    dirty: BTreeSet<TableName>,
    described: Vec<Arc<TableDescription>>,
    /// Tables whose unique keys the next barrier has to end.
    loosened: BTreeSet<TableName>,
    ahead: Ahead,
    next_window: u64,
    open_windows: usize,
}

impl Copies {
    pub(crate) fn resume(progress: Vec<TableProgress>) -> Self {
        let tables = progress
            .into_iter()
            .map(|one| (one.table.clone(), TableCopy::new(one)));
        Self {
            tables: tables.collect(),
            ..Self::default()
        }
    }

    pub(crate) fn progress(&self) -> impl Iterator<Item = &TableProgress> {
        self.tables.values().map(|copy| &copy.progress)
    }

    /// A table that exists and matches. Nothing happens if it is known already.
    pub(crate) fn add(&mut self, table: &TableName) {
        let known = self.tables.get(table).map(|copy| copy.progress.state);
        if known.is_some_and(|state| state != TableState::Dropped) {
            if let Some(copy) = self.tables.get_mut(table) {
                copy.absent = false;
            }
            return;
        }
        let progress = TableProgress::unplanned(table.clone());
        match self.tables.get_mut(table) {
            Some(copy) => copy.replace(progress),
            None => {
                self.tables.insert(table.clone(), TableCopy::new(progress));
            }
        }
        self.dirty.insert(table.clone());
    }

    /// The next thing a reader can do. `between_transactions`: a window may be opened now.
    pub(crate) fn next_task(
        &mut self,
        between_transactions: bool,
        window_bytes: usize,
    ) -> Option<Task> {
        let wanted = self
            .tables
            .values_mut()
            .find(|copy| !copy.asked && !copy.absent && copy.wants_description_or_plan());
        if let Some(copy) = wanted {
            copy.asked = true;
            return Some(match &copy.description {
                None => Task::Describe(copy.progress.table.clone()),
                Some(description) => Task::Plan(description.clone()),
            });
        }
        if !between_transactions {
            return None;
        }
        if let Some(task) = self.read_keys(window_bytes) {
            return Some(task);
        }
        // A table that was complete before it was altered does not wait for those that never were.
        let readable = |copy: &&mut TableCopy| {
            copy.is_copying() && copy.description.is_some() && !copy.free.is_empty()
        };
        let mut altered = self.tables.values_mut().filter(readable);
        let copy = match altered.find(|copy| copy.progress.state == TableState::Recopy) {
            Some(copy) => copy,
            None => self.tables.values_mut().find(readable)?,
        };
        let description = copy.description.clone()?;
        let range = copy.free.pop()?;
        let window = WindowId(self.next_window);
        self.next_window += 1;
        self.open_windows += 1;
        let opened = Window::open(&description.schema, window_bytes);
        let extent = Extent::Range(range);
        copy.claimed.insert(window, (extent.clone(), opened));
        if !copy.progress.live && !description.schema.key.is_empty() {
            copy.progress.live = true;
            self.dirty.insert(copy.progress.table.clone());
        }
        Some(Task::Read {
            window,
            table: description,
            extent,
        })
    }

    pub(crate) fn described(&mut self, table: &TableName, description: Option<TableDescription>) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        copy.asked = false;
        if std::mem::take(&mut copy.outdated) {
            return;
        }
        match description {
            None => copy.absent = true,
            Some(description) => {
                let description = Arc::new(description);
                copy.description = Some(description.clone());
                if copy.is_whole() {
                    self.ahead.hold(description);
                } else {
                    self.tell(description);
                }
            }
        }
    }

    /// Whether somebody has to say where the source's log ends now.
    pub(crate) fn wants_head(&self) -> bool {
        self.ahead.wants_head() && !self.tables.values().any(|copy| copy.asked)
    }

    pub(crate) fn head_is(&mut self, head: &Position) {
        self.ahead.head_is(head);
    }

    /// Tells the descriptions that the stream has caught up with.
    pub(crate) fn reached(&mut self, position: &Position) {
        for description in self.ahead.reached_by(position) {
            let copy = self.tables.get(&description.schema.name);
            let current = copy.and_then(|copy| copy.description.as_ref());
            if current.is_some_and(|current| Arc::ptr_eq(current, &description)) {
                self.tell(description);
            }
        }
    }

    fn tell(&mut self, description: Arc<TableDescription>) {
        // The state goes with it: only a table that follows gets all its indexes.
        self.dirty.insert(description.schema.name.clone());
        self.described.push(description);
    }

    /// A plan counts only for the description that it was made of: a table that was made anew
    /// meanwhile may have another key.
    pub(crate) fn planned(
        &mut self,
        description: &Arc<TableDescription>,
        ranges: Vec<KeyRange>,
        rows_estimated: u64,
    ) {
        let table = &description.schema.name;
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        let current = copy.description.as_ref();
        if !current.is_some_and(|current| Arc::ptr_eq(current, description)) {
            return;
        }
        copy.asked = false;
        if !copy.is_copying() || copy.progress.planned {
            return;
        }
        // Taken from the end, so that the copy goes on in key order.
        copy.free = ranges.into_iter().rev().collect();
        copy.progress.planned = true;
        copy.progress.rows_estimated = rows_estimated;
        if copy.progress.state == TableState::Copying {
            copy.set_key(TableKey::of(description));
        }
        copy.update_remaining();
        self.dirty.insert(table.clone());
    }

    /// A describe or plan task failed for a reason outside the table: it may be asked again.
    pub(crate) fn unanswered(&mut self, table: &TableName) {
        if let Some(copy) = self.tables.get_mut(table) {
            copy.asked = false;
            copy.outdated = false;
        }
    }

    pub(crate) fn begin(&mut self, transaction: Option<&Gtid>) {
        if self.open_windows == 0 {
            return;
        }
        for (_, window) in self
            .tables
            .values_mut()
            .flat_map(|copy| copy.claimed.values_mut())
        {
            window.begin(transaction);
        }
    }

    /// The transaction that began last is committed here.
    pub(crate) fn commit(&mut self, end: &LogPosition) {
        if self.open_windows == 0 {
            return;
        }
        let tables = self.tables.values_mut();
        for (_, window) in tables.flat_map(|copy| copy.claimed.values_mut()) {
            window.commit(end);
        }
    }

    pub(crate) fn get(&self, table: &TableName) -> Option<&TableCopy> {
        self.tables.get(table)
    }

    pub(crate) fn get_mut(&mut self, table: &TableName) -> Option<&mut TableCopy> {
        self.tables.get_mut(table)
    }

    /// Ends a window: gives back what it reads as free, and the window to be closed.
    pub(crate) fn take_window(
        &mut self,
        table: &TableName,
        id: WindowId,
    ) -> Option<(Extent, Window)> {
        let copy = self.tables.get_mut(table)?;
        let (extent, window) = copy.claimed.remove(&id)?;
        self.open_windows -= 1;
        match &extent {
            Extent::Range(range) => copy.free.push(range.clone()),
            Extent::Keys(keys) => copy.keys.give_back(keys),
        }
        Some((extent, window))
    }

    /// A chunk was emitted: `rest` is what is left of its range (which `take_window` freed).
    pub(crate) fn emitted(&mut self, table: &TableName, rest: Option<KeyRange>, rows_read: u64) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        copy.free.pop();
        copy.free.extend(rest);
        copy.progress.rows_copied += rows_read;
        copy.update_remaining();
        self.dirty.insert(table.clone());
        if !copy.progress.remaining.is_empty() {
            return;
        }
        copy.progress.live = true;
        if !copy.is_complete() {
            copy.unindexed = true;
            return;
        }
        let before = std::mem::replace(&mut copy.progress.state, TableState::Following);
        // All that the description may have been ahead of has passed: a chunk that was read
        // after it has reached its end. Now its unique keys hold.
        if before == TableState::Recopy || std::mem::take(&mut copy.unindexed) {
            self.described.extend(copy.description.clone());
        }
    }

    /// The table has this progress now; what was known of it beside is forgotten.
    pub(crate) fn begin_anew(&mut self, table: &TableName, progress: TableProgress) {
        if let Some(copy) = self.tables.get_mut(table) {
            self.open_windows -= copy.claimed.len();
            copy.replace(progress);
            self.dirty.insert(table.clone());
        }
    }

    /// The table is gone. Gives whether its collection may hold anything.
    pub(crate) fn drop_table(&mut self, table: &TableName) -> bool {
        if !self.tables.contains_key(table) {
            return false;
        }
        let mut progress = TableProgress::unplanned(table.clone());
        progress.state = TableState::Dropped;
        progress.planned = true;
        self.begin_anew(table, progress);
        true
    }

    pub(crate) fn stop(&mut self, table: &TableName, trouble: Trouble) {
        let Some(copy) = self.tables.get(table) else {
            return;
        };
        if copy.progress.state == TableState::Stopped {
            return;
        }
        let mut progress = copy.progress.clone();
        progress.state = TableState::Stopped;
        progress.live = false;
        progress.keys = Vec::new();
        progress.anew = false;
        progress.trouble = Some(trouble);
        self.begin_anew(table, progress);
    }

    pub(crate) fn is_news(&self, table: &TableName) -> bool {
        self.dirty.contains(table)
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.dirty.is_empty() || !self.described.is_empty()
    }

    /// The progress records and descriptions that the next barrier has to carry.
    pub(crate) fn take_news(&mut self) -> (Vec<TableProgress>, Vec<Arc<TableDescription>>) {
        let mut progress = Vec::with_capacity(self.dirty.len());
        for table in std::mem::take(&mut self.dirty) {
            if let Some(copy) = self.tables.get_mut(&table) {
                copy.progress.keys = copy.keys.to_store();
                progress.push(copy.progress.clone());
            }
        }
        (progress, std::mem::take(&mut self.described))
    }

    /// Tables whose unique keys end with the next barrier.
    pub(crate) fn take_loosened(&mut self) -> BTreeSet<TableName> {
        std::mem::take(&mut self.loosened)
    }
}
