//! Trying again: what every part of a pipeline does about a failure that may pass.
//!
//! An attempt begins from what is stored, never from what a failed one left in memory. Patience is
//! limited by time and renewed by progress, so that a server which is gone for good ends the run
//! and one that fails now and then does not.

use crate::failure::{Disposition, Failure};
use crate::watch::Watch;
use change::Trouble;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Attempts until one ends without failure, fails for good, or is not worth another. `progress`
/// counts what was achieved so far. A passing failure after `cancel` is the end that was asked for.
pub(crate) async fn persist(
    limit: Duration,
    watch: &Watch,
    cancel: &CancellationToken,
    progress: impl Fn() -> u64,
    mut attempt: impl AsyncFnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut patience = Patience::new(limit);
    loop {
        let before = progress();
        let Err(failure) = attempt().await else {
            return Ok(());
        };
        watch.failed(Trouble {
            code: failure.code.into(),
            message: failure.message.as_str().into(),
            remedy: failure.remedy.as_str().into(),
        });
        if progress() > before {
            patience = Patience::new(limit);
        }
        if failure.disposition != Disposition::Transient {
            return Err(failure);
        }
        if cancel.is_cancelled() {
            return Ok(());
        }
        let Some(pause) = patience.pause() else {
            return Err(failure);
        };
        tracing::warn!(code = failure.code, ?pause, "{failure}; trying again");
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Back-off with a limit.
struct Patience {
    until: Instant,
    next: Duration,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            next: Duration::from_millis(200),
        }
    }

    fn pause(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (self.next * 2).min(Duration::from_secs(5));
        (Instant::now() < self.until).then_some(pause)
    }
}
