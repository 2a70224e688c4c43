//! The pipeline's topics: their names, what they are, and making them.
//!
//! Topics are made here and never by accident: a topic that a broker makes on first use would have
//! the broker's partitions and retention. What is there already is left as it is, and is compared
//! with what was recorded when it was first written.

mod described;
mod name;

pub(crate) use described::{Described, describe};
pub(crate) use name::Names;
pub use name::{ControlTopics, topic_name};

use crate::client::Administrator;
use crate::error::Error;
use crate::refusal;
use crate::settings::Settings;
use futures::executor::block_on;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::collections::BTreeMap;

/// Whose topic it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// One partition, kept for ever: what is in it is needed as long as the pipeline lives.
    Control,
    /// As the settings say.
    Table,
}

/// Sees to it that the topics are there, and tells what they are.
pub(crate) fn ensure(
    settings: &Settings,
    administrator: &Administrator,
    topics: &[&str],
    purpose: Purpose,
) -> Result<BTreeMap<String, Described>, Error> {
    let there = describe(settings, administrator, topics)?;
    let missing: Vec<&str> = topics
        .iter()
        .copied()
        .filter(|topic| !there.contains_key(*topic))
        .collect();
    if missing.is_empty() {
        return Ok(there);
    }
    create(settings, administrator, &missing, purpose)?;
    // A broker may not have heard yet of what the controller has made.
    let deadline = std::time::Instant::now() + settings.patience;
    loop {
        let there = describe(settings, administrator, topics)?;
        let unknown = topics.iter().find(|topic| !there.contains_key(**topic));
        match unknown {
            None => return Ok(there),
            Some(topic) if std::time::Instant::now() >= deadline => {
                return Err(Error::Interrupted {
                    action: format!("creating topic {topic}"),
                    problem: "it was made, and the brokers do not know it yet".to_owned(),
                });
            }
            Some(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
}

/// Whether the brokers would make these topics for this account. Nothing is made.
pub(crate) fn would_create(
    settings: &Settings,
    administrator: &Administrator,
    topics: &[&str],
    purpose: Purpose,
) -> Result<(), Error> {
    let options = AdminOptions::new().validate_only(true);
    request(settings, administrator, topics, purpose, options)
}

fn create(
    settings: &Settings,
    administrator: &Administrator,
    topics: &[&str],
    purpose: Purpose,
) -> Result<(), Error> {
    request(
        settings,
        administrator,
        topics,
        purpose,
        AdminOptions::new(),
    )
}

fn request(
    settings: &Settings,
    administrator: &Administrator,
    topics: &[&str],
    purpose: Purpose,
    options: AdminOptions,
) -> Result<(), Error> {
    let partitions = match purpose {
        Purpose::Control => 1,
        Purpose::Table => i32::try_from(settings.partitions).unwrap_or(i32::MAX),
    };
    // -1: what the brokers do by default.
    let replicas = settings.replication_factor.map_or(-1, i32::from);
    let retention = match purpose {
        Purpose::Control => None,
        Purpose::Table => settings.retention,
    };
    let retention = retention.map_or("-1".to_owned(), |time| time.as_millis().to_string());
    let longest = settings.max_message_bytes.to_string();
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|topic| {
            NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas))
                .set("cleanup.policy", "delete")
                .set("retention.ms", &retention)
                .set("retention.bytes", "-1")
                .set("max.message.bytes", &longest)
        })
        .collect();
    let options = options
        .request_timeout(Some(settings.patience))
        .operation_timeout(Some(settings.patience));
    let results = block_on(administrator.create_topics(&new, &options))
        .map_err(|failure| refusal::error(settings, "creating topics", &failure))?;
    for result in results {
        match result {
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
            Err((
                topic,
                code @ (Code::InvalidReplicationFactor
                | Code::InvalidPartitions
                | Code::InvalidTopic
                | Code::InvalidConfig
                | Code::PolicyViolation),
            )) => {
                return Err(Error::TopicRefused {
                    topic,
                    problem: code.to_string(),
                });
            }
            Err((topic, code)) => {
                let action = format!("creating topic {topic}");
                return Err(refusal::coded(settings, &action, code, code.to_string()));
            }
        }
    }
    Ok(())
}
