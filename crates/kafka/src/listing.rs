//! The pipeline's topics and what is committed in them, for a person to look at.

use crate::client;
use crate::committed;
use crate::error::Error;
use crate::reader::KafkaReader;
use crate::settings::{Isolation, Settings};
use crate::tail::ControlReader;
use crate::topics::describe;
use change::{Change, Ordinal, TableName};
use flow::Failure;
use flow::ports::LogReader;
use std::collections::{BTreeSet, VecDeque};

/// A topic of the pipeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicListing {
    pub name: String,
    /// `None` for a control topic.
    pub table: Option<TableName>,
    pub partitions: Vec<PartitionListing>,
}

/// A partition of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionListing {
    /// The first offset that is there.
    pub low: i64,
    /// The offset after the last record, markers of transactions and aborted records counted in.
    pub high: i64,
    /// Committed records that the log has put there since it began; `None` for a control topic.
    pub records: Option<u64>,
}

/// The control topics that are there, then the tables' topics in the order in which they came.
///
/// # Errors
/// That the brokers cannot be reached, or that the log's end cannot be proven.
pub async fn topics(settings: Settings) -> Result<Vec<TopicListing>, Failure> {
    let listed = tokio::task::spawn_blocking(move || list(&settings));
    match listed.await {
        Ok(listed) => listed.map_err(Failure::from),
        Err(problem) => Err(Failure::from(Error::Unexpected {
            action: "listing topics".to_owned(),
            problem: problem.to_string(),
        })),
    }
}

fn list(settings: &Settings) -> Result<Vec<TopicListing>, Error> {
    let reader = ControlReader::new(settings)?;
    let administrator = client::administrator(settings)?;
    let control = reader.control.clone();
    let there = describe(settings, &administrator, &control.all())?;
    let consumer = client::consumer(settings, Isolation::Uncommitted, 64)?;
    let partition = |topic: &str, partition: i32, records: Option<u64>| {
        let marks = committed::marks(settings, &consumer, topic, partition)?;
        Ok::<_, Error>(PartitionListing {
            low: marks.low,
            high: marks.high,
            records,
        })
    };
    let mut listed = Vec::new();
    for name in control.all() {
        if there.contains_key(name) {
            listed.push(TopicListing {
                name: name.to_owned(),
                table: None,
                partitions: vec![partition(name, 0, None)?],
            });
        }
    }
    if !there.contains_key(&control.barriers) {
        return Ok(listed);
    }
    let marks = reader.marks()?;
    let Some(found) = reader.last(marks)? else {
        return Ok(listed);
    };
    let (ledger, _) = reader.ledger_at(&found, marks)?;
    for topic in ledger.topics() {
        let filled = (0..).zip(&topic.partitions);
        let name = &topic.record.name;
        listed.push(TopicListing {
            name: name.to_string(),
            table: Some(topic.record.table.clone()),
            partitions: filled
                .map(|(number, filled)| partition(name, number, Some(filled.records)))
                .collect::<Result<_, _>>()?,
        });
    }
    Ok(listed)
}

/// Where a look at the changes begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TailFrom {
    /// The log's first barrier, which has to be there still.
    Beginning,
    /// What is committed from now on.
    End,
    /// What was written at or after a time, in milliseconds since 1970, by the clock of capture's
    /// machine.
    Time(i64),
}

/// The barrier before the first one that was written at or after a time: `Some(None)` where that is
/// the log's first, `None` where nothing was written since.
fn before(settings: &Settings, milliseconds: i64) -> Result<Option<Option<Ordinal>>, Error> {
    let reader = ControlReader::new(settings)?;
    let marks = reader.marks()?;
    let consumer = client::consumer(settings, Isolation::Uncommitted, 64)?;
    let topic = &reader.control.barriers;
    let from = committed::written_from(settings, &consumer, topic, 0, milliseconds)?;
    let Some(from) = from else {
        return Ok(None);
    };
    let found = reader.first_from(from.max(marks.low), marks)?;
    Ok(found.map(|found| found.record.previous))
}

/// Committed changes of some tables in the log's order, each once its whole barrier is committed.
#[derive(Debug)]
pub struct TopicTail {
    reader: KafkaReader,
    tables: BTreeSet<TableName>,
    through: Option<Ordinal>,
    waiting: VecDeque<Change>,
}

impl TopicTail {
    /// Changes of these tables; of all without one.
    ///
    /// # Errors
    /// As [`KafkaReader`] fails to open.
    pub async fn open(
        settings: Settings,
        tables: BTreeSet<TableName>,
        from: TailFrom,
    ) -> Result<Self, Failure> {
        let settings_of_log = settings.clone();
        let mut reader = KafkaReader::new(settings);
        let after = match from {
            TailFrom::Beginning => None,
            TailFrom::End => reader.end().await?,
            TailFrom::Time(milliseconds) => {
                let settings = settings_of_log.clone();
                let looked =
                    tokio::task::spawn_blocking(move || before(&settings, milliseconds)).await;
                let found = looked.map_err(|problem| {
                    Failure::from(Error::Unexpected {
                        action: "looking for a time in the log".to_owned(),
                        problem: problem.to_string(),
                    })
                })?;
                match found? {
                    Some(previous) => previous,
                    None => reader.end().await?,
                }
            }
        };
        reader.open(after).await?;
        Ok(Self {
            reader,
            tables,
            through: after,
            waiting: VecDeque::new(),
        })
    }

    /// The next change. Waits when there is none. Cancel safe.
    ///
    /// # Errors
    /// As [`KafkaReader`] fails to read.
    pub async fn next(&mut self) -> Result<Change, Failure> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                return Ok(change);
            }
            let Some(barrier) = self.reader.next().await? else {
                continue;
            };
            self.through = Some(barrier.checkpoint.ordinal);
            let tables = &self.tables;
            let wanted =
                |change: &Change| tables.is_empty() || tables.contains(&change.schema.name);
            self.waiting
                .extend(barrier.changes.into_iter().filter(wanted));
        }
    }

    /// The last barrier of which all changes were returned, but for those still to be returned.
    pub fn through(&self) -> Option<Ordinal> {
        self.through
    }

    /// The log's end now: whoever looks at what is there stops once [`TopicTail::through`] is there
    /// and no change is waiting.
    ///
    /// # Errors
    /// As [`KafkaReader`] fails to look at the end.
    pub async fn end(&mut self) -> Result<Option<Ordinal>, Failure> {
        self.reader.end().await
    }

    /// Whether [`TopicTail::next`] would return at once.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
