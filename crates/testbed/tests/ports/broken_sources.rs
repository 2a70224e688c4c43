//! Sources that break a promise, and the laws that notice.

use super::caught;
use super::settings::Server;
use change::{Checkpoint, Position};
use flow::Failure;
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};
use std::collections::VecDeque;
use testbed::conformance::source::check;
use testbed::memory::{MemorySource, MemoryStream};

/// Puts a flaw around an adapter.
type Bend = fn(MemorySource) -> Broken;

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    DropsTheLastRow,
    SwapsRows,
    ForgetsTableEvents,
    SkipsTheTornTransaction,
    BeginsTooLate,
    HeartbeatsInside,
    CutsLargeTransactions,
    PutsAllRowsInOnePlace,
}

struct Broken {
    inner: MemorySource,
    flaw: Flaw,
}

struct BrokenStream {
    inner: MemoryStream,
    flaw: Flaw,
    position: Position,
    events: u32,
    ahead: VecDeque<SourceEvent>,
}

impl ChangeSource for Broken {
    type Stream = BrokenStream;

    async fn head(&mut self) -> Result<Position, Failure> {
        self.inner.head().await
    }

    async fn open(&mut self, after: &Checkpoint) -> Result<BrokenStream, Failure> {
        let mut inner = self.inner.open(after).await?;
        let skips = match self.flaw {
            Flaw::SkipsTheTornTransaction => after.torn.is_some(),
            // Where the position is not the first one.
            Flaw::BeginsTooLate => after.position.to_string().contains("1-3"),
            _ => false,
        };
        while skips && !matches!(inner.next().await?, SourceEvent::Commit { .. }) {}
        Ok(BrokenStream {
            inner,
            flaw: self.flaw,
            position: after.position.clone(),
            events: 0,
            ahead: VecDeque::new(),
        })
    }
}

impl ChangeStream for BrokenStream {
    async fn next(&mut self) -> Result<SourceEvent, Failure> {
        if let Some(event) = self.ahead.pop_front() {
            return Ok(event);
        }
        loop {
            let mut event = self.inner.next().await?;
            match (&mut event, self.flaw) {
                (SourceEvent::Rows { rows, .. }, Flaw::DropsTheLastRow) => drop(rows.pop()),
                (SourceEvent::Rows { rows, .. }, Flaw::SwapsRows) => rows.reverse(),
                (SourceEvent::Rows { rows, .. }, Flaw::PutsAllRowsInOnePlace) => {
                    rows.iter_mut()
                        .for_each(|row| row.place = Default::default());
                }
                (SourceEvent::Table(_), Flaw::ForgetsTableEvents) => continue,
                (SourceEvent::Rows { .. }, Flaw::HeartbeatsInside) => {
                    let position = self.position.clone();
                    self.ahead.push_back(event);
                    return Ok(SourceEvent::Heartbeat { position });
                }
                (SourceEvent::Rows { .. }, Flaw::CutsLargeTransactions) => {
                    self.events += 1;
                    if self.events > 100 {
                        continue;
                    }
                }
                _ => {}
            }
            return Ok(event);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_broken_source_is_caught() {
    let flaws: [(Bend, &str); 8] = [
        (
            |inner| bent(inner, Flaw::DropsTheLastRow),
            "transactions come whole and in order",
        ),
        (
            |inner| bent(inner, Flaw::SwapsRows),
            "transactions come whole and in order",
        ),
        (
            |inner| bent(inner, Flaw::ForgetsTableEvents),
            "transactions come whole and in order",
        ),
        (
            |inner| bent(inner, Flaw::HeartbeatsInside),
            "transactions come whole and in order",
        ),
        (
            |inner| bent(inner, Flaw::CutsLargeTransactions),
            "a large transaction comes whole",
        ),
        (
            |inner| bent(inner, Flaw::PutsAllRowsInOnePlace),
            "each row has a place of its own",
        ),
        (
            |inner| bent(inner, Flaw::BeginsTooLate),
            "any position can be resumed from",
        ),
        (
            |inner| bent(inner, Flaw::SkipsTheTornTransaction),
            "a torn transaction comes again",
        ),
    ];
    for (flaw, law) in flaws {
        let fresh = async || Server::new(1, flaw, |reader| reader);
        caught(check(fresh).await, law);
    }
}

fn bent(inner: MemorySource, flaw: Flaw) -> Broken {
    Broken { inner, flaw }
}
