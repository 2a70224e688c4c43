//! The writing end of the log.
//!
//! Two threads work behind it, as the producer's calls block: one encodes, one commits. What was
//! taken and is not committed is at most three barriers. The open barrier is closed when nothing is
//! under way, so that latency stays low while little happens; under load barriers are closed by
//! their size, and encoding goes on beside the commit.

mod committing;
mod deliveries;
mod encoding;
mod named;
mod outcome;
mod outlet;
mod overdue;
mod recovery;
mod sending;
mod unended;

use crate::error::Error;
use crate::settings::Settings;
use change::{Barrier, Ordinal};
use encoding::{Encoded, Encoder};
use flow::Failure;
use flow::ports::{LogWriter, Tail};
pub(crate) use recovery::{changed_formats, fence};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use wire::Messages;

/// Writes barriers to Kafka.
#[derive(Debug)]
pub struct KafkaWriter {
    settings: Arc<Settings>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// `None` once it is finished.
    barriers: Option<mpsc::Sender<Barrier>>,
    sent: watch::Sender<Option<Ordinal>>,
    told: watch::Receiver<Told>,
    abandoned: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Who says that barriers wait; there once the tail is recovered.
    watching: Option<AbortHandle>,
}

/// What the committing thread has to say.
#[derive(Clone, Debug, Default)]
struct Told {
    durable: Option<Ordinal>,
    /// The first failure; nothing is written after it.
    failure: Option<Failure>,
}

impl KafkaWriter {
    /// A writer that has opened nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            running: None,
        }
    }

    fn running(&mut self) -> Result<&mut Running, Failure> {
        self.running.as_mut().ok_or_else(|| {
            Failure::from(Error::Unexpected {
                action: "writing to the log".to_owned(),
                problem: "its tail was not recovered".to_owned(),
            })
        })
    }
}

impl LogWriter for KafkaWriter {
    async fn recover(&mut self) -> Result<Tail, Failure> {
        // A second call begins anew, as a successor would.
        self.running = None;
        let (send, barriers) = mpsc::channel(1);
        let (hand, encoded) = sync_channel(0);
        let (give_back, spent) = sync_channel(1);
        let (tell, told) = watch::channel(Told::default());
        let tell = Arc::new(tell);
        let abandoned = Arc::new(AtomicBool::new(false));
        let (answer, recovered) = oneshot::channel();
        let committing = Committing {
            settings: Arc::clone(&self.settings),
            tell: Arc::clone(&tell),
            abandoned: Arc::clone(&abandoned),
            give_back,
        };
        let settings = Arc::clone(&self.settings);
        let threads = vec![
            spawn("kafka-encode", move || {
                encode(Encoder::new(settings, spent), barriers, &hand, &tell)
            })?,
            spawn("kafka-commit", move || committing.run(answer, &encoded))?,
        ];
        let mut running = Running {
            barriers: Some(send),
            sent: watch::Sender::new(None),
            told,
            abandoned,
            threads,
            watching: None,
        };
        let tail = match overdue::telling("taking over the log", recovered).await {
            Ok(recovered) => recovered?,
            Err(_) => return Err(ended().into()),
        };
        let last = tail.checkpoint.as_ref().map(|last| last.ordinal);
        running.sent.send_replace(last);
        let watching = overdue::watch_over(running.sent.subscribe(), running.told.clone());
        running.watching = Some(tokio::spawn(watching).abort_handle());
        self.running = Some(running);
        Ok(tail)
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        let running = self.running()?;
        let sent = *running.sent.borrow();
        running.wait(|durable| durable >= sent).await.map(|_| ())
    }

    async fn send(&mut self, barrier: Barrier) -> Result<(), Failure> {
        let running = self.running()?;
        let ordinal = barrier.checkpoint.ordinal;
        let Some(barriers) = &running.barriers else {
            return Err(ended().into());
        };
        if barriers.send(barrier).await.is_err() {
            return Err(running.failure());
        }
        running.sent.send_replace(Some(ordinal));
        Ok(())
    }

    async fn durable_through(&mut self, beyond: Option<Ordinal>) -> Result<Ordinal, Failure> {
        let running = self.running()?;
        let durable = running.wait(|durable| durable > beyond).await?;
        Ok(durable.expect("greater than something"))
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let running = self.running()?;
        running.barriers = None;
        let sent = *running.sent.borrow();
        running.wait(|durable| durable >= sent).await?;
        let threads = std::mem::take(&mut running.threads);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().try_for_each(JoinHandle::join).is_ok()
        });
        match joined.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(ended().into()),
        }
    }
}

impl Running {
    /// Waits until what is durable is enough.
    async fn wait(
        &mut self,
        enough: impl Fn(Option<Ordinal>) -> bool,
    ) -> Result<Option<Ordinal>, Failure> {
        let wanted = |told: &Told| enough(told.durable) || told.failure.is_some();
        let told = match self.told.wait_for(wanted).await {
            Ok(told) => told.clone(),
            Err(_) => return Err(ended().into()),
        };
        match told.failure {
            Some(failure) if !enough(told.durable) => Err(failure),
            _ => Ok(told.durable),
        }
    }

    fn failure(&self) -> Failure {
        let told = self.told.borrow();
        told.failure.clone().unwrap_or_else(|| ended().into())
    }
}

impl Drop for Running {
    /// What is not durable yet is lost, as a killed process would lose it. The threads end at their
    /// next step, and are not waited for: a broker may hold them for a while, and a successor
    /// fences them meanwhile.
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Release);
        // What is given up is waited for by nobody, whatever its thread still does.
        if let Some(watching) = self.watching.take() {
            watching.abort();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map_err(|error| {
        Failure::from(Error::Unexpected {
            action: "starting a thread".to_owned(),
            problem: error.to_string(),
        })
    })
}

fn fail(tell: &watch::Sender<Told>, error: Error) {
    tell.send_modify(|told| {
        told.failure.get_or_insert_with(|| error.into());
    });
}

/// The encoding thread.
fn encode(
    mut encoder: Encoder,
    mut barriers: mpsc::Receiver<Barrier>,
    hand: &SyncSender<Encoded>,
    tell: &watch::Sender<Told>,
) {
    while let Some(barrier) = barriers.blocking_recv() {
        match encoder.encode(barrier) {
            Ok(encoded) => {
                if hand.send(encoded).is_err() {
                    return;
                }
            }
            Err(error) => return fail(tell, error),
        }
    }
}

/// The committing thread.
struct Committing {
    settings: Arc<Settings>,
    tell: Arc<watch::Sender<Told>>,
    abandoned: Arc<AtomicBool>,
    give_back: SyncSender<Messages>,
}

impl Committing {
    fn run(self, answer: oneshot::Sender<Result<Tail, Failure>>, encoded: &Receiver<Encoded>) {
        let mut committer = match recovery::recover(&self.settings, self.give_back) {
            Ok((committer, tail)) => {
                let durable = tail.checkpoint.as_ref().map(|last| last.ordinal);
                self.tell.send_modify(|told| told.durable = durable);
                if answer.send(Ok(tail)).is_err() {
                    return;
                }
                committer
            }
            Err(error) => {
                // Nobody waits for it any more: then nobody needs it.
                let _ = answer.send(Err(error.into()));
                return;
            }
        };
        while let Ok(encoded) = encoded.recv() {
            if self.abandoned.load(Ordering::Acquire) {
                return;
            }
            match committer.commit(encoded) {
                Ok(ordinal) => self.tell.send_modify(|told| told.durable = Some(ordinal)),
                Err(error) => return fail(&self.tell, error),
            }
        }
    }
}

fn ended() -> Error {
    Error::Interrupted {
        action: "writing to the log".to_owned(),
        problem: "the writer has ended".to_owned(),
    }
}
