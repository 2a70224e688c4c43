//! Sinks that break a promise, and the laws that notice.

use super::caught;
use super::settings::Sinks;
use change::{Collection, Ordinal, QuarantineChange};
use flow::ports::{ApplyBatch, Sink, Tail, Work};
use flow::{Disposition, Failure};
use mapping::CollectionPlan;
use std::collections::VecDeque;
use std::sync::Arc;
use testbed::conformance::sink::check;
use testbed::memory::MemorySink;

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    CheckpointFirst,
    CheckpointLater,
    IgnoresTheFence,
    DropsTheLastEffect,
    ForgetsProgress,
    AcknowledgesEarly,
    WritesInHalves,
    NeverEmpties,
    TakesOverWithoutFencing,
    CopiesTwice,
    TellsWhatIsNotWritten,
    StoresAheadOfTheRows,
    AppliesBesideTheCopy,
    ForgetsTheChunkBeforeAFailure,
    LosesProgressOfAChunk,
    ForgetsTheQuarantine,
    KeepsWhatIsLifted,
    KeepsBackAheadOfTheBatch,
}

struct Broken {
    inner: MemorySink,
    flaw: Flaw,
    before: Tail,
    queued: Option<ApplyBatch>,
    copying: VecDeque<Arc<ApplyBatch>>,
}

impl Broken {
    fn new(inner: MemorySink, flaw: Flaw) -> Self {
        Self {
            inner,
            flaw,
            before: Tail::default(),
            queued: None,
            copying: VecDeque::new(),
        }
    }

    async fn bent(&mut self, mut batch: ApplyBatch) -> Result<(), Failure> {
        let empty = Work::Atomic(Vec::new());
        match self.flaw {
            Flaw::CheckpointFirst => {
                let closing = ApplyBatch {
                    work: empty,
                    ..batch.clone()
                };
                self.inner.apply(&closing).await?;
                self.inner.apply(&batch).await
            }
            Flaw::CheckpointLater => {
                if let Some(checkpoint) = self.before.checkpoint.clone() {
                    let data = ApplyBatch {
                        checkpoint,
                        ..batch.clone()
                    };
                    self.inner.apply(&data).await?;
                    batch.work = empty;
                }
                self.inner.apply(&batch).await
            }
            Flaw::IgnoresTheFence => match self.inner.apply(&batch).await {
                Err(failure) if failure.disposition == Disposition::Fenced => {
                    self.inner.take_over().await?;
                    self.inner.apply(&batch).await
                }
                answer => answer,
            },
            Flaw::DropsTheLastEffect => {
                if let Work::Atomic(effects) = &mut batch.work {
                    effects.pop();
                }
                self.inner.apply(&batch).await
            }
            Flaw::ForgetsProgress => {
                batch.progress.clear();
                self.inner.apply(&batch).await
            }
            Flaw::AcknowledgesEarly => match self.queued.replace(batch) {
                Some(queued) => self.inner.apply(&queued).await,
                None => Ok(()),
            },
            Flaw::WritesInHalves => {
                if let (Work::Atomic(effects), Some(checkpoint)) =
                    (&mut batch.work, self.before.checkpoint.clone())
                {
                    let rest = effects.split_off(effects.len() / 2);
                    let half = std::mem::replace(effects, rest);
                    let half = ApplyBatch {
                        work: Work::Atomic(half),
                        checkpoint,
                        ..batch.clone()
                    };
                    self.inner.apply(&half).await?;
                }
                self.inner.apply(&batch).await
            }
            Flaw::NeverEmpties => {
                if let Work::Empty(_) = batch.work {
                    batch.work = empty;
                }
                self.inner.apply(&batch).await
            }
            Flaw::TakesOverWithoutFencing => {
                // Whoever writes takes over once more, so that nobody is ever kept out.
                self.inner.take_over().await?;
                self.inner.apply(&batch).await
            }
            Flaw::CopiesTwice => {
                if let Work::Atomic(effects) = &mut batch.work {
                    let copies = effects.iter().filter(|effect| {
                        matches!(effect.action, change::Action::Adjust { delta: 3, .. })
                    });
                    let copies: Vec<_> = copies.cloned().collect();
                    effects.extend(copies);
                }
                self.inner.apply(&batch).await
            }
            Flaw::ForgetsTheQuarantine => {
                batch.quarantine.clear();
                self.inner.apply(&batch).await
            }
            Flaw::KeepsWhatIsLifted => {
                let kept = |change: &QuarantineChange| matches!(change, QuarantineChange::Kept(_));
                batch.quarantine.retain(kept);
                self.inner.apply(&batch).await
            }
            Flaw::KeepsBackAheadOfTheBatch => {
                if let Some(checkpoint) = self.before.checkpoint.clone() {
                    let records = ApplyBatch {
                        checkpoint,
                        work: empty,
                        progress: Vec::new(),
                        ..batch.clone()
                    };
                    self.inner.apply(&records).await?;
                    batch.quarantine.clear();
                }
                self.inner.apply(&batch).await
            }
            Flaw::TellsWhatIsNotWritten
            | Flaw::StoresAheadOfTheRows
            | Flaw::AppliesBesideTheCopy
            | Flaw::ForgetsTheChunkBeforeAFailure
            | Flaw::LosesProgressOfAChunk => self.inner.apply(&batch).await,
        }
    }

    async fn bent_copy(&mut self, batch: Arc<ApplyBatch>) -> Result<(), Failure> {
        match self.flaw {
            // The rows of a chunk come with the next one.
            Flaw::TellsWhatIsNotWritten => {
                self.copying.push_back(batch);
                if self.copying.len() > 1
                    && let Some(oldest) = self.copying.pop_front()
                {
                    self.inner.copy(oldest).await?;
                }
                Ok(())
            }
            Flaw::StoresAheadOfTheRows => {
                let closing = ApplyBatch {
                    work: Work::Chunks(Vec::new()),
                    ..ApplyBatch::clone(&batch)
                };
                self.inner.copy(Arc::new(closing)).await?;
                self.copying.push_back(batch);
                if self.copying.len() > 2
                    && let Some(oldest) = self.copying.pop_front()
                {
                    self.inner.copy(oldest).await?;
                }
                Ok(())
            }
            Flaw::AppliesBesideTheCopy => {
                self.copying.push_back(batch);
                Ok(())
            }
            Flaw::ForgetsTheChunkBeforeAFailure => {
                let answer = self.inner.copy(batch.clone()).await;
                if answer.is_err() {
                    // As if it had been written and told.
                    self.copying.push_back(batch);
                }
                match self.copying.is_empty() {
                    true => answer,
                    false => Ok(()),
                }
            }
            Flaw::LosesProgressOfAChunk => {
                let mut batch = ApplyBatch::clone(&batch);
                batch.progress.clear();
                self.inner.copy(Arc::new(batch)).await
            }
            _ => self.inner.copy(batch).await,
        }
    }
}

impl Sink for Broken {
    async fn take_over(&mut self) -> Result<Tail, Failure> {
        self.before = self.inner.take_over().await?;
        Ok(self.before.clone())
    }

    async fn prepare(&mut self, collection: &CollectionPlan) -> Result<(), Failure> {
        self.inner.prepare(collection).await
    }

    async fn loosen(&mut self, collection: &Collection) -> Result<(), Failure> {
        self.inner.loosen(collection).await
    }

    async fn finish(&mut self, collection: &CollectionPlan) -> Result<(), Failure> {
        self.inner.finish(collection).await
    }

    async fn apply(&mut self, batch: &ApplyBatch) -> Result<(), Failure> {
        self.bent(batch.clone()).await?;
        self.before.checkpoint = Some(batch.checkpoint.clone());
        Ok(())
    }

    async fn copy(&mut self, batch: Arc<ApplyBatch>) -> Result<(), Failure> {
        self.bent_copy(batch).await
    }

    async fn copied(&mut self) -> Result<Option<Ordinal>, Failure> {
        match self.flaw {
            Flaw::TellsWhatIsNotWritten => {
                self.inner.copied().await?;
                Ok(self.copying.pop_front().map(|last| last.checkpoint.ordinal))
            }
            Flaw::AppliesBesideTheCopy | Flaw::StoresAheadOfTheRows => {
                while let Some(oldest) = self.copying.pop_front() {
                    self.inner.copy(oldest).await?;
                }
                self.inner.copied().await
            }
            Flaw::ForgetsTheChunkBeforeAFailure => match self.inner.copied().await {
                Err(failure) if matches!(failure.disposition, Disposition::Document(_)) => Ok(None),
                answer => answer,
            },
            _ => self.inner.copied().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_stores_the_checkpoint_before_the_data_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::CheckpointFirst));
    caught(check(fresh).await, "a refused batch leaves nothing");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_stores_the_checkpoint_after_the_data_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::CheckpointLater));
    caught(check(fresh).await, "data and checkpoint move together");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_ignores_the_fence_is_caught() {
    for flaw in [
        |sink| Broken::new(sink, Flaw::IgnoresTheFence),
        |sink| Broken::new(sink, Flaw::TakesOverWithoutFencing),
    ] {
        let fresh = async || Sinks::new(flaw);
        caught(check(fresh).await, "a predecessor writes nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_drops_the_last_effect_or_does_one_twice_is_caught() {
    for flaw in [
        |sink| Broken::new(sink, Flaw::DropsTheLastEffect),
        |sink| Broken::new(sink, Flaw::CopiesTwice),
    ] {
        let fresh = async || Sinks::new(flaw);
        caught(check(fresh).await, "all effects take place");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_forgets_the_tables_progress_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::ForgetsProgress));
    caught(check(fresh).await, "the tail is what was applied");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_acknowledges_before_it_writes_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::AcknowledgesEarly));
    caught(check(fresh).await, "all effects take place");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_writes_a_barrier_in_halves_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::WritesInHalves));
    caught(check(fresh).await, "all effects take place");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_empties_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::NeverEmpties));
    caught(check(fresh).await, "an emptied collection is empty");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_tells_of_rows_that_it_has_not_written_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::TellsWhatIsNotWritten));
    caught(check(fresh).await, "chunks end with their checkpoints");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_stores_a_checkpoint_ahead_of_its_rows_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::StoresAheadOfTheRows));
    caught(check(fresh).await, "a checkpoint waits for its rows");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_applies_beside_a_copy_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::AppliesBesideTheCopy));
    caught(check(fresh).await, "what comes after a copy waits for it");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_swallows_a_refusal_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::ForgetsTheChunkBeforeAFailure));
    caught(check(fresh).await, "a refused copy is given again");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_does_not_store_what_becomes_of_the_quarantine_is_caught() {
    for flaw in [
        |sink| Broken::new(sink, Flaw::ForgetsTheQuarantine),
        |sink| Broken::new(sink, Flaw::KeepsWhatIsLifted),
    ] {
        let fresh = async || Sinks::new(flaw);
        caught(
            check(fresh).await,
            "records of quarantine are what was applied",
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_stores_records_ahead_of_their_batch_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::KeepsBackAheadOfTheBatch));
    caught(check(fresh).await, "a refused batch keeps nothing back");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_loses_the_progress_of_a_chunk_is_caught() {
    let fresh = async || Sinks::new(|sink| Broken::new(sink, Flaw::LosesProgressOfAChunk));
    caught(check(fresh).await, "chunks end with their checkpoints");
}
