//! What a look at the brokers finds before the start.
//!
//! Nothing is created and nobody is fenced: a pipeline may be running. What the account may do is
//! asked in ways that change nothing (`permissions.rs`).

use crate::client::{self, Administrator, Consumer};
use crate::error::Error;
use crate::permissions::{self, Access};
use crate::refusal;
use crate::registry::Registry;
use crate::settings::{Isolation, Settings};
use crate::tail::ControlReader;
use crate::topics::{ControlTopics, Described, Names, describe};
use crate::writer::changed_formats;
use change::TableName;
use flow::{Finding, Severity};
use futures::executor::block_on;
use rdkafka::admin::{AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::consumer::Consumer as _;
use std::collections::BTreeMap;

/// Topics whose settings are asked for at once.
const ASKED_AT_ONCE: usize = 200;

/// Looks at the brokers and at the topics that these tables would have.
pub async fn preflight(settings: Settings, tables: Vec<TableName>, access: Access) -> Vec<Finding> {
    let looked = tokio::task::spawn_blocking(move || look(&settings, &tables, access));
    match looked.await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![forbids(&error)],
        Err(problem) => vec![forbids(&Error::Unexpected {
            action: "looking at the brokers".to_owned(),
            problem: problem.to_string(),
        })],
    }
}

fn look(settings: &Settings, tables: &[TableName], access: Access) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let consumer = client::consumer(settings, Isolation::Committed, 64)?;
    let brokers = brokers(settings, &consumer)?;
    // What reads knows the schemas from the log.
    if access.writes
        && settings.schema_registry.is_some()
        && let Err(error) = Registry::new(settings).and_then(|registry| registry.look())
    {
        findings.push(forbids(&error));
    }
    let administrator = client::administrator(settings)?;

    let control = ControlTopics::of(&settings.pipeline);
    let mut names = Names::new(&control);
    let mut topics: BTreeMap<String, Option<&TableName>> = BTreeMap::new();
    for table in tables {
        match names.take(settings, table) {
            Ok(topic) => {
                topics.insert(topic, Some(table));
            }
            Err(error) => findings.push(forbids(&error).about(table)),
        }
    }
    topics.extend(control.all().map(|topic| (topic.to_owned(), None)));
    let asked: Vec<&str> = topics.keys().map(String::as_str).collect();
    let there = describe(settings, &administrator, &asked)?;

    replication(settings, &administrator, &brokers, &mut findings)?;
    // What is forbidden already would be said again.
    let allowed = |findings: &[Finding]| {
        let mut findings = findings.iter();
        findings.all(|finding| finding.severity != Severity::Forbids)
    };
    if allowed(&findings) {
        let missing = permissions::missing(settings, &administrator, access, &asked, &there);
        findings.extend(missing.iter().map(forbids));
    }
    let reader = ControlReader::new(settings)?;
    let begun = has_begun(&reader, &there)?;
    // What reads goes by what the log says of itself.
    if begun && access.writes && allowed(&findings) {
        findings.extend(formats(settings, &reader)?);
    }
    for (topic, described) in &there {
        let table = topics.get(topic).copied().flatten();
        let finding = match table {
            _ if begun => continue,
            Some(_) => partitions(topic, described, settings.partitions),
            None => partitions(topic, described, 1),
        };
        findings.extend(finding.map(|finding| match table {
            Some(table) => finding.about(table),
            None => finding,
        }));
    }
    limits(settings, &administrator, &topics, &there, &mut findings)?;
    Ok(findings)
}

/// The brokers' ids.
fn brokers(settings: &Settings, consumer: &Consumer) -> Result<Vec<i32>, Error> {
    // A topic's name is asked for only because no metadata at all cannot be.
    let control = ControlTopics::of(&settings.pipeline);
    let metadata = consumer
        .fetch_metadata(Some(&control.barriers), settings.patience)
        .map_err(|failure| Error::Unreachable {
            brokers: settings.broker_list(),
            problem: failure.to_string(),
        })?;
    Ok(metadata
        .brokers()
        .iter()
        .map(|broker| broker.id())
        .collect())
}

/// Whether the log has begun. What its topics are is recorded then, and held against them by each
/// start.
fn has_begun(
    reader: &ControlReader<'_>,
    there: &BTreeMap<String, Described>,
) -> Result<bool, Error> {
    if !there.contains_key(&reader.control.barriers) {
        return Ok(false);
    }
    let marks = reader.marks()?;
    Ok(marks.high > marks.low)
}

/// Topics that the configuration would have in another format, by what is decided in the log: a
/// transaction that a killed capture left open is not waited for.
fn formats(settings: &Settings, reader: &ControlReader<'_>) -> Result<Vec<Finding>, Error> {
    let marks = reader.decided()?;
    let Some(found) = reader.last(marks)? else {
        return Ok(Vec::new());
    };
    let (ledger, _) = reader.ledger_at(&found, marks)?;
    let changed = changed_formats(settings, &ledger);
    Ok(changed
        .map(|(table, error)| forbids(&error).about(table))
        .collect())
}

fn partitions(topic: &str, described: &Described, wanted: u32) -> Option<Finding> {
    if described.partitions.unsigned_abs() == wanted {
        return None;
    }
    let message = format!(
        "topic {topic} is there already with {} partitions, the configuration asks for {wanted}",
        described.partitions
    );
    let remedy = "delete the topic if nobody needs it, or make log.partitions what it has";
    Some(Finding::forbids("LS5522", message, remedy))
}

/// Whether new topics can have the replicas that they ask for.
fn replication(
    settings: &Settings,
    administrator: &Administrator,
    brokers: &[i32],
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let Some(first) = brokers.first() else {
        return Ok(());
    };
    let asked = [ResourceSpecifier::Broker(*first)];
    let configured = match configured(settings, administrator, &asked) {
        Ok(configured) => configured,
        Err(error @ Error::NotAllowed { .. }) => {
            findings.push(Finding::warns(
                error.code(),
                format!("the brokers' settings could not be looked at: {error}"),
                "grant DESCRIBE_CONFIGS on the cluster, or compare the settings yourself",
            ));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let number = |name: &str| configured.first().and_then(|broker| number(broker, name));
    if let Some(most) = number("transaction.max.timeout.ms")
        && u128::from(most) < settings.transaction_timeout.as_millis()
    {
        findings.push(forbids(&Error::TransactionTimeout {
            millis: settings.transaction_timeout.as_millis(),
            problem: format!("transaction.max.timeout.ms is {most}"),
        }));
    }
    let replicas = match settings.replication_factor {
        Some(replicas) => Some(u64::from(replicas)),
        None => number("default.replication.factor"),
    };
    let Some(replicas) = replicas else {
        return Ok(());
    };
    if usize::try_from(replicas).unwrap_or(usize::MAX) > brokers.len() {
        findings.push(forbids(&Error::TopicRefused {
            topic: format!("{}.barriers", settings.pipeline),
            problem: format!("{replicas} replicas on {} brokers", brokers.len()),
        }));
    }
    if let Some(least) = number("min.insync.replicas")
        && least > replicas
    {
        findings.push(Finding::forbids(
            "LS5524",
            format!("the brokers ask for {least} replicas in sync, topics get {replicas}"),
            "raise log.replication_factor, or lower min.insync.replicas",
        ));
    }
    if replicas == 1 {
        findings.push(Finding::warns(
            "LS5525",
            "topics get one replica: a broker that loses its disk loses the log",
            "with three brokers or more, set replication_factor = 3 in [log] and \
             min.insync.replicas=2 on the brokers",
        ));
    }
    Ok(())
}

/// Whether the topics that are there take messages as long as the configuration allows.
fn limits(
    settings: &Settings,
    administrator: &Administrator,
    topics: &BTreeMap<String, Option<&TableName>>,
    there: &BTreeMap<String, Described>,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let names: Vec<&String> = there.keys().collect();
    for names in names.chunks(ASKED_AT_ONCE) {
        let asked: Vec<ResourceSpecifier<'_>> = names
            .iter()
            .map(|name| ResourceSpecifier::Topic(name))
            .collect();
        let configured = match configured(settings, administrator, &asked) {
            Ok(configured) => configured,
            // Said once, for the brokers.
            Err(Error::NotAllowed { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        for (name, topic) in names.iter().zip(&configured) {
            let Some(limit) = number(topic, "max.message.bytes") else {
                continue;
            };
            if limit >= settings.max_message_bytes {
                continue;
            }
            let wanted = settings.max_message_bytes;
            // A message that is compressed may fit all the same; one that does not halts capture.
            let finding = Finding::warns(
                "LS5523",
                format!(
                    "topic {name} takes messages of {limit} bytes, log.max_message_bytes is {wanted}"
                ),
                format!(
                    "kafka-configs --alter --entity-type topics --entity-name {name} \
                     --add-config max.message.bytes={wanted}"
                ),
            );
            findings.push(match topics.get(*name).copied().flatten() {
                Some(table) => finding.about(table),
                None => finding,
            });
        }
    }
    Ok(())
}

fn configured(
    settings: &Settings,
    administrator: &Administrator,
    asked: &[ResourceSpecifier<'_>],
) -> Result<Vec<ConfigResource>, Error> {
    let action = "looking at settings";
    let options = AdminOptions::new().request_timeout(Some(settings.patience));
    let answered = block_on(administrator.describe_configs(asked, &options))
        .map_err(|failure| refusal::error(settings, action, &failure))?;
    answered
        .into_iter()
        .map(|answer| {
            answer.map_err(|code| refusal::coded(settings, action, code, code.to_string()))
        })
        .collect()
}

fn number(resource: &ConfigResource, name: &str) -> Option<u64> {
    resource.get(name)?.value.as_ref()?.parse().ok()
}

fn forbids(error: &Error) -> Finding {
    Finding::forbids(error.code(), error.to_string(), error.remedy())
}
