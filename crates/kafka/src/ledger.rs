//! What the log knows of itself: topics with their running totals, tables with their progress.
//!
//! Writer, recovery and reader fold the same records in the same way, and each record is checked
//! against what was folded before it: ordinals grow and name their predecessor, offsets and totals
//! go on where they ended. So a record that is missing, repeated or written by somebody else is
//! noticed by whoever reads past it. Folding is pure.

use crate::protocol::Partition;
use crate::record::{
    BarrierRecord, FORMAT, PartitionRecord, ProgressRecord, StateRecord, TopicRecord, TopicState,
    json_bytes,
};
use change::{Checkpoint, MappingVersion, Ordinal, TableName, TableProgress};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Everything up to one barrier.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) last: Option<Last>,
    tables: BTreeMap<TableName, TableProgress>,
    topics: Vec<Topic>,
    by_table: HashMap<TableName, u32>,
    /// Progress records of a barrier that is still to come.
    pending: Vec<ProgressRecord>,
    /// Parts of a state that are still to come.
    parts_missing: u32,
}

/// The barrier that was folded last.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) mapping: MappingVersion,
    pub(crate) control: [Arc<str>; 2],
}

/// A table's topic.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) record: TopicRecord,
    pub(crate) partitions: Vec<Filled>,
}

/// How far a partition is filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) records: u64,
    /// Nothing of ours lies at or after this offset.
    pub(crate) next: i64,
}

/// Why a record does not follow the ones before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("the barrier follows {named}, the one before it is {found}")]
    Predecessor { named: String, found: String },
    #[error("the barrier {ordinal} does not come after the one before it")]
    Order { ordinal: Ordinal },
    #[error("topic number {number} is not known")]
    UnknownTopic { number: u32 },
    #[error("topic number {number} is given twice")]
    TopicTwice { number: u32 },
    #[error("topic {topic} has no partition {partition}")]
    UnknownPartition { topic: Arc<str>, partition: i32 },
    #[error(
        "topic {topic}, partition {partition}: {total} records are said to be there, the barriers tell of {counted}"
    )]
    Total {
        topic: Arc<str>,
        partition: i32,
        total: u64,
        counted: u64,
    },
    #[error(
        "topic {topic}, partition {partition}: records from offset {first} to {last} do not come after offset {next}"
    )]
    Offsets {
        topic: Arc<str>,
        partition: i32,
        first: i64,
        last: i64,
        next: i64,
    },
    #[error("part {part} of {of} of a state is out of place")]
    StatePart { part: u32, of: u32 },
    #[error("the barrier has {found} progress records, {expected} belong to it")]
    ProgressParts { expected: u32, found: usize },
}

impl Ledger {
    pub(crate) fn topic(&self, number: u32) -> Option<&Topic> {
        self.topics.get(number as usize)
    }

    pub(crate) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// All partitions of the tables' topics.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = Partition> {
        self.topics.iter().flat_map(|topic| {
            let name = &topic.record.name;
            (0..topic.record.partitions).map(|partition| (Arc::clone(name), partition))
        })
    }

    pub(crate) fn number(&self, table: &TableName) -> Option<u32> {
        self.by_table.get(table).copied()
    }

    /// The number that the next new topic gets.
    pub(crate) fn next_number(&self) -> u32 {
        u32::try_from(self.topics.len()).expect("fewer topics than tables of a server")
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &TableProgress> {
        self.tables.values()
    }

    pub(crate) fn ordinal(&self) -> Option<Ordinal> {
        self.last.as_ref().map(|last| last.checkpoint.ordinal)
    }

    /// Takes a part of the state. The first part begins anew; the state is what the barriers before
    /// it amount to, so nothing that was folded is lost.
    pub(crate) fn restore(&mut self, state: StateRecord) -> Result<(), Mismatch> {
        if state.part == 1 {
            let last = self.last.take();
            *self = Self {
                last,
                parts_missing: state.of,
                ..Self::default()
            };
        }
        if self.parts_missing == 0 || state.part + self.parts_missing != state.of + 1 {
            return Err(Mismatch::StatePart {
                part: state.part,
                of: state.of,
            });
        }
        self.parts_missing -= 1;
        for progress in state.tables {
            self.tables.insert(progress.table.clone(), progress);
        }
        for TopicState { topic, partitions } in state.topics {
            let filled = |(records, next)| Filled { records, next };
            self.add(topic, partitions.into_iter().map(filled).collect())?;
        }
        Ok(())
    }

    /// Takes progress that belongs to the next barrier.
    pub(crate) fn pend(&mut self, progress: ProgressRecord) {
        self.pending.push(progress);
    }

    /// Takes a barrier; `all` its progress is returned, which may stand in records of its own.
    pub(crate) fn fold(&mut self, barrier: &BarrierRecord) -> Result<Vec<TableProgress>, Mismatch> {
        // The first barrier after a bare state has no predecessor to compare with.
        if let Some(found) = self.ordinal()
            && barrier.previous != Some(found)
        {
            return Err(Mismatch::Predecessor {
                named: show(barrier.previous),
                found: show(Some(found)),
            });
        }
        let ordinal = barrier.checkpoint.ordinal;
        if barrier.previous >= Some(ordinal) {
            return Err(Mismatch::Order { ordinal });
        }
        if self.parts_missing > 0 {
            return Err(Mismatch::StatePart { part: 0, of: 0 });
        }
        let pending = std::mem::take(&mut self.pending);
        if pending.len() != barrier.progress_parts as usize {
            return Err(Mismatch::ProgressParts {
                expected: barrier.progress_parts,
                found: pending.len(),
            });
        }
        let parts = pending.iter().flat_map(|part| &part.topics);
        for topic in barrier.topics.iter().chain(parts) {
            let partitions =
                vec![Filled::default(); usize::try_from(topic.partitions).unwrap_or(0)];
            self.add(topic.clone(), partitions)?;
        }
        for entry in &barrier.partitions {
            self.fill(entry)?;
        }
        let parts = pending.into_iter().flat_map(|part| part.tables);
        let progress: Vec<TableProgress> = barrier.progress.iter().cloned().chain(parts).collect();
        for table in &progress {
            self.tables.insert(table.table.clone(), table.clone());
        }
        self.last = Some(Last {
            checkpoint: barrier.checkpoint.clone(),
            mapping: barrier.mapping.clone(),
            control: barrier.control.clone(),
        });
        Ok(progress)
    }

    /// The state, cut into records whose tables and topics hold about so many bytes.
    pub(crate) fn state(&self, max_bytes: usize) -> Vec<StateRecord> {
        let empty = || StateRecord {
            format: FORMAT,
            part: 0,
            of: 0,
            tables: Vec::new(),
            topics: Vec::new(),
        };
        let mut parts = vec![empty()];
        let mut held = 0;
        let mut room = |parts: &mut Vec<StateRecord>, bytes: usize| {
            if held > 0 && held + bytes > max_bytes {
                parts.push(empty());
                held = 0;
            }
            held += bytes;
        };
        for table in self.tables.values() {
            room(&mut parts, json_bytes(table));
            parts
                .last_mut()
                .expect("one at least")
                .tables
                .push(table.clone());
        }
        for topic in &self.topics {
            let state = TopicState {
                topic: topic.record.clone(),
                partitions: topic
                    .partitions
                    .iter()
                    .map(|filled| (filled.records, filled.next))
                    .collect(),
            };
            room(&mut parts, json_bytes(&state));
            parts.last_mut().expect("one at least").topics.push(state);
        }
        let of = u32::try_from(parts.len()).expect("fewer parts than tables");
        for (part, record) in (1..).zip(&mut parts) {
            record.part = part;
            record.of = of;
        }
        parts
    }

    fn add(&mut self, record: TopicRecord, partitions: Vec<Filled>) -> Result<(), Mismatch> {
        let number = record.number;
        if number != self.next_number() {
            return Err(Mismatch::TopicTwice { number });
        }
        self.by_table.insert(record.table.clone(), number);
        self.topics.push(Topic { record, partitions });
        Ok(())
    }

    fn fill(&mut self, entry: &PartitionRecord) -> Result<(), Mismatch> {
        let topic = self
            .topics
            .get_mut(entry.topic as usize)
            .ok_or(Mismatch::UnknownTopic {
                number: entry.topic,
            })?;
        let name = topic.record.name.clone();
        let partition = entry.partition;
        let index = usize::try_from(partition).ok();
        let Some(filled) = index.and_then(|index| topic.partitions.get_mut(index)) else {
            return Err(Mismatch::UnknownPartition {
                topic: name,
                partition,
            });
        };
        let counted = filled.records + entry.records;
        if counted != entry.total {
            return Err(Mismatch::Total {
                topic: name,
                partition,
                total: entry.total,
                counted,
            });
        }
        let span = u64::try_from(entry.last - entry.first + 1).unwrap_or(0);
        if entry.first < filled.next || span < entry.records {
            return Err(Mismatch::Offsets {
                topic: name,
                partition,
                first: entry.first,
                last: entry.last,
                next: filled.next,
            });
        }
        *filled = Filled {
            records: entry.total,
            next: entry.last + 1,
        };
        Ok(())
    }
}

fn show(ordinal: Option<Ordinal>) -> String {
    ordinal.map_or("none".to_owned(), |ordinal| ordinal.to_string())
}

#[cfg(test)]
pub(crate) mod tests;
