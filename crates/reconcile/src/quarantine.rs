//! Which rows are kept back, and what becomes of what comes for them (invariant 10).
//!
//! A row enters when its value, or its document, is not taken. From then on every change of the
//! stream for it waits, a removal and a change that could be applied too: the collection keeps the
//! document of before, so that what is seen of the row is a state that it once had. Only a row of a
//! copy lifts it, because such a row equals the table at its barrier, whatever waited before. That
//! makes a retry a copy of one row, and it needs no image of what waited.
//!
//! Changes of the records are collected and taken once per batch, the newest of each row, so that
//! they can be written in the transaction of that batch.

use change::{
    Collection, QuarantineChange, QuarantineKey, QuarantineRecord, QuarantinedId, RowState,
    Sighting, TableName, Trouble, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which way a change came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// In the order of the source's history.
    Stream,
    /// Read from the table: it equals the table at its barrier.
    Copy,
}

/// What is told of a row whose change is not taken.
#[derive(Clone, Debug)]
pub struct Refused {
    pub key: QuarantineKey,
    pub table: TableName,
    pub row_key: Arc<str>,
    pub row_key_values: Option<Arc<[Value]>>,
    pub column: Option<Arc<str>>,
    pub trouble: Trouble,
    pub sighting: Sighting,
    pub row: Option<Arc<str>>,
}

/// There is no room for another row.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{table}: row {row_key} would be one more than the {limit} that quarantine holds")]
pub struct QuarantineFull {
    pub table: TableName,
    pub row_key: Arc<str>,
    pub limit: usize,
}

/// The rows that are kept back.
#[derive(Clone, Debug)]
pub struct Quarantine {
    records: BTreeMap<Arc<Collection>, BTreeMap<QuarantinedId, Arc<QuarantineRecord>>>,
    count: usize,
    limit: usize,
    changed: BTreeMap<QuarantineKey, QuarantineChange>,
    cleared: Vec<Arc<Collection>>,
}

impl Quarantine {
    /// At most `limit` rows enter.
    pub fn new(limit: usize) -> Self {
        Self {
            records: BTreeMap::new(),
            count: 0,
            limit,
            changed: BTreeMap::new(),
            cleared: Vec::new(),
        }
    }

    /// Goes on with the records of an earlier run, of which there may be more than the limit.
    pub fn resume(records: impl IntoIterator<Item = Arc<QuarantineRecord>>, limit: usize) -> Self {
        let mut quarantine = Self::new(limit);
        for record in records {
            quarantine.store(record);
        }
        quarantine
    }

    /// How many rows are kept back.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether any row of the collection is.
    pub fn holds_any(&self, collection: &Collection) -> bool {
        self.count > 0 && self.records.contains_key(collection)
    }

    pub fn get(&self, key: &QuarantineKey) -> Option<&Arc<QuarantineRecord>> {
        self.records.get(&key.collection)?.get(&key.id)
    }

    pub fn records(&self) -> impl Iterator<Item = &Arc<QuarantineRecord>> {
        self.records.values().flat_map(BTreeMap::values)
    }

    /// A change that could be applied: whether it is. One of the stream for a row that is kept back
    /// waits; one of a copy lifts it. `row` is asked for what waits.
    pub fn passes(
        &mut self,
        key: &QuarantineKey,
        arrival: Arrival,
        state: RowState,
        sighting: impl FnOnce() -> Sighting,
        row: impl FnOnce() -> Option<Arc<str>>,
    ) -> Passage {
        let Some(record) = self.get(key) else {
            return Passage::Free;
        };
        match arrival {
            Arrival::Copy => {
                self.lift(key);
                Passage::Lifted
            }
            Arrival::Stream => {
                let record = waiting(record, sighting(), state, row());
                self.note(record);
                Passage::Waits
            }
        }
    }

    /// A row that cannot be applied enters, or waits where it is in already.
    pub fn refuse(&mut self, refused: Refused, arrival: Arrival) -> Result<(), QuarantineFull> {
        let record = match (self.get(&refused.key), arrival) {
            (Some(record), Arrival::Stream) => {
                waiting(record, refused.sighting, RowState::Present, refused.row)
            }
            (Some(record), Arrival::Copy) => renewed(record, refused),
            (None, _) if self.count >= self.limit => {
                return Err(QuarantineFull {
                    table: refused.table,
                    row_key: refused.row_key,
                    limit: self.limit,
                });
            }
            (None, _) => entered(refused),
        };
        self.note(record);
        Ok(())
    }

    /// Forgets one row; says whether it was kept back.
    pub fn lift(&mut self, key: &QuarantineKey) -> bool {
        let lifted = self.forget(key);
        if lifted {
            self.changed
                .insert(key.clone(), QuarantineChange::Lifted(key.clone()));
        }
        lifted
    }

    /// The collection is empty: nothing of it is kept back any more.
    pub fn clear(&mut self, collection: &Arc<Collection>) {
        let Some(records) = self.records.remove(collection) else {
            return;
        };
        self.count -= records.len();
        self.changed.retain(|key, _| key.collection != *collection);
        self.cleared.push(collection.clone());
    }

    /// Puts in place what became of the row in batches that were decided already. Nothing is told of
    /// it: those batches tell it.
    pub fn amend(
        &mut self,
        key: &QuarantineKey,
        record: Option<Arc<QuarantineRecord>>,
    ) -> Result<(), QuarantineFull> {
        self.forget(key);
        let Some(record) = record else { return Ok(()) };
        if self.count >= self.limit {
            return Err(QuarantineFull {
                table: record.table.clone(),
                row_key: record.row_key.clone(),
                limit: self.limit,
            });
        }
        self.store(record);
        Ok(())
    }

    /// Does what was stored: for who keeps the records as they are durable.
    pub fn follow(&mut self, changes: &[QuarantineChange]) {
        for change in changes {
            match change {
                QuarantineChange::Kept(record) => self.store(record.clone()),
                QuarantineChange::Lifted(key) => {
                    self.forget(key);
                }
                QuarantineChange::Cleared(collection) => {
                    let gone = self.records.remove(collection);
                    self.count -= gone.map_or(0, |records| records.len());
                }
            }
        }
    }

    /// What has changed since this was asked last.
    pub fn take_changes(&mut self) -> Vec<QuarantineChange> {
        let cleared = std::mem::take(&mut self.cleared).into_iter();
        let changed = std::mem::take(&mut self.changed).into_values();
        cleared
            .map(QuarantineChange::Cleared)
            .chain(changed)
            .collect()
    }

    fn note(&mut self, record: QuarantineRecord) {
        let record = Arc::new(record);
        let change = QuarantineChange::Kept(record.clone());
        self.changed.insert(record.key.clone(), change);
        self.store(record);
    }

    fn store(&mut self, record: Arc<QuarantineRecord>) {
        let collection = record.key.collection.clone();
        let of_collection = self.records.entry(collection).or_default();
        if of_collection
            .insert(record.key.id.clone(), record)
            .is_none()
        {
            self.count += 1;
        }
    }

    fn forget(&mut self, key: &QuarantineKey) -> bool {
        let Some(of_collection) = self.records.get_mut(&key.collection) else {
            return false;
        };
        if of_collection.remove(&key.id).is_none() {
            return false;
        }
        if of_collection.is_empty() {
            self.records.remove(&key.collection);
        }
        self.count -= 1;
        true
    }
}

/// What becomes of a change that could be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// The row is not kept back.
    Free,
    /// It takes effect, and the row is free again.
    Lifted,
    /// It does not take effect.
    Waits,
}

/// What a batch that was decided already does for a row which the target turns out to refuse.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decided<'a> {
    /// What its effect would have left.
    pub effect: Option<RowState>,
    /// Whether it would have lifted the row's record.
    pub lifted: bool,
    /// The record that it leaves, where the batch keeps the row back itself.
    pub kept: Option<&'a QuarantineRecord>,
}

/// The record that the batch leaves when its effect on the row is left out; `before` is what earlier
/// batches left. `None`: nothing of the batch concerns the row.
pub fn left_out(
    before: Option<&QuarantineRecord>,
    decided: Decided<'_>,
    refused: &Refused,
) -> Option<QuarantineRecord> {
    let sighting = || refused.sighting.clone();
    match (before, decided) {
        (
            None,
            Decided {
                kept: Some(own), ..
            },
        ) => Some(own.clone()),
        (
            Some(before),
            Decided {
                kept: Some(own), ..
            },
        ) => Some(QuarantineRecord {
            first: before.first.clone(),
            column: before.column.clone(),
            trouble: before.trouble.clone(),
            waiting: before.waiting + 1 + own.waiting,
            ..own.clone()
        }),
        (
            Some(before),
            Decided {
                lifted: true,
                effect,
                ..
            },
        ) => Some(QuarantineRecord {
            state: effect.unwrap_or(RowState::Present),
            ..renewed(before, refused.clone())
        }),
        (
            Some(before),
            Decided {
                effect: Some(state),
                ..
            },
        ) => Some(waiting(before, sighting(), state, None)),
        (
            None,
            Decided {
                effect: Some(state),
                ..
            },
        ) => Some(QuarantineRecord {
            state,
            ..entered(refused.clone())
        }),
        (_, Decided { effect: None, .. }) => None,
    }
}

/// The record of a row that was not kept back before.
fn entered(refused: Refused) -> QuarantineRecord {
    let Refused {
        key,
        table,
        row_key,
        row_key_values,
        column,
        trouble,
        sighting,
        row,
    } = refused;
    QuarantineRecord {
        key,
        table,
        row_key,
        row_key_values,
        column,
        trouble,
        first: sighting.clone(),
        newest: sighting,
        state: RowState::Present,
        waiting: 0,
        row,
    }
}

/// The record with one more change behind it. Why the row is kept back stays what it was.
fn waiting(
    record: &QuarantineRecord,
    newest: Sighting,
    state: RowState,
    row: Option<Arc<str>>,
) -> QuarantineRecord {
    QuarantineRecord {
        newest,
        state,
        waiting: record.waiting + 1,
        row,
        ..record.clone()
    }
}

/// The record after a retry that was not taken either: its reason is the newer one, nothing waits
/// behind the row as it is now, and the first sighting stays.
fn renewed(record: &QuarantineRecord, refused: Refused) -> QuarantineRecord {
    let values = refused.row_key_values.clone();
    QuarantineRecord {
        first: record.first.clone(),
        row_key_values: values.or_else(|| record.row_key_values.clone()),
        ..entered(refused)
    }
}
