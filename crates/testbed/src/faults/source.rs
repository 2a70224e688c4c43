//! Faults around a source, its streams and its snapshot readers.

use super::Faults;
use change::{Checkpoint, Position, TableDescription, TableName};
use flow::Failure;
use flow::ports::{
    ChangeSource, ChangeStream, Chunk, ChunkRequest, CopyPlan, SnapshotReader, SourceEvent,
};

/// A source whose calls fail by script, and those of its streams.
#[derive(Clone, Debug)]
pub struct FaultySource<S> {
    inner: S,
    faults: Faults,
}

/// A stream whose calls fail by script.
#[derive(Debug)]
pub struct FaultyStream<T> {
    inner: T,
    faults: Faults,
}

/// A snapshot reader whose calls fail by script.
#[derive(Clone, Debug)]
pub struct FaultySnapshot<R> {
    inner: R,
    faults: Faults,
}

impl<S> FaultySource<S> {
    pub fn new(inner: S, faults: &Faults) -> Self {
        let faults = faults.clone();
        Self { inner, faults }
    }
}

impl<R> FaultySnapshot<R> {
    pub fn new(inner: R, faults: &Faults) -> Self {
        let faults = faults.clone();
        Self { inner, faults }
    }
}

impl<S: ChangeSource> ChangeSource for FaultySource<S> {
    type Stream = FaultyStream<S::Stream>;

    async fn head(&mut self) -> Result<Position, Failure> {
        self.faults.around("head", self.inner.head()).await
    }

    async fn open(&mut self, after: &Checkpoint) -> Result<Self::Stream, Failure> {
        let inner = self.faults.around("open", self.inner.open(after)).await?;
        let faults = self.faults.clone();
        Ok(FaultyStream { inner, faults })
    }
}

impl<T: ChangeStream> ChangeStream for FaultyStream<T> {
    async fn next(&mut self) -> Result<SourceEvent, Failure> {
        self.faults.around("next event", self.inner.next()).await
    }
}

impl<R: SnapshotReader> SnapshotReader for FaultySnapshot<R> {
    async fn tables(&mut self) -> Result<Vec<TableName>, Failure> {
        self.faults.around("tables", self.inner.tables()).await
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableDescription>, Failure> {
        self.faults
            .around("describe", self.inner.describe(table))
            .await
    }

    async fn plan(&mut self, table: &TableDescription, parts: usize) -> Result<CopyPlan, Failure> {
        self.faults
            .around("plan", self.inner.plan(table, parts))
            .await
    }

    async fn read(&mut self, request: &ChunkRequest) -> Result<Option<Chunk>, Failure> {
        self.faults.around("read", self.inner.read(request)).await
    }
}
