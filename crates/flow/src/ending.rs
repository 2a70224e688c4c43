//! Where reading a log ends that has no end of its own.
//!
//! A log that outlives its writer goes on for ever, so somebody has to say when apply is done:
//! when it is told to stop, or when it has caught up. Both are decided here, around the reader, so
//! that the apply loop knows one end only: no next barrier. All that was read before is applied.

use crate::failure::Failure;
use crate::ports::{LogReader, Tail};
use change::{Barrier, Ordinal, TableName, TableState};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// When a reader has caught up: at the end that the log has once this holds.
#[derive(Clone, Debug)]
pub enum CaughtUp {
    /// Every table that the log tells of follows (or is stopped or dropped), and there is one.
    Following,
    /// The writer, which is known to this process, has finished.
    Written(CancellationToken),
}

/// A reader that ends.
#[derive(Debug)]
pub struct Ending<L> {
    inner: L,
    stop: CancellationToken,
    until: Option<CaughtUp>,
    /// What the log held when it was time to look: reading ends behind it.
    goal: Option<Option<Ordinal>>,
    last: Option<Ordinal>,
    tables: BTreeMap<TableName, TableState>,
}

impl<L: LogReader> Ending<L> {
    /// `tail`: what the target holds already. Without `until` only `stop` ends it.
    pub fn new(inner: L, tail: &Tail, until: Option<CaughtUp>, stop: CancellationToken) -> Self {
        let tables = tail.tables.iter();
        Self {
            inner,
            stop,
            until,
            goal: None,
            last: None,
            tables: tables
                .map(|table| (table.table.clone(), table.state))
                .collect(),
        }
    }

    fn took(&mut self, barrier: &Barrier) {
        self.last = Some(barrier.checkpoint.ordinal);
        if self.until.is_some() {
            for table in &barrier.progress {
                self.tables.insert(table.table.clone(), table.state);
            }
        }
    }

    fn is_time_to_look(&self) -> bool {
        match &self.until {
            None => false,
            Some(CaughtUp::Written(written)) => written.is_cancelled(),
            Some(CaughtUp::Following) => {
                let moving =
                    |state: &TableState| matches!(state, TableState::Copying | TableState::Recopy);
                !self.tables.is_empty() && !self.tables.values().any(moving)
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.stop.is_cancelled() || self.goal.is_some_and(|goal| self.last >= goal)
    }
}

impl<L: LogReader> LogReader for Ending<L> {
    async fn open(&mut self, after: Option<Ordinal>) -> Result<(), Failure> {
        self.last = after;
        // A log that nobody has begun yet is waited for, and whoever waits can be told to stop.
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(()),
            opened = self.inner.open(after) => opened,
        }
    }

    async fn next(&mut self) -> Result<Option<Barrier>, Failure> {
        loop {
            if self.goal.is_none() && self.is_time_to_look() {
                self.goal = Some(self.inner.end().await?);
            }
            if self.has_ended() {
                return Ok(None);
            }
            let written = match &self.until {
                Some(CaughtUp::Written(written)) if self.goal.is_none() => Some(written.clone()),
                _ => None,
            };
            let time_to_look = async {
                match written {
                    Some(written) => written.cancelled().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(None),
                next = self.inner.next() => {
                    let next = next?;
                    if let Some(barrier) = &next {
                        self.took(barrier);
                    }
                    return Ok(next);
                }
                () = time_to_look => {}
            }
        }
    }

    async fn end(&mut self) -> Result<Option<Ordinal>, Failure> {
        self.inner.end().await
    }

    fn next_ready(&mut self) -> Result<Option<Barrier>, Failure> {
        // To look at the log's end takes a wait, which is what `next` is for.
        let looks = self.goal.is_none() && self.is_time_to_look();
        if looks || self.has_ended() {
            return Ok(None);
        }
        let next = self.inner.next_ready()?;
        if let Some(barrier) = &next {
            self.took(barrier);
        }
        Ok(next)
    }

    fn applied(&mut self, through: Ordinal) {
        self.inner.applied(through);
    }
}
