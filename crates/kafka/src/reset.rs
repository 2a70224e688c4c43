//! Forgetting a pipeline's log, so that it starts over.
//!
//! Only topics that are known to be the pipeline's are deleted: its control topics, those that the
//! log recorded when it wrote them first, and those of tables that the caller names. A topic is
//! never deleted for how its name begins. The predecessor is fenced first, so that no writer that
//! still lives makes or fills them anew.

use crate::client::{self, Administrator};
use crate::error::Error;
use crate::refusal;
use crate::settings::Settings;
use crate::tail::ControlReader;
use crate::topics::{ControlTopics, describe, topic_name};
use crate::writer;
use change::TableName;
use futures::executor::block_on;
use rdkafka::admin::AdminOptions;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Brokers delete behind the answer: a topic can be asked for a moment longer.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Deletes the pipeline's topics and waits until they are gone; tells which they were. `tables`:
/// those whose topics are known from elsewhere, should the log no longer tell. Repeatable.
///
/// # Errors
/// That the brokers cannot be reached or do not allow it.
pub async fn reset(settings: Settings, tables: Vec<TableName>) -> Result<Vec<String>, Error> {
    let removing = tokio::task::spawn_blocking(move || remove(&settings, &tables));
    match removing.await {
        Ok(removed) => removed,
        Err(problem) => Err(Error::Unexpected {
            action: "deleting topics".to_owned(),
            problem: problem.to_string(),
        }),
    }
}

fn remove(settings: &Settings, tables: &[TableName]) -> Result<Vec<String>, Error> {
    let administrator = client::administrator(settings)?;
    let control = ControlTopics::of(&settings.pipeline);
    let mut topics: BTreeSet<String> = control.all().into_iter().map(str::to_owned).collect();
    topics.extend(tables.iter().map(|table| topic_name(settings, table)));
    let asked: Vec<&str> = topics.iter().map(String::as_str).collect();
    if !describe(settings, &administrator, &asked)?.is_empty() {
        // Nobody writes with it: that its predecessors cannot is what it is for.
        drop(writer::fence(settings)?);
        match recorded(settings) {
            Ok(recorded) => topics.extend(recorded),
            // A log that cannot be read is a reason to reset.
            Err(error) => tracing::warn!(
                code = error.code(),
                "the log does not tell its topics ({error}): those of the known tables are deleted"
            ),
        }
    }
    let asked: Vec<&str> = topics.iter().map(String::as_str).collect();
    let there = describe(settings, &administrator, &asked)?;
    let there: Vec<&str> = there.keys().map(String::as_str).collect();
    delete(settings, &administrator, &there)?;
    Ok(there.into_iter().map(str::to_owned).collect())
}

fn recorded(settings: &Settings) -> Result<Vec<String>, Error> {
    let reader = ControlReader::new(settings)?;
    let marks = reader.marks()?;
    let Some(found) = reader.last(marks)? else {
        return Ok(Vec::new());
    };
    let (ledger, _) = reader.ledger_at(&found, marks)?;
    let topics = ledger.topics();
    Ok(topics
        .iter()
        .map(|topic| topic.record.name.to_string())
        .collect())
}

fn delete(
    settings: &Settings,
    administrator: &Administrator,
    topics: &[&str],
) -> Result<(), Error> {
    if topics.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new()
        .request_timeout(Some(settings.patience))
        .operation_timeout(Some(settings.patience));
    let results = block_on(administrator.delete_topics(topics, &options))
        .map_err(|failure| refusal::error(settings, "deleting topics", &failure))?;
    for result in results {
        match result {
            Ok(_) | Err((_, Code::UnknownTopicOrPartition | Code::UnknownTopic)) => {}
            Err((topic, code)) => {
                let action = format!("deleting topic {topic}");
                return Err(refusal::coded(settings, &action, code, code.to_string()));
            }
        }
    }
    let deadline = Instant::now() + settings.patience;
    loop {
        let left = describe(settings, administrator, topics)?;
        match left.keys().next() {
            None => return Ok(()),
            Some(topic) if Instant::now() >= deadline => {
                return Err(Error::Interrupted {
                    action: format!("deleting topic {topic}"),
                    problem: "it was deleted, and the brokers still know it".to_owned(),
                });
            }
            Some(_) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}
