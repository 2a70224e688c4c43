//! How long after its start a killed pipeline has applied a change that came while it was dead.
//!
//! The process is killed while it follows, so that it leaves a lease, fences and perhaps an open
//! transaction behind; the row is committed before the next process is started, and the clock runs
//! from there until the row is visible.

use std::time::{Duration, Instant};

use super::BenchError;
use super::binary::{Lockstep, Part};
use super::probe::Prober;
use super::stand::Stand;

const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(600);

/// So many restarts, sorted.
///
/// # Errors
/// When a server or the pipeline fails, or a row does not arrive.
pub async fn measure(
    stand: &Stand,
    lockstep: &Lockstep,
    times: u32,
) -> Result<Vec<Duration>, BenchError> {
    lockstep.catch_up(stand, CAUGHT_UP_WITHIN).await?;
    let mut prober = Prober::new(stand, &lockstep.database).await?;
    let mut following = lockstep.follow()?;
    let mut measured = Vec::new();
    for _ in 0..times {
        // It follows once it has brought a row.
        let followed = prober.probe().await;
        followed.inspect_err(|_| eprintln!("{}", lockstep.last_words(Part::Run)))?;
        following.kill().await?;
        prober.commit().await?;
        let started = Instant::now();
        following = lockstep.follow()?;
        let visible = prober.visible_since(started).await;
        measured.push(visible.inspect_err(|_| eprintln!("{}", lockstep.last_words(Part::Run)))?);
    }
    following.kill().await?;
    prober.end().await?;
    measured.sort_unstable();
    Ok(measured)
}
