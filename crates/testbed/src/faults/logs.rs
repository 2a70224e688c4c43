//! Faults around both ends of a log, and around the control port.

use super::Faults;
use change::{Barrier, Ordinal};
use flow::Failure;
use flow::ports::{Control, LeaseAnswer, LogReader, LogWriter, Request, Tail};
use std::time::Duration;

/// A log's writing end whose calls fail by script.
#[derive(Debug)]
pub struct FaultyLogWriter<W> {
    inner: W,
    faults: Faults,
}

/// A log's reading end whose calls fail by script. Only calls that wait can fail.
#[derive(Debug)]
pub struct FaultyLogReader<R> {
    inner: R,
    faults: Faults,
}

/// A control whose calls fail by script.
#[derive(Debug)]
pub struct FaultyControl<C> {
    inner: C,
    faults: Faults,
}

impl<W> FaultyLogWriter<W> {
    pub fn new(inner: W, faults: &Faults) -> Self {
        let faults = faults.clone();
        Self { inner, faults }
    }
}

impl<R> FaultyLogReader<R> {
    pub fn new(inner: R, faults: &Faults) -> Self {
        let faults = faults.clone();
        Self { inner, faults }
    }
}

impl<C> FaultyControl<C> {
    pub fn new(inner: C, faults: &Faults) -> Self {
        let faults = faults.clone();
        Self { inner, faults }
    }
}

impl<W: LogWriter> LogWriter for FaultyLogWriter<W> {
    async fn recover(&mut self) -> Result<Tail, Failure> {
        self.faults.around("recover", self.inner.recover()).await
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        self.faults.around("ready", self.inner.ready()).await
    }

    async fn send(&mut self, barrier: Barrier) -> Result<(), Failure> {
        self.faults.around("send", self.inner.send(barrier)).await
    }

    async fn durable_through(&mut self, beyond: Option<Ordinal>) -> Result<Ordinal, Failure> {
        let doing = self.inner.durable_through(beyond);
        self.faults.around("durable_through", doing).await
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        self.faults.around("finish", self.inner.finish()).await
    }
}

impl<R: LogReader> LogReader for FaultyLogReader<R> {
    async fn open(&mut self, after: Option<Ordinal>) -> Result<(), Failure> {
        self.faults.around("open log", self.inner.open(after)).await
    }

    async fn next(&mut self) -> Result<Option<Barrier>, Failure> {
        self.faults.around("next barrier", self.inner.next()).await
    }

    async fn end(&mut self) -> Result<Option<Ordinal>, Failure> {
        self.faults.around("log end", self.inner.end()).await
    }

    fn next_ready(&mut self) -> Result<Option<Barrier>, Failure> {
        self.inner.next_ready()
    }

    fn applied(&mut self, through: Ordinal) {
        self.inner.applied(through);
    }
}

impl<C: Control> Control for FaultyControl<C> {
    async fn acquire(
        &mut self,
        part: &str,
        take_over: bool,
        silence: Duration,
    ) -> Result<LeaseAnswer, Failure> {
        let doing = self.inner.acquire(part, take_over, silence);
        self.faults.around("acquire", doing).await
    }

    async fn renew(&mut self) -> Result<(), Failure> {
        self.faults.around("renew", self.inner.renew()).await
    }

    async fn release(&mut self) -> Result<(), Failure> {
        self.faults.around("release", self.inner.release()).await
    }

    async fn publish(&mut self, status: &str) -> Result<(), Failure> {
        self.faults
            .around("publish", self.inner.publish(status))
            .await
    }

    async fn requests(&mut self) -> Result<Vec<Request>, Failure> {
        self.faults.around("requests", self.inner.requests()).await
    }

    async fn acknowledge(&mut self, id: &str, outcome: &str) -> Result<(), Failure> {
        let doing = self.inner.acknowledge(id, outcome);
        self.faults.around("acknowledge", doing).await
    }
}
