//! A running part of a pipeline: its leases, its loops, and what is told about it meanwhile.

use std::time::Duration;

use change::{TableName, TableState};
use flow::Watch;
use mongo::Target;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::leases::{Held, Leases};
use super::part::Part;
use super::picture::Pictures;
use super::work::work;
use super::{connections, refused};
use crate::config::Configuration;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Snapshot;

const RENEW_EVERY: Duration = Duration::from_secs(1);
const PICTURE_EVERY: Duration = Duration::from_millis(200);

/// How a part was asked to run.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    pub part: Part,
    /// End once every table follows and the head seen at that moment is applied (capture: durable
    /// in the log; sink: the log's end seen at that moment is applied).
    pub until_caught_up: bool,
    /// Take the lease from a predecessor that still renews it.
    pub takeover: bool,
}

/// Why a run ended without a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    CaughtUp,
    /// `stop` was cancelled; the pipeline stands at a barrier.
    Stopped,
}

/// Runs the part until it is caught up, stopped or has failed; `progress` gets a picture of it
/// several times a second.
pub async fn run(
    configuration: &Configuration,
    options: RunOptions,
    stop: CancellationToken,
    progress: watch::Sender<Snapshot>,
) -> Result<Ended, Failure> {
    tracing::info!(
        pipeline = configuration.pipeline,
        part = options.part.command(),
        source = configuration.source.address.shown(),
        target = configuration.target.address.shown(),
        "starting"
    );
    let target = connections::known_target(configuration).await?;
    let target = target.as_ref();
    if let Some(absent) = &configuration.target.absent_password {
        tracing::warn!(
            code = "LS4014",
            "MongoDB is left alone, for its password is not here ({absent}): capture runs without \
             its lease and is not shown by `lockstep status`, and the log alone keeps predecessors out"
        );
    }
    let mut leases = Leases::new(target, options.part.leases(&configuration.log));
    let acquired = tokio::select! {
        () = stop.cancelled() => return Ok(Ended::Stopped),
        acquired = acquire(target, &mut leases, options) => acquired?,
    };
    if let Some(held) = acquired {
        return Err(is_held(&configuration.pipeline, &held));
    }
    let outcome = with_leases(configuration, options, target, &mut leases, stop, progress).await;
    leases.release().await;
    outcome
}

async fn acquire(
    target: Option<&Target>,
    leases: &mut Leases,
    options: RunOptions,
) -> Result<Option<Held>, Failure> {
    let Some(target) = target else {
        return Ok(None);
    };
    match target.reach().await {
        Ok(()) => {}
        // The log keeps capture going while the target is away.
        Err(error @ mongo::Error::Unreachable { .. }) if !options.part.writes_the_target() => {
            tracing::warn!(
                code = "LS4013",
                "the control database cannot be reached ({error}): capture starts without its \
                 lease, and the log alone keeps predecessors out; the lease is taken as soon as \
                 it can be"
            );
            return Ok(None);
        }
        Err(error) => return Err(refused(error)),
    }
    let acquired = leases.acquire(options.takeover).await;
    acquired.map_err(Failure::before_the_start)
}

async fn with_leases(
    configuration: &Configuration,
    options: RunOptions,
    target: Option<&Target>,
    leases: &mut Leases,
    stop: CancellationToken,
    progress: watch::Sender<Snapshot>,
) -> Result<Ended, Failure> {
    let watch = Watch::default();
    // Ends the loops when somebody asks for it, or when the lease is lost.
    let ending = stop.child_token();
    let done = CancellationToken::new();
    let pictures = Pictures::new(configuration, options.part);
    let working = async {
        let sizes = pictures.sizes();
        let outcome = work(configuration, options, target, &watch, sizes, &ending).await;
        done.cancel();
        outcome
    };
    let keeping = async {
        let outcome = keep(leases, &pictures, &watch, progress, &done).await;
        ending.cancel();
        outcome
    };
    let (worked, kept) = tokio::join!(working, keeping);
    kept?;
    worked?;
    if stop.is_cancelled() {
        return Ok(Ended::Stopped);
    }
    let tables = options.part.tables(&configuration.log, &watch.look());
    let stopped: Vec<(TableName, String)> = tables
        .into_values()
        .filter(|table| table.state == TableState::Stopped)
        .map(|table| {
            let reason = table
                .trouble
                .map(|trouble| trouble.to_string())
                .unwrap_or_default();
            (table.table, reason)
        })
        .collect();
    if stopped.is_empty() {
        return Ok(Ended::CaughtUp);
    }
    Err(tables_stopped(&stopped))
}

/// Renews the leases, publishes the status and paints, until the work is done.
async fn keep(
    leases: &mut Leases,
    pictures: &Pictures,
    watch: &Watch,
    progress: watch::Sender<Snapshot>,
    done: &CancellationToken,
) -> Result<(), Failure> {
    let mut renewing = tokio::time::interval(RENEW_EVERY);
    let mut painting = tokio::time::interval(PICTURE_EVERY);
    loop {
        tokio::select! {
            () = done.cancelled() => break,
            _ = painting.tick() => {
                progress.send_replace(pictures.of_running(&watch.look()));
            }
            _ = renewing.tick() => {
                leases.renew().await?;
                leases.publish(&pictures.to_publish(&watch.look()), watch).await;
            }
        }
    }
    let look = watch.look();
    progress.send_replace(pictures.of_running(&look));
    let last = Snapshot {
        running: false,
        ..pictures.to_publish(&look)
    };
    leases.publish(&last, watch).await;
    Ok(())
}

fn is_held(pipeline: &str, held: &Held) -> Failure {
    let Held { part, holder } = held;
    Failure {
        code: "LS4010",
        message: format!("pipeline {pipeline} ({part}) is run by {holder}, which is alive"),
        remedy: "leave it running; or stop it first; or start this one with --takeover, and the \
                 other will stop"
            .to_owned(),
        status: ExitStatus::Halted,
        table: None,
        mistakes: Vec::new(),
    }
}

fn tables_stopped(stopped: &[(TableName, String)]) -> Failure {
    let list: Vec<String> = stopped
        .iter()
        .map(|(table, reason)| format!("{table} ({reason})"))
        .collect();
    Failure {
        code: "LS4011",
        message: format!(
            "caught up, but for tables that are stopped: {}",
            list.join("; ")
        ),
        remedy:
            "mend what each reason names, then copy the tables again with `lockstep recopy` while \
                 the pipeline runs, or leave them out of source.tables"
                .to_owned(),
        status: ExitStatus::Halted,
        table: stopped.first().map(|(table, _)| table.to_string()),
        mistakes: Vec::new(),
    }
}
