//! The sink over a store in memory.

use super::failure;
use super::store::{Held, Store};
use flow::ports::{ApplyBatch, Sink, Tail, Work};
use flow::{Disposition, Failure};
use mapping::CollectionPlan;

/// Documents that one lane writes at once.
const LANE_DOCUMENTS: usize = 2;

/// One process's writer. Before it takes over it may write nothing.
#[derive(Clone)]
pub struct MemorySink {
    store: Store,
    epoch: Option<u64>,
}

impl Store {
    pub fn sink(&self) -> MemorySink {
        MemorySink {
            store: self.clone(),
            epoch: None,
        }
    }
}

impl MemorySink {
    fn epoch(&self) -> Result<u64, Failure> {
        let never = || failure(Disposition::Halt, "the sink has not taken over");
        self.epoch.ok_or_else(never)
    }

    /// One transaction.
    async fn transact(
        &mut self,
        doing: impl FnOnce(&mut Held) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let epoch = self.epoch()?;
        // On the way to the store others may come between, and on the way back too.
        tokio::task::yield_now().await;
        let outcome = {
            let mut guarded = self.store.guarded();
            guarded.check(epoch)?;
            let mut held = guarded.held.clone();
            doing(&mut held).and_then(|()| guarded.replace(epoch, held))
        };
        tokio::task::yield_now().await;
        outcome
    }
}

impl Sink for MemorySink {
    async fn take_over(&mut self) -> Result<Tail, Failure> {
        tokio::task::yield_now().await;
        let tail = {
            let mut guarded = self.store.guarded();
            guarded.epoch += 1;
            self.epoch = Some(guarded.epoch);
            guarded.held.tail()
        };
        tokio::task::yield_now().await;
        Ok(tail)
    }

    async fn prepare(&mut self, collection: &CollectionPlan) -> Result<(), Failure> {
        self.transact(|held| {
            held.prepare(collection);
            Ok(())
        })
        .await
    }

    async fn finish(&mut self, _collection: &CollectionPlan) -> Result<(), Failure> {
        self.transact(|_| Ok(())).await
    }

    async fn apply(&mut self, batch: ApplyBatch) -> Result<(), Failure> {
        let ApplyBatch {
            work,
            checkpoint,
            progress,
            mapping,
        } = batch;
        match &work {
            Work::Atomic(_) | Work::Empty(_) => {}
            Work::Chunks(effects) => {
                for part in effects.chunks(LANE_DOCUMENTS) {
                    self.transact(|held| held.write(part)).await?;
                }
            }
        }
        self.transact(|held| {
            match &work {
                Work::Atomic(effects) => held.write(effects)?,
                Work::Chunks(_) => {}
                Work::Empty(collections) => {
                    for collection in collections {
                        held.empty(collection);
                    }
                }
            }
            held.close(&checkpoint, &progress, &mapping);
            Ok(())
        })
        .await
    }
}
