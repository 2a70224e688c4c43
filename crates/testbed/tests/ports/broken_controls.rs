//! Controls that break a promise, and the laws that notice.

use super::caught;
use super::settings::Controls;
use flow::Failure;
use flow::ports::{Control, LeaseAnswer, Request};
use std::time::Duration;
use testbed::conformance::control::check;
use testbed::memory::MemoryControl;

/// Puts a flaw around an adapter.
type Bend = fn(MemoryControl) -> Broken;

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    GrantsWhatIsHeld,
    NeverTellsTheHolder,
    NeverGivesBack,
    OneLeaseForAll,
    NewestFirst,
    ForgetsTheOutcome,
    WaitsForNobody,
}

struct Broken {
    inner: MemoryControl,
    flaw: Flaw,
}

impl Control for Broken {
    async fn acquire(
        &mut self,
        part: &str,
        take_over: bool,
        silence: Duration,
    ) -> Result<LeaseAnswer, Failure> {
        let part = match self.flaw {
            Flaw::OneLeaseForAll => "run",
            _ => part,
        };
        let silence = match self.flaw {
            Flaw::WaitsForNobody => Duration::ZERO,
            _ => silence,
        };
        let take_over = take_over || self.flaw == Flaw::GrantsWhatIsHeld;
        self.inner.acquire(part, take_over, silence).await
    }

    async fn renew(&mut self) -> Result<(), Failure> {
        match (self.flaw, self.inner.renew().await) {
            (Flaw::NeverTellsTheHolder, _) => Ok(()),
            (_, answer) => answer,
        }
    }

    async fn release(&mut self) -> Result<(), Failure> {
        match self.flaw {
            Flaw::NeverGivesBack => Ok(()),
            _ => self.inner.release().await,
        }
    }

    async fn publish(&mut self, status: &str) -> Result<(), Failure> {
        self.inner.publish(status).await
    }

    async fn requests(&mut self) -> Result<Vec<Request>, Failure> {
        let mut requests = self.inner.requests().await?;
        if self.flaw == Flaw::NewestFirst {
            requests.reverse();
        }
        Ok(requests)
    }

    async fn acknowledge(&mut self, id: &str, outcome: &str) -> Result<(), Failure> {
        match self.flaw {
            Flaw::ForgetsTheOutcome => Ok(()),
            _ => self.inner.acknowledge(id, outcome).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_broken_control_is_caught() {
    let flaws: [(Bend, &str); 7] = [
        (
            |inner| bent(inner, Flaw::GrantsWhatIsHeld),
            "a lease that is renewed is held",
        ),
        (
            |inner| bent(inner, Flaw::WaitsForNobody),
            "a lease that is renewed is held",
        ),
        (
            |inner| bent(inner, Flaw::NeverTellsTheHolder),
            "a silent lease changes hands",
        ),
        (
            |inner| bent(inner, Flaw::NeverGivesBack),
            "a lease given back is free",
        ),
        (
            |inner| bent(inner, Flaw::OneLeaseForAll),
            "parts have leases of their own",
        ),
        (
            |inner| bent(inner, Flaw::NewestFirst),
            "requests are answered once",
        ),
        (
            |inner| bent(inner, Flaw::ForgetsTheOutcome),
            "requests are answered once",
        ),
    ];
    for (flaw, law) in flaws {
        caught(check(async || Controls::new(flaw)).await, law);
    }
}

fn bent(inner: MemoryControl, flaw: Flaw) -> Broken {
    Broken { inner, flaw }
}
