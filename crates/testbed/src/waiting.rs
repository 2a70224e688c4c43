//! Waiting for a condition: the only place where a test may sleep.
//! A test that sleeps a fixed time is slow when it is lucky and wrong when it is not; this one looks again until the condition holds, and fails with what it waited for.

use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `look` gives a value, at most `within`.
///
/// # Panics
/// When the time is over, naming `what` was waited for.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {} s in vain until {what}",
            within.as_secs_f32()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
