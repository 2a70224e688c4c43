//! What the loops tell about themselves while they run.
//!
//! One shared snapshot that both loops write and everybody else only reads: the terminal, the
//! stored status, the tests. It decides nothing about the data; how a run ends is read from its last
//! state.

use crate::ports::Tail;
use crate::recopies::{Recopied, Recopies, Recopy};
use change::{
    Checkpoint, Position, QuarantineKey, QuarantineRecord, TableName, TableProgress, Trouble,
};
use reconcile::Capture;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A look at a running pipeline.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Where the stream stands, and when the source committed that (milliseconds since 1970).
    pub captured: Option<(Position, i64)>,
    /// What the target holds.
    pub applied: Option<Checkpoint>,
    /// The tables as capture sees them; empty where no capture runs in this process.
    pub tables: BTreeMap<TableName, TableProgress>,
    /// The tables as the target holds them; empty where no sink runs in this process.
    pub applied_tables: BTreeMap<TableName, TableProgress>,
    /// Changes applied since the start, snapshot rows included.
    pub changes_applied: u64,
    pub barriers_applied: u64,
    /// Barriers that capture has handed to the log since the start.
    pub barriers_sent: u64,
    /// The newest position of the source, when somebody asked last.
    pub head: Option<Position>,
    pub last_error: Option<Trouble>,
    /// The rows in quarantine, as the target holds their records.
    pub quarantine: Arc<[Arc<QuarantineRecord>]>,
}

/// The shared look. Cloning gives another handle.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    shared: Arc<Mutex<Shared>>,
    /// Somebody wants rows in quarantine forgotten.
    unwanted: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Shared {
    look: Look,
    tables_seen: Option<Instant>,
    /// Tables that apply has given up; capture's records must not hide it.
    stopped: BTreeMap<TableName, Trouble>,
    recopies: Recopies,
    /// Rows in quarantine that are to be forgotten.
    unwanted: BTreeSet<QuarantineKey>,
}

impl Shared {
    fn see_tables(&mut self, core: &Capture) {
        self.tables_seen = Some(Instant::now());
        self.look.tables = core
            .progress()
            .map(|table| (table.table.clone(), table.clone()))
            .collect();
        for (table, trouble) in &self.stopped {
            mark_stopped(&mut self.look.tables, table, trouble);
        }
    }
}

impl Watch {
    pub fn look(&self) -> Look {
        self.shared().look.clone()
    }

    pub(crate) fn captured(&self, core: &Capture) {
        let mut shared = self.shared();
        shared.look.captured = Some((core.position().clone(), core.committed_at_ms()));
        // Thousands of tables are not copied for every event.
        let recent = shared
            .tables_seen
            .is_some_and(|at| at.elapsed() < Duration::from_millis(200));
        if recent && !core.is_copied() {
            return;
        }
        if recent && shared.look.tables.values().all(|table| !is_moving(table)) {
            return;
        }
        shared.see_tables(core);
    }

    /// The last look at capture, which spares nothing: what a process ends with is told by it.
    pub(crate) fn captured_last(&self, core: &Capture) {
        let mut shared = self.shared();
        shared.look.captured = Some((core.position().clone(), core.committed_at_ms()));
        shared.see_tables(core);
    }

    pub(crate) fn sent(&self) {
        self.shared().look.barriers_sent += 1;
    }

    pub(crate) fn took_over(&self, tail: &Tail) {
        let mut shared = self.shared();
        shared.look.applied = tail.checkpoint.clone();
        shared.look.quarantine = tail.quarantine.iter().cloned().collect();
        let tables = tail.tables.iter().cloned();
        shared.look.applied_tables = tables.map(|table| (table.table.clone(), table)).collect();
    }

    pub(crate) fn applied(
        &self,
        checkpoint: &Checkpoint,
        progress: Vec<TableProgress>,
        changes: u64,
    ) {
        let mut shared = self.shared();
        shared.look.applied = Some(checkpoint.clone());
        for table in progress {
            let name = table.table.clone();
            shared.look.applied_tables.insert(name, table);
        }
        shared.look.changes_applied += changes;
        shared.look.barriers_applied += 1;
    }

    pub(crate) fn stopped(&self, table: &TableName, trouble: &Trouble) {
        let mut guard = self.shared();
        let shared = &mut *guard;
        shared.stopped.insert(table.clone(), trouble.clone());
        // Capture may have looked for the last time.
        mark_stopped(&mut shared.look.tables, table, trouble);
    }

    /// The table is copied anew: whatever stopped it is over.
    pub(crate) fn began_anew(&self, table: &TableName) {
        self.shared().stopped.remove(table);
    }

    /// Asks capture to copy anew. Asking once more changes nothing.
    pub fn recopy(&self, request: Recopy) {
        self.shared().recopies.ask(request);
    }

    /// What became of the request of that name, once it is durable.
    pub fn recopied(&self, id: &str) -> Option<Recopied> {
        self.shared().recopies.answered(id).cloned()
    }

    /// The answer was handed on.
    pub fn forget_recopy(&self, id: &str) {
        self.shared().recopies.forget(id);
    }

    pub(crate) fn recopies<T>(&self, look: impl FnOnce(&mut Recopies) -> T) -> T {
        look(&mut self.shared().recopies)
    }

    pub(crate) fn kept_back(&self, records: impl Iterator<Item = Arc<QuarantineRecord>>) {
        self.shared().look.quarantine = records.collect();
    }

    /// Asks apply to forget a row in quarantine. It is done once [`Look::quarantine`] has it no more.
    pub fn forget(&self, row: QuarantineKey) {
        self.shared().unwanted.insert(row);
        self.unwanted.notify_one();
    }

    pub(crate) fn has_unwanted(&self) -> bool {
        !self.shared().unwanted.is_empty()
    }

    /// Waits until somebody wants rows forgotten. Cancel safe.
    pub(crate) async fn unwanted(&self) {
        while !self.has_unwanted() {
            self.unwanted.notified().await;
        }
    }

    pub(crate) fn take_unwanted(&self) -> Vec<QuarantineKey> {
        let unwanted = std::mem::take(&mut self.shared().unwanted);
        unwanted.into_iter().collect()
    }

    /// Records the newest position of the source.
    pub fn head(&self, position: Position) {
        self.shared().look.head = Some(position);
    }

    /// Records a failure for the stored status.
    pub fn failed(&self, trouble: Trouble) {
        self.shared().look.last_error = Some(trouble);
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn mark_stopped(
    tables: &mut BTreeMap<TableName, TableProgress>,
    table: &TableName,
    trouble: &Trouble,
) {
    if let Some(progress) = tables.get_mut(table) {
        progress.state = change::TableState::Stopped;
        progress.trouble = Some(trouble.clone());
    }
}

fn is_moving(table: &TableProgress) -> bool {
    matches!(
        table.state,
        change::TableState::Copying | change::TableState::Recopy
    )
}
