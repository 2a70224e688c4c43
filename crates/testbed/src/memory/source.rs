//! The change stream of a server in memory.

use super::failure;
use super::server::{MemoryServer, transactions_up_to};
use change::{Checkpoint, Position};
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};
use flow::{Disposition, Failure};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::watch;

const HEARTBEAT: Duration = Duration::from_secs(1);

/// A source of the server's changes.
#[derive(Clone, Debug)]
pub struct MemorySource {
    server: MemoryServer,
}

/// An open stream.
#[derive(Debug)]
pub struct MemoryStream {
    server: MemoryServer,
    growth: watch::Receiver<usize>,
    /// Transactions told so far, those in `ready` included.
    told: usize,
    ready: VecDeque<SourceEvent>,
}

impl MemoryServer {
    pub fn source(&self) -> MemorySource {
        MemorySource {
            server: self.clone(),
        }
    }
}

impl ChangeSource for MemorySource {
    type Stream = MemoryStream;

    async fn head(&mut self) -> Result<Position, Failure> {
        Ok(self.server.head())
    }

    async fn open(&mut self, after: &Checkpoint) -> Result<MemoryStream, Failure> {
        if !self.server.head().covers(&after.position) {
            let message = format!("the server never was at {}", after.position);
            return Err(failure(Disposition::Halt, message));
        }
        Ok(MemoryStream {
            server: self.server.clone(),
            growth: self.server.growth(),
            told: transactions_up_to(&after.position),
            ready: VecDeque::new(),
        })
    }
}

impl ChangeStream for MemoryStream {
    async fn next(&mut self) -> Result<SourceEvent, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if let Some(events) = self.server.events(self.told) {
                self.told += 1;
                self.ready = events.into();
                continue;
            }
            let told = self.told;
            let grown = self.growth.wait_for(|count| *count > told);
            if tokio::time::timeout(HEARTBEAT, grown).await.is_err() {
                let position = self.server.position_after(told);
                return Ok(SourceEvent::Heartbeat { position });
            }
        }
    }
}
