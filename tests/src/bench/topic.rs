//! What a topic holds: how much of the broker's disk, and some of its messages as they are.
//!
//! The disk is what counts for who pays for it: batches as the producer compressed them, with their
//! framing. The messages are read by a bare client, so that the floor can produce the very same.

use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::BenchError;

/// Pipelines of the benchmark have topics of one partition, as is the default.
const PARTITION: i32 = 0;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Enough for their mean to be that of all, and for compression to find nothing new in more of them.
const MESSAGES: usize = 20_000;

/// Messages that stand for all.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub messages: Vec<OwnedMessage>,
}

impl Sample {
    /// The mean of key, value and headers, before compression.
    #[must_use]
    pub fn bytes_per_message(&self) -> f64 {
        let bytes: usize = self.messages.iter().map(bytes).sum();
        bytes as f64 / self.messages.len().max(1) as f64
    }
}

/// The offset behind the topic's last record.
///
/// # Errors
/// When the broker does not know the topic, or does not answer.
pub async fn end(brokers: String, topic: String) -> Result<i64, BenchError> {
    beside(move || {
        let (_, end) = consumer(&brokers)?
            .fetch_watermarks(&topic, PARTITION, ANSWER_WITHIN)
            .map_err(BenchError::kafka(&topic))?;
        Ok(end)
    })
    .await
}

/// The first messages from an offset on.
///
/// # Errors
/// When there is none, or the broker does not answer.
pub async fn sample(brokers: String, topic: String, from: i64) -> Result<Sample, BenchError> {
    beside(move || {
        let consumer = consumer(&brokers)?;
        let mut places = TopicPartitionList::new();
        places
            .add_partition_offset(&topic, PARTITION, Offset::Offset(from))
            .and_then(|()| consumer.assign(&places))
            .map_err(BenchError::kafka(&topic))?;
        let mut sample = Sample::default();
        let began = Instant::now();
        while sample.messages.len() < MESSAGES && began.elapsed() < ANSWER_WITHIN {
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                // A tombstone follows its deletion and says nothing more.
                Some(Ok(message)) if message.payload().is_none() => {}
                Some(Ok(message)) => sample.messages.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(cause)) => return Err(BenchError::kafka(&topic)(cause)),
            }
        }
        if sample.messages.is_empty() {
            let what = format!("there is no message in {topic} from offset {from} on");
            return Err(BenchError::Different(what));
        }
        Ok(sample)
    })
    .await
}

/// What all partitions of a topic take in the broker's storage, without indexes.
///
/// # Errors
/// When the folder cannot be read, or there is no such topic.
pub fn bytes_on_disk(storage: &Path, topic: &str) -> Result<u64, BenchError> {
    let mut segments = 0;
    let mut bytes = 0;
    for entry in std::fs::read_dir(storage).map_err(BenchError::file("list", storage))? {
        let folder = entry.map_err(BenchError::file("list", storage))?.path();
        let name = folder.file_name().and_then(|name| name.to_str());
        let of_topic = name
            .and_then(|name| name.rsplit_once('-'))
            .is_some_and(|(of, _)| of == topic);
        if !of_topic {
            continue;
        }
        for entry in std::fs::read_dir(&folder).map_err(BenchError::file("list", &folder))? {
            let entry = entry.map_err(BenchError::file("list", &folder))?;
            if entry.path().extension().is_some_and(|end| end == "log") {
                let about = entry.metadata();
                bytes += about
                    .map_err(BenchError::file("look at", entry.path()))?
                    .len();
                segments += 1;
            }
        }
    }
    if segments == 0 {
        let what = format!("the broker has nothing of {topic} in {}", storage.display());
        return Err(BenchError::Different(what));
    }
    Ok(bytes)
}

/// Runs blocking work of librdkafka beside the runtime.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BenchError> + Send + 'static,
) -> Result<T, BenchError> {
    tokio::task::spawn_blocking(work).await?
}

fn consumer(brokers: &str) -> Result<BaseConsumer, BenchError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "bench")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .create()
        .map_err(BenchError::kafka("a consumer"))
}

fn bytes(message: &OwnedMessage) -> usize {
    let headers = message.headers().map_or(0, |headers| {
        let each = headers.iter();
        each.map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len))
            .sum()
    });
    message.key().map_or(0, <[u8]>::len) + message.payload().map_or(0, <[u8]>::len) + headers
}

#[cfg(test)]
mod tests {
    use super::bytes_on_disk;
    use std::fs;

    #[test]
    fn the_segments_of_all_partitions_of_one_topic_are_counted_and_nothing_else() {
        let storage = tempfile::tempdir().unwrap();
        for (file, length) in [
            ("bench-a.b.ledger-0/0.log", 100),
            ("bench-a.b.ledger-0/0.index", 10_000),
            ("bench-a.b.ledger-11/0.log", 20),
            ("bench-a.b.ledger-11/9.log", 3),
            ("bench-a.b.ledger-2-0/0.log", 7_000),
            ("bench-a.b.ledger2-0/0.log", 7_000),
        ] {
            let file = storage.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, vec![0; length]).unwrap();
        }
        let found = bytes_on_disk(storage.path(), "bench-a.b.ledger").unwrap();
        assert_eq!(found, 123);
        assert!(bytes_on_disk(storage.path(), "bench-a.b").is_err());
    }
}
