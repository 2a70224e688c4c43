//! The log without a log: a bounded channel between capture and apply in one process.
//!
//! Durable means applied: the binlog itself is the log, and the target's checkpoint is the tail.
//! At most one barrier waits while another is applied, so that capture fills the next one
//! meanwhile and memory stays bounded.

use crate::failure::{Disposition, Failure};
use crate::ports::{LogReader, LogWriter, Tail};
use change::{Barrier, Ordinal};
use tokio::sync::{mpsc, watch};

/// The writing end. Its tail is the one that the sink told when it took over.
#[derive(Debug)]
pub struct DirectWriter {
    tail: Tail,
    sent: Option<Ordinal>,
    barriers: mpsc::Sender<Barrier>,
    applied: watch::Receiver<Option<Ordinal>>,
}

/// The reading end.
#[derive(Debug)]
pub struct DirectReader {
    barriers: mpsc::Receiver<Barrier>,
    applied: watch::Sender<Option<Ordinal>>,
}

/// Both ends of a direct log that goes on after `tail`.
pub fn direct(tail: Tail) -> (DirectWriter, DirectReader) {
    let start = tail
        .checkpoint
        .as_ref()
        .map(|checkpoint| checkpoint.ordinal);
    let (send, receive) = mpsc::channel(1);
    let (tell, hear) = watch::channel(start);
    (
        DirectWriter {
            tail,
            sent: start,
            barriers: send,
            applied: hear,
        },
        DirectReader {
            barriers: receive,
            applied: tell,
        },
    )
}

impl LogWriter for DirectWriter {
    async fn recover(&mut self) -> Result<Tail, Failure> {
        Ok(self.tail.clone())
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        match self.barriers.reserve().await {
            Ok(_) => Ok(()),
            Err(_) => Err(closed()),
        }
    }

    async fn send(&mut self, barrier: Barrier) -> Result<(), Failure> {
        self.sent = Some(barrier.checkpoint.ordinal);
        self.barriers.send(barrier).await.map_err(|_| closed())
    }

    async fn durable_through(&mut self, beyond: Option<Ordinal>) -> Result<Ordinal, Failure> {
        let moved = self.applied.wait_for(|applied| *applied > beyond).await;
        match moved.as_deref() {
            Ok(Some(ordinal)) => Ok(*ordinal),
            Ok(None) | Err(_) => Err(closed()),
        }
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let sent = self.sent;
        match self.applied.wait_for(|applied| *applied >= sent).await {
            Ok(_) => Ok(()),
            Err(_) => Err(closed()),
        }
    }
}

impl LogReader for DirectReader {
    async fn open(&mut self, after: Option<Ordinal>) -> Result<(), Failure> {
        if *self.applied.borrow() == after {
            return Ok(());
        }
        Err(Failure {
            code: "LS4001",
            disposition: Disposition::Halt,
            table: None,
            message: "the direct log does not begin where the target's checkpoint ends".to_owned(),
            remedy: "this is a defect of lockstep; start it again, and report it if it comes back"
                .to_owned(),
        })
    }

    async fn next(&mut self) -> Result<Option<Barrier>, Failure> {
        Ok(self.barriers.recv().await)
    }

    async fn end(&mut self) -> Result<Option<Ordinal>, Failure> {
        Ok(*self.applied.borrow())
    }

    fn next_ready(&mut self) -> Result<Option<Barrier>, Failure> {
        Ok(self.barriers.try_recv().ok())
    }

    fn applied(&mut self, through: Ordinal) {
        self.applied.send_replace(Some(through));
    }
}

/// Apply has ended; its own failure says why.
fn closed() -> Failure {
    Failure {
        code: "LS4002",
        disposition: Disposition::Transient,
        table: None,
        message: "the apply side ended while capture was running".to_owned(),
        remedy: "see the failure of the apply side".to_owned(),
    }
}
