//! The copy of each table: what is known, what is left, and which windows are open.
//!
//! A table goes from unknown to described, planned, copied chunk by chunk, and following. Every
//! step that has to survive a restart is in its [`TableProgress`], which travels with barriers;
//! windows do not survive, their ranges are read again. A table is *live* from its first window
//! on: only then are its changes emitted, and the mark is stored no later than the first of them.
//! (A table without a key is live once its single chunk is emitted: its rows are a multiset, and
//! a change may be counted only once.)

use crate::window::Window;
use change::{
    ChangeKind, Gtid, KeyRange, Row, Schema, TableDescription, TableName, TableProgress,
    TableState, Trouble,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names an open window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WindowId(u64);

/// What capture wants a reader to do next.
#[derive(Clone, Debug)]
pub enum Task {
    /// Ask the catalogue what the table looks like.
    Describe(TableName),
    /// Split the table into ranges.
    Plan(Arc<TableDescription>),
    /// Read a chunk from the start of the range; everything up to the present position must be
    /// visible to it.
    Read {
        window: WindowId,
        table: Arc<TableDescription>,
        range: KeyRange,
    },
}

/// One table's copy.
#[derive(Debug)]
pub(crate) struct TableCopy {
    pub(crate) progress: TableProgress,
    description: Option<Arc<TableDescription>>,
    /// Ranges that nobody reads; `progress.remaining` is made of these and the claimed ones.
    free: Vec<KeyRange>,
    claimed: BTreeMap<WindowId, (KeyRange, Window)>,
    /// A describe or plan task is out.
    asked: bool,
    /// The catalogue had no such table; a CREATE will tell.
    absent: bool,
}

/// All tables of the pipeline.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    tables: BTreeMap<TableName, TableCopy>,
    /// Tables whose progress changed since it was last handed out.
    dirty: BTreeSet<TableName>,
    described: Vec<Arc<TableDescription>>,
    next_window: u64,
    open_windows: usize,
}

impl TableCopy {
    fn new(progress: TableProgress) -> Self {
        let free = progress.remaining.clone();
        let claimed = BTreeMap::new();
        Self {
            progress,
            description: None,
            free,
            claimed,
            asked: false,
            absent: false,
        }
    }

    fn is_copying(&self) -> bool {
        self.progress.state == TableState::Copying
    }
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
        self.tables.insert(
            table.clone(),
            TableCopy::new(TableProgress::unplanned(table.clone())),
        );
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
        let copy = self.tables.values_mut().find(|copy| {
            copy.is_copying() && copy.description.is_some() && !copy.free.is_empty()
        })?;
        let description = copy.description.clone()?;
        let range = copy.free.pop()?;
        let window = WindowId(self.next_window);
        self.next_window += 1;
        self.open_windows += 1;
        let opened = Window::open(&description.schema, window_bytes);
        copy.claimed.insert(window, (range.clone(), opened));
        if !copy.progress.live && !description.schema.key.is_empty() {
            copy.progress.live = true;
            self.dirty.insert(copy.progress.table.clone());
        }
        Some(Task::Read {
            window,
            table: description,
            range,
        })
    }

    pub(crate) fn described(&mut self, table: &TableName, description: Option<TableDescription>) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        copy.asked = false;
        match description {
            None => copy.absent = true,
            Some(description) => {
                let description = Arc::new(description);
                copy.description = Some(description.clone());
                self.described.push(description);
                // The state goes with it: only a table that follows gets its other indexes.
                self.dirty.insert(table.clone());
            }
        }
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
        copy.update_remaining();
        self.dirty.insert(table.clone());
    }

    /// A describe or plan task failed for a reason outside the table: it may be asked again.
    pub(crate) fn unanswered(&mut self, table: &TableName) {
        if let Some(copy) = self.tables.get_mut(table) {
            copy.asked = false;
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

    pub(crate) fn get(&self, table: &TableName) -> Option<&TableCopy> {
        self.tables.get(table)
    }

    pub(crate) fn get_mut(&mut self, table: &TableName) -> Option<&mut TableCopy> {
        self.tables.get_mut(table)
    }

    /// Ends a window: gives its range back as free, or gives out the window to be closed.
    pub(crate) fn take_window(&mut self, table: &TableName, id: WindowId) -> Option<Window> {
        let copy = self.tables.get_mut(table)?;
        let (range, window) = copy.claimed.remove(&id)?;
        self.open_windows -= 1;
        copy.free.push(range);
        Some(window)
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
        if copy.progress.remaining.is_empty() {
            copy.progress.state = TableState::Following;
            copy.progress.live = true;
        }
        self.dirty.insert(table.clone());
    }

    /// The table is no longer the one that was described: it was made anew, and the stream will say
    /// so. It is described and planned again; ranges of the former key mean nothing here.
    pub(crate) fn forget_plan(&mut self, table: &TableName) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        self.open_windows -= copy.claimed.len();
        let mut progress = copy.progress.clone();
        progress.planned = false;
        progress.remaining = Vec::new();
        *copy = TableCopy::new(progress);
        self.dirty.insert(table.clone());
    }

    /// The table is gone. Gives whether its collection may hold anything.
    pub(crate) fn drop_table(&mut self, table: &TableName) -> bool {
        let Some(copy) = self.tables.get_mut(table) else {
            return false;
        };
        if copy.progress.state == TableState::Stopped {
            return false;
        }
        self.open_windows -= copy.claimed.len();
        let mut progress = TableProgress::unplanned(table.clone());
        progress.state = TableState::Dropped;
        progress.planned = true;
        *copy = TableCopy::new(progress);
        self.dirty.insert(table.clone());
        true
    }

    pub(crate) fn stop(&mut self, table: &TableName, trouble: Trouble) {
        let Some(copy) = self.tables.get_mut(table) else {
            return;
        };
        if copy.progress.state == TableState::Stopped {
            return;
        }
        self.open_windows -= copy.claimed.len();
        let mut progress = copy.progress.clone();
        progress.state = TableState::Stopped;
        progress.live = false;
        progress.trouble = Some(trouble);
        *copy = TableCopy::new(progress);
        self.dirty.insert(table.clone());
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.dirty.is_empty() || !self.described.is_empty()
    }

    /// The progress records and descriptions that the next barrier has to carry.
    pub(crate) fn take_news(&mut self) -> (Vec<TableProgress>, Vec<Arc<TableDescription>>) {
        let dirty = std::mem::take(&mut self.dirty);
        let progress = dirty.iter().filter_map(|table| self.tables.get(table));
        (
            progress.map(|copy| copy.progress.clone()).collect(),
            std::mem::take(&mut self.described),
        )
    }
}

impl TableCopy {
    /// Whether changes of the table are emitted now.
    pub(crate) fn is_live(&self) -> bool {
        self.progress.live
    }

    /// Whether windows are open, which want to see every change.
    pub(crate) fn has_windows(&self) -> bool {
        !self.claimed.is_empty()
    }

    pub(crate) fn record(&mut self, schema: &Schema, change: &ChangeKind<Row>) {
        for (_, window) in self.claimed.values_mut() {
            window.record(schema, change);
        }
    }

    pub(crate) fn record_table_change(&mut self) {
        for (_, window) in self.claimed.values_mut() {
            window.record_table_change();
        }
    }

    fn wants_description_or_plan(&self) -> bool {
        match self.progress.state {
            TableState::Copying | TableState::Recopy => {
                self.description.is_none() || !self.progress.planned
            }
            TableState::Following => self.description.is_none(),
            TableState::Stopped | TableState::Dropped => false,
        }
    }

    fn update_remaining(&mut self) {
        let claimed = self.claimed.values().map(|(range, _)| range);
        self.progress.remaining = self.free.iter().chain(claimed).cloned().collect();
    }
}
