//! A whole pipeline in one process: take over, capture, apply, and again after a passing failure.
//!
//! There is one way to go on: take over the target, read its checkpoint, and resume. A start, a
//! restart after a kill and a retry after a lost server all take it, so that it is exercised all
//! the time and no half-alive state has to be mended.

use crate::apply::apply;
use crate::capture::{self, capture};
use crate::direct::direct;
use crate::failure::{Disposition, Failure};
use crate::ports::{ChangeSource, Sink, SnapshotReader, Tail};
use crate::translate::{GroupLimits, Translator};
use crate::watch::Watch;
use change::{MappingVersion, Ordinal, TableState, Trouble};
use mapping::Mapper;
use reconcile::same_mapping;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What a pipeline may use.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub capture: capture::Settings,
    pub group: GroupLimits,
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
    let mut patience = Patience::new(settings.retry_for);
    loop {
        let before = watch.look().barriers_applied;
        let attempt = attempt(source, readers(), sink, mapper, settings, watch, cancel).await;
        let Err(failure) = attempt else { return Ok(()) };
        watch.failed(Trouble {
            code: failure.code.into(),
            message: failure.message.as_str().into(),
            remedy: failure.remedy.as_str().into(),
        });
        if watch.look().barriers_applied > before {
            patience = Patience::new(settings.retry_for);
        }
        let again = failure.disposition == Disposition::Transient && !cancel.is_cancelled();
        let Some(pause) = patience.pause().filter(|_| again) else {
            return if cancel.is_cancelled() && failure.disposition == Disposition::Transient {
                Ok(())
            } else {
                Err(failure)
            };
        };
        tracing::warn!(code = failure.code, ?pause, "{failure}; trying again");
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn attempt<S, R, K>(
    source: &mut S,
    readers: Vec<R>,
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
    let tail = sink.take_over().await?;
    let mapping = mapping_version(mapper, &tail)?;
    let after: Option<Ordinal> = tail
        .checkpoint
        .as_ref()
        .map(|checkpoint| checkpoint.ordinal);
    let stopped = tail
        .tables
        .iter()
        .filter(|table| table.state == TableState::Stopped);
    let stopped = stopped
        .filter_map(|table| Some((table.table.clone(), table.trouble.clone()?)))
        .collect();
    let mut translator = Translator::new(mapper.clone(), stopped);
    let (writer, reader) = direct(tail);
    let capturing = capture(
        source,
        readers,
        writer,
        mapping.clone(),
        settings.capture,
        watch,
        cancel,
    );
    let applying = apply(
        reader,
        sink,
        &mut translator,
        after,
        &mapping,
        settings.group,
        watch,
    );
    let (captured, applied) = tokio::join!(capturing, applying);
    // When apply failed, capture's own failure only says that its log was closed.
    applied.and(captured)
}

/// The version that this run's documents are written with: the stored one, which has to be equal.
fn mapping_version(mapper: &Mapper, tail: &Tail) -> Result<MappingVersion, Failure> {
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

/// Back-off with a limit.
struct Patience {
    until: Instant,
    next: Duration,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            next: Duration::from_millis(200),
        }
    }

    fn pause(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (self.next * 2).min(Duration::from_secs(5));
        (Instant::now() < self.until).then_some(pause)
    }
}
