//! The partitions that are being fetched from, each with a queue of its own.
//!
//! A partition is assigned when a barrier names it for the first time, at the very offset that the
//! barrier names, and stays assigned. Each has its own bounded queue, so that one that is far ahead
//! cannot fill memory, nor hold up another that is needed first. Nothing is ever fetched from
//! "where the topic begins now": an offset that is gone is an error.

use crate::client::{self, Consumer};
use crate::committed::{self, Marks};
use crate::error::Error;
use crate::refusal;
use crate::settings::{Isolation, Settings};
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Memory for fetched records, shared by all partitions.
const QUEUED_KBYTES: u64 = 32 << 10;
const LEAST_KBYTES: u64 = 64;
const MOST_KBYTES: u64 = 8 << 10;
/// Leaders of more topics than these are asked for with those of the whole cluster.
const ASKED_ONE_BY_ONE: usize = 16;
/// Room for partitions that are not known yet.
const EXPECTED_AT_LEAST: usize = 8;

/// Partitions and their queues.
pub(super) struct Partitions<'a> {
    settings: &'a Settings,
    consumer: Arc<Consumer>,
    /// So many partitions may be added before each gets a smaller share of the memory.
    expected: usize,
    assigned: HashMap<(Arc<str>, i32), Assigned>,
}

pub(super) struct Assigned {
    queue: PartitionQueue<client::Aside>,
    /// The offset of the record that was not taken yet.
    next: Cell<i64>,
}

impl<'a> Partitions<'a> {
    /// `known`: how many are written to by now.
    pub(super) fn new(settings: &'a Settings, known: usize) -> Result<Self, Error> {
        let expected = known.max(EXPECTED_AT_LEAST);
        Ok(Self {
            settings,
            consumer: sharing(settings, expected)?,
            expected,
            assigned: HashMap::new(),
        })
    }

    /// Fetches from these partitions too, each from its offset on; from one that is fetched from
    /// already as before.
    pub(super) fn add<'b>(
        &mut self,
        partitions: impl Iterator<Item = (&'b Arc<str>, i32, i64)>,
    ) -> Result<(), Error> {
        let mut new = Vec::new();
        for (topic, partition, from) in partitions {
            let key = (Arc::clone(topic), partition);
            if !self.assigned.contains_key(&key) {
                new.push((key, from));
            }
        }
        if self.assigned.len() + new.len() > 2 * self.expected {
            // A consumer's limits are given once, so a new one goes on where this one was.
            self.expected = self.assigned.len() + new.len();
            self.consumer = sharing(self.settings, self.expected)?;
            let before = std::mem::take(&mut self.assigned);
            new.extend(before.into_iter().map(|(key, was)| (key, was.next.get())));
        }
        if new.is_empty() {
            return Ok(());
        }
        let mut assignment = TopicPartitionList::new();
        let topics: BTreeSet<Arc<str>> = new.iter().map(|((topic, _), _)| topic.clone()).collect();
        for ((topic, partition), from) in new {
            // Split ahead of the assignment, so that no record goes to the common queue.
            let queue = self.consumer.split_partition_queue(&topic, partition);
            let queue = queue.ok_or_else(|| Error::TopicGone {
                topic: topic.to_string(),
            })?;
            assignment
                .add_partition_offset(&topic, partition, Offset::Offset(from))
                .map_err(|failure| self.refused(&topic, &failure))?;
            let next = Cell::new(from);
            self.assigned
                .insert((topic, partition), Assigned { queue, next });
        }
        self.find_leaders(&topics);
        self.consumer
            .incremental_assign(&assignment)
            .map_err(|failure| self.refused("new partitions", &failure))
    }

    /// Has the library learn who leads the partitions. It would by itself, at its next look at
    /// topics that it knows nothing of, once a second.
    fn find_leaders(&self, topics: &BTreeSet<Arc<str>>) {
        let patience = self.settings.patience;
        let asked = if topics.len() > ASKED_ONE_BY_ONE {
            self.consumer.fetch_metadata(None, patience).map(drop)
        } else {
            let mut topics = topics.iter();
            topics.try_for_each(|topic| {
                let answer = self.consumer.fetch_metadata(Some(topic), patience);
                answer.map(drop)
            })
        };
        if let Err(error) = asked {
            tracing::debug!(%error, "the library will find the leaders later");
        }
    }

    /// A partition that was added.
    pub(super) fn assigned(&self, topic: &Arc<str>, partition: i32) -> &Assigned {
        let assigned = self.assigned.get(&(Arc::clone(topic), partition));
        assigned.expect("partitions are added before they are polled")
    }

    /// The next committed record of a partition, if one comes within `wait`. `needed`: the offset
    /// that is waited for.
    pub(super) fn poll<'b>(
        &self,
        assigned: &'b Assigned,
        (topic, partition): (&Arc<str>, i32),
        needed: i64,
        wait: Duration,
    ) -> Result<Option<BorrowedMessage<'b>>, Error> {
        match assigned.queue.poll(wait) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => Ok(None),
            Some(Ok(message)) => {
                assigned.next.set(message.offset() + 1);
                Ok(Some(message))
            }
            Some(Err(failure)) => match self.judge(topic, partition, needed, &failure) {
                Some(error) => Err(error),
                None => Ok(None),
            },
        }
    }

    /// Lets the library say what concerns no partition. To be called often.
    pub(super) fn attend(&self) -> Result<(), Error> {
        while let Some(said) = self.consumer.poll(Duration::ZERO) {
            match said {
                Ok(_) | Err(KafkaError::PartitionEOF(_)) => {}
                Err(failure) => match failure.rdkafka_error_code() {
                    Some(code) if said_on_the_side(code) => {}
                    _ => return Err(self.refused("the log", &failure)),
                },
            }
        }
        Ok(())
    }

    /// Why the record of a committed barrier is not there: it was delivered before the barrier was
    /// written, so a partition that does not hold it has lost it.
    pub(super) fn missing(&self, topic: &Arc<str>, partition: i32, needed: i64) -> Error {
        let topic_name = topic.to_string();
        match committed::marks(self.settings, &self.consumer, topic, partition) {
            Ok(Marks { low, .. }) if low > needed => Error::Deleted {
                topic: topic_name,
                partition,
                needed,
                low,
            },
            Ok(Marks { high, .. }) if high <= needed => Error::TopicTruncated {
                topic: topic_name,
                partition,
                expected: needed + 1,
                found: high,
            },
            Ok(_) => Error::Interrupted {
                action: format!("reading topic {topic}, partition {partition}"),
                problem: format!(
                    "the record at offset {needed} of a committed barrier did not come"
                ),
            },
            Err(error) => error,
        }
    }

    /// Why a partition's records cannot be had: deleted, ended too early, or gone with the topic.
    /// `None`: the library goes on by itself.
    fn judge(
        &self,
        topic: &Arc<str>,
        partition: i32,
        needed: i64,
        failure: &KafkaError,
    ) -> Option<Error> {
        match failure.rdkafka_error_code() {
            Some(code) if said_on_the_side(code) => None,
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                Some(self.missing(topic, partition, needed))
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                Some(Error::TopicGone {
                    topic: topic.to_string(),
                })
            }
            _ => Some(self.refused(topic, failure)),
        }
    }

    fn refused(&self, what: &str, failure: &KafkaError) -> Error {
        refusal::error(self.settings, &format!("reading {what}"), failure)
    }
}

/// A consumer whose memory so many partitions share.
fn sharing(settings: &Settings, partitions: usize) -> Result<Arc<Consumer>, Error> {
    let each = QUEUED_KBYTES / u64::try_from(partitions).unwrap_or(u64::MAX).max(1);
    let each = each.clamp(LEAST_KBYTES, MOST_KBYTES);
    client::consumer(settings, Isolation::Committed, each)
}

/// What librdkafka mentions while brokers come and go. It goes on by itself, and whoever waits for a
/// record has a limit of its own.
fn said_on_the_side(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
    )
}
