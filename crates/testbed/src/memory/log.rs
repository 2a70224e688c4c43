//! A log of barriers in memory, with a writer that may be lost before its barriers are durable.
//!
//! Barriers are made durable in groups: what was sent last waits until the next call asks for
//! it, and is lost when the writer is fenced first. Readers see what is durable.

use super::failure;
use change::{Barrier, Ordinal, TableName, TableProgress};
use flow::ports::{LogReader, LogWriter, Tail};
use flow::{Disposition, Failure};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// The log. Cloning gives another connection.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    records: Arc<Mutex<Records>>,
    changed: Arc<watch::Sender<()>>,
    lasting: bool,
}

#[derive(Debug, Default)]
struct Records {
    epoch: u64,
    durable: Vec<Barrier>,
    /// Sent by the writer of this epoch, and lost with it.
    pending: Vec<Barrier>,
    ended: bool,
}

/// The writing end.
#[derive(Debug)]
pub struct MemoryWriter {
    log: MemoryLog,
    epoch: Option<u64>,
}

/// The reading end.
#[derive(Debug)]
pub struct MemoryReader {
    log: MemoryLog,
    changed: watch::Receiver<()>,
    next: usize,
}

impl MemoryLog {
    pub fn new() -> Self {
        Self::default()
    }

    /// A log that outlives its writers: reading has no end, and a writer that is dropped before it
    /// has finished loses what was not durable, as a killed process would.
    pub fn lasting() -> Self {
        Self {
            lasting: true,
            ..Self::default()
        }
    }

    pub fn writer(&self) -> MemoryWriter {
        MemoryWriter {
            log: self.clone(),
            epoch: None,
        }
    }

    pub fn reader(&self) -> MemoryReader {
        MemoryReader {
            log: self.clone(),
            changed: self.changed.subscribe(),
            next: 0,
        }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Makes durable what the writer of this epoch has sent.
    fn commit(&self, epoch: Option<u64>) -> Result<Option<Ordinal>, Failure> {
        let mut records = self.records();
        records.check(epoch)?;
        let pending = std::mem::take(&mut records.pending);
        records.durable.extend(pending);
        let last = records.durable.last().map(end);
        drop(records);
        self.changed.send_replace(());
        Ok(last)
    }
}

impl MemoryWriter {
    /// What the log holds now. Fences nobody.
    pub fn look(&self) -> Tail {
        self.log.records().tail()
    }
}

impl Records {
    fn tail(&self) -> Tail {
        let mut tables: BTreeMap<TableName, TableProgress> = BTreeMap::new();
        for progress in self.durable.iter().flat_map(|barrier| &barrier.progress) {
            tables.insert(progress.table.clone(), progress.clone());
        }
        let last = self.durable.last();
        Tail {
            checkpoint: last.map(|barrier| barrier.checkpoint.clone()),
            tables: tables.into_values().collect(),
            mapping: last.map(|barrier| barrier.mapping.clone()),
            quarantine: Vec::new(),
        }
    }

    fn check(&self, epoch: Option<u64>) -> Result<(), Failure> {
        if epoch == Some(self.epoch) {
            return Ok(());
        }
        let message = format!("epoch {epoch:?} was fenced by epoch {}", self.epoch);
        Err(failure(Disposition::Fenced, message))
    }
}

impl LogWriter for MemoryWriter {
    async fn recover(&mut self) -> Result<Tail, Failure> {
        let mut records = self.log.records();
        records.epoch += 1;
        records.pending.clear();
        records.ended = false;
        self.epoch = Some(records.epoch);
        Ok(records.tail())
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        self.log.commit(self.epoch)?;
        Ok(())
    }

    async fn send(&mut self, barrier: Barrier) -> Result<(), Failure> {
        let mut records = self.log.records();
        records.check(self.epoch)?;
        records.pending.push(barrier);
        Ok(())
    }

    async fn durable_through(&mut self, beyond: Option<Ordinal>) -> Result<Ordinal, Failure> {
        // Whatever was sent is durable now; what was not sent cannot become so while we wait.
        match self
            .log
            .commit(self.epoch)?
            .filter(|last| Some(*last) > beyond)
        {
            Some(last) => Ok(last),
            None => std::future::pending().await,
        }
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        self.log.commit(self.epoch).map(|_| ())
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        // One that is fenced ends nothing.
        if !self.log.lasting && self.log.commit(self.epoch).is_ok() {
            self.log.records().ended = true;
            self.log.changed.send_replace(());
        }
    }
}

impl LogReader for MemoryReader {
    async fn open(&mut self, after: Option<Ordinal>) -> Result<(), Failure> {
        let records = self.log.records();
        let before = |barrier: &Barrier| Some(end(barrier)) <= after;
        self.next = records.durable.partition_point(before);
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Barrier>, Failure> {
        loop {
            self.changed.mark_unchanged();
            if let Some(barrier) = self.next_ready()? {
                return Ok(Some(barrier));
            }
            if self.log.records().ended {
                return Ok(None);
            }
            let lost = |_| failure(Disposition::Halt, "the log is gone");
            self.changed.changed().await.map_err(lost)?;
        }
    }

    async fn end(&mut self) -> Result<Option<Ordinal>, Failure> {
        Ok(self.log.records().durable.last().map(end))
    }

    fn next_ready(&mut self) -> Result<Option<Barrier>, Failure> {
        let barrier = self.log.records().durable.get(self.next).cloned();
        self.next += usize::from(barrier.is_some());
        Ok(barrier)
    }

    fn applied(&mut self, _through: Ordinal) {}
}

fn end(barrier: &Barrier) -> Ordinal {
    barrier.checkpoint.ordinal
}
