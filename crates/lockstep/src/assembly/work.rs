//! The loops of a part: looks before the start, opens the adapters, and runs until the end.

use std::time::Duration;

use change::{TableName, TableProgress, TableState};
use flow::capture::Settings as CaptureSettings;
use flow::ending::CaughtUp;
use flow::group::GroupLimits;
use flow::pipeline::{Settings, run_capture, run_direct, run_sink};
use flow::ports::ChangeSource;
use flow::{Finding, ReaderSettings, Severity, Watch};
use mapping::Mapper;
use mongo::Target;
use reconcile::Limits;
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
use super::part::Part;
use super::picture::Sizes;
use super::running::RunOptions;
use super::{findings, halted, log, refused};
use crate::config::{Configuration, KafkaLog, Log};
use crate::exit::ExitStatus;
use crate::failure::Failure;

/// A server may be away for so long.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// What a chunk's window may remember of the changes beside it.
const MAX_WINDOW_BYTES: usize = 16 << 20;
/// Keys of a table that may wait for being read anew, and what they may hold. They are stored whole
/// with each barrier that changes them.
const MAX_KEYS: usize = 1_000;
const MAX_KEYS_BYTES: usize = 64 << 10;
const READ_ATTEMPTS: u32 = 5;
const HEAD_EVERY: Duration = Duration::from_secs(1);

/// Works until `ending` is cancelled, the part has caught up (where asked for), or has failed.
pub(super) async fn work(
    configuration: &Configuration,
    options: RunOptions,
    target: Option<&Target>,
    watch: &Watch,
    sizes: Sizes,
    ending: &CancellationToken,
) -> Result<(), Failure> {
    let looking = look(configuration, options.part, target);
    let connections = tokio::select! {
        () = ending.cancelled() => return Ok(()),
        looked = looking => looked?,
    };
    let worker = Worker {
        configuration,
        options,
        target,
        watch,
        ending,
        mapper: Mapper::new(configuration.mapping.clone()),
        settings: settings(configuration, options),
    };
    let running = async {
        match (&configuration.log, &connections) {
            (Log::Direct, Some(connections)) => worker.direct(connections).await,
            (Log::Kafka(kafka), Some(connections)) if options.part == Part::Run => {
                worker.both(kafka, connections).await
            }
            (Log::Kafka(kafka), Some(connections)) => {
                worker.capture(kafka, connections, ending).await
            }
            (Log::Kafka(kafka), None) => {
                let until = options.until_caught_up.then_some(CaughtUp::Following);
                worker.sink(kafka, until, ending).await
            }
            (Log::Direct, None) => unreachable!("a direct log has no sink of its own"),
        }
    };
    let asking = async {
        match &connections {
            Some(connections) => ask_head(connections, watch, &sizes).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = running => outcome.map_err(halted),
        () = asking => unreachable!("the head is asked until the pipeline ends"),
    }
}

/// Looks before the start; opens the source where the part reads it.
async fn look(
    configuration: &Configuration,
    part: Part,
    target: Option<&Target>,
) -> Result<Option<Connections>, Failure> {
    let connections = match part.reads_the_source() {
        true => Some(Connections::open(configuration).await?),
        false => None,
    };
    let found = findings(configuration, part, connections.as_ref()).await?;
    let mut known = Vec::new();
    if let (Some(_), Some(target)) = (&connections, target) {
        match target.status().await {
            Ok(status) => known = status.tail.tables,
            Err(error) if part.writes_the_target() => return Err(refused(error)),
            // Capture runs without the target; the log tells it the tables.
            Err(error) => tracing::debug!("the target's tables are not known: {error}"),
        }
    }
    for finding in &found {
        match finding.severity {
            // What forbids a table that is stopped anyway must not keep the others from going on.
            Severity::Forbids if is_stopped(&known, finding.table.as_ref()) => {
                tracing::warn!(code = finding.code, "{}", finding.message);
            }
            Severity::Forbids => return Err(forbidden(finding)),
            Severity::Warns => tracing::warn!(code = finding.code, "{}", finding.message),
            Severity::Info => tracing::info!(code = finding.code, "{}", finding.message),
        }
    }
    if let Some(connections) = &connections {
        connections.remember(known.into_iter().map(|table| table.table));
    }
    Ok(connections)
}

fn is_stopped(known: &[TableProgress], table: Option<&TableName>) -> bool {
    known
        .iter()
        .any(|known| Some(&known.table) == table && known.state == TableState::Stopped)
}

/// What the loops of one process share.
struct Worker<'a> {
    configuration: &'a Configuration,
    options: RunOptions,
    /// Absent only for capture.
    target: Option<&'a Target>,
    watch: &'a Watch,
    ending: &'a CancellationToken,
    mapper: Mapper,
    settings: Settings,
}

impl Worker<'_> {
    async fn direct(&self, connections: &Connections) -> Result<(), flow::Failure> {
        run_direct(
            &mut connections.source(),
            || self.readers(connections),
            &mut self.target().sink(),
            &self.mapper,
            self.settings,
            self.watch,
            self.ending,
        )
        .await
    }

    async fn capture(
        &self,
        kafka: &KafkaLog,
        connections: &Connections,
        ending: &CancellationToken,
    ) -> Result<(), flow::Failure> {
        run_capture(
            &mut connections.source(),
            || self.readers(connections),
            || log::writer(self.configuration, kafka),
            &self.mapper,
            self.settings,
            self.watch,
            ending,
        )
        .await
    }

    async fn sink(
        &self,
        kafka: &KafkaLog,
        until: Option<CaughtUp>,
        ending: &CancellationToken,
    ) -> Result<(), flow::Failure> {
        run_sink(
            || log::reader(self.configuration, kafka),
            &mut self.target().sink(),
            &self.mapper,
            self.settings,
            until,
            self.watch,
            ending,
        )
        .await
    }

    /// Both halves, each with retries of its own; when one ends for good, the other is told to.
    async fn both(&self, kafka: &KafkaLog, connections: &Connections) -> Result<(), flow::Failure> {
        let halves = self.ending.child_token();
        let written = CancellationToken::new();
        let capturing = async {
            let captured = self.capture(kafka, connections, &halves).await;
            match &captured {
                Ok(()) => written.cancel(),
                Err(_) => halves.cancel(),
            }
            captured
        };
        let sinking = async {
            let until = self
                .options
                .until_caught_up
                .then(|| CaughtUp::Written(written.clone()));
            let applied = self.sink(kafka, until, &halves).await;
            if applied.is_err() {
                halves.cancel();
            }
            applied
        };
        let (captured, applied) = tokio::join!(capturing, sinking);
        captured.and(applied)
    }

    fn target(&self) -> &Target {
        self.target
            .expect("a part that writes the target does not start without its password")
    }

    fn readers(&self, connections: &Connections) -> Vec<mysql::Reader> {
        let count = self.configuration.capture.snapshot_readers;
        (0..count).map(|_| connections.reader()).collect()
    }
}

/// Asks for the newest position, and for the sizes of files once they matter, until it is dropped.
async fn ask_head(connections: &Connections, watch: &Watch, sizes: &Sizes) {
    let mut source = connections.source();
    loop {
        // It is asked on a connection of its own; that it fails says nothing new.
        if let Ok(head) = source.head().await {
            if sizes.are_wanted(&watch.look(), &head)
                && let Ok(known) = source.log_sizes().await
            {
                sizes.learn(known);
            }
            watch.head(head);
        }
        tokio::time::sleep(HEAD_EVERY).await;
    }
}

fn settings(configuration: &Configuration, options: RunOptions) -> Settings {
    let capture = &configuration.capture;
    let (changes, bytes) = (
        capture.max_barrier_changes as usize,
        capture.max_barrier_bytes as usize,
    );
    Settings {
        capture: CaptureSettings {
            limits: Limits {
                max_barrier_changes: changes,
                max_barrier_bytes: bytes,
                max_window_bytes: MAX_WINDOW_BYTES,
                max_keys: MAX_KEYS,
                max_keys_bytes: MAX_KEYS_BYTES,
            },
            readers: ReaderSettings {
                max_chunk_rows: capture.chunk_rows as usize,
                max_chunk_bytes: capture.chunk_bytes as usize,
                max_read_ahead_bytes: capture.chunk_bytes as usize,
                ranges_per_table: capture.snapshot_readers as usize * 2,
                attempts: READ_ATTEMPTS,
            },
            heartbeat: capture.heartbeat_interval,
            until_caught_up: options.until_caught_up,
        },
        group: GroupLimits {
            max_changes: changes.saturating_mul(2),
            max_bytes: bytes.saturating_mul(2),
            max_chunk_bytes: capture.chunk_bytes as usize,
        },
        max_quarantined: configuration.quarantine.max_entries as usize,
        retry_for: RETRY_FOR,
    }
}

pub(super) fn forbidden(finding: &Finding) -> Failure {
    Failure {
        code: finding.code,
        message: finding.message.clone(),
        remedy: finding.remedy.clone(),
        status: ExitStatus::Refused,
        table: finding.table.as_ref().map(|table| table.to_string()),
        mistakes: Vec::new(),
    }
}
