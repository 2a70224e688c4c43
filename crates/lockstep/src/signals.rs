//! SIGINT and SIGTERM: the first asks for a clean stop at a barrier, the second ends the process at once.
//! Ending at once is safe too, since a checkpoint never leaves without its data; it only makes the next start take over a lease.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::ExitStatus;

/// Listens from now on; the token is cancelled by the first signal.
pub fn listen() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        asked.cancel();
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(i32::from(ExitStatus::Interrupted.number()));
    });
    Ok(stop)
}

/// Ends with `work` or with the signal, whichever is first; for commands that leave nothing behind.
pub async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        result = work => Some(result),
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_asks_for_a_clean_stop() {
        let stop = listen().unwrap();
        assert_eq!(unless_stopped(&stop, async { 7 }).await, Some(7));
        let kill = format!("kill -TERM {}", std::process::id());
        let sent = tokio::process::Command::new("sh")
            .args(["-c", &kill])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
        assert_eq!(
            unless_stopped(&stop, std::future::pending::<u8>()).await,
            None
        );
    }
}
