//! Where the log ends, proven; and what is known there.
//!
//! Whoever writes has fenced its predecessors before it comes here, so nobody can add a barrier to
//! what is read: the last committed one below the mark is the tail. Recovery reads growing suffixes
//! until one holds a barrier, goes back to the last whole state that it names, and folds from there.
//! Then the topics are held against the state: another id, another count of partitions or an end
//! that lies too early is a loss, and a loss is never gone on with.

use crate::client::{self, Administrator, Consumer};
use crate::committed::{self, Committed, Marks};
use crate::error::Error;
use crate::ledger::{Ledger, Mismatch};
use crate::protocol::Partition;
use crate::record::{self, BarrierRecord, LogRecord, RecordId, SchemaRecord};
use crate::refusal;
use crate::settings::{Isolation, Settings};
use crate::topics::{ControlTopics, describe};
use change::Ordinal;
use rdkafka::consumer::Consumer as _;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first suffix that is read, in offsets.
const FIRST_SUFFIX: i64 = 64;
/// Each further one is so many times as long.
const GROWTH: i64 = 8;
/// Topics that are asked for at once.
const DESCRIBED_AT_ONCE: usize = 500;
/// What a consumer of control topics holds.
const QUEUED_KBYTES: u64 = 8 << 10;

/// Reads control topics.
pub(crate) struct ControlReader<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) control: ControlTopics,
    committed: Arc<Consumer>,
    uncommitted: Arc<Consumer>,
}

/// Offsets after the last record.
pub(crate) type Ends = BTreeMap<Partition, i64>;

/// A barrier's record and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) offset: i64,
    pub(crate) record: BarrierRecord,
}

/// How much was read, for deciding when the state is due again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Suffix {
    pub(crate) state_at: Option<i64>,
    pub(crate) bytes: u64,
    pub(crate) state_bytes: u64,
}

impl<'a> ControlReader<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Result<Self, Error> {
        Ok(Self {
            settings,
            control: ControlTopics::of(&settings.pipeline),
            committed: client::consumer(settings, Isolation::Committed, QUEUED_KBYTES)?,
            uncommitted: client::consumer(settings, Isolation::Uncommitted, 64)?,
        })
    }

    /// Both ends of the barriers' topic, whatever is committed.
    pub(crate) fn marks(&self) -> Result<Marks, Error> {
        committed::marks(self.settings, &self.uncommitted, &self.control.barriers, 0)
    }

    /// Both ends of what is decided there: nothing that is still open would be waited for.
    pub(crate) fn decided(&self) -> Result<Marks, Error> {
        committed::marks(self.settings, &self.committed, &self.control.barriers, 0)
    }

    /// The last committed barrier, with a proof that there is none after it.
    pub(crate) fn last(&self, marks: Marks) -> Result<Option<Found>, Error> {
        let mut suffix = FIRST_SUFFIX;
        loop {
            let from = (marks.high - suffix).max(marks.low);
            let mut last = None;
            self.barriers(from, marks.high, |found| {
                last = Some(found);
                Ok(false)
            })?;
            if last.is_some() || from == marks.low {
                return Ok(last);
            }
            suffix = suffix.saturating_mul(GROWTH);
        }
    }

    /// The first committed barrier at or after an offset.
    pub(crate) fn first_from(&self, from: i64, marks: Marks) -> Result<Option<Found>, Error> {
        let mut first = None;
        self.barriers(from, marks.high, |found| {
            first = Some(found);
            Ok(true)
        })?;
        Ok(first)
    }

    /// The last barrier of a part of the topic, committed or not, with all topics that are new in it.
    pub(crate) fn undecided(&self, from: i64, through: i64) -> Result<Option<Found>, Error> {
        let mut last = None;
        let mut topics = Vec::new();
        self.records(&self.uncommitted, from, through, |committed, record| {
            match record {
                LogRecord::State(_) => {}
                LogRecord::Progress(progress) => topics.extend(progress.topics),
                LogRecord::Barrier(mut record) => {
                    record.topics.append(&mut topics);
                    let (offset, record) = (committed.offset, *record);
                    last = Some(Found { offset, record });
                }
            }
            Ok(false)
        })?;
        Ok(last)
    }

    /// Where partitions end for all, and where they end for those who read what is committed.
    pub(crate) fn both_ends(&self, partitions: &[Partition]) -> Result<[Ends; 2], Error> {
        let all = partitions.iter().cloned();
        let stable = committed::ends(self.settings, &self.committed, all.clone())?;
        let end = committed::ends(self.settings, &self.uncommitted, all)?;
        Ok([stable, end])
    }

    /// Whether the record at an offset is committed.
    pub(crate) fn is_committed(
        &self,
        (topic, partition): &Partition,
        offset: i64,
        through: i64,
    ) -> Result<bool, Error> {
        let mut first = None;
        let place = (&**topic, *partition);
        let (settings, consumer) = (self.settings, &self.committed);
        committed::read(settings, consumer, place, offset, through, |record| {
            first = Some(record.offset);
            Ok(true)
        })?;
        Ok(first == Some(offset))
    }

    /// The partitions of the cluster's topics that the choice takes.
    pub(crate) fn partitions_of(
        &self,
        chosen: impl Fn(&str) -> bool,
    ) -> Result<Vec<Partition>, Error> {
        let metadata = self
            .uncommitted
            .fetch_metadata(None, self.settings.patience)
            .map_err(|failure| refusal::error(self.settings, "listing topics", &failure))?;
        let topics = metadata.topics().iter();
        let topics = topics.filter(|topic| chosen(topic.name()));
        let partitions = topics.flat_map(|topic| {
            let name: Arc<str> = topic.name().into();
            let partitions = topic.partitions().iter();
            partitions.map(move |partition| (Arc::clone(&name), partition.id()))
        });
        Ok(partitions.collect())
    }

    /// The barrier that ends with this ordinal. Ordinals grow along the topic.
    pub(crate) fn find(&self, ordinal: Ordinal, marks: Marks) -> Result<Option<Found>, Error> {
        let (mut low, mut high) = (marks.low, marks.high);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.first_from(middle, marks)? {
                Some(found) if found.record.checkpoint.ordinal == ordinal => {
                    return Ok(Some(found));
                }
                Some(found) if found.record.checkpoint.ordinal < ordinal => low = found.offset + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(None)
    }

    /// What is known once this barrier is folded.
    pub(crate) fn ledger_at(&self, found: &Found, marks: Marks) -> Result<(Ledger, Suffix), Error> {
        let from = found.record.state_at.unwrap_or(0);
        if from < marks.low {
            return Err(Error::Deleted {
                topic: self.control.barriers.clone(),
                partition: 0,
                needed: from,
                low: marks.low,
            });
        }
        let mut ledger = Ledger::default();
        let mut suffix = Suffix {
            state_at: found.record.state_at,
            ..Suffix::default()
        };
        self.records(
            &self.committed,
            from,
            found.offset + 1,
            |committed, record| {
                let bytes = committed.value.len() as u64;
                let folded = match record {
                    LogRecord::State(state) => {
                        suffix.state_bytes += bytes;
                        ledger.restore(state)
                    }
                    LogRecord::Progress(progress) => {
                        suffix.bytes += bytes;
                        ledger.pend(progress);
                        Ok(())
                    }
                    LogRecord::Barrier(barrier) => {
                        suffix.bytes += bytes;
                        ledger.fold(&barrier).map(|_| ())
                    }
                };
                folded.map_err(|mismatch| self.mismatch(committed.offset, &mismatch))?;
                Ok(false)
            },
        )?;
        Ok((ledger, suffix))
    }

    /// The committed records of the schema's topic from an offset on, with the offset after them.
    pub(crate) fn schemas(&self, from: i64) -> Result<(Vec<SchemaRecord>, i64), Error> {
        let topic = &self.control.schema;
        let marks = committed::marks(self.settings, &self.uncommitted, topic, 0)?;
        let mut records = Vec::new();
        let from = from.max(marks.low);
        committed::read(
            self.settings,
            &self.committed,
            (topic, 0),
            from,
            marks.high,
            |committed| {
                records.push(
                    record::read(&committed.value)
                        .map_err(|problem| unreadable(topic, committed.offset, problem))?,
                );
                Ok(false)
            },
        )?;
        Ok((records, marks.high.max(from)))
    }

    /// Holds the topics against what was recorded.
    pub(crate) fn verify(
        &self,
        administrator: &Administrator,
        ledger: &Ledger,
    ) -> Result<(), Error> {
        let mut recorded: BTreeMap<&str, (&Arc<str>, i32)> = BTreeMap::new();
        if let Some(last) = &ledger.last {
            let [barriers, schema] = &last.control;
            recorded.insert(&self.control.barriers, (barriers, 1));
            recorded.insert(&self.control.schema, (schema, 1));
        }
        for topic in ledger.topics() {
            let record = &topic.record;
            recorded.insert(&record.name, (&record.id, record.partitions));
        }
        let names: Vec<&str> = recorded.keys().copied().collect();
        for names in names.chunks(DESCRIBED_AT_ONCE) {
            let described = describe(self.settings, administrator, names)?;
            for name in names {
                let (id, partitions) = recorded[name];
                let topic = (*name).to_owned();
                match described.get(*name) {
                    None => return Err(Error::TopicGone { topic }),
                    Some(found) if found.id != *id => {
                        let evidence = format!("its id is {}, it was {id}", found.id);
                        return Err(Error::TopicRecreated { topic, evidence });
                    }
                    Some(found) if found.partitions != partitions => {
                        return Err(Error::PartitionsChanged {
                            topic,
                            recorded: partitions,
                            found: found.partitions,
                        });
                    }
                    Some(_) => {}
                }
            }
        }
        self.verify_ends(ledger)
    }

    /// Every partition ends where the last record was put, or later.
    fn verify_ends(&self, ledger: &Ledger) -> Result<(), Error> {
        let ends = committed::ends(self.settings, &self.uncommitted, ledger.partitions())?;
        for topic in ledger.topics() {
            for (partition, filled) in (0..).zip(&topic.partitions) {
                let name = &topic.record.name;
                let found = ends.get(&(name.clone(), partition)).copied().unwrap_or(0);
                if found < filled.next {
                    return Err(Error::TopicTruncated {
                        topic: name.to_string(),
                        partition,
                        expected: filled.next,
                        found,
                    });
                }
            }
        }
        Ok(())
    }

    /// A barriers' topic without a barrier is that of a new pipeline, unless the other topics tell
    /// of one that has written.
    pub(crate) fn verify_new(&self) -> Result<(), Error> {
        let (schemas, _) = self.schemas(0)?;
        if schemas.is_empty() {
            return Ok(());
        }
        Err(Error::BarriersLost {
            topic: self.control.barriers.clone(),
            evidence: format!(
                "{} holds {} committed records",
                self.control.schema,
                schemas.len()
            ),
        })
    }

    /// An inconsistency of the barriers' topic.
    pub(crate) fn mismatch(&self, offset: i64, mismatch: &Mismatch) -> Error {
        Error::Inconsistent {
            topic: self.control.barriers.clone(),
            partition: 0,
            offset,
            problem: mismatch.to_string(),
        }
    }

    fn barriers(
        &self,
        from: i64,
        through: i64,
        mut take: impl FnMut(Found) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        self.records(
            &self.committed,
            from,
            through,
            |committed, record| match record {
                LogRecord::Barrier(record) => take(Found {
                    offset: committed.offset,
                    record: *record,
                }),
                LogRecord::State(_) | LogRecord::Progress(_) => Ok(false),
            },
        )
    }

    fn records(
        &self,
        consumer: &Consumer,
        from: i64,
        through: i64,
        mut take: impl FnMut(&Committed, LogRecord) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let topic = &self.control.barriers;
        committed::read(
            self.settings,
            consumer,
            (topic, 0),
            from,
            through,
            |committed| {
                let record = record::read(&committed.value)
                    .map_err(|problem| unreadable(topic, committed.offset, problem))?;
                take(&committed, record)
            },
        )
    }
}

/// Ids of the schema records that are there.
pub(crate) fn ids(records: &[SchemaRecord]) -> impl Iterator<Item = RecordId> {
    records.iter().map(|record| record.id.clone())
}

pub(crate) fn unreadable(topic: &str, offset: i64, problem: String) -> Error {
    Error::RecordUnreadable {
        topic: topic.to_owned(),
        partition: 0,
        offset,
        problem,
    }
}
