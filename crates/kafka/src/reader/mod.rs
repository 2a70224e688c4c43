//! The reading end of the log.
//!
//! A thread of its own fetches, checks and decodes, one barrier ahead of whoever applies them, so
//! that whether the next barrier is there can be told without waiting. Reading has no end of its
//! own: whoever made the reader stops asking, and drops it.

mod barrier;
mod fetching;
mod partitions;
mod schemas;

use crate::client;
use crate::error::Error;
use crate::settings::Settings;
use crate::tail::ControlReader;
use crate::topics::{ControlTopics, describe};
use change::{Barrier, Ordinal};
use fetching::Fetcher;
use flow::Failure;
use flow::ports::LogReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

const LOOK_FOR_THE_LOG_EVERY: Duration = Duration::from_millis(500);
/// Barriers that wait decoded. One more is being decoded meanwhile.
const DECODED_AHEAD: usize = 1;

/// Reads barriers from Kafka.
#[derive(Debug)]
pub struct KafkaReader {
    settings: Arc<Settings>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    barriers: mpsc::Receiver<Result<Barrier, Failure>>,
    stop: Stop,
    /// The failure that reading ended with.
    failed: Option<Failure>,
}

/// Tells the thread that nobody listens any more.
#[derive(Clone, Debug, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl KafkaReader {
    /// A reader that has opened nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            running: None,
        }
    }
}

impl LogReader for KafkaReader {
    async fn open(&mut self, after: Option<Ordinal>) -> Result<(), Failure> {
        self.running = None;
        let (send, barriers) = mpsc::channel(DECODED_AHEAD);
        let (answer, opened) = oneshot::channel();
        let stop = Stop::default();
        let (settings, told) = (Arc::clone(&self.settings), stop.clone());
        let read = move || read(&settings, after, &told, answer, &send);
        std::thread::Builder::new()
            .name("kafka-read".to_owned())
            .spawn(read)
            .map_err(|error| Error::Unexpected {
                action: "starting a thread".to_owned(),
                problem: error.to_string(),
            })?;
        let running = Running {
            barriers,
            stop,
            failed: None,
        };
        match opened.await {
            Ok(opened) => opened?,
            Err(_) => return Err(ended().into()),
        }
        self.running = Some(running);
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Barrier>, Failure> {
        let running = self.running.as_mut().ok_or_else(ended)?;
        let next = running.barriers.recv().await;
        running.took(next).map(Some)
    }

    async fn end(&mut self) -> Result<Option<Ordinal>, Failure> {
        let settings = Arc::clone(&self.settings);
        let looked = tokio::task::spawn_blocking(move || {
            let reader = ControlReader::new(&settings)?;
            let last = reader.last(reader.marks()?)?;
            Ok(last.map(|found| found.record.checkpoint.ordinal))
        });
        match looked.await {
            Ok(looked) => looked.map_err(|error: Error| error.into()),
            Err(_) => Err(ended().into()),
        }
    }

    fn next_ready(&mut self) -> Result<Option<Barrier>, Failure> {
        let running = self.running.as_mut().ok_or_else(ended)?;
        match running.barriers.try_recv() {
            Ok(next) => running.took(Some(next)).map(Some),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => running.took(None).map(Some),
        }
    }

    fn applied(&mut self, _through: Ordinal) {}
}

impl Running {
    fn took(&mut self, next: Option<Result<Barrier, Failure>>) -> Result<Barrier, Failure> {
        match next {
            Some(Ok(barrier)) => Ok(barrier),
            Some(Err(failure)) => {
                self.failed = Some(failure.clone());
                Err(failure)
            }
            // The thread ends by itself after a failure only.
            None => Err(self.failed.clone().unwrap_or_else(|| ended().into())),
        }
    }
}

impl Drop for Running {
    /// The thread ends at its next look, and is not waited for: it holds nothing that a successor
    /// needs.
    fn drop(&mut self) {
        self.stop.0.store(true, Ordering::Release);
    }
}

/// The reading thread.
fn read(
    settings: &Settings,
    after: Option<Ordinal>,
    stop: &Stop,
    answer: oneshot::Sender<Result<(), Failure>>,
    barriers: &mpsc::Sender<Result<Barrier, Failure>>,
) {
    let opened = begun(settings, after, stop).and_then(|begun| match begun {
        true => Fetcher::open(settings, after, stop).map(Some),
        false => Ok(None),
    });
    let mut fetcher = match opened {
        Ok(None) => return,
        Ok(Some(fetcher)) => {
            if answer.send(Ok(())).is_err() {
                return;
            }
            fetcher
        }
        Err(error) => {
            // Nobody waits for it any more: then nobody needs it.
            let _ = answer.send(Err(error.into()));
            return;
        }
    };
    loop {
        let next = match fetcher.next() {
            Ok(Some(barrier)) => Ok(barrier),
            Ok(None) => return,
            Err(error) => Err(error.into()),
        };
        let failed = next.is_err();
        if barriers.blocking_send(next).is_err() || failed {
            return;
        }
    }
}

/// A reader that has read nothing yet may come before the first writer: it waits until the log is
/// there, for however long. False once nobody listens any more.
fn begun(settings: &Settings, after: Option<Ordinal>, stop: &Stop) -> Result<bool, Error> {
    if after.is_some() {
        return Ok(true);
    }
    let administrator = client::administrator(settings)?;
    let control = ControlTopics::of(&settings.pipeline);
    let mut told = false;
    while !stop.is_set() {
        let there = describe(
            settings,
            &administrator,
            &[&control.barriers, &control.schema],
        )?;
        if there.len() == 2 {
            return Ok(true);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::info!(
                pipeline = &*settings.pipeline,
                "the log is not there yet: waiting for capture to begin it"
            );
        }
        std::thread::sleep(LOOK_FOR_THE_LOG_EVERY);
    }
    Ok(false)
}

fn ended() -> Error {
    Error::Interrupted {
        action: "reading the log".to_owned(),
        problem: "the reader has ended".to_owned(),
    }
}
