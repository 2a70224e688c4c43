//! The capture loop: change stream and chunk readers in, barriers out.
//!
//! Only wiring. [`reconcile::Capture`] decides; this loop moves what the outside says into it and
//! what it decides out of it. Everything that can wake the loop is in its one `select!`. The stream
//! and every reader are tasks of their own behind bounded channels, so that no future with state is
//! ever dropped half-way, and a log that does not keep up stops the reading of the binlog.

use crate::failure::{Disposition, Failure};
use crate::pipeline::mapping_version;
use crate::ports::{ChangeSource, ChangeStream, LogWriter, SnapshotReader, SourceEvent};
use crate::readers::{Answer, Readers, Settings as ReaderSettings};
use crate::recopies::Underway;
use crate::stops;
use crate::watch::Watch;
use change::{
    Barrier, BarrierKind, Checkpoint, MappingVersion, Position, TableEventKind, TableName, Trouble,
};
use futures::FutureExt;
use mapping::Mapper;
use reconcile::{Capture, Limits, ReadChunk, TornMismatch};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What capture may use.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub limits: Limits,
    pub readers: ReaderSettings,
    /// How often a barrier is sent at least while the position moves.
    pub heartbeat: Duration,
    /// End once every table is copied and the head seen at that moment is sent.
    pub until_caught_up: bool,
}

/// How often it is asked whether what a request did is durable.
const DURABLE_EVERY: Duration = Duration::from_millis(50);

/// Runs until it is cancelled, caught up (where asked for), or fails. On a return without failure
/// everything that was sent is durable in the log.
pub async fn capture<S: ChangeSource, R: SnapshotReader + 'static, W: LogWriter>(
    source: &mut S,
    mut snapshot: Vec<R>,
    mut writer: W,
    mapper: &Mapper,
    settings: Settings,
    watch: &Watch,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let tail = writer.recover().await?;
    let mapping = mapping_version(mapper, &tail)?;
    stops::reached("recovery").await;
    let first = snapshot
        .first_mut()
        .expect("capture is given at least one reader");
    let mut core = begin(source, tail, mapping, settings.limits).await?;
    // Behind the stream's beginning: what is created or altered afterwards comes with the stream.
    for table in &first.tables().await? {
        core.add_table(table);
    }
    let checkpoint = Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: core.last_ordinal(),
        position: core.position().clone(),
        torn: core.torn().cloned(),
        committed_at_ms: 0,
    };
    let mut events = Pump::start(source.open(&checkpoint).await?);
    let mut readers = Readers::start(snapshot, settings.readers);
    let mut heartbeat = tokio::time::interval(settings.heartbeat);
    let mut goal: Option<Position> = None;
    watch.recopies(|recopies| recopies.give_back());
    let mut underway: Vec<Underway> = Vec::new();

    loop {
        // Chunks are read ahead of the log, but only so far.
        while readers.has_idle()
            && core.closed_bytes() < settings.readers.max_read_ahead_bytes
            && let Some(task) = core.next_task()
        {
            let position = core.position().clone();
            readers.give(task, position).await;
        }
        for request in watch.recopies(|recopies| recopies.take()) {
            underway.push(Underway::begin(&mut core, request));
        }
        if !underway.is_empty() {
            let durable = writer.durable_through(None).now_or_never().transpose()?;
            underway.retain_mut(|one| match one.answer(&core, durable) {
                Some(answer) => {
                    watch.recopies(|recopies| recopies.answer(&one.id, answer));
                    false
                }
                None => true,
            });
        }
        if core.wants_head() {
            core.head_is(&source.head().await?);
        }
        watch.captured(&core);
        let is_done = core.is_copied() && readers.all_idle() && underway.is_empty();
        if settings.until_caught_up && is_done {
            let goal = match &goal {
                Some(goal) => goal,
                None => goal.insert(source.head().await?),
            };
            if core.position().covers(goal) && core.is_between_transactions() {
                core.close_heartbeat();
                while let Some(barrier) = core.take_closed() {
                    send(&mut writer, barrier, watch).await?;
                }
                break;
            }
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            answer = readers.next(), if !readers.all_idle() => take_answer(&mut core, answer)?,
            ready = writer.ready(), if core.has_closed() || core.has_work() => {
                ready?;
                if !core.has_closed() {
                    core.close();
                }
                if let Some(barrier) = core.take_closed() {
                    send(&mut writer, barrier, watch).await?;
                }
            }
            // A log that does not keep up stops the stream.
            event = events.next(), if !core.has_closed() => {
                take_events(&mut core, event?, &mut events)?;
            }
            () = tokio::time::sleep(DURABLE_EVERY), if !underway.is_empty() => {}
            _ = heartbeat.tick(), if !core.has_closed() => core.close_heartbeat(),
        }
    }
    watch.captured_last(&core);
    readers.stop().await;
    events.stop().await;
    writer.finish().await
}

async fn send<W: LogWriter>(
    writer: &mut W,
    barrier: Barrier,
    watch: &Watch,
) -> Result<(), Failure> {
    if barrier.kind == BarrierKind::Chunk {
        stops::reached("copying").await;
    }
    if barrier.checkpoint.torn.is_some() {
        stops::reached("mid-split").await;
    }
    writer.send(barrier).await?;
    watch.sent();
    Ok(())
}

async fn begin<S: ChangeSource>(
    source: &mut S,
    tail: crate::ports::Tail,
    mapping: MappingVersion,
    limits: Limits,
) -> Result<Capture, Failure> {
    match tail.checkpoint {
        Some(checkpoint) => Ok(Capture::resume(limits, mapping, checkpoint, tail.tables)),
        None => {
            let head = source.head().await?;
            Ok(Capture::start(limits, mapping, head))
        }
    }
}

/// Feeds an event and whatever else is there already, up to the next closed barrier.
fn take_events(core: &mut Capture, first: SourceEvent, events: &mut Pump) -> Result<(), Failure> {
    feed(core, first)?;
    while !core.has_closed()
        && let Some(event) = events.next_ready()?
    {
        feed(core, event)?;
    }
    Ok(())
}

fn feed(core: &mut Capture, event: SourceEvent) -> Result<(), Failure> {
    match event {
        SourceEvent::Begin { origin } => core.begin(origin).map_err(torn)?,
        SourceEvent::Rows { schema, rows } => core.rows(&schema, rows),
        SourceEvent::Partial { schema, rows } => core.partial(&schema, rows),
        SourceEvent::Table(event) => {
            if let TableEventKind::Unsupported(trouble) = &event.kind
                && core.is_live(&event.table)
            {
                tracing::error!(table = %event.table, code = %trouble.code, "{}", trouble.message);
            }
            core.table_event(event);
        }
        SourceEvent::Commit { position } => core.commit(position).map_err(torn)?,
        SourceEvent::Heartbeat { position } => core.heartbeat(position),
    }
    Ok(())
}

fn torn(mismatch: TornMismatch) -> Failure {
    Failure {
        code: "LS4003",
        disposition: Disposition::Halt,
        table: None,
        message: mismatch.to_string(),
        remedy: "start with the source and the tables that were being copied; where that is not \
                 possible, reset the pipeline and copy again"
            .to_owned(),
    }
}

fn take_answer(core: &mut Capture, answer: Answer) -> Result<(), Failure> {
    match answer {
        Answer::Described { table, result } => match sort(core, &table, result)? {
            Some(description) => core.described(&table, description),
            None => core.unanswered(&table),
        },
        Answer::Planned {
            description,
            result,
        } => match sort(core, &description.schema.name, result)? {
            Some(plan) => core.planned(&description, plan.ranges, plan.rows_estimated),
            None => core.unanswered(&description.schema.name),
        },
        Answer::Read {
            table,
            window,
            result,
        } => match sort(core, &table, result)? {
            Some(Some(chunk)) => {
                let chunk = ReadChunk {
                    schema: chunk.schema,
                    rows: chunk.rows,
                    bounds: chunk.bounds,
                    rest: chunk.rest,
                };
                core.chunk_read(&table, window, chunk);
            }
            Some(None) => core.chunk_void(&table, window, true),
            None => core.chunk_void(&table, window, false),
        },
    }
    Ok(())
}

/// What came, `None` for a failure that concerns this table or may pass, or the failure.
fn sort<T>(
    core: &mut Capture,
    table: &TableName,
    result: Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let failure = match result {
        Ok(value) => return Ok(Some(value)),
        Err(failure) => failure,
    };
    match failure.disposition {
        Disposition::Table | Disposition::Document(_) => {
            tracing::error!(%table, code = failure.code, "{failure}");
            core.stop_table(table, trouble(&failure));
            Ok(None)
        }
        Disposition::Transient | Disposition::Fenced | Disposition::Halt => Err(failure),
    }
}

fn trouble(failure: &Failure) -> Trouble {
    Trouble {
        code: failure.code.into(),
        message: failure.message.as_str().into(),
        remedy: failure.remedy.as_str().into(),
    }
}

/// The stream in a task of its own.
struct Pump {
    events: mpsc::Receiver<Result<SourceEvent, Failure>>,
    task: tokio::task::JoinHandle<()>,
}

impl Pump {
    fn start<T: ChangeStream + 'static>(mut stream: T) -> Self {
        let (send, events) = mpsc::channel(8);
        let task = tokio::spawn(async move {
            loop {
                let event = stream.next().await;
                let ended = event.is_err();
                if send.send(event).await.is_err() || ended {
                    return;
                }
            }
        });
        Self { events, task }
    }

    async fn next(&mut self) -> Result<SourceEvent, Failure> {
        match self.events.recv().await {
            Some(event) => event,
            None => Err(Self::ended()),
        }
    }

    fn next_ready(&mut self) -> Result<Option<SourceEvent>, Failure> {
        match self.events.try_recv() {
            Ok(event) => event.map(Some),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(Self::ended()),
        }
    }

    async fn stop(self) {
        self.task.abort();
        // An aborted task's result says only that it was aborted.
        let _ = self.task.await;
    }

    fn ended() -> Failure {
        Failure {
            code: "LS4004",
            disposition: Disposition::Transient,
            table: None,
            message: "the change stream ended without saying why".to_owned(),
            remedy: "lockstep opens it again; if it comes back, look at the server's error log"
                .to_owned(),
        }
    }
}
