//! A whole pipeline in one process, or one half of it, and again after a passing failure.
//!
//! There is one way to go on: fence the predecessors, read what is stored, and resume. A start, a
//! restart after a kill and a retry after a lost server all take it, so that it is exercised all
//! the time and no half-alive state has to be mended. With a direct log both halves share every
//! attempt, since the log is gone with either; with a log that outlives them each half is on its
//! own, and neither notices the other's failures.

use crate::apply::{Begun, apply};
use crate::capture::{self, capture};
use crate::direct::direct;
use crate::ending::{CaughtUp, Ending};
use crate::failure::{Disposition, Failure};
use crate::group::GroupLimits;
use crate::ports::{ChangeSource, LogReader, LogWriter, Sink, SnapshotReader, Tail};
use crate::retry::persist;
use crate::stops;
use crate::translate::Translator;
use crate::watch::Watch;
use change::{MappingVersion, TableState};
use mapping::Mapper;
use reconcile::{Quarantine, same_mapping};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a pipeline may use.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub capture: capture::Settings,
    pub group: GroupLimits,
    /// So many rows may be in quarantine.
    pub max_quarantined: usize,
    /// A server may be away for so long before the pipeline gives up.
    pub retry_for: Duration,
}

/// Runs a direct pipeline until it is cancelled, caught up (where asked for), or fails for good.
///
/// `readers` makes the snapshot readers afresh for every attempt.
pub async fn run_direct<S, R, K>(
    source: &mut S,
    mut readers: impl FnMut() -> Vec<R>,
    sink: &mut K,
    mapper: &Mapper,
    settings: Settings,
    watch: &Watch,
    cancel: &CancellationToken,
) -> Result<(), Failure>
where
    S: ChangeSource,
    R: SnapshotReader + 'static,
    K: Sink,
{
    let progress = || watch.look().barriers_applied;
    persist(settings.retry_for, watch, cancel, progress, async || {
        let Taken {
            tail,
            begun,
            translator,
        } = take_over(sink, mapper, settings.max_quarantined, watch).await?;
        let (writer, reader) = direct(tail);
        let capturing = capture(
            source,
            readers(),
            writer,
            mapper,
            settings.capture,
            watch,
            cancel,
        );
        let applying = apply(reader, sink, translator, begun, settings.group, watch);
        let (captured, applied) = tokio::join!(capturing, applying);
        // When apply failed, capture's own failure only says that its log was closed.
        applied.and(captured)
    })
    .await
}

/// Runs capture alone, into a log that outlives it: until it is cancelled, all that the source held
/// is durable there (where asked for), or it fails for good.
///
/// `readers` and `writer` are made afresh for every attempt.
pub async fn run_capture<S, R, W>(
    source: &mut S,
    mut readers: impl FnMut() -> Vec<R>,
    mut writer: impl FnMut() -> W,
    mapper: &Mapper,
    settings: Settings,
    watch: &Watch,
    cancel: &CancellationToken,
) -> Result<(), Failure>
where
    S: ChangeSource,
    R: SnapshotReader + 'static,
    W: LogWriter,
{
    let progress = || watch.look().barriers_sent;
    persist(settings.retry_for, watch, cancel, progress, async || {
        capture(
            source,
            readers(),
            writer(),
            mapper,
            settings.capture,
            watch,
            cancel,
        )
        .await
    })
    .await
}

/// Runs the sink alone, from a log that outlives it: until it is cancelled, has caught up (where
/// asked for), or fails for good. Whatever was read is applied on return.
///
/// `reader` is made afresh for every attempt.
pub async fn run_sink<L, K>(
    mut reader: impl FnMut() -> L,
    sink: &mut K,
    mapper: &Mapper,
    settings: Settings,
    until: Option<CaughtUp>,
    watch: &Watch,
    cancel: &CancellationToken,
) -> Result<(), Failure>
where
    L: LogReader,
    K: Sink,
{
    let progress = || watch.look().barriers_applied;
    persist(settings.retry_for, watch, cancel, progress, async || {
        let Taken {
            tail,
            begun,
            translator,
        } = take_over(sink, mapper, settings.max_quarantined, watch).await?;
        stops::reached("recovery").await;
        let reader = Ending::new(reader(), &tail, until.clone(), cancel.clone());
        apply(reader, sink, translator, begun, settings.group, watch).await
    })
    .await
}

/// The target, taken over.
struct Taken {
    tail: Tail,
    begun: Begun,
    translator: Translator,
}

async fn take_over<K: Sink>(
    sink: &mut K,
    mapper: &Mapper,
    max_quarantined: usize,
    watch: &Watch,
) -> Result<Taken, Failure> {
    let mut tail = sink.take_over().await?;
    watch.took_over(&tail);
    let records = std::mem::take(&mut tail.quarantine);
    let quarantine = Quarantine::resume(records, max_quarantined);
    let begun = Begun {
        checkpoint: tail.checkpoint.clone(),
        mapping: mapping_version(mapper, &tail)?,
        quarantine: quarantine.clone(),
    };
    let stopped = tail
        .tables
        .iter()
        .filter(|table| table.state == TableState::Stopped);
    let stopped = stopped
        .filter_map(|table| Some((table.table.clone(), table.trouble.clone()?)))
        .collect();
    Ok(Taken {
        translator: Translator::new(mapper.clone(), stopped, quarantine),
        begun,
        tail,
    })
}

/// The version that this run's documents are written with: the stored one, which has to be equal.
pub(crate) fn mapping_version(mapper: &Mapper, tail: &Tail) -> Result<MappingVersion, Failure> {
    let hash = mapper.config().hash();
    let Some(stored) = &tail.mapping else {
        return Ok(MappingVersion { version: 1, hash });
    };
    let current = MappingVersion {
        version: stored.version,
        hash,
    };
    same_mapping(stored, &current).map_err(|changed| {
        let tables: Vec<String> = tail
            .tables
            .iter()
            .map(|table| table.table.to_string())
            .collect();
        Failure {
            code: "LS4007",
            disposition: Disposition::Halt,
            table: None,
            message: format!(
                "{changed}; the tables {} were copied with it",
                tables.join(", ")
            ),
            remedy: "give the configuration its former mapping back, or run `lockstep reset --yes \
                     --drop-target` and copy again"
                .to_owned(),
        }
    })?;
    Ok(current)
}
