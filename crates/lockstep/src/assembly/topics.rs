//! The pipeline's topics, for people to look at: what there is, and the changes as they are committed.

use std::collections::BTreeSet;

use change::TableName;
use kafka::{TailFrom, TopicListing, TopicTail};

use super::{log, refused};
use crate::config::{Configuration, KafkaLog, Log};
use crate::failure::{Failure, UsageError};

/// The topics that are there.
pub async fn list_topics(configuration: &Configuration) -> Result<Vec<TopicListing>, Failure> {
    let kafka = kafka_log(configuration)?;
    let listed = ::kafka::topics(log::settings(configuration, kafka)).await;
    listed.map_err(refused)
}

/// Committed changes of these tables, of all without one.
pub async fn tail_topics(
    configuration: &Configuration,
    tables: BTreeSet<TableName>,
    from: TailFrom,
) -> Result<TopicTail, Failure> {
    let kafka = kafka_log(configuration)?;
    let opened = TopicTail::open(log::settings(configuration, kafka), tables, from).await;
    opened.map_err(refused)
}

fn kafka_log(configuration: &Configuration) -> Result<&KafkaLog, Failure> {
    match &configuration.log {
        Log::Kafka(kafka) => Ok(kafka),
        Log::Direct => Err(UsageError::DirectLog { command: "topics" }.into()),
    }
}
