//! What each port promises, as laws that every implementation is held to.
//!
//! A suite takes a factory of fresh settings and checks one law after the other; it tells the first
//! one that is broken instead of panicking, so that a test can demand that a broken adapter is
//! caught, and by which law. The real adapters run the same suites as the ports in memory: a loop
//! that is right over one is right over the other as far as these laws go.

mod barriers;
pub mod control;
mod copying;
mod effects;
pub mod log;
mod quarantine;
pub mod sink;
pub mod snapshot;
pub mod source;

use flow::Failure;
use std::future::Future;
use std::time::Duration;

/// No law takes longer on a machine that is merely busy.
const WITHIN: Duration = Duration::from_secs(60);

/// A law that an implementation broke.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{law}: {evidence}")]
pub struct Breach {
    pub law: &'static str,
    pub evidence: String,
}

/// What a suite says.
pub type Verdict = Result<(), Breach>;

/// Why a law does not hold, before it is known which one.
#[derive(Debug)]
struct Evidence(String);

impl From<Failure> for Evidence {
    fn from(failure: Failure) -> Self {
        Self(format!("{} failed: {failure}", failure.code))
    }
}

/// Checks one law, which has to come to an end.
async fn law(name: &'static str, check: impl Future<Output = Result<(), Evidence>>) -> Verdict {
    let evidence = match tokio::time::timeout(WITHIN, check).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(Evidence(evidence))) => evidence,
        Err(_) => format!("nothing happened for {} s", WITHIN.as_secs()),
    };
    Err(Breach {
        law: name,
        evidence,
    })
}

fn ensure(holds: bool, evidence: impl FnOnce() -> String) -> Result<(), Evidence> {
    if holds {
        Ok(())
    } else {
        Err(Evidence(evidence()))
    }
}

fn ensure_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), Evidence> {
    ensure(found == expected, || {
        format!("{what}: {found:?} instead of {expected:?}")
    })
}
