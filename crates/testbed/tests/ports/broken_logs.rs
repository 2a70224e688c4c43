//! Logs that break a promise, and the laws that notice.

use super::caught;
use super::settings::Logs;
use change::{Barrier, Ordinal};
use flow::ports::{LogReader, LogWriter, Tail};
use flow::{Disposition, Failure};
use std::collections::VecDeque;
use testbed::conformance::log::check;
use testbed::memory::{MemoryLogReader, MemoryWriter};

/// Puts a flaw around an adapter.
type Bend = fn(MemoryWriter) -> Writer;
type BendReader = fn(MemoryLogReader) -> Reader;

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    SaysDurableTooEarly,
    LetsThePredecessorIn,
    ReadyTooEarly,
    ReadsBeforeItFences,
    Reorders,
    DropsOne,
    LosesWhatIsDropped,
}

struct Writer {
    inner: MemoryWriter,
    flaw: Flaw,
    sent: Option<Ordinal>,
}

struct Reader {
    inner: MemoryLogReader,
    flaw: Flaw,
    read: u64,
    ahead: VecDeque<Barrier>,
}

impl LogWriter for Writer {
    async fn recover(&mut self) -> Result<Tail, Failure> {
        if self.flaw != Flaw::ReadsBeforeItFences {
            return self.inner.recover().await;
        }
        let tail = self.inner.look();
        // The predecessor has the time for a few barriers.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.inner.recover().await?;
        Ok(tail)
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        self.inner.ready().await
    }

    async fn send(&mut self, barrier: Barrier) -> Result<(), Failure> {
        self.sent = Some(barrier.checkpoint.ordinal);
        if self.flaw == Flaw::ReadyTooEarly {
            tokio::task::yield_now().await;
        }
        match self.inner.send(barrier.clone()).await {
            Err(failure)
                if failure.disposition == Disposition::Fenced
                    && self.flaw == Flaw::LetsThePredecessorIn =>
            {
                self.inner.recover().await?;
                self.inner.send(barrier).await
            }
            answer => answer,
        }
    }

    async fn durable_through(&mut self, beyond: Option<Ordinal>) -> Result<Ordinal, Failure> {
        match self.sent.filter(|_| self.flaw == Flaw::SaysDurableTooEarly) {
            Some(sent) if Some(sent) > beyond => Ok(sent),
            _ => self.inner.durable_through(beyond).await,
        }
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        self.inner.finish().await
    }
}

impl LogReader for Reader {
    async fn open(&mut self, after: Option<Ordinal>) -> Result<(), Failure> {
        self.inner.open(after).await
    }

    async fn next(&mut self) -> Result<Option<Barrier>, Failure> {
        if let Some(barrier) = self.ahead.pop_front() {
            return Ok(Some(barrier));
        }
        let next = self.inner.next().await?;
        self.read += 1;
        match self.flaw {
            Flaw::Reorders if self.read == 5 => {
                let after = self.inner.next().await?;
                self.ahead.extend(next);
                Ok(after)
            }
            Flaw::DropsOne if self.read == 5 => self.inner.next().await,
            Flaw::LosesWhatIsDropped => {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                Ok(next)
            }
            _ => Ok(next),
        }
    }

    async fn end(&mut self) -> Result<Option<Ordinal>, Failure> {
        self.inner.end().await
    }

    fn next_ready(&mut self) -> Result<Option<Barrier>, Failure> {
        match self.flaw {
            Flaw::Reorders | Flaw::DropsOne => Ok(None),
            _ => self.inner.next_ready(),
        }
    }

    fn applied(&mut self, through: Ordinal) {
        self.inner.applied(through);
    }
}

fn writer(inner: MemoryWriter, flaw: Flaw) -> Writer {
    Writer {
        inner,
        flaw,
        sent: None,
    }
}

fn reader(inner: MemoryLogReader, flaw: Flaw) -> Reader {
    Reader {
        inner,
        flaw,
        read: 0,
        ahead: VecDeque::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn each_broken_writing_end_is_caught() {
    let flaws: [(Bend, &str); 4] = [
        (
            |inner| writer(inner, Flaw::ReadsBeforeItFences),
            "a takeover under load misses nothing",
        ),
        (
            |inner| writer(inner, Flaw::LetsThePredecessorIn),
            "a predecessor writes nothing",
        ),
        (
            |inner| writer(inner, Flaw::ReadyTooEarly),
            "ready means taken at once",
        ),
        (
            |inner| writer(inner, Flaw::SaysDurableTooEarly),
            "what is durable is there later",
        ),
    ];
    for (flaw, law) in flaws {
        let fresh = async || Logs::new(flaw, |inner| reader(inner, Flaw::None));
        caught(check(fresh).await, law);
    }
}

#[tokio::test(start_paused = true)]
async fn each_broken_reading_end_is_caught() {
    let flaws: [(BendReader, &str); 3] = [
        (
            |inner| reader(inner, Flaw::Reorders),
            "barriers come in order, all of them",
        ),
        (
            |inner| reader(inner, Flaw::DropsOne),
            "barriers come in order, all of them",
        ),
        (
            |inner| reader(inner, Flaw::LosesWhatIsDropped),
            "a dropped call loses nothing",
        ),
    ];
    for (flaw, law) in flaws {
        let fresh = async || Logs::new(|inner| writer(inner, Flaw::None), flaw);
        caught(check(fresh).await, law);
    }
}
