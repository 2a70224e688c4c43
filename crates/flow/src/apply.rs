//! The apply loop: barriers in, documents and checkpoints out.
//!
//! Progress moves in one place, after the sink has said that the data and its checkpoint are
//! durable together. While one batch is being written the next is translated, so that the
//! processor and the target work at the same time; there is never more than one of each.

use crate::failure::{Disposition, Failure};
use crate::ports::{LogReader, Sink};
use crate::translate::{GroupLimits, Step, Translator};
use crate::watch::Watch;
use change::{Barrier, MappingVersion, Ordinal};

/// Runs until the log has ended and all of it is applied, or something fails. The log's reading end
/// is dropped on return, so that a writer never waits for a reader that is gone.
pub async fn apply<L: LogReader, K: Sink>(
    mut reader: L,
    sink: &mut K,
    translator: &mut Translator,
    after: Option<Ordinal>,
    mapping: &MappingVersion,
    limits: GroupLimits,
    watch: &Watch,
) -> Result<(), Failure> {
    reader.open(after).await?;
    let mut held: Option<Barrier> = None;
    let mut writing: Option<Step> = None;
    loop {
        // Without a batch to write there is nothing to do but wait for the next barrier.
        let first = match (held.take(), &writing) {
            (Some(barrier), _) => Some(barrier),
            (None, None) => match reader.next().await? {
                Some(barrier) => Some(barrier),
                None => return Ok(()),
            },
            (None, Some(_)) => reader.next_ready()?,
        };
        let next = match first {
            Some(first) => {
                let group = gather(&mut reader, first, &mut held, limits, mapping)?;
                let busy = writing.take();
                let (written, step) = join(sink, busy, translator, group, watch).await;
                if let Some(through) = written? {
                    reader.applied(through);
                }
                Some(step)
            }
            None => {
                if let Some(step) = writing.take() {
                    reader.applied(write(sink, step, watch).await?);
                }
                None
            }
        };
        writing = next;
    }
}

/// The barriers that are there already and may go together.
fn gather<L: LogReader>(
    reader: &mut L,
    first: Barrier,
    held: &mut Option<Barrier>,
    limits: GroupLimits,
    mapping: &MappingVersion,
) -> Result<Vec<Barrier>, Failure> {
    check_mapping(&first, mapping)?;
    let mut group = vec![first];
    while let Some(next) = reader.next_ready()? {
        check_mapping(&next, mapping)?;
        if !Translator::may_join(&group, &next, limits) {
            *held = Some(next);
            break;
        }
        group.push(next);
    }
    Ok(group)
}

/// Writes one step while the next is translated.
async fn join<K: Sink>(
    sink: &mut K,
    busy: Option<Step>,
    translator: &mut Translator,
    group: Vec<Barrier>,
    watch: &Watch,
) -> (Result<Option<Ordinal>, Failure>, Step) {
    let writing = async {
        match busy {
            Some(step) => write(sink, step, watch).await.map(Some),
            None => Ok(None),
        }
    };
    let translating = async {
        // Lets the write be sent before the processor is taken.
        tokio::task::yield_now().await;
        translator.translate(group)
    };
    tokio::join!(writing, translating)
}

async fn write<K: Sink>(sink: &mut K, step: Step, watch: &Watch) -> Result<Ordinal, Failure> {
    for plan in &step.prepare {
        sink.prepare(plan).await?;
    }
    let checkpoint = step.batch.checkpoint.clone();
    let progress = step.batch.progress.clone();
    sink.apply(step.batch).await?;
    watch.applied(&checkpoint, progress, step.changes);
    for (table, trouble) in &step.stopped {
        watch.stopped(table, trouble);
    }
    for plan in &step.finish {
        sink.finish(plan).await?;
    }
    Ok(checkpoint.ordinal)
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
