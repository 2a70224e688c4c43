//! Rows of a copy: every lane writes the next piece that there is, and none waits for another.
//!
//! A run of chunks is written by one task per lane. The tasks take pieces of the chunks in turn, a
//! transaction each. Whoever writes the last missing piece of the oldest chunks stores their
//! checkpoint, in a transaction of its own lane, while the others write on; one does so at a time,
//! so that checkpoints are stored in order, and each after all rows up to it are durable. What is
//! written beyond the last checkpoint is met as upserts after a crash, since a run holds chunks
//! alone: it ends, and every lane with it, before anything of the stream is applied. Every
//! transaction passes its own lane's fence, the checkpoint's too.

use crate::closing::{Closing, closing_writes};
use crate::connect::Target;
use crate::error::Error;
use crate::fence::Lane;
use crate::operation;
use crate::sink::{shrinking, too_large};
use crate::transaction::{Body, Refusal};
use change::{Effect, Ordinal};
use flow::ports::{ApplyBatch, Work};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

/// Bytes of documents that wait for a lane or are being written, in KiB.
const ROOM_KIBIBYTES: u32 = 8 << 10;
/// Pieces that may wait; the bytes are the limit that counts.
const PIECES_WAITING: usize = 1_024;

/// A run of chunks that is being written.
pub(crate) struct Copying {
    pieces: Option<mpsc::Sender<Piece>>,
    room: Arc<Semaphore>,
    board: Arc<Board>,
    news: watch::Receiver<News>,
    tasks: JoinSet<(Lane, Result<(), Error>)>,
    returned: Vec<Lane>,
    failure: Option<Error>,
    taken: Option<Ordinal>,
    told: Option<Ordinal>,
}

/// What the lanes have come to.
#[derive(Clone, Copy, Default)]
struct News {
    stored: Option<Ordinal>,
    failed: bool,
}

/// Rows for one transaction.
struct Piece {
    number: u64,
    batch: Arc<ApplyBatch>,
    range: Range<usize>,
    /// Given back when the rows are durable.
    _room: OwnedSemaphorePermit,
}

/// Which chunks are complete, and what was stored.
struct Board {
    state: Mutex<State>,
    news: watch::Sender<News>,
    torn_through: Option<Ordinal>,
}

#[derive(Default)]
struct State {
    /// The number of the oldest batch in `open`.
    first: u64,
    open: VecDeque<(usize, Arc<ApplyBatch>)>,
    storing: bool,
}

impl Copying {
    /// Sets the lanes to work. `torn_through` as the sink knows it.
    pub(crate) fn start(target: &Target, lanes: Vec<Lane>, torn_through: Option<Ordinal>) -> Self {
        let (send, pieces) = mpsc::channel(PIECES_WAITING);
        let pieces = Arc::new(tokio::sync::Mutex::new(pieces));
        let (tell, news) = watch::channel(News::default());
        let board = Arc::new(Board {
            state: Mutex::default(),
            news: tell,
            torn_through,
        });
        let mut tasks = JoinSet::new();
        for lane in lanes {
            let worker = Worker {
                lane,
                target: target.clone(),
                board: board.clone(),
                pieces: pieces.clone(),
            };
            tasks.spawn(worker.run());
        }
        Self {
            pieces: Some(send),
            room: Arc::new(Semaphore::new(ROOM_KIBIBYTES as usize)),
            board,
            news,
            tasks,
            returned: Vec::new(),
            failure: None,
            taken: None,
            told: None,
        }
    }

    /// Hands the rows to the lanes; returns once the last of them has room. That it was taken says
    /// nothing yet: a failure is told by [`Copying::copied`] and [`Copying::end`].
    pub(crate) async fn take(
        &mut self,
        batch: Arc<ApplyBatch>,
        pieces: Vec<(Range<usize>, usize)>,
    ) {
        self.taken = Some(batch.checkpoint.ordinal);
        let number = self.board.open(pieces.len(), &batch);
        for (range, bytes) in pieces {
            let kibibytes = u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX);
            let room = self.room.clone();
            let room = room.acquire_many_owned(kibibytes.min(ROOM_KIBIBYTES)).await;
            let piece = Piece {
                number,
                batch: batch.clone(),
                range,
                _room: room.expect("nobody closes the semaphore"),
            };
            let Some(pieces) = &self.pieces else { return };
            if pieces.send(piece).await.is_err() {
                // No lane is left to take it: one has failed, and the others ended for it.
                return;
            }
        }
    }

    /// The newest checkpoint that was stored; `None` when all that was taken is. Cancel safe.
    pub(crate) async fn copied(&mut self) -> Result<Option<Ordinal>, Error> {
        if self.told == self.taken {
            return Ok(None);
        }
        let told = self.told;
        let moved = self.news.wait_for(|news| news.failed || news.stored > told);
        let news = moved.await.map(|news| *news);
        match news {
            Ok(News {
                stored,
                failed: false,
            }) => {
                self.told = stored;
                Ok(stored)
            }
            // The board, and so the sender of news, lives as long as this does.
            Ok(_) | Err(_) => {
                self.join().await;
                Err(self.failure.clone().unwrap_or_else(lost))
            }
        }
    }

    /// Lets the lanes finish what was taken, and gives them back.
    pub(crate) async fn end(mut self) -> (Vec<Lane>, Result<(), Error>) {
        self.join().await;
        let mut lanes = std::mem::take(&mut self.returned);
        lanes.sort_by_key(|lane| lane.number);
        (lanes, self.failure.take().map_or(Ok(()), Err))
    }

    /// Ends the lanes wherever they are, for a sink that takes over anew.
    pub(crate) async fn abandon(mut self) {
        self.tasks.shutdown().await;
    }

    /// The end of what was taken.
    pub(crate) fn taken(&self) -> Option<Ordinal> {
        self.taken
    }

    /// Whether a lane has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.board.has_failed()
    }

    /// Cancel safe: what has been joined is kept.
    async fn join(&mut self) {
        self.pieces = None;
        while let Some(joined) = self.tasks.join_next().await {
            let failure = match joined {
                Ok((lane, outcome)) => {
                    self.returned.push(lane);
                    outcome.err()
                }
                Err(error) => Some(Error::Unexpected {
                    action: "copying rows".to_owned(),
                    problem: error.to_string(),
                }),
            };
            if let Some(failure) = failure {
                self.failure.get_or_insert(failure);
            }
        }
    }
}

struct Worker {
    lane: Lane,
    target: Target,
    board: Arc<Board>,
    pieces: Arc<tokio::sync::Mutex<mpsc::Receiver<Piece>>>,
}

impl Worker {
    async fn run(mut self) -> (Lane, Result<(), Error>) {
        let outcome = self.work().await;
        if outcome.is_err() {
            self.board.news.send_modify(|news| news.failed = true);
        }
        (self.lane, outcome)
    }

    async fn work(&mut self) -> Result<(), Error> {
        loop {
            let piece = self.pieces.lock().await.recv().await;
            let Some(piece) = piece else { return Ok(()) };
            if self.board.has_failed() {
                // Taken for nothing, so that nobody waits for its room.
                continue;
            }
            let effects = effects(&piece.batch);
            let operations = operation::of_chunk(effects.get(piece.range.clone()).unwrap_or(&[]))?;
            if !operations.is_empty() {
                shrinking(&mut self.lane, &self.target, &operations, &[], false).await?;
            }
            drop(operations);
            let number = piece.number;
            drop(piece);
            self.board.written(number);
            while let Some(last) = self.board.to_be_stored() {
                self.store(&last).await?;
                self.board.stored(last.ordinal());
            }
        }
    }

    async fn store(&mut self, complete: &Complete) -> Result<(), Error> {
        let control = closing_writes(&self.target, self.board.torn_through, complete.closing());
        let body = Body {
            operations: &[],
            control: &control,
            repeated: false,
        };
        match self.lane.transact(&self.target, body).await {
            Ok(()) => Ok(()),
            Err(Refusal::TooLarge { problem }) => Err(too_large(&[], problem)),
            Err(Refusal::Failed(error)) => Err(error),
        }
    }
}

/// Complete chunks of which the last one's checkpoint stands for all.
struct Complete {
    last: Arc<ApplyBatch>,
    progress: Vec<change::TableProgress>,
    quarantine: Vec<change::QuarantineChange>,
}

impl Complete {
    fn ordinal(&self) -> Ordinal {
        self.last.checkpoint.ordinal
    }

    fn closing(&self) -> Closing<'_> {
        Closing {
            checkpoint: &self.last.checkpoint,
            progress: &self.progress,
            mapping: &self.last.mapping,
            quarantine: &self.quarantine,
        }
    }
}

impl Board {
    fn open(&self, pieces: usize, batch: &Arc<ApplyBatch>) -> u64 {
        let mut state = self.state();
        state.open.push_back((pieces, batch.clone()));
        state.first + state.open.len() as u64 - 1
    }

    fn written(&self, number: u64) {
        let mut state = self.state();
        let index = (number - state.first) as usize;
        let (missing, _) = &mut state.open[index];
        *missing -= 1;
    }

    /// The complete chunks that nothing older stands before, for the one who asks to store.
    fn to_be_stored(&self) -> Option<Complete> {
        let mut state = self.state();
        if state.storing {
            return None;
        }
        let mut last = None;
        let mut progress = std::collections::BTreeMap::new();
        let mut quarantine = Vec::new();
        while state.open.front().is_some_and(|(missing, _)| *missing == 0)
            && let Some((_, batch)) = state.open.pop_front()
        {
            state.first += 1;
            // The newest record of a table stands for those before it.
            let records = batch.progress.iter();
            progress.extend(records.map(|one| (one.table.clone(), one.clone())));
            quarantine.extend(batch.quarantine.iter().cloned());
            last = Some(batch);
        }
        state.storing = last.is_some();
        Some(Complete {
            last: last?,
            progress: progress.into_values().collect(),
            quarantine,
        })
    }

    fn stored(&self, ordinal: Ordinal) {
        self.state().storing = false;
        self.news.send_modify(|news| news.stored = Some(ordinal));
    }

    fn has_failed(&self) -> bool {
        self.news.borrow().failed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic half-way.
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn effects(batch: &ApplyBatch) -> &[Effect] {
    match &batch.work {
        Work::Chunks(effects) => effects,
        Work::Atomic(_) | Work::Empty(_) => &[],
    }
}

fn lost() -> Error {
    Error::Unexpected {
        action: "copying rows".to_owned(),
        problem: "the lanes ended without saying why".to_owned(),
    }
}
