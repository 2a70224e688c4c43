//! The composition root: builds the adapters from the configuration and hands them to the loops.
//! The commands know only the functions of this module; no adapter is opened anywhere else in this crate.

mod connections;
mod inspection;
mod keys;
mod leases;
mod log;
mod part;
mod picture;
mod planning;
mod quarantine;
mod recopying;
mod requests;
mod running;
mod topics;
mod values;
mod work;

use crate::config::{Configuration, Log};
use crate::failure::Failure;
use crate::output::Snapshot;
use change::{Collection, Position, TableName};
use connections::Connections;
use flow::ports::ChangeSource;
use flow::{Finding, Severity};
use mapping::{CollectionPlan, IdentityChoice, Mapper};
use mongo::PartStatus;
use mysql::LogSizes;
use std::time::Duration;

pub use inspection::{InitRequest, init};
pub use part::Part;
pub use planning::plan;
pub use quarantine::{Selected, at_least_one, drop_quarantined, quarantined, retry_quarantined};
pub use recopying::{Wanted, recopy};
pub use running::{Ended, RunOptions, run};
pub use topics::{list_topics, tail_topics};

/// The source is asked for its head by `status` for so long, where no process told it.
const ASK_HEAD_WITHIN: Duration = Duration::from_secs(3);

/// The pipeline as its control database describes it, running or not.
pub async fn status(configuration: &Configuration) -> Result<Snapshot, Failure> {
    let target = connections::reached_target(configuration).await?;
    let status = target.status().await.map_err(refused)?;
    let reads_the_source = |part: &PartStatus| part.running && part.part != "sink";
    let head = if status.parts.iter().any(reads_the_source) {
        None
    } else {
        source_head(configuration).await
    };
    Ok(picture::of_stored(&configuration.pipeline, &status, head))
}

/// The source's newest position; nothing where it does not answer soon, which is no failure of
/// whoever asks for the status.
async fn source_head(configuration: &Configuration) -> Option<(Position, LogSizes)> {
    if let Some(absent) = &configuration.source.absent_password {
        tracing::debug!("the source is not asked for its head: {absent}");
        return None;
    }
    let asking = async {
        let mut source = Connections::open(configuration).await.ok()?.source();
        let head = source.head().await.ok()?;
        Some((head, source.log_sizes().await.unwrap_or_default()))
    };
    let asked = tokio::time::timeout(ASK_HEAD_WITHIN, asking).await;
    asked.ok().flatten()
}

/// Looks at both stores and changes nothing.
pub async fn check(configuration: &Configuration) -> Result<Vec<Finding>, Failure> {
    let connections = Connections::open(configuration).await?;
    let mut findings = findings(configuration, Part::Run, Some(&connections)).await?;
    let forbidden = findings
        .iter()
        .any(|finding| finding.severity == Severity::Forbids);
    if !forbidden {
        findings.extend(values::findings(configuration, &connections).await?);
        findings.sort_by_key(|finding| finding.severity);
    }
    Ok(findings)
}

/// What stands against a start, or is worth knowing. Describing the tables also tells the source
/// which columns identify rows of tables without a primary key, so this comes before every run.
async fn findings(
    configuration: &Configuration,
    part: Part,
    connections: Option<&Connections>,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = match connections {
        Some(connections) => connections.preflight(configuration).await,
        None => Vec::new(),
    };
    // What forbids one table is no reason to leave the others out of account.
    let forbidden = |findings: &[Finding]| {
        findings
            .iter()
            .any(|finding| finding.severity == Severity::Forbids && finding.table.is_none())
    };
    let (mut plans, mut names) = (Vec::new(), Vec::new());
    if let Some(connections) = connections
        && !forbidden(&findings)
    {
        let (found, planned, named) = tables(configuration, connections).await?;
        findings.extend(found);
        plans = planned;
        names = named;
    }
    if let Some(target) = connections::known_target(configuration).await? {
        match target.reach().await {
            // The log keeps capture going while the target is away.
            Err(mongo::Error::Unreachable { .. }) if !part.writes_the_target() => {}
            Ok(()) | Err(_) => findings.extend(target.check(&plans).await),
        }
    }
    if let Log::Kafka(kafka) = &configuration.log {
        let settings = log::settings(configuration, kafka);
        let access = ::kafka::Access {
            reads: part.writes_the_target(),
            writes: part.reads_the_source(),
        };
        findings.extend(::kafka::preflight(settings, names, access).await);
    }
    findings.sort_by_key(|finding| finding.severity);
    Ok(findings)
}

/// Forgets the pipeline: its checkpoints, fences and state, and with `drop_target` the collections
/// that it filled. Says what went.
pub async fn reset(
    configuration: &Configuration,
    drop_target: bool,
) -> Result<Vec<String>, Failure> {
    let target = connections::reached_target(configuration).await?;
    let mapper = Mapper::new(configuration.mapping.clone());
    let status = target.status().await.map_err(refused)?;
    let filled: Vec<Collection> = status
        .tail
        .tables
        .iter()
        .map(|table| mapper.collection(&table.table))
        .collect();
    let mut topics = Vec::new();
    if let Log::Kafka(kafka) = &configuration.log {
        target.refuse_running().await.map_err(halted)?;
        let tables = status.tail.tables.iter().map(|table| table.table.clone());
        let settings = log::settings(configuration, kafka);
        topics = ::kafka::reset(settings, tables.collect())
            .await
            .map_err(halted)?;
    }
    target
        .reset(drop_target.then_some(&*filled))
        .await
        .map_err(halted)?;
    let topics = topics.iter().map(|topic| format!("topic {topic}"));
    let mut removed: Vec<String> = topics.collect();
    removed.push(format!(
        "the checkpoint and the state of pipeline {} in {}",
        configuration.pipeline, configuration.target.control_database
    ));
    if drop_target {
        removed.extend(
            filled
                .iter()
                .map(|collection| format!("collection {collection}")),
        );
    }
    Ok(removed)
}

/// What the selected tables become, and what stands against it.
async fn tables(
    configuration: &Configuration,
    connections: &Connections,
) -> Result<(Vec<Finding>, Vec<CollectionPlan>, Vec<TableName>), Failure> {
    let mapper = Mapper::new(configuration.mapping.clone());
    let mut findings = Vec::new();
    let mut plans = Vec::new();
    let mut names: Vec<TableName> = Vec::new();
    let described = connections
        .reader()
        .describe_all()
        .await
        .map_err(Failure::before_the_start)?;
    for (name, description) in described {
        let description = match description {
            Ok(description) => description,
            Err(failure) => {
                findings.push(
                    Finding::forbids(failure.code, failure.message, failure.remedy).about(&name),
                );
                continue;
            }
        };
        let choices = configuration.mapping.tables.get(&name);
        let multiset = choices.is_some_and(|choices| choices.identity == IdentityChoice::Row);
        if multiset && !description.schema.key.is_empty() {
            let message =
                String::from("it has a key, and identity = \"row\" is for tables without one");
            let remedy = "leave identity out for this table: its key identifies its documents";
            findings.push(Finding::forbids("LS4012", message, remedy).about(&name));
        }
        if let Ok(compiled) = mapper.compile(&description.schema) {
            for (column, word) in compiled.lossy() {
                let message = format!("lossy by configuration: {name}.{column}: {word}");
                let remedy = "leave the choice out to keep every value exactly";
                findings.push(Finding::info("LS4009", message, remedy).about(&name));
            }
        }
        match mapper.collection_plan(&description) {
            Ok(plan) => {
                for (index, reason) in &plan.inexpressible {
                    let message = format!("index {index} has no counterpart in MongoDB: {reason}");
                    let remedy = "build what the application needs by hand, once it is copied";
                    findings.push(Finding::info("LS4008", message, remedy).about(&name));
                }
                plans.push(plan);
            }
            Err(problems) => findings.extend(problems.iter().map(|problem| {
                Finding::forbids(problem.code, problem.to_string(), problem.remedy.clone())
                    .about(&name)
            })),
        }
        names.push(name);
    }
    if let Err(problems) = mapper.check_collections(&names) {
        findings.extend(problems.iter().map(|problem| {
            Finding::forbids(problem.code, problem.to_string(), problem.remedy.clone())
                .about(&problem.table)
        }));
    }
    Ok((findings, plans, names))
}

fn refused(error: impl Into<flow::Failure>) -> Failure {
    Failure::before_the_start(error.into())
}

fn halted(error: impl Into<flow::Failure>) -> Failure {
    Failure::from(error.into())
}
