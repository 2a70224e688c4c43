//! The sink over a store in memory.
//!
//! Half of a copy's rows are written at once, the rest and their checkpoints later, oldest first, so
//! that rows of later chunks are there before all of the earlier ones, as with lanes side by side.

use super::failure;
use super::store::{Held, Store};
use change::{Collection, Effect, Ordinal};
use flow::ports::{ApplyBatch, Sink, Tail, Work};
use flow::{Disposition, Failure};
use mapping::CollectionPlan;
use std::collections::VecDeque;
use std::sync::Arc;

/// Documents that one lane writes at once.
const LANE_DOCUMENTS: usize = 2;
/// Chunks whose rows may be written before the oldest one's checkpoint is.
const CHUNKS_UNDER_WAY: usize = 3;

/// One process's writer. Before it takes over it may write nothing.
#[derive(Clone)]
pub struct MemorySink {
    store: Store,
    epoch: Option<u64>,
    /// Rows that are written and have no checkpoint yet.
    copying: VecDeque<Arc<ApplyBatch>>,
}

impl Store {
    pub fn sink(&self) -> MemorySink {
        MemorySink {
            store: self.clone(),
            epoch: None,
            copying: VecDeque::new(),
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

impl MemorySink {
    async fn copy_rows(&mut self, rows: &[Effect]) -> Result<(), Failure> {
        for part in rows.chunks(LANE_DOCUMENTS) {
            let written = self.transact(|held| held.write(part)).await;
            // All that was not told has to be given again.
            written.inspect_err(|_| self.copying.clear())?;
        }
        Ok(())
    }

    /// The last transaction of a batch.
    async fn close(&mut self, batch: &ApplyBatch) -> Result<(), Failure> {
        self.transact(|held| {
            match &batch.work {
                Work::Atomic(effects) => held.write(effects)?,
                Work::Chunks(_) => {}
                Work::Empty(collections) => {
                    for collection in collections {
                        held.empty(collection);
                    }
                }
            }
            held.close(batch);
            Ok(())
        })
        .await
    }
}

impl Sink for MemorySink {
    async fn take_over(&mut self) -> Result<Tail, Failure> {
        self.copying.clear();
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

    async fn loosen(&mut self, collection: &Collection) -> Result<(), Failure> {
        self.transact(|held| {
            held.loosen(collection);
            Ok(())
        })
        .await
    }

    async fn finish(&mut self, collection: &CollectionPlan) -> Result<(), Failure> {
        self.transact(|held| held.finish(collection)).await
    }

    async fn apply(&mut self, batch: &ApplyBatch) -> Result<(), Failure> {
        while self.copied().await?.is_some() {}
        if let Work::Chunks(_) = &batch.work {
            self.copy(Arc::new(batch.clone())).await?;
            while self.copied().await?.is_some() {}
            return Ok(());
        }
        self.close(batch).await
    }

    async fn copy(&mut self, batch: Arc<ApplyBatch>) -> Result<(), Failure> {
        let Work::Chunks(effects) = &batch.work else {
            return Err(failure(Disposition::Halt, "only rows can be copied"));
        };
        let now = effects.len().div_ceil(2);
        self.copy_rows(&effects[..now]).await?;
        self.copying.push_back(batch);
        if self.copying.len() > CHUNKS_UNDER_WAY {
            self.copied().await?;
        }
        Ok(())
    }

    async fn copied(&mut self) -> Result<Option<Ordinal>, Failure> {
        let Some(oldest) = self.copying.front().cloned() else {
            return Ok(None);
        };
        if let Work::Chunks(effects) = &oldest.work {
            let later = effects.len().div_ceil(2);
            self.copy_rows(&effects[later..]).await?;
        }
        let closed = self.close(&oldest).await;
        closed.inspect_err(|_| self.copying.clear())?;
        self.copying.pop_front();
        Ok(Some(oldest.checkpoint.ordinal))
    }
}
