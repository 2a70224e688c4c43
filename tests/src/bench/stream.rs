//! The draining of a backlog, end to end, beside bare transactions of the same folded writes.

use std::time::Duration;

use super::backlog::Backlog;
use super::binary::{Lockstep, Run};
use super::ledger::DATABASE;
use super::machine::Used;
use super::scale::Scale;
use super::stand::{Kept, Stand};
use super::{BenchError, floor};

const AT_MOST: Duration = Duration::from_secs(600);

/// All rounds.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub changes: u64,
    pub runs: Vec<Run>,
    pub floors: Vec<Used>,
}

/// The backlog, and the target's data before it.
#[derive(Debug)]
pub struct Prepared {
    pub backlog: Backlog,
    pub kept: Kept,
}

/// Makes the backlog while no pipeline runs.
///
/// The copies have to be complete, and nothing else may have changed since.
///
/// # Errors
/// When a server fails.
pub async fn prepare(stand: &Stand, scale: Scale) -> Result<Prepared, BenchError> {
    let backlog = Backlog::new(scale.rows, scale.changes);
    let kept = stand.keep_target().await?;
    stand.durable_commits(false).await?;
    stand.commit(&backlog).await?;
    stand.durable_commits(true).await?;
    Ok(Prepared { backlog, kept })
}

/// Drains the backlog in rounds, each from the same data.
///
/// # Errors
/// When a server or the pipeline fails, or what arrived differs.
pub async fn measure(
    stand: &Stand,
    lockstep: &Lockstep,
    scale: Scale,
    prepared: &Prepared,
) -> Result<Stream, BenchError> {
    let Prepared { backlog, kept } = prepared;
    let mut stream = Stream {
        changes: backlog.changes(),
        ..Stream::default()
    };
    for round in 0..scale.rounds {
        if round > 0 {
            stand.put_back(kept).await?;
        }
        stream
            .floors
            .push(floor::transactions(stand, backlog).await?);
        stand.put_back(kept).await?;
        stream.runs.push(lockstep.catch_up(stand, AT_MOST).await?);
        stand.require_equal(DATABASE).await?;
    }
    Ok(stream)
}
