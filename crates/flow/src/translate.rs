//! From barriers to what the sink is asked to do.
//!
//! Mapping and folding are pure; this keeps the compiled mappers of the tables, the tables that
//! had to be given up, and the rows that are kept back. It waits for nothing, so it can run beside
//! the writing of the batch before.

mod refusal;
mod rows;
mod tables;

use crate::failure::Failure;
use crate::given_up::{begins_anew, stop};
use crate::group::Group;
use crate::ports::{ApplyBatch, Work};
use change::{
    Action, BarrierKind, Checkpoint, Collection, Effect, MappingVersion, QuarantineChange,
    QuarantineKey, TableDescription, TableName, TableProgress, TableState, Trouble,
};
use mapping::{CollectionPlan, Mapper, RowCounter};
use reconcile::{Arrival, Quarantine, fold};
use std::collections::BTreeMap;
use std::sync::Arc;
use tables::Tables;

/// One step of the apply loop.
#[derive(Debug)]
pub struct Step {
    /// Collections that lose their unique indexes before all else.
    pub loosen: Vec<Arc<Collection>>,
    /// Collections to be created before the batch.
    pub prepare: Vec<CollectionPlan>,
    /// Shared with the sink while it copies.
    pub batch: Arc<ApplyBatch>,
    /// How many source changes the batch comes from.
    pub changes: u64,
    /// Collections whose copy the batch completes: their other indexes are built after it.
    pub finish: Vec<CollectionPlan>,
    /// Tables that are given up with this batch.
    pub stopped: Vec<(TableName, Trouble)>,
    /// Tables that were given up before, and are copied anew from this batch on.
    pub lifted: Vec<TableName>,
}

/// What the target holds of a key that was read anew is not known: the document has to go before
/// the new one comes, or two that swapped a unique value would collide.
fn replace_first(effect: &mut Effect) {
    if let Action::Put { unique_changed, .. } = &mut effect.action {
        *unique_changed = true;
    }
}

/// The pure half of apply.
#[derive(Debug)]
pub struct Translator {
    tables: Tables,
    stopped: BTreeMap<TableName, Trouble>,
    quarantine: Quarantine,
}

impl Translator {
    /// `stopped`: tables that were given up in an earlier run; `quarantine`: the rows that it kept
    /// back.
    pub fn new(
        mapper: Mapper,
        stopped: BTreeMap<TableName, Trouble>,
        quarantine: Quarantine,
    ) -> Self {
        Self {
            tables: Tables::new(mapper),
            stopped,
            quarantine,
        }
    }

    /// Forgets these rows, so that their next changes are applied like any others. The step stores
    /// nothing else, with the checkpoint that stands already.
    pub fn forget(
        &mut self,
        rows: &[QuarantineKey],
        checkpoint: Checkpoint,
        mapping: MappingVersion,
    ) -> Step {
        for row in rows {
            self.quarantine.lift(row);
        }
        Step {
            loosen: Vec::new(),
            prepare: Vec::new(),
            batch: Arc::new(ApplyBatch {
                work: Work::Atomic(Vec::new()),
                checkpoint,
                progress: Vec::new(),
                mapping,
                quarantine: self.quarantine.take_changes(),
            }),
            changes: 0,
            finish: Vec::new(),
            stopped: Vec::new(),
            lifted: Vec::new(),
        }
    }

    /// What the sink has to do for these barriers, which came one after the other. A failure is that
    /// more rows would have to be kept back than may be.
    pub fn translate(&mut self, group: Group) -> Result<Step, Failure> {
        let group = group.into_barriers();
        let last = group.last().expect("a group has at least one barrier");
        let checkpoint = last.checkpoint.clone();
        let mapping = last.mapping.clone();
        let kind = last.kind;
        let arrival = match kind {
            BarrierKind::Stream => Arrival::Stream,
            BarrierKind::Chunk | BarrierKind::Keys => Arrival::Copy,
        };
        let mut already_stopped = self.stopped.len();
        let mut loosen = Vec::new();
        let mut prepare = Vec::new();
        let mut finish = Vec::new();
        let mut effects = Vec::new();
        let mut emptied = Vec::new();
        let mut progress = BTreeMap::new();
        let mut lifted = Vec::new();
        let mut count = 0;
        for barrier in &group {
            for description in &barrier.described {
                let table = &description.schema.name;
                let mut known = barrier.progress.iter();
                let progress = known.find(|one| one.table == *table);
                let is_empty =
                    progress.is_some_and(|one| one.state == TableState::Copying && !one.live);
                prepare.extend(self.describe(description, is_empty));
            }
        }
        for barrier in group {
            let mut counter = RowCounter::new();
            count += barrier.changes.len() as u64;
            self.map(&barrier.changes, arrival, &mut counter, &mut effects)?;
            for table in &barrier.emptied {
                if begins_anew(&barrier.progress, table) && self.stopped.remove(table).is_some() {
                    already_stopped -= 1;
                    lifted.push(table.clone());
                }
                let collection = Arc::new(self.tables.collection(table));
                self.quarantine.clear(&collection);
                emptied.push(collection);
            }
            for table in &barrier.loosened {
                loosen.push(Arc::new(self.tables.collection(table)));
            }
            for table in &barrier.described {
                // A table that follows already may have lost its indexes' building to a crash.
                finish.push(table.schema.name.clone());
            }
            for table in barrier.progress {
                if table.state == TableState::Following {
                    finish.push(table.table.clone());
                } else {
                    finish.retain(|other| *other != table.table);
                }
                progress.insert(table.table.clone(), table);
            }
        }
        let stopped = self.newly_stopped(already_stopped, &mut effects);
        for (table, trouble) in &self.stopped {
            if let Some(progress) = progress.get_mut(table) {
                stop(progress, trouble);
            }
        }
        for (table, trouble) in &stopped {
            let record = progress.entry(table.clone());
            stop(
                record.or_insert_with(|| TableProgress::unplanned(table.clone())),
                trouble,
            );
        }
        let quarantine = self.quarantine.take_changes();
        // A row that is lifted takes effect in the transaction in which its record goes.
        let mut changed = quarantine.iter();
        let lifts = changed.any(|change| matches!(change, QuarantineChange::Lifted(_)));
        let work = if !emptied.is_empty() {
            Work::Empty(emptied)
        } else {
            match kind {
                BarrierKind::Chunk if !lifts => Work::Chunks(effects),
                BarrierKind::Stream | BarrierKind::Chunk => Work::Atomic(fold(effects)),
                BarrierKind::Keys => {
                    effects.iter_mut().for_each(replace_first);
                    Work::Atomic(fold(effects))
                }
            }
        };
        let batch = ApplyBatch {
            work,
            checkpoint,
            progress: progress.into_values().collect(),
            mapping,
            quarantine,
        };
        let finish = self.plans(finish);
        Ok(Step {
            loosen,
            prepare,
            batch: Arc::new(batch),
            changes: count,
            finish,
            stopped,
            lifted,
        })
    }

    /// What to create. A collection that is empty gets its unique indexes before the first row, every
    /// other one when it is complete: its documents may be of before them.
    fn describe(
        &mut self,
        description: &Arc<TableDescription>,
        is_empty: bool,
    ) -> Option<CollectionPlan> {
        let table = &description.schema.name;
        let plan = match self.tables.describe(description) {
            Ok(plan) => plan,
            Err(problems) => {
                let first = problems.iter().next();
                self.stopped
                    .entry(table.clone())
                    .or_insert_with(|| Trouble {
                        code: problems.code().into(),
                        message: problems.to_string().into(),
                        remedy: first.map_or("", |problem| &problem.remedy).into(),
                    });
                return None;
            }
        };
        let unique = if is_empty { plan.unique } else { Vec::new() };
        Some(CollectionPlan { unique, ..plan })
    }

    /// Tables stopped since; what was mapped of them in this batch is left out.
    fn newly_stopped(&self, before: usize, effects: &mut Vec<Effect>) -> Vec<(TableName, Trouble)> {
        if self.stopped.len() == before {
            return Vec::new();
        }
        let given_up: Vec<Collection> = self
            .stopped
            .keys()
            .map(|table| self.tables.collection(table))
            .collect();
        effects.retain(|effect| !given_up.contains(&*effect.collection));
        self.stopped
            .iter()
            .map(|(table, trouble)| (table.clone(), trouble.clone()))
            .collect()
    }

    fn plans(&self, mut tables: Vec<TableName>) -> Vec<CollectionPlan> {
        tables.sort();
        tables.dedup();
        let known = tables
            .iter()
            .filter(|table| !self.stopped.contains_key(*table));
        known
            .filter_map(|table| self.tables.plan(table).cloned())
            .map(|mut plan| {
                plan.secondary.splice(..0, plan.unique.iter().cloned());
                plan
            })
            .collect()
    }
}
