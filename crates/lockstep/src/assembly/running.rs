//! A running pipeline: the lease, the loops, and what is told about them while they run.

use std::time::Duration;

use change::{TableName, TableState};
use flow::capture::Settings as CaptureSettings;
use flow::pipeline::{Settings, run_direct};
use flow::ports::{ChangeSource, Control, LeaseAnswer};
use flow::translate::GroupLimits;
use flow::{Disposition, ReaderSettings, Watch};
use mapping::Mapper;
use mongo::{MongoControl, Target};
use reconcile::Limits;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connections::{self, Connections};
use super::picture::Pictures;
use super::{findings, halted, refused};
use crate::config::Configuration;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Snapshot;

/// The part of the pipeline that a direct run is.
const PART: &str = "run";
/// A lease that nobody renewed for so long is free.
const SILENCE: Duration = Duration::from_secs(5);
const RENEW_EVERY: Duration = Duration::from_secs(1);
const PICTURE_EVERY: Duration = Duration::from_millis(200);
/// A server may be away for so long.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// What a chunk's window may remember of the changes beside it.
const MAX_WINDOW_BYTES: usize = 16 << 20;
const READ_ATTEMPTS: u32 = 5;

/// How `run` was asked to run.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// End once every table follows and the head seen at that moment is applied.
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

/// Runs the pipeline until it is caught up, stopped or has failed; `progress` gets a picture of it
/// several times a second.
pub async fn run(
    configuration: &Configuration,
    options: RunOptions,
    stop: CancellationToken,
    progress: watch::Sender<Snapshot>,
) -> Result<Ended, Failure> {
    tracing::info!(
        pipeline = configuration.pipeline,
        source = configuration.source.address.shown(),
        target = configuration.target.address.shown(),
        "starting"
    );
    let target = connections::reached_target(configuration).await?;
    let mut control = target.control();
    let answer = tokio::select! {
        () = stop.cancelled() => return Ok(Ended::Stopped),
        answer = control.acquire(PART, options.takeover, SILENCE) => answer,
    };
    if let LeaseAnswer::Held { holder } = answer.map_err(Failure::before_the_start)? {
        return Err(held(&configuration.pipeline, &holder));
    }
    let outcome = with_lease(
        configuration,
        options,
        &target,
        &mut control,
        stop,
        progress,
    )
    .await;
    // Without it a successor only waits a few seconds longer.
    if let Err(failure) = control.release().await {
        tracing::debug!(
            code = failure.code,
            "the lease could not be given back: {failure}"
        );
    }
    outcome
}

async fn with_lease(
    configuration: &Configuration,
    options: RunOptions,
    target: &Target,
    control: &mut MongoControl,
    stop: CancellationToken,
    progress: watch::Sender<Snapshot>,
) -> Result<Ended, Failure> {
    let watch = Watch::default();
    // Ends the loops when somebody asks for it, or when the lease is lost.
    let ending = stop.child_token();
    let done = CancellationToken::new();
    let working = async {
        let outcome = work(configuration, options, target, &watch, &ending).await;
        done.cancel();
        outcome
    };
    let keeping = async {
        let outcome = keep(configuration, control, &watch, progress, &done).await;
        ending.cancel();
        outcome
    };
    let (worked, kept) = tokio::join!(working, keeping);
    kept?;
    worked?;
    let stopped: Vec<(TableName, String)> = watch
        .look()
        .tables
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
    if stop.is_cancelled() {
        return Ok(Ended::Stopped);
    }
    if stopped.is_empty() {
        return Ok(Ended::CaughtUp);
    }
    Err(tables_stopped(&stopped))
}

async fn work(
    configuration: &Configuration,
    options: RunOptions,
    target: &Target,
    watch: &Watch,
    ending: &CancellationToken,
) -> Result<(), Failure> {
    let looking = async {
        let connections = Connections::open(configuration).await?;
        let found = findings(configuration, &connections).await?;
        Ok::<_, Failure>((connections, found))
    };
    let (connections, found) = tokio::select! {
        () = ending.cancelled() => return Ok(()),
        looked = looking => looked?,
    };
    for finding in &found {
        match finding.severity {
            flow::Severity::Forbids => return Err(forbidden(finding)),
            flow::Severity::Warns => tracing::warn!(code = finding.code, "{}", finding.message),
            flow::Severity::Info => tracing::info!(code = finding.code, "{}", finding.message),
        }
    }
    let status = target.status().await.map_err(refused)?;
    connections.remember(status.tail.tables.iter().map(|table| table.table.clone()));
    let mut source = connections.source();
    let mut head = connections.source();
    let readers = configuration.capture.snapshot_readers as usize;
    let mapper = Mapper::new(configuration.mapping.clone());
    let mut sink = target.sink();
    let asking = async {
        loop {
            // The head is asked on a connection of its own; that it fails says nothing new.
            if let Ok(position) = head.head().await {
                watch.head(position);
            }
            tokio::time::sleep(RENEW_EVERY).await;
        }
    };
    let running = run_direct(
        &mut source,
        || (0..readers).map(|_| connections.reader()).collect(),
        &mut sink,
        &mapper,
        settings(configuration, options),
        watch,
        ending,
    );
    tokio::select! {
        outcome = running => outcome.map_err(halted),
        () = asking => unreachable!("the head is asked until the pipeline ends"),
    }
}

/// Renews the lease, publishes the status and paints, until the work is done.
async fn keep(
    configuration: &Configuration,
    control: &mut MongoControl,
    watch: &Watch,
    progress: watch::Sender<Snapshot>,
    done: &CancellationToken,
) -> Result<(), Failure> {
    let mut pictures = Pictures::new(&configuration.pipeline);
    let mut renewing = tokio::time::interval(RENEW_EVERY);
    let mut painting = tokio::time::interval(PICTURE_EVERY);
    loop {
        tokio::select! {
            () = done.cancelled() => break,
            _ = painting.tick() => {
                progress.send_replace(pictures.of_running(&watch.look()));
            }
            _ = renewing.tick() => {
                match control.renew().await {
                    Ok(()) => {}
                    Err(failure) if failure.disposition == Disposition::Transient => {
                        tracing::warn!(code = failure.code, "{failure}");
                        continue;
                    }
                    Err(failure) => return Err(failure.into()),
                }
                publish(control, &pictures.of_running(&watch.look())).await;
                answer_requests(control).await;
            }
        }
    }
    let mut last = pictures.of_running(&watch.look());
    progress.send_replace(last.clone());
    last.running = false;
    publish(control, &last).await;
    Ok(())
}

async fn publish(control: &mut MongoControl, picture: &Snapshot) {
    let text = serde_json::to_string(picture).expect("a picture has only text keys");
    if let Err(failure) = control.publish(&text).await {
        tracing::warn!(
            code = failure.code,
            "the status could not be stored: {failure}"
        );
    }
}

/// This version knows no request; each is answered, so that nobody waits for ever.
async fn answer_requests(control: &mut MongoControl) {
    let Ok(requests) = control.requests().await else {
        return;
    };
    for request in requests {
        let outcome = format!("refused: this version has no request {:?}", request.kind);
        if let Err(failure) = control.acknowledge(&request.id, &outcome).await {
            tracing::warn!(
                code = failure.code,
                "a request was not acknowledged: {failure}"
            );
        }
    }
}

fn settings(configuration: &Configuration, options: RunOptions) -> Settings {
    let capture = &configuration.capture;
    let (changes, bytes) = (
        capture.max_barrier_changes as usize,
        capture.max_barrier_bytes as usize,
    );
    Settings {
        capture: CaptureSettings {
            limits: Limits {
                max_barrier_changes: changes,
                max_barrier_bytes: bytes,
                max_window_bytes: MAX_WINDOW_BYTES,
            },
            readers: ReaderSettings {
                max_chunk_rows: capture.chunk_rows as usize,
                max_chunk_bytes: capture.chunk_bytes as usize,
                ranges_per_table: capture.snapshot_readers as usize * 2,
                attempts: READ_ATTEMPTS,
            },
            heartbeat: capture.heartbeat_interval,
            until_caught_up: options.until_caught_up,
        },
        group: GroupLimits {
            max_changes: changes.saturating_mul(2),
            max_bytes: bytes.saturating_mul(2),
        },
        retry_for: RETRY_FOR,
    }
}

fn forbidden(finding: &flow::Finding) -> Failure {
    Failure {
        code: finding.code,
        message: finding.message.clone(),
        remedy: finding.remedy.clone(),
        status: ExitStatus::Refused,
        table: finding.table.as_ref().map(|table| table.to_string()),
        mistakes: Vec::new(),
    }
}

fn held(pipeline: &str, holder: &str) -> Failure {
    Failure {
        code: "LS4010",
        message: format!("pipeline {pipeline} is run by {holder}, which is alive"),
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
        remedy: "mend what each reason names, then run `lockstep reset --yes --drop-target` and \
                 copy again, or leave the tables out of source.tables"
            .to_owned(),
        status: ExitStatus::Halted,
        table: stopped.first().map(|(table, _)| table.to_string()),
        mistakes: Vec::new(),
    }
}
