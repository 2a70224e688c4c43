//! Reading what is committed, up to a proven end.
//!
//! A consumer that has seen no more records for a while has not seen the end. What ends a topic is a
//! mark that is taken first: its high watermark among all records, uncommitted ones included, from a
//! client of its own, since a client tells the watermark of its own isolation level. Committed
//! records are then read until the consumer's position is at or past the mark. The markers that end
//! transactions move the position too, so a topic that ends with aborted records is read to its
//! end; a transaction that somebody leaves open holds the position back, and that is an error:
//! what it holds might be decided either way.

use crate::client::Consumer;
use crate::error::Error;
use crate::protocol::Partition;
use crate::refusal;
use crate::settings::Settings;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A committed record of a control topic.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) value: Vec<u8>,
}

/// Both ends of a control topic: the first offset that is there, and the one after the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marks {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// The marks of a partition, as the consumer's isolation level has them.
pub(crate) fn marks(
    settings: &Settings,
    consumer: &Consumer,
    topic: &str,
    partition: i32,
) -> Result<Marks, Error> {
    let action = format!("asking where topic {topic} ends");
    let (low, high) = patiently(settings, || {
        consumer
            .fetch_watermarks(topic, partition, settings.patience)
            .map_err(|failure| match failure.rdkafka_error_code() {
                Some(
                    Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition,
                ) => Error::TopicGone {
                    topic: topic.to_owned(),
                },
                _ => refusal::error(settings, &action, &failure),
            })
    })?;
    Ok(Marks { low, high })
}

/// Asks again while the brokers are busy with one another: a topic that was made a moment ago may
/// have no leader yet, and the library leaves it to the caller to ask again.
fn patiently<T>(
    settings: &Settings,
    mut ask: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let deadline = Instant::now() + settings.patience;
    loop {
        match ask() {
            Err(Error::Interrupted { .. }) if Instant::now() < deadline => {
                std::thread::sleep(ASK_AGAIN);
            }
            answer => return answer,
        }
    }
}

/// Reads the records of a partition from `from` up to the mark `through`, in order, until `take` says
/// that it has enough. The position is proven at or past the mark otherwise. What is read is what
/// the consumer's isolation level shows.
pub(crate) fn read(
    settings: &Settings,
    consumer: &Consumer,
    (topic, partition): (&str, i32),
    from: i64,
    through: i64,
    mut take: impl FnMut(Committed) -> Result<bool, Error>,
) -> Result<(), Error> {
    let action = format!("reading topic {topic}");
    let refused = |failure: &KafkaError| refusal::error(settings, &action, failure);
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset(topic, partition, Offset::Offset(from))
        .map_err(|failure| refused(&failure))?;
    consumer
        .assign(&assignment)
        .map_err(|failure| refused(&failure))?;
    // The library would ask who leads the partition at its next look, once a second.
    if let Err(error) = consumer.fetch_metadata(Some(topic), settings.patience) {
        tracing::debug!(%error, topic, "the library will find the leader later");
    }
    let mut deadline = Instant::now() + settings.patience;
    let mut reached = from;
    while reached < through {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                if message.topic() != topic
                    || message.partition() != partition
                    || message.offset() < from
                {
                    continue;
                }
                if message.offset() >= through {
                    break;
                }
                reached = message.offset() + 1;
                deadline = Instant::now() + settings.patience;
                let record = Committed {
                    offset: message.offset(),
                    value: message.payload().unwrap_or_default().to_vec(),
                };
                if take(record)? {
                    break;
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) | None => {}
            Some(Err(failure)) => match failure.rdkafka_error_code() {
                Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                    let Marks { low, .. } = marks(settings, consumer, topic, partition)?;
                    return Err(Error::Deleted {
                        topic: topic.to_owned(),
                        partition,
                        needed: from,
                        low,
                    });
                }
                // Said on the side while brokers come and go; the deadline is what counts.
                Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve) => {}
                _ => return Err(refused(&failure)),
            },
        }
        if let Some(position) = position(consumer, topic, partition) {
            reached = reached.max(position);
        }
        if Instant::now() >= deadline {
            // Brokers that are away say so here; the end is unproven while they answer.
            marks(settings, consumer, topic, partition)?;
            return Err(Error::TailUnproven {
                topic: topic.to_owned(),
                reached,
                mark: through,
            });
        }
    }
    consumer.unassign().map_err(|failure| refused(&failure))
}

/// How far the consumer is, markers included.
fn position(consumer: &Consumer, topic: &str, partition: i32) -> Option<i64> {
    let positions = consumer.position().ok()?;
    match positions.find_partition(topic, partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

/// Where partitions end for the consumer, asked for at once: the high watermark, or, where it reads
/// what is committed, the last stable offset.
pub(crate) fn ends(
    settings: &Settings,
    consumer: &Consumer,
    partitions: impl IntoIterator<Item = Partition>,
) -> Result<BTreeMap<Partition, i64>, Error> {
    let action = "asking where topics end";
    let refused = |failure: &KafkaError| refusal::error(settings, action, failure);
    let mut asked = TopicPartitionList::new();
    for (topic, partition) in partitions {
        asked
            .add_partition_offset(&topic, partition, Offset::End)
            .map_err(|failure| refused(&failure))?;
    }
    if asked.count() == 0 {
        return Ok(BTreeMap::new());
    }
    patiently(settings, || {
        // The end is a time to the protocol: the latest.
        let answered = consumer
            .offsets_for_times(asked.clone(), settings.patience)
            .map_err(|failure| refused(&failure))?;
        let mut ends = BTreeMap::new();
        for element in answered.elements() {
            element.error().map_err(|failure| refused(&failure))?;
            if let Offset::Offset(offset) = element.offset() {
                ends.insert((Arc::from(element.topic()), element.partition()), offset);
            }
        }
        Ok(ends)
    })
}

/// The offset of a partition's first record that was written at or after a time, committed or not;
/// `None` where there is none.
pub(crate) fn written_from(
    settings: &Settings,
    consumer: &Consumer,
    topic: &str,
    partition: i32,
    milliseconds: i64,
) -> Result<Option<i64>, Error> {
    let action = format!("asking what was written to topic {topic} at a time");
    let refused = |failure: &KafkaError| refusal::error(settings, &action, failure);
    let mut asked = TopicPartitionList::new();
    asked
        .add_partition_offset(topic, partition, Offset::Offset(milliseconds))
        .map_err(|failure| refused(&failure))?;
    patiently(settings, || {
        let answered = consumer
            .offsets_for_times(asked.clone(), settings.patience)
            .map_err(|failure| refused(&failure))?;
        let found = answered.find_partition(topic, partition);
        Ok(match found.map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            Some(_) | None => None,
        })
    })
}
