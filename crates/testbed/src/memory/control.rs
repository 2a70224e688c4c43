//! Leases, status and requests in memory.

use super::failure;
use flow::ports::{Control, LeaseAnswer, Request};
use flow::{Disposition, Failure};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Where all processes of a pipeline meet. Cloning gives another way in.
#[derive(Clone, Debug, Default)]
pub struct ControlRoom(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    processes: u64,
    leases: BTreeMap<String, Lease>,
    status: BTreeMap<String, String>,
    requests: Vec<(Request, Option<String>)>,
}

#[derive(Clone, PartialEq, Debug, Default)]
struct Lease {
    holder: Option<u64>,
    beat: u64,
}

/// One process's view.
#[derive(Debug)]
pub struct MemoryControl {
    room: ControlRoom,
    me: u64,
    part: Option<String>,
}

impl ControlRoom {
    pub fn new() -> Self {
        Self::default()
    }

    /// The view of another process.
    pub fn control(&self) -> MemoryControl {
        let mut records = self.records();
        records.processes += 1;
        MemoryControl {
            room: self.clone(),
            me: records.processes,
            part: None,
        }
    }

    /// Leaves a request; gives its id.
    pub fn submit(&self, kind: &str, arguments: &str) -> String {
        let mut records = self.records();
        let id = records.requests.len().to_string();
        let request = Request {
            id: id.clone(),
            kind: kind.to_owned(),
            arguments: arguments.to_owned(),
        };
        records.requests.push((request, None));
        id
    }

    /// What a part has published last.
    pub fn published(&self, part: &str) -> Option<String> {
        self.records().status.get(part).cloned()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl MemoryControl {
    fn part(&self) -> Result<String, Failure> {
        let never = || failure(Disposition::Halt, "the lease was never taken");
        self.part.clone().ok_or_else(never)
    }
}

impl Control for MemoryControl {
    async fn acquire(
        &mut self,
        part: &str,
        take_over: bool,
        silence: Duration,
    ) -> Result<LeaseAnswer, Failure> {
        let mut watched: Option<(Lease, Instant)> = None;
        loop {
            {
                let mut records = self.room.records();
                let lease = records.leases.entry(part.to_owned()).or_default();
                let silent = watched
                    .as_ref()
                    .is_some_and(|(seen, since)| seen == lease && since.elapsed() >= silence);
                let vacant = lease.holder.is_none_or(|holder| holder == self.me);
                if vacant || take_over || silent {
                    lease.holder = Some(self.me);
                    lease.beat += 1;
                    self.part = Some(part.to_owned());
                    return Ok(LeaseAnswer::Granted);
                }
                let beaten = watched.as_ref().is_some_and(|(seen, _)| seen != lease);
                if let Some(holder) = lease.holder.filter(|_| beaten) {
                    return Ok(LeaseAnswer::Held {
                        holder: format!("process {holder}"),
                    });
                }
                watched.get_or_insert_with(|| (lease.clone(), Instant::now()));
            }
            tokio::time::sleep(LOOK_AGAIN.min(silence)).await;
        }
    }

    async fn renew(&mut self) -> Result<(), Failure> {
        let part = self.part()?;
        let mut records = self.room.records();
        let lease = records.leases.entry(part).or_default();
        if lease.holder != Some(self.me) {
            return Err(failure(Disposition::Fenced, "the lease was given away"));
        }
        lease.beat += 1;
        Ok(())
    }

    async fn release(&mut self) -> Result<(), Failure> {
        let part = self.part()?;
        let mut records = self.room.records();
        let lease = records.leases.entry(part).or_default();
        if lease.holder == Some(self.me) {
            lease.holder = None;
            lease.beat += 1;
        }
        Ok(())
    }

    async fn publish(&mut self, status: &str) -> Result<(), Failure> {
        let part = self.part()?;
        self.room.records().status.insert(part, status.to_owned());
        Ok(())
    }

    async fn requests(&mut self) -> Result<Vec<Request>, Failure> {
        let records = self.room.records();
        let open = records
            .requests
            .iter()
            .filter(|(_, outcome)| outcome.is_none());
        Ok(open.map(|(request, _)| request.clone()).collect())
    }

    async fn acknowledge(&mut self, id: &str, outcome: &str) -> Result<(), Failure> {
        let mut records = self.room.records();
        let found = records
            .requests
            .iter_mut()
            .find(|(request, _)| request.id == id);
        if let Some((_, kept)) = found {
            kept.get_or_insert_with(|| outcome.to_owned());
        }
        Ok(())
    }
}
