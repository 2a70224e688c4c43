//! Pictures of a pipeline: from the loops of a running one, from the control database of any.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use change::{
    Checkpoint, LogPosition, MariaDbPosition, MySqlPosition, Position, QuarantineRecord, TableName,
    TableProgress as Progress, TableState as State,
};
use flow::Look;
use mongo::{PartStatus, PipelineStatus};
use mysql::LogSizes;

use super::part::Part;
use crate::config::{Configuration, Log};
use crate::output::{
    Family, LastError, Side, Snapshot, SourceHead, SourcePosition, TableProgress, TableState,
};

/// Makes pictures of a running part; remembers what rates need.
pub(super) struct Pictures {
    pipeline: String,
    part: Part,
    log: Log,
    sizes: Sizes,
    began: Mutex<BTreeMap<TableName, (Instant, u64)>>,
}

/// The sizes of the source's binary logs, shared between who asks for them and who shows them.
#[derive(Clone, Default)]
pub(super) struct Sizes(Arc<Mutex<LogSizes>>);

impl Sizes {
    /// Whether bytes behind the head take sizes that are not known.
    pub(super) fn are_wanted(&self, look: &Look, head: &Position) -> bool {
        let captured = look.captured.as_ref().map(|(position, _)| position);
        let applied = look.applied.as_ref().map(|applied| &applied.position);
        captured.into_iter().chain(applied).any(|position| {
            let sizes = self.known();
            sizes.between(position.log(), head.log()).is_none()
        })
    }

    pub(super) fn learn(&self, sizes: LogSizes) {
        *self.known() = sizes;
    }

    fn known(&self) -> MutexGuard<'_, LogSizes> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Pictures {
    pub(super) fn new(configuration: &Configuration, part: Part) -> Self {
        Self {
            pipeline: configuration.pipeline.clone(),
            part,
            log: configuration.log.clone(),
            sizes: Sizes::default(),
            began: Mutex::default(),
        }
    }

    pub(super) fn sizes(&self) -> Sizes {
        self.sizes.clone()
    }

    pub(super) fn of_running(&self, look: &Look) -> Snapshot {
        let sizes = self.sizes.known().clone();
        let capture = look.captured.as_ref();
        let applied = look.applied.as_ref();
        let behind = |position: &Position, at| side(position, at, look.head.as_ref(), &sizes);
        let kept_back = counts(&look.quarantine);
        Snapshot {
            pipeline: self.pipeline.clone(),
            running: true,
            torn: applied.is_some_and(|checkpoint| checkpoint.torn.is_some()),
            capture: capture
                .map(|(position, at)| behind(position, *at))
                .unwrap_or_default(),
            apply: applied
                .map(|applied| behind(&applied.position, applied.committed_at_ms))
                .unwrap_or_default(),
            tables: self
                .part
                .tables(&self.log, look)
                .values()
                .filter(|table| table.state != State::Dropped)
                .map(|table| {
                    let quarantined = kept_back.get(&table.table).copied().unwrap_or(0);
                    let shown = TableProgress {
                        quarantined,
                        ..self.moving_table(table)
                    };
                    (table.table.to_string(), shown)
                })
                .collect(),
            quarantine: kept_back.values().sum(),
            last_error: look.last_error.as_ref().map(|trouble| LastError {
                code: trouble.code.to_string(),
                message: trouble.message.to_string(),
            }),
            parts: BTreeMap::new(),
            source: None,
        }
    }

    /// What is stored for `lockstep status`, with what only a reader of the source knows.
    pub(super) fn to_publish(&self, look: &Look) -> Snapshot {
        let source = look.head.as_ref().map(|head| SourceHead {
            position: shown(head),
            logs: self.sizes.known().files().to_vec(),
        });
        Snapshot {
            source,
            ..self.of_running(look)
        }
    }

    fn moving_table(&self, table: &Progress) -> TableProgress {
        let mut shown = resting_table(table);
        if table.state != State::Copying || table.rows_copied == 0 {
            return shown;
        }
        let now = Instant::now();
        let mut began = self
            .began
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let began = began.entry(table.table.clone());
        let (since, rows) = *began.or_insert((now, table.rows_copied));
        let seconds = now.duration_since(since).as_secs_f64();
        if seconds > 0.5 {
            let rate = (table.rows_copied - rows.min(table.rows_copied)) as f64 / seconds;
            let left = table.rows_estimated.saturating_sub(table.rows_copied);
            shown.rows_per_second = Some(rate);
            shown.eta_seconds = (rate > 0.0).then(|| left as f64 / rate);
        }
        shown
    }
}

/// A pipeline that may or may not run, as its control database tells. `head` is the source's, where
/// somebody asked it just now; else what a running capture published counts.
pub(super) fn of_stored(
    pipeline: &str,
    status: &PipelineStatus,
    head: Option<(Position, LogSizes)>,
) -> Snapshot {
    let published: Vec<(&PartStatus, Snapshot)> = status
        .parts
        .iter()
        .filter_map(|part| {
            let text = part.published.as_deref()?;
            Some((part, serde_json::from_str(text).ok()?))
        })
        .collect();
    let part = |names: [&str; 2]| {
        let found = names
            .iter()
            .find_map(|name| published.iter().find(|(part, _)| part.part == *name));
        found.map(|(part, picture)| (part.running, picture))
    };
    let captured = part(["capture", "run"]);
    let published_head = captured.and_then(|(running, picture)| {
        let head = picture.source.as_ref().filter(|_| running)?;
        Some((position(&head.position)?, LogSizes::new(head.logs.clone())))
    });
    let head = head.or(published_head);
    let applied = status.tail.checkpoint.as_ref();
    let apply = applied
        .map(|applied| of_checkpoint(applied, head.as_ref()))
        .unwrap_or_default();
    let mut capture = match captured {
        Some((_, picture)) if picture.capture.position.is_some() => picture.capture.clone(),
        Some(_) | None => apply.clone(),
    };
    if let (Some((running, _)), Some((head, sizes))) = (captured, &head)
        && !running
        && let Some(at) = capture.position.as_ref().and_then(position)
    {
        // It stands still, and the source goes on; when it committed the last of it is not known.
        capture = side(&at, 0, Some(head), sizes);
    }
    let kept_back = counts(&status.tail.quarantine);
    let tables = status.tail.tables.iter();
    let mut tables: BTreeMap<String, TableProgress> = tables
        .filter(|table| table.state != State::Dropped)
        .map(|table| {
            let quarantined = kept_back.get(&table.table).copied().unwrap_or(0);
            let shown = TableProgress {
                quarantined,
                ..resting_table(table)
            };
            (table.table.to_string(), shown)
        })
        .collect();
    for (part, picture) in &published {
        for (name, table) in &picture.tables {
            match tables.get_mut(name) {
                Some(shown) if part.running && part.part != "capture" => {
                    shown.rows_per_second = table.rows_per_second;
                    shown.eta_seconds = table.eta_seconds;
                }
                Some(_) => {}
                // Captured, and nothing of it has reached the target yet.
                None if part.part == "capture" => {
                    let ahead = TableProgress {
                        rows_copied: 0,
                        rows_per_second: None,
                        eta_seconds: None,
                        ..table.clone()
                    };
                    tables.insert(name.clone(), ahead);
                }
                None => {}
            }
        }
    }
    let running = status.parts.iter();
    Snapshot {
        pipeline: pipeline.to_owned(),
        running: status.running(),
        torn: status.torn,
        capture,
        apply,
        tables,
        quarantine: kept_back.values().sum(),
        last_error: published
            .iter()
            .filter(|(_, picture)| picture.last_error.is_some())
            .max_by_key(|(part, _)| (part.running, part.published_at_ms))
            .and_then(|(_, picture)| picture.last_error.clone()),
        parts: running
            .map(|part| (part.part.clone(), part.running))
            .collect(),
        source: None,
    }
}

/// Rows in quarantine, by table.
fn counts(records: &[Arc<QuarantineRecord>]) -> BTreeMap<TableName, u64> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.table.clone()).or_default() += 1;
    }
    counts
}

fn of_checkpoint(applied: &Checkpoint, head: Option<&(Position, LogSizes)>) -> Side {
    let unknown = LogSizes::default();
    let (head, sizes) = match head {
        Some((head, sizes)) => (Some(head), sizes),
        None => (None, &unknown),
    };
    side(&applied.position, applied.committed_at_ms, head, sizes)
}

fn resting_table(table: &Progress) -> TableProgress {
    TableProgress {
        state: match table.state {
            State::Copying => TableState::Copying,
            State::Following => TableState::Following,
            State::Recopy => TableState::Recopy,
            State::Stopped | State::Dropped => TableState::Stopped,
        },
        rows_copied: table.rows_copied,
        rows_total: table
            .planned
            .then_some(table.rows_estimated.max(table.rows_copied)),
        rows_per_second: None,
        eta_seconds: None,
        quarantined: 0,
        reason: table.trouble.as_ref().map(|trouble| trouble.to_string()),
    }
}

fn side(
    position: &Position,
    committed_at_ms: i64,
    head: Option<&Position>,
    sizes: &LogSizes,
) -> Side {
    let current = head.is_some_and(|head| position.covers(head));
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_millis() as i64);
    let behind = (now - committed_at_ms).max(0) as f64 / 1000.0;
    let lag_seconds = match head {
        None => None,
        Some(_) if current => Some(0.0),
        Some(_) => (committed_at_ms > 0).then_some(behind),
    };
    let lag_bytes = if current {
        Some(0)
    } else {
        head.and_then(|head| bytes_between(position, head, sizes))
    };
    Side {
        position: Some(shown(position)),
        lag_seconds,
        lag_bytes,
    }
}

fn bytes_between(position: &Position, head: &Position, sizes: &LogSizes) -> Option<u64> {
    let same = position.server() == head.server();
    same.then(|| sizes.between(position.log(), head.log()))
        .flatten()
}

fn shown(position: &Position) -> SourcePosition {
    let log = position.log();
    SourcePosition {
        server_uuid: position.server().to_string(),
        gtid_set: position.gtids(),
        file: log.file.to_string(),
        offset: log.offset,
        family: match position {
            Position::MySql(_) => None,
            Position::MariaDb(_) => Some(Family::MariaDb),
        },
    }
}

fn position(shown: &SourcePosition) -> Option<Position> {
    let server: Arc<str> = shown.server_uuid.as_str().into();
    let log = LogPosition::new(shown.file.as_str(), shown.offset);
    Some(match shown.family {
        None => Position::MySql(MySqlPosition {
            server_uuid: server,
            gtid_set: Arc::new(shown.gtid_set.parse().ok()?),
            log,
        }),
        Some(Family::MariaDb) => Position::MariaDb(MariaDbPosition {
            server,
            gtids: Arc::new(shown.gtid_set.parse().ok()?),
            log,
        }),
    })
}
