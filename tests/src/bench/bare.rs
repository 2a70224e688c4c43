//! The floors of the way through Kafka: what MySQL takes to hand its rows to a bare client, and what
//! the broker takes from a bare producer of the same messages.
//!
//! Neither decodes nor decides: the rows are fetched and dropped, the messages are those that the
//! pipeline wrote into its topic, over and over, so that they are as long and compress as well.

use std::time::Duration;

use mysql_async::Row;
use mysql_async::prelude::Queryable;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::BenchError;
use super::machine::Used;
use super::stand::Stand;
use super::topic::{Sample, beside};

/// As the pipeline's readers.
const CONNECTIONS: u64 = 2;
const MESSAGES_PER_TRANSACTION: u64 = 10_000;
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Fetches all rows by ranges of the key, side by side.
///
/// # Errors
/// When the server refuses, or has not as many rows.
pub async fn fetched(stand: &Stand, rows: u64) -> Result<Used, BenchError> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(stand.source().await?);
    }
    let share = rows.div_ceil(CONNECTIONS);
    let before = stand.look()?;
    let mut fetching = Vec::new();
    for (mut connection, first) in connections.into_iter().zip((1..).step_by(share as usize)) {
        fetching.push(tokio::spawn(async move {
            let last = first + share - 1;
            // Prepared, so that numbers come as numbers.
            let query = "SELECT * FROM bench.ledger WHERE id BETWEEN ? AND ?";
            let mut found = connection.exec_iter(query, (first, last)).await?;
            let mut count = 0;
            while let Some(row) = found.next().await? {
                std::hint::black_box::<Row>(row);
                count += 1;
            }
            drop(found);
            connection.disconnect().await?;
            Ok::<u64, BenchError>(count)
        }));
    }
    let mut count = 0;
    for fetching in fetching {
        count += fetching.await??;
    }
    let used = before.used_here(&stand.look()?);
    if count != rows {
        let what = format!("{count} rows were fetched of a table of {rows}");
        return Err(BenchError::Different(what));
    }
    Ok(used)
}

/// Produces `count` messages into a topic of its own: transactions of 10,000, lz4, all acknowledged.
///
/// # Errors
/// When the broker refuses.
pub async fn produced(
    stand: &Stand,
    topic: &str,
    sample: &Sample,
    count: u64,
) -> Result<Used, BenchError> {
    let (brokers, topic) = (stand.kafka.brokers(), topic.to_owned());
    let sample = sample.clone();
    let producer = ready(&brokers, &topic).await?;
    let before = stand.look()?;
    beside(move || {
        let failed = BenchError::kafka(&topic);
        transactions(&producer, &topic, &sample, count).map_err(failed)
    })
    .await?;
    Ok(before.used_here(&stand.look()?))
}

/// A producer that has its topic and its transactional id, which is not to be measured.
async fn ready(brokers: &str, topic: &str) -> Result<BaseProducer, BenchError> {
    let mut configuration = ClientConfig::new();
    configuration.set("bootstrap.servers", brokers);
    let administrator: AdminClient<DefaultClientContext> =
        configuration.create().map_err(BenchError::kafka(topic))?;
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let creating = administrator.create_topics([&new], &AdminOptions::new());
    for created in creating.await.map_err(BenchError::kafka(topic))? {
        if let Err((_, code)) = created {
            return Err(BenchError::kafka(topic)(KafkaError::AdminOp(code)));
        }
    }
    let producer: BaseProducer = configuration
        .set("transactional.id", topic)
        .set("compression.type", "lz4")
        .create()
        .map_err(BenchError::kafka(topic))?;
    beside(move || {
        let failed = BenchError::kafka("a bare producer");
        let initialised = producer.init_transactions(ANSWER_WITHIN);
        initialised.map_err(failed)?;
        Ok(producer)
    })
    .await
}

fn transactions(
    producer: &BaseProducer,
    topic: &str,
    sample: &Sample,
    count: u64,
) -> Result<(), KafkaError> {
    let mut messages = sample.messages.iter().cycle();
    let mut left = count;
    while left > 0 {
        let in_this = left.min(MESSAGES_PER_TRANSACTION);
        left -= in_this;
        producer.begin_transaction()?;
        for message in messages.by_ref().take(in_this as usize) {
            let mut record = BaseRecord::to(topic)
                .partition(0)
                .key(message.key().unwrap_or_default())
                .payload(message.payload().unwrap_or_default());
            if let Some(headers) = message.headers() {
                record = record.headers(headers.clone());
            }
            while let Err((error, refused)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    return Err(error);
                }
                // What was acknowledged makes room.
                producer.poll(Duration::from_millis(10));
                record = refused;
            }
        }
        // Committing sends what is still waiting, and fails if a message did.
        producer.commit_transaction(ANSWER_WITHIN)?;
    }
    Ok(())
}
