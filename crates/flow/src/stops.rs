//! Named places where a test can halt the process.
//!
//! A kill is only a test if one knows what it interrupted. With the feature `stops` and the
//! environment variable `LOCKSTEP_STOP_AT=place:count`, the process prints `stopped at place` on
//! standard error the count-th time it gets there and waits to be killed. Without the feature
//! the call is empty.

/// The places, in the order of a run.
pub const PLACES: &[&str] = &[
    // The target is taken over and its checkpoint read; nothing is captured yet.
    "recovery",
    // A chunk is about to enter the log.
    "copying",
    // A lane has written its rows of a chunk and is about to commit them.
    "mid-lanes",
    // A part of an oversized transaction is about to enter the log.
    "mid-split",
    // Everything of a barrier is written, its checkpoint too, and the commit is about to be sent.
    "mid-commit",
    // A transaction is committed, and nobody has been told.
    "committed",
    // A log that outlives its writer has its predecessors fenced; its tail is not read yet.
    "tail",
    // Everything of a barrier is in the log, and its commit is about to be sent.
    "produced",
    // A barrier is committed in the log, and nobody has been told.
    "logged",
];

/// Marks that the process is at a place now.
#[cfg(feature = "stops")]
pub async fn reached(place: &'static str) {
    if is_wanted(place) {
        std::future::pending::<()>().await;
    }
}

/// Marks that the process is at a place now.
#[cfg(not(feature = "stops"))]
pub async fn reached(_place: &'static str) {}

/// Marks that the process is at a place now, on a thread that may block.
#[cfg(feature = "stops")]
pub fn reached_blocking(place: &'static str) {
    if is_wanted(place) {
        loop {
            std::thread::park();
        }
    }
}

/// Marks that the process is at a place now, on a thread that may block.
#[cfg(not(feature = "stops"))]
pub fn reached_blocking(_place: &'static str) {}

/// Whether to halt here; says so.
#[cfg(feature = "stops")]
fn is_wanted(place: &'static str) -> bool {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let wanted = std::env::var("LOCKSTEP_STOP_AT").ok()?;
        let (place, count) = wanted.split_once(':')?;
        Some((place.to_owned(), count.parse().ok()?))
    });
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let Some((wanted, count)) = &*WANTED else {
        return false;
    };
    let here = wanted == place && SEEN.fetch_add(1, Ordering::SeqCst) + 1 == *count;
    if here {
        eprintln!("stopped at {place}");
    }
    here
}
