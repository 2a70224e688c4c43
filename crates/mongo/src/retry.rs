//! Trying again, with back-off, until a limit.

use crate::connect::Target;
use crate::error::Error;
use crate::reply::{Fault, Verdict};
use std::time::Duration;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long something has been tried.
pub(crate) struct Patience {
    until: Instant,
    limit: Duration,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            limit,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits a little longer than the time before; an error once the limit is reached.
    pub(crate) async fn pause(
        &mut self,
        action: &str,
        fault: &(dyn std::fmt::Display + Sync),
    ) -> Result<(), Error> {
        if Instant::now() + self.pause > self.until {
            return Err(Error::Lost {
                action: action.to_owned(),
                limit: self.limit,
                problem: fault.to_string(),
            });
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// Repeats a call that may be repeated, whatever became of it the last time.
pub(crate) async fn repeat<T, F>(
    target: &Target,
    action: &str,
    mut call: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut patience = Patience::new(target.options.retry_limit);
    loop {
        match call().await {
            Ok(value) => return Ok(value),
            Err(fault) if fault.verdict() == Verdict::Again => {
                tracing::debug!(action, %fault, "trying again");
                patience.pause(action, &fault).await?;
            }
            Err(fault) => return Err(target.refusal(action, &fault)),
        }
    }
}
