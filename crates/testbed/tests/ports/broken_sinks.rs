//! Sinks that break a promise, and the laws that notice.

use super::caught;
use super::settings::Sinks;
use flow::ports::{ApplyBatch, Sink, Tail, Work};
use flow::{Disposition, Failure};
use mapping::CollectionPlan;
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
}

struct Broken {
    inner: MemorySink,
    flaw: Flaw,
    before: Tail,
    queued: Option<ApplyBatch>,
}

impl Broken {
    fn new(inner: MemorySink, flaw: Flaw) -> Self {
        Self {
            inner,
            flaw,
            before: Tail::default(),
            queued: None,
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
                self.inner.apply(closing).await?;
                self.inner.apply(batch).await
            }
            Flaw::CheckpointLater => {
                if let Some(checkpoint) = self.before.checkpoint.clone() {
                    let data = ApplyBatch {
                        checkpoint,
                        ..batch.clone()
                    };
                    self.inner.apply(data).await?;
                    batch.work = empty;
                }
                self.inner.apply(batch).await
            }
            Flaw::IgnoresTheFence => match self.inner.apply(batch.clone()).await {
                Err(failure) if failure.disposition == Disposition::Fenced => {
                    self.inner.take_over().await?;
                    self.inner.apply(batch).await
                }
                answer => answer,
            },
            Flaw::DropsTheLastEffect => {
                if let Work::Atomic(effects) = &mut batch.work {
                    effects.pop();
                }
                self.inner.apply(batch).await
            }
            Flaw::ForgetsProgress => {
                batch.progress.clear();
                self.inner.apply(batch).await
            }
            Flaw::AcknowledgesEarly => match self.queued.replace(batch) {
                Some(queued) => self.inner.apply(queued).await,
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
                    self.inner.apply(half).await?;
                }
                self.inner.apply(batch).await
            }
            Flaw::NeverEmpties => {
                if let Work::Empty(_) = batch.work {
                    batch.work = empty;
                }
                self.inner.apply(batch).await
            }
            Flaw::TakesOverWithoutFencing => {
                // Whoever writes takes over once more, so that nobody is ever kept out.
                self.inner.take_over().await?;
                self.inner.apply(batch).await
            }
            Flaw::CopiesTwice => {
                if let Work::Atomic(effects) = &mut batch.work {
                    let copies = effects.iter().filter(|effect| {
                        matches!(effect.action, change::Action::Adjust { delta: 3, .. })
                    });
                    let copies: Vec<_> = copies.cloned().collect();
                    effects.extend(copies);
                }
                self.inner.apply(batch).await
            }
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

    async fn finish(&mut self, collection: &CollectionPlan) -> Result<(), Failure> {
        self.inner.finish(collection).await
    }

    async fn apply(&mut self, batch: ApplyBatch) -> Result<(), Failure> {
        let checkpoint = batch.checkpoint.clone();
        self.bent(batch).await?;
        self.before.checkpoint = Some(checkpoint);
        Ok(())
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
