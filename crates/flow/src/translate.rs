//! From barriers to what the sink is asked to do.
//!
//! Mapping and folding are pure; this keeps the compiled mappers of the tables, the tables that
//! had to be given up. It waits for nothing, so it can run beside the writing of the batch before.

use crate::failure::{Disposition, Failure};
use crate::group::Group;
use crate::ports::{ApplyBatch, Work};
use change::{
    Change, Collection, Effect, Schema, TableDescription, TableName, TableProgress, TableState,
    Trouble,
};
use mapping::{CollectionPlan, Mapper, RowCounter, TableMapper};
use reconcile::fold;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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
}

/// A table that is given up because the target refuses its documents.
#[derive(Debug)]
pub struct GivenUp {
    table: TableName,
    collection: Collection,
    trouble: Trouble,
}

impl GivenUp {
    /// Leaves the table out of a step that is to be taken again. `tell`: the step stores that the
    /// table stands still, even if it says nothing of it otherwise.
    pub fn leave_out_of(&self, step: &mut Step, tell: bool) {
        let others = |plan: &CollectionPlan| *plan.collection != self.collection;
        step.loosen
            .retain(|collection| **collection != self.collection);
        step.prepare.retain(others);
        step.finish.retain(others);
        let batch = Arc::make_mut(&mut step.batch);
        match &mut batch.work {
            Work::Atomic(effects) | Work::Chunks(effects) => {
                effects.retain(|effect| *effect.collection != self.collection);
            }
            Work::Empty(collections) => {
                collections.retain(|collection| **collection != self.collection);
            }
        }
        let mut known = batch.progress.iter_mut();
        match known.find(|progress| progress.table == self.table) {
            Some(progress) => stop(progress, &self.trouble),
            None if tell => {
                let mut progress = TableProgress::unplanned(self.table.clone());
                stop(&mut progress, &self.trouble);
                batch.progress.push(progress);
            }
            None => return,
        }
        step.stopped
            .push((self.table.clone(), self.trouble.clone()));
    }
}

fn stop(progress: &mut TableProgress, trouble: &Trouble) {
    progress.state = TableState::Stopped;
    progress.live = false;
    progress.trouble = Some(trouble.clone());
}

/// The pure half of apply.
#[derive(Debug)]
pub struct Translator {
    mapper: Mapper,
    tables: HashMap<TableName, Compiled>,
    stopped: BTreeMap<TableName, Trouble>,
}

#[derive(Debug, Default)]
struct Compiled {
    plan: Option<CollectionPlan>,
    /// `None` until the table is described: then any column may be unique.
    unique: Option<Vec<Arc<str>>>,
    mapper: Option<TableMapper>,
}

impl Translator {
    /// `stopped`: tables that were given up in an earlier run.
    pub fn new(mapper: Mapper, stopped: BTreeMap<TableName, Trouble>) -> Self {
        Self {
            mapper,
            tables: HashMap::new(),
            stopped,
        }
    }

    /// Gives up the table whose collection the target refuses; the failure itself where it
    /// concerns no table, or none that is written.
    pub fn give_up(&mut self, failure: Failure) -> Result<GivenUp, Failure> {
        let collection = match (failure.disposition, &failure.table) {
            (Disposition::Table, Some(table)) => Collection {
                database: table.database.clone(),
                name: table.table.clone(),
            },
            (Disposition::Table, None)
            | (Disposition::Transient | Disposition::Fenced | Disposition::Halt, _) => {
                return Err(failure);
            }
        };
        let mut written = self
            .tables
            .keys()
            .filter(|table| !self.stopped.contains_key(*table));
        let table = written.find(|table| self.mapper.collection(table) == collection);
        let Some(table) = table.cloned() else {
            return Err(failure);
        };
        tracing::error!(%table, code = failure.code, "{failure}");
        let trouble = Trouble {
            code: failure.code.into(),
            message: failure.message.into(),
            remedy: failure.remedy.into(),
        };
        self.stopped.insert(table.clone(), trouble.clone());
        Ok(GivenUp {
            table,
            collection,
            trouble,
        })
    }

    /// What the sink has to do for these barriers, which came one after the other.
    pub fn translate(&mut self, group: Group) -> Step {
        let group = group.into_barriers();
        let last = group.last().expect("a group has at least one barrier");
        let checkpoint = last.checkpoint.clone();
        let mapping = last.mapping.clone();
        let chunk = last.chunk;
        let already_stopped = self.stopped.len();
        let mut loosen = Vec::new();
        let mut prepare = Vec::new();
        let mut finish = Vec::new();
        let mut effects = Vec::new();
        let mut emptied = Vec::new();
        let mut progress = BTreeMap::new();
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
            self.map(&barrier.changes, &mut counter, &mut effects);
            for table in &barrier.emptied {
                emptied.push(Arc::new(self.mapper.collection(table)));
            }
            for table in &barrier.loosened {
                loosen.push(Arc::new(self.mapper.collection(table)));
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
        let work = if !emptied.is_empty() {
            Work::Empty(emptied)
        } else if chunk {
            Work::Chunks(effects)
        } else {
            Work::Atomic(fold(effects))
        };
        let batch = ApplyBatch {
            work,
            checkpoint,
            progress: progress.into_values().collect(),
            mapping,
        };
        let finish = self.plans(finish);
        Step {
            loosen,
            prepare,
            batch: Arc::new(batch),
            changes: count,
            finish,
            stopped,
        }
    }

    /// What to create. A collection that is empty gets its unique indexes before the first row, every
    /// other one when it is complete: its documents may be of before them.
    fn describe(
        &mut self,
        description: &Arc<TableDescription>,
        is_empty: bool,
    ) -> Option<CollectionPlan> {
        let table = &description.schema.name;
        let plan = match self.mapper.collection_plan(description) {
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
        let unique = self.mapper.unique_columns(description).ok();
        let compiled = Compiled {
            plan: Some(plan.clone()),
            unique,
            mapper: None,
        };
        self.tables.insert(table.clone(), compiled);
        let unique = if is_empty { plan.unique } else { Vec::new() };
        Some(CollectionPlan { unique, ..plan })
    }

    fn map(&mut self, changes: &[Change], counter: &mut RowCounter, out: &mut Vec<Effect>) {
        let mut run = changes;
        while let Some(first) = run.first() {
            let length = run
                .iter()
                .take_while(|change| Arc::ptr_eq(&change.schema, &first.schema))
                .count();
            let (same, rest) = run.split_at(length);
            run = rest;
            if self.stopped.contains_key(&first.schema.name) {
                continue;
            }
            if let Err(trouble) = self.map_run(&first.schema, same, counter, out) {
                tracing::error!(table = %first.schema.name, code = %trouble.code,
                    "{}", trouble.message);
                self.stopped.insert(first.schema.name.clone(), trouble);
            }
        }
    }

    fn map_run(
        &mut self,
        schema: &Arc<Schema>,
        changes: &[Change],
        counter: &mut RowCounter,
        out: &mut Vec<Effect>,
    ) -> Result<(), Trouble> {
        let mapper = self.mapper_for(schema)?;
        for change in changes {
            mapper
                .effects(&change.kind, counter, out)
                .map_err(|error| Trouble {
                    code: error.code().into(),
                    message: error.message().into(),
                    remedy: error.remedy.into(),
                })?;
        }
        Ok(())
    }

    fn mapper_for(&mut self, schema: &Arc<Schema>) -> Result<&TableMapper, Trouble> {
        let compiled = self.tables.entry(schema.name.clone()).or_default();
        let current = compiled
            .mapper
            .take()
            .filter(|mapper| Arc::ptr_eq(mapper.schema(), schema) || mapper.schema() == schema);
        let mapper = match current {
            Some(mapper) => mapper,
            None => {
                let mapper = self.mapper.compile(schema).map_err(|problems| Trouble {
                    code: problems.code().into(),
                    message: problems.to_string().into(),
                    remedy: "lockstep explain tells what each code asks for".into(),
                })?;
                match &compiled.unique {
                    Some(unique) => mapper.with_unique(unique.iter().map(|name| &**name)),
                    None => mapper.with_unique(schema.columns.iter().map(|column| &*column.name)),
                }
            }
        };
        Ok(compiled.mapper.insert(mapper))
    }

    /// Tables stopped since; what was mapped of them in this batch is left out.
    fn newly_stopped(&self, before: usize, effects: &mut Vec<Effect>) -> Vec<(TableName, Trouble)> {
        if self.stopped.len() == before {
            return Vec::new();
        }
        let given_up: Vec<Collection> = self
            .stopped
            .keys()
            .map(|table| self.mapper.collection(table))
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
            .filter_map(|table| self.tables.get(table)?.plan.clone())
            .map(|mut plan| {
                plan.secondary.splice(..0, plan.unique.iter().cloned());
                plan
            })
            .collect()
    }
}
