//! The composition root: builds the adapters from the configuration and hands them to the loops.
//! The commands know only these four functions; no adapter is named anywhere else in this crate.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Configuration;
use crate::failure::{Failure, UsageError};
use crate::output::Snapshot;

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

/// Runs the pipeline until it is caught up, stopped or has failed; `progress` gets a picture of it several times a second.
pub async fn run(
    _configuration: &Configuration,
    _options: RunOptions,
    _stop: CancellationToken,
    _progress: watch::Sender<Snapshot>,
) -> Result<Ended, Failure> {
    Err(UsageError::NotWired("run").into())
}

/// The pipeline as its control database describes it, running or not.
pub async fn status(_configuration: &Configuration) -> Result<Snapshot, Failure> {
    Err(UsageError::NotWired("status").into())
}

/// Looks at both stores and changes nothing.
pub async fn check(_configuration: &Configuration) -> Result<Vec<flow::Finding>, Failure> {
    Err(UsageError::NotWired("check").into())
}

/// Forgets the pipeline: its checkpoints, fences and state, and with `drop_target` the collections that it filled. Says what went.
pub async fn reset(
    _configuration: &Configuration,
    _drop_target: bool,
) -> Result<Vec<String>, Failure> {
    Err(UsageError::NotWired("reset").into())
}
