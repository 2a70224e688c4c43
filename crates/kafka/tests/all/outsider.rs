//! Somebody else who has access to the topics: what he does must be noticed, or must not matter.

use futures::executor::block_on;
use kafka::Settings;
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(20);

fn config(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", settings.broker_list());
    config
}

/// A producer with a transaction open, in which one record lies in each of these topics.
pub fn open_transaction(settings: &Settings, topics: &[&str]) -> BaseProducer {
    let producer: BaseProducer = config(settings)
        // One of his own for each topic: tests run side by side.
        .set("transactional.id", format!("outsider-{}", topics[0]))
        .create()
        .unwrap();
    producer.init_transactions(WITHIN).unwrap();
    producer.begin_transaction().unwrap();
    for topic in topics {
        let record = BaseRecord::to(topic).partition(0).key("key").payload("{}");
        producer.send::<str, str>(record).unwrap();
    }
    producer.flush(WITHIN).unwrap();
    producer
}

/// Commits a record that no writer of a log has written.
pub fn commit_record(settings: &Settings, topic: &str) {
    let producer = open_transaction(settings, &[topic]);
    producer.commit_transaction(WITHIN).unwrap();
}

/// Leaves records behind that were aborted.
pub fn abort_record(settings: &Settings, topic: &str) {
    let producer = open_transaction(settings, &[topic]);
    producer.abort_transaction(WITHIN).unwrap();
}

/// Whether the barriers' topic ends with a transaction that stays open.
pub fn is_open(settings: &Settings) -> bool {
    let topic = format!("{}.barriers", settings.pipeline);
    let end = |isolation: &str| {
        let consumer: BaseConsumer = config(settings)
            .set("group.id", "outsider")
            .set("isolation.level", isolation)
            .create()
            .unwrap();
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset(&topic, 0, Offset::End).unwrap();
        let answer = consumer.offsets_for_times(asked, WITHIN).ok()?;
        match answer.find_partition(&topic, 0)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    };
    // Markers of a broker that has just started are written within moments, or never.
    let give_up = std::time::Instant::now() + Duration::from_secs(3);
    loop {
        let (stable, last) = (end("read_committed"), end("read_uncommitted"));
        if stable.is_some() && stable == last {
            return false;
        }
        if std::time::Instant::now() > give_up && stable.is_some() && last.is_some() {
            return true;
        }
    }
}

fn administrator(settings: &Settings) -> AdminClient<DefaultClientContext> {
    config(settings).create().unwrap()
}

pub fn delete_topic(settings: &Settings, topic: &str) {
    let options = AdminOptions::new().operation_timeout(Some(WITHIN));
    let deleting = administrator(settings);
    block_on(deleting.delete_topics(&[topic], &options)).unwrap()[0]
        .as_ref()
        .unwrap();
}

/// Creates a topic as soon as the brokers have forgotten the former one of that name.
pub async fn create_topic(settings: &Settings, topic: &str, partitions: i32) {
    let administrator = administrator(settings);
    testbed::waiting::until("the topic is there", WITHIN, async || {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(WITHIN));
        let created = administrator.create_topics([&new], &options).await.unwrap();
        created[0].is_ok().then_some(())
    })
    .await;
}

pub fn add_partitions(settings: &Settings, topic: &str, partitions: usize) {
    let administrator = administrator(settings);
    let new = NewPartitions::new(topic, partitions);
    let options = AdminOptions::new().operation_timeout(Some(WITHIN));
    block_on(administrator.create_partitions([&new], &options)).unwrap()[0]
        .as_ref()
        .unwrap();
}

/// Deletes the records before an offset, as retention does.
pub fn delete_records(settings: &Settings, topic: &str, before: i64) {
    let administrator = administrator(settings);
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(topic, 0, Offset::Offset(before))
        .unwrap();
    let options = AdminOptions::new().operation_timeout(Some(WITHIN));
    block_on(administrator.delete_records(&offsets, &options)).unwrap();
}

pub fn configure_topic(settings: &Settings, topic: &str, name: &str, value: &str) {
    let administrator = administrator(settings);
    let altered = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    block_on(administrator.alter_configs([&altered], &AdminOptions::new())).unwrap()[0]
        .as_ref()
        .unwrap();
}

/// Where a topic's first partition ends, whatever is committed.
pub fn end_of(settings: &Settings, topic: &str) -> i64 {
    let consumer: BaseConsumer = config(settings)
        .set("group.id", "outsider")
        .set("isolation.level", "read_uncommitted")
        .create()
        .unwrap();
    consumer.fetch_watermarks(topic, 0, WITHIN).unwrap().1
}

/// The values of all committed records of a topic's first partition.
pub fn values(settings: &Settings, topic: &str) -> Vec<Vec<u8>> {
    let consumer: BaseConsumer = config(settings)
        .set("group.id", "an-outsider")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&from).unwrap();
    let mut values = Vec::new();
    loop {
        match consumer.poll(Duration::from_secs(20)) {
            Some(Ok(message)) => values.extend(message.payload().map(<[u8]>::to_vec)),
            Some(Err(KafkaError::PartitionEOF(_))) => return values,
            other => panic!("{other:?}"),
        }
    }
}
