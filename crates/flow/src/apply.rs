//! The apply loop: barriers in, documents and checkpoints out.
//!
//! Progress moves in one place, after the sink has said that the data and its checkpoint are
//! durable together. While one batch is being written the next is translated, so that the
//! processor and the target work at the same time. Rows of a copy are handed to the sink, which
//! writes those of neighbouring chunks side by side; anything else waits until they are durable.
//! A document that the target refuses is left out, or a whole table, and what was not durable yet
//! is given again without it.

use crate::failure::{Disposition, Failure};
use crate::group::{Group, GroupLimits};
use crate::ports::{ApplyBatch, LogReader, Sink, Work};
use crate::translate::{Step, Translator};
use crate::watch::Watch;
use change::{Barrier, Checkpoint, MappingVersion, Ordinal};
use reconcile::Quarantine;
use std::collections::VecDeque;
use std::sync::Arc;

/// So many changes are worth a thread of their own while others write and read.
const WORTH_A_THREAD: usize = 1_000;

/// What the target held when it was taken over.
#[derive(Debug)]
pub struct Begun {
    pub checkpoint: Option<Checkpoint>,
    pub mapping: MappingVersion,
    /// The rows that are kept back.
    pub quarantine: Quarantine,
}

/// Runs until the log has ended and all of it is applied, or something fails. The log's reading end
/// is dropped on return, so that a writer never waits for a reader that is gone.
pub async fn apply<L: LogReader, K: Sink>(
    mut reader: L,
    sink: &mut K,
    mut translator: Translator,
    begun: Begun,
    limits: GroupLimits,
    watch: &Watch,
) -> Result<(), Failure> {
    let mapping = begun.mapping;
    let after = begun.checkpoint.as_ref();
    reader.open(after.map(|after| after.ordinal)).await?;
    let mut writer = Writer {
        sink,
        watch,
        copying: VecDeque::new(),
        again: false,
        durable: None,
        last: begun.checkpoint,
        kept: begun.quarantine,
    };
    writer.tell_kept();
    let mut held: Option<Barrier> = None;
    let mut writing: Option<Step> = None;
    loop {
        if watch.has_unwanted() {
            writer.finish(&mut writing, &mut translator).await?;
            writer.forget(&mut translator, &mapping).await?;
            writer.tell(&mut reader);
        }
        let first = match (held.take(), &writing) {
            (Some(barrier), _) => Some(barrier),
            // Without a batch to write there is nothing to do but wait for the next barrier.
            (None, None) => loop {
                tokio::select! {
                    biased;
                    moved = writer.copied(), if writer.is_copying() => {
                        writer.mend(moved, &mut translator, &mut None, None).await?;
                        writer.tell(&mut reader);
                    }
                    () = watch.unwanted() => {
                        writer.finish(&mut None, &mut translator).await?;
                        writer.forget(&mut translator, &mapping).await?;
                        writer.tell(&mut reader);
                    }
                    next = reader.next() => break next?,
                }
            },
            (None, Some(_)) => reader.next_ready()?,
        };
        let Some(first) = first else {
            let mut last = writing.take();
            let ended = last.is_none();
            if ended {
                writer.finish(&mut last, &mut translator).await?;
            } else {
                let written = writer.write(&mut last).await;
                writer
                    .mend(written, &mut translator, &mut last, None)
                    .await?;
            }
            writer.tell(&mut reader);
            if ended {
                return Ok(());
            }
            continue;
        };
        let group = gather(&mut reader, first, &mut held, limits, &mapping)?;
        let mut busy = writing.take();
        let (written, (back, mut next)) =
            tokio::join!(writer.write(&mut busy), translate(translator, group));
        translator = back;
        writer
            .mend(written, &mut translator, &mut busy, next.as_mut().ok())
            .await?;
        writing = Some(next?);
        if is_copy(&writing) {
            let written = writer.write(&mut writing).await;
            writer
                .mend(written, &mut translator, &mut writing, None)
                .await?;
        }
        writer.tell(&mut reader);
    }
}

/// The barriers that are there already and may go together.
fn gather<L: LogReader>(
    reader: &mut L,
    first: Barrier,
    held: &mut Option<Barrier>,
    limits: GroupLimits,
    mapping: &MappingVersion,
) -> Result<Group, Failure> {
    check_mapping(&first, mapping)?;
    let mut group = Group::new(first);
    while let Some(next) = reader.next_ready()? {
        check_mapping(&next, mapping)?;
        *held = group.join(next, limits);
        if held.is_some() {
            break;
        }
    }
    Ok(group)
}

async fn translate(
    mut translator: Translator,
    group: Group,
) -> (Translator, Result<Step, Failure>) {
    // Lets the write be sent before the processor is taken.
    tokio::task::yield_now().await;
    if group.changes() < WORTH_A_THREAD {
        let step = translator.translate(group);
        return (translator, step);
    }
    let translating = tokio::task::spawn_blocking(move || {
        let step = translator.translate(group);
        (translator, step)
    });
    match translating.await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Whether the step is nothing but rows of a copy, which may go beside others.
fn is_copy(step: &Option<Step>) -> bool {
    step.as_ref().is_some_and(|step| {
        matches!(step.batch.work, Work::Chunks(_))
            && step.loosen.is_empty()
            && step.prepare.is_empty()
            && step.finish.is_empty()
    })
}

/// The sink, and what it has been given that is not durable yet.
struct Writer<'a, K> {
    sink: &'a mut K,
    watch: &'a Watch,
    /// In order.
    copying: VecDeque<Step>,
    /// `copying` has to be given to the sink again.
    again: bool,
    durable: Option<Ordinal>,
    /// The last checkpoint that is stored.
    last: Option<Checkpoint>,
    /// The rows whose records are stored.
    kept: Quarantine,
}

impl<K: Sink> Writer<'_, K> {
    fn is_copying(&self) -> bool {
        !self.copying.is_empty()
    }

    /// Says to the log what has become durable since.
    fn tell<L: LogReader>(&mut self, reader: &mut L) {
        if let Some(through) = self.durable.take() {
            reader.applied(through);
        }
    }

    /// Writes the step, or hands it over where it is a copy. What is done of it is taken out of it,
    /// so that after a failure the same call goes on with the rest.
    async fn write(&mut self, step: &mut Option<Step>) -> Result<(), Failure> {
        if std::mem::take(&mut self.again) {
            for step in &self.copying {
                self.sink.copy(step.batch.clone()).await?;
            }
        }
        if is_copy(step) {
            if let Some(step) = step.take() {
                let batch = step.batch.clone();
                // First, since what was not told has to be given again, this too.
                self.copying.push_back(step);
                self.sink.copy(batch).await?;
            }
            return Ok(());
        }
        let Some(current) = step else { return Ok(()) };
        self.settle().await?;
        while let Some(collection) = current.loosen.last() {
            self.sink.loosen(collection).await?;
            current.loosen.pop();
        }
        while let Some(plan) = current.prepare.last() {
            self.sink.prepare(plan).await?;
            current.prepare.pop();
        }
        self.sink.apply(&current.batch).await?;
        self.applied(current);
        current.changes = 0;
        let batch = Arc::make_mut(&mut current.batch);
        batch.work = Work::Atomic(Vec::new());
        batch.quarantine.clear();
        while let Some(plan) = current.finish.last() {
            self.sink.finish(plan).await?;
            current.finish.pop();
        }
        *step = None;
        Ok(())
    }

    /// Writes the step, and waits until everything is durable.
    async fn finish(
        &mut self,
        step: &mut Option<Step>,
        translator: &mut Translator,
    ) -> Result<(), Failure> {
        let written = self.write(step).await;
        self.mend(written, translator, step, None).await?;
        while self.is_copying() {
            let settled = self.settle().await;
            self.mend(settled, translator, step, None).await?;
        }
        Ok(())
    }

    /// Forgets rows in quarantine that somebody does not want to know of any more. Everything else
    /// is durable, so that the checkpoint which is stored again is the last one.
    async fn forget(
        &mut self,
        translator: &mut Translator,
        mapping: &MappingVersion,
    ) -> Result<(), Failure> {
        let unwanted = self.watch.take_unwanted();
        let Some(checkpoint) = self.last.clone() else {
            return Ok(());
        };
        let mut step = Some(translator.forget(&unwanted, checkpoint, mapping.clone()));
        self.finish(&mut step, translator).await
    }

    async fn settle(&mut self) -> Result<(), Failure> {
        while self.is_copying() {
            self.copied().await?;
        }
        Ok(())
    }

    /// Waits for a copy to become durable. Cancel safe.
    async fn copied(&mut self) -> Result<(), Failure> {
        let through = self.sink.copied().await?;
        while let Some(step) = self.copying.front()
            && through.is_none_or(|through| step.batch.checkpoint.ordinal <= through)
            && let Some(step) = self.copying.pop_front()
        {
            self.applied(&step);
        }
        Ok(())
    }

    fn applied(&mut self, step: &Step) {
        let ApplyBatch {
            checkpoint,
            progress,
            quarantine,
            work: _,
            mapping: _,
        } = &*step.batch;
        self.watch
            .applied(checkpoint, progress.clone(), step.changes);
        for table in &step.lifted {
            self.watch.began_anew(table);
        }
        for (table, trouble) in &step.stopped {
            self.watch.stopped(table, trouble);
        }
        if !quarantine.is_empty() {
            self.kept.follow(quarantine);
            self.tell_kept();
        }
        self.durable = Some(checkpoint.ordinal);
        self.last = Some(checkpoint.clone());
    }

    fn tell_kept(&self) {
        self.watch.kept_back(self.kept.records().cloned());
    }

    /// Goes on after a failure that concerns one document, or one table: without it, with all that
    /// is not durable, with the step that was being written, and `next` behind it.
    async fn mend(
        &mut self,
        mut outcome: Result<(), Failure>,
        translator: &mut Translator,
        step: &mut Option<Step>,
        mut next: Option<&mut Step>,
    ) -> Result<(), Failure> {
        while let Err(failure) = outcome {
            let steps = self.copying.iter_mut().chain(step.as_mut());
            let mut steps: Vec<&mut Step> = steps.chain(next.as_deref_mut()).collect();
            translator.go_on_without(failure, &self.kept, &mut steps)?;
            self.again = true;
            outcome = self.write(step).await;
        }
        Ok(())
    }
}

fn check_mapping(barrier: &Barrier, mapping: &MappingVersion) -> Result<(), Failure> {
    if barrier.mapping == *mapping {
        return Ok(());
    }
    Err(Failure {
        code: "LS4006",
        disposition: Disposition::Halt,
        table: None,
        message: format!(
            "a barrier of mapping {} ({}) reached a sink of mapping {} ({})",
            barrier.mapping.version, barrier.mapping.hash, mapping.version, mapping.hash
        ),
        remedy: "start capture and sink with the same configuration".to_owned(),
    })
}
