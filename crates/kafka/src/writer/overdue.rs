//! Says so when brokers take long, for as long as they do.
//!
//! A call that waits for brokers has a limit of its own, but a limit is half a minute or more, and
//! calls are repeated. Whoever looks on meanwhile should not have to guess what stands still. Only
//! what is under way is told of: a log that has nothing to do is silent.

use super::Told;
use change::Ordinal;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Brokers that take longer are told of, as often as this.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Waits for `work`, warning every while that it is still waited for.
pub(super) async fn telling<T>(what: &str, work: impl Future<Output = T>) -> T {
    every_while(work, |waited| warn(what, waited)).await
}

/// Watches over barriers from when they are sent until they are durable. Ends with the writer, or
/// with its first failure.
pub(super) async fn watch_over(
    sent: watch::Receiver<Option<Ordinal>>,
    told: watch::Receiver<Told>,
) {
    overdue(sent, told, |waited| warn("committing a barrier", waited)).await;
}

fn warn(what: &str, waited: Duration) {
    tracing::warn!(
        ?waited,
        "{what} waits for the brokers, and all behind it waits too"
    );
}

async fn every_while<T>(work: impl Future<Output = T>, say: impl Fn(Duration)) -> T {
    let began = Instant::now();
    let mut work = pin!(work);
    loop {
        match timeout(TELL_EVERY, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => say(began.elapsed()),
        }
    }
}

async fn overdue(
    mut sent: watch::Receiver<Option<Ordinal>>,
    mut told: watch::Receiver<Told>,
    say: impl Fn(Duration),
) {
    loop {
        let durable = told.borrow().durable;
        let waiting = sent.wait_for(|sent| *sent > durable).await;
        let Ok(waiting) = waiting.map(|sent| *sent) else {
            return;
        };
        let settled = told.wait_for(|told| told.durable >= waiting || told.failure.is_some());
        let settled = every_while(settled, &say).await;
        if !settled.is_ok_and(|told| told.failure.is_none()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// The clock is paused, and moves on when there is nothing else to do.
    async fn pass(seconds: u64) {
        let never = std::future::pending::<()>();
        let passed = timeout(Duration::from_secs(seconds), never).await;
        assert!(passed.is_err(), "nothing but the time ends it");
    }

    fn ordinal(transaction: u64) -> Option<Ordinal> {
        Some(Ordinal {
            transaction,
            change: 0,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_barrier_that_waits_is_told_of_until_it_is_durable_and_an_idle_log_is_silent() {
        let sent = watch::Sender::new(None);
        let told = watch::Sender::new(Told::default());
        let warnings = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&warnings);
        let watching = tokio::spawn(overdue(sent.subscribe(), told.subscribe(), move |_| {
            counted.fetch_add(1, Relaxed);
        }));
        let after = async |seconds| {
            pass(seconds).await;
            warnings.load(Relaxed)
        };
        assert_eq!(after(60).await, 0, "nothing was sent");

        sent.send_replace(ordinal(1));
        assert_eq!(after(9).await, 0, "no long wait yet");
        assert_eq!(after(26).await, 3, "told every ten seconds");
        told.send_modify(|told| told.durable = ordinal(1));
        assert_eq!(after(60).await, 3, "it is durable");

        sent.send_replace(ordinal(2));
        assert_eq!(after(11).await, 4, "the next one is watched too");
        drop(told);
        watching.await.expect("it ends with the writer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_takeover_that_waits_is_told_of() {
        let warnings = AtomicUsize::new(0);
        every_while(pass(25), |_| {
            warnings.fetch_add(1, Relaxed);
        })
        .await;
        assert_eq!(warnings.load(Relaxed), 2);
    }
}
