//! From barriers to what the sink is asked to do.
//!
//! Mapping and folding are pure; this keeps the compiled mappers of the tables, the tables that
//! had to be given up, and groups neighbouring barriers: chunks with chunks, whole transactions
//! with whole transactions. It waits for nothing, so it can run beside the writing of the batch
//! before.

use crate::ports::{ApplyBatch, Work};
use change::{
    Barrier, Change, Collection, Effect, Schema, TableDescription, TableName, TableState, Trouble,
};
use mapping::{CollectionPlan, Mapper, RowCounter, TableMapper};
use reconcile::fold;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// One step of the apply loop.
#[derive(Debug)]
pub struct Step {
    /// Collections to be created before the batch.
    pub prepare: Vec<CollectionPlan>,
    pub batch: ApplyBatch,
    /// How many source changes the batch comes from.
    pub changes: u64,
    /// Collections whose copy the batch completes: their other indexes are built after it.
    pub finish: Vec<CollectionPlan>,
    /// Tables that are given up with this batch.
    pub stopped: Vec<(TableName, Trouble)>,
}

/// How much one batch may hold.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    pub max_changes: usize,
    pub max_bytes: usize,
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

    /// Whether `next` may join a batch that holds these barriers already.
    pub fn may_join(group: &[Barrier], next: &Barrier, limits: GroupLimits) -> bool {
        let Some(first) = group.first() else {
            return true;
        };
        let plain = |barrier: &Barrier| {
            barrier.emptied.is_empty()
                && barrier.checkpoint.torn.is_none()
                && barrier.mapping == first.mapping
        };
        let changes: usize = group
            .iter()
            .chain([next])
            .map(|barrier| barrier.changes.len())
            .sum();
        let bytes: usize = group.iter().chain([next]).map(Barrier::heap_bytes).sum();
        // A torn part is followed by a barrier that makes it whole; neither joins others, so that
        // what is marked torn is exactly what is torn.
        plain(first)
            && plain(next)
            && first.chunk == next.chunk
            && changes <= limits.max_changes
            && bytes <= limits.max_bytes
    }

    /// What the sink has to do for these barriers, which came one after the other.
    pub fn translate(&mut self, group: Vec<Barrier>) -> Step {
        let last = group.last().expect("a group has at least one barrier");
        let checkpoint = last.checkpoint.clone();
        let mapping = last.mapping.clone();
        let chunk = last.chunk;
        let already_stopped = self.stopped.len();
        let mut prepare = Vec::new();
        let mut finish = Vec::new();
        let mut effects = Vec::new();
        let mut emptied = Vec::new();
        let mut progress = BTreeMap::new();
        let mut count = 0;
        for barrier in &group {
            for description in &barrier.described {
                prepare.extend(self.describe(description));
            }
        }
        for barrier in group {
            let mut counter = RowCounter::new();
            count += barrier.changes.len() as u64;
            self.map(&barrier.changes, &mut counter, &mut effects);
            for table in &barrier.emptied {
                emptied.push(Arc::new(self.mapper.collection(table)));
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
                progress.state = TableState::Stopped;
                progress.trouble = Some(trouble.clone());
            }
        }
        for (table, trouble) in &stopped {
            let record = progress.entry(table.clone());
            let record = record.or_insert_with(|| change::TableProgress::unplanned(table.clone()));
            record.state = TableState::Stopped;
            record.trouble = Some(trouble.clone());
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
            prepare,
            batch,
            changes: count,
            finish,
            stopped,
        }
    }

    fn describe(&mut self, description: &Arc<TableDescription>) -> Option<CollectionPlan> {
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
        Some(plan)
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
                    message: error.to_string().into(),
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
            .filter_map(|table| {
                self.tables
                    .get(table)
                    .and_then(|compiled| compiled.plan.clone())
            })
            .collect()
    }
}
