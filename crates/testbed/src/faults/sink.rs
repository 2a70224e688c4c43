//! Faults around a sink.

use super::Faults;
use change::{Collection, Ordinal};
use flow::Failure;
use flow::ports::{ApplyBatch, Sink, Tail};
use mapping::CollectionPlan;
use std::sync::Arc;

/// A sink whose calls fail by script.
#[derive(Clone, Debug)]
pub struct FaultySink<K> {
    inner: K,
    faults: Faults,
}

impl<K> FaultySink<K> {
    pub fn new(inner: K, faults: &Faults) -> Self {
        let faults = faults.clone();
        Self { inner, faults }
    }
}

impl<K: Sink> Sink for FaultySink<K> {
    async fn take_over(&mut self) -> Result<Tail, Failure> {
        self.faults
            .around("take_over", self.inner.take_over())
            .await
    }

    async fn prepare(&mut self, collection: &CollectionPlan) -> Result<(), Failure> {
        self.faults
            .around("prepare", self.inner.prepare(collection))
            .await
    }

    async fn loosen(&mut self, collection: &Collection) -> Result<(), Failure> {
        self.faults
            .around("loosen", self.inner.loosen(collection))
            .await
    }

    async fn finish(&mut self, collection: &CollectionPlan) -> Result<(), Failure> {
        self.faults
            .around("finish", self.inner.finish(collection))
            .await
    }

    async fn apply(&mut self, batch: &ApplyBatch) -> Result<(), Failure> {
        self.faults.around("apply", self.inner.apply(batch)).await
    }

    async fn copy(&mut self, batch: Arc<ApplyBatch>) -> Result<(), Failure> {
        self.faults.around("copy", self.inner.copy(batch)).await
    }

    async fn copied(&mut self) -> Result<Option<Ordinal>, Failure> {
        self.faults.around("copied", self.inner.copied()).await
    }
}
