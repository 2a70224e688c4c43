//! The leases of the parts that this process runs, and what is published under them.
//!
//! They lie in the control database. A process that writes to the target cannot start without;
//! capture over Kafka can, because the log fences its predecessor and keeping the target's outage
//! from stopping capture is what the log is for. Then the lease is taken as soon as it can be.

use std::time::Duration;

use flow::ports::{Control, LeaseAnswer};
use flow::{Disposition, Watch};
use mongo::{MongoControl, Target};

use super::requests;
use crate::failure::Failure;
use crate::output::Snapshot;

/// A lease that nobody renewed for so long is free.
const SILENCE: Duration = Duration::from_secs(5);
/// What may be spent on a lease that could not be had before; asked again a second later.
const LATE_TRY: Duration = Duration::from_millis(500);

/// The leases of one process.
pub(super) struct Leases(Vec<Lease>);

struct Lease {
    part: &'static str,
    control: MongoControl,
    held: bool,
}

/// Somebody else holds a part, and lives.
pub(super) struct Held {
    pub(super) part: &'static str,
    pub(super) holder: String,
}

impl Leases {
    /// None is taken yet; without a target there is none to take.
    pub(super) fn new(target: Option<&Target>, parts: &[&'static str]) -> Self {
        let Some(target) = target else {
            return Self(Vec::new());
        };
        let lease = |part: &&'static str| Lease {
            part,
            control: target.control(),
            held: false,
        };
        Self(parts.iter().map(lease).collect())
    }

    /// Takes all of them, or none.
    pub(super) async fn acquire(&mut self, takeover: bool) -> Result<Option<Held>, flow::Failure> {
        for index in 0..self.0.len() {
            let lease = &mut self.0[index];
            match lease.control.acquire(lease.part, takeover, SILENCE).await? {
                LeaseAnswer::Granted => lease.held = true,
                LeaseAnswer::Held { holder } => {
                    let part = lease.part;
                    self.release().await;
                    return Ok(Some(Held { part, holder }));
                }
            }
        }
        Ok(None)
    }

    /// Renews what is held and tries to take what is not. A passing failure is only told: what
    /// guards the data is the fence.
    pub(super) async fn renew(&mut self) -> Result<(), Failure> {
        for lease in &mut self.0 {
            if !lease.held {
                let trying = lease.control.acquire(lease.part, false, SILENCE);
                let tried = tokio::time::timeout(LATE_TRY, trying).await;
                lease.held = matches!(tried, Ok(Ok(LeaseAnswer::Granted)));
                continue;
            }
            match lease.control.renew().await {
                Ok(()) => {}
                Err(failure) if failure.disposition == Disposition::Transient => {
                    tracing::warn!(code = failure.code, "{failure}");
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(())
    }

    /// Stores the picture for `lockstep status`, and answers requests.
    pub(super) async fn publish(&mut self, picture: &Snapshot, watch: &Watch) {
        let text = serde_json::to_string(picture).expect("a picture has only text keys");
        for lease in self.0.iter_mut().filter(|lease| lease.held) {
            if let Err(failure) = lease.control.publish(&text).await {
                tracing::warn!(
                    code = failure.code,
                    "the status could not be stored: {failure}"
                );
                return;
            }
            requests::answer(&mut lease.control, lease.part, watch).await;
        }
    }

    /// Gives them back, so that a successor need not wait; without it it waits a few seconds.
    pub(super) async fn release(&mut self) {
        for lease in self.0.iter_mut().filter(|lease| lease.held) {
            lease.held = false;
            if let Err(failure) = lease.control.release().await {
                tracing::debug!(
                    code = failure.code,
                    "the lease could not be given back: {failure}"
                );
            }
        }
    }
}
