//! Pictures of a pipeline: from the loops of a running one, from the control database of any.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use change::{MySqlPosition, Position, TableName, TableProgress as Progress, TableState as State};
use flow::Look;
use mongo::PipelineStatus;

use crate::output::{LastError, Side, Snapshot, SourcePosition, TableProgress, TableState};

/// Makes pictures of a running pipeline; remembers what rates need.
pub(super) struct Pictures {
    pipeline: String,
    began: BTreeMap<TableName, (Instant, u64)>,
}

impl Pictures {
    pub(super) fn new(pipeline: &str) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            began: BTreeMap::new(),
        }
    }

    pub(super) fn of_running(&mut self, look: &Look) -> Snapshot {
        let head = look.head.as_ref();
        let capture = look.captured.as_ref();
        let applied = look.applied.as_ref();
        Snapshot {
            pipeline: self.pipeline.clone(),
            running: true,
            torn: applied.is_some_and(|checkpoint| checkpoint.torn.is_some()),
            capture: capture
                .map(|(position, at)| side(position, *at, head))
                .unwrap_or_default(),
            apply: applied
                .map(|applied| side(&applied.position, applied.committed_at_ms, head))
                .unwrap_or_default(),
            tables: look
                .tables
                .values()
                .filter(|table| table.state != State::Dropped)
                .map(|table| (table.table.to_string(), self.moving_table(table)))
                .collect(),
            quarantine: 0,
            last_error: look.last_error.as_ref().map(|trouble| LastError {
                code: trouble.code.to_string(),
                message: trouble.message.to_string(),
            }),
        }
    }

    fn moving_table(&mut self, table: &Progress) -> TableProgress {
        let mut shown = resting_table(table);
        if table.state != State::Copying || table.rows_copied == 0 {
            return shown;
        }
        let now = Instant::now();
        let began = self.began.entry(table.table.clone());
        let (since, rows) = *began.or_insert((now, table.rows_copied));
        let seconds = now.duration_since(since).as_secs_f64();
        if seconds > 0.5 {
            let rate = (table.rows_copied - rows) as f64 / seconds;
            let left = table.rows_estimated.saturating_sub(table.rows_copied);
            shown.rows_per_second = Some(rate);
            shown.eta_seconds = (rate > 0.0).then(|| left as f64 / rate);
        }
        shown
    }
}

/// A pipeline that may or may not run, as its control database tells.
pub(super) fn of_stored(pipeline: &str, status: &PipelineStatus) -> Snapshot {
    let published = status
        .parts
        .iter()
        .find_map(|part| part.published.as_deref());
    let published: Option<Snapshot> = published.and_then(|text| serde_json::from_str(text).ok());
    let running = status.running();
    let applied = status.tail.checkpoint.as_ref();
    let stored = applied
        .map(|applied| Side {
            position: Some(shown(&applied.position)),
            ..Side::default()
        })
        .unwrap_or_default();
    let tables = status
        .tail
        .tables
        .iter()
        .filter(|table| table.state != State::Dropped);
    let mut picture = Snapshot {
        pipeline: pipeline.to_owned(),
        running,
        torn: status.torn,
        capture: stored.clone(),
        apply: stored,
        tables: tables
            .map(|table| (table.table.to_string(), resting_table(table)))
            .collect(),
        quarantine: 0,
        last_error: None,
    };
    if let Some(published) = published {
        picture.last_error = published.last_error;
        if running {
            // The running process knows its lags and rates; what is applied is read above.
            picture.capture = published.capture;
            picture.apply.lag_seconds = published.apply.lag_seconds;
            picture.apply.lag_bytes = published.apply.lag_bytes;
            for (name, table) in published.tables {
                if let Some(shown) = picture.tables.get_mut(&name) {
                    shown.rows_per_second = table.rows_per_second;
                    shown.eta_seconds = table.eta_seconds;
                }
            }
        }
    }
    picture
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
        reason: table.trouble.as_ref().map(|trouble| trouble.to_string()),
    }
}

fn side(position: &Position, committed_at_ms: i64, head: Option<&Position>) -> Side {
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
        head.and_then(|head| bytes_between(position, head))
    };
    Side {
        position: Some(shown(position)),
        lag_seconds,
        lag_bytes,
    }
}

/// Within one binlog file only: the sizes of others are not known here.
fn bytes_between(position: &Position, head: &Position) -> Option<u64> {
    let (Position::MySql(position), Position::MySql(head)) = (position, head);
    let same = position.server_uuid == head.server_uuid && position.log.file == head.log.file;
    same.then(|| head.log.offset.saturating_sub(position.log.offset))
}

fn shown(position: &Position) -> SourcePosition {
    let Position::MySql(MySqlPosition {
        server_uuid,
        gtid_set,
        log,
    }) = position;
    SourcePosition {
        server_uuid: server_uuid.to_string(),
        gtid_set: gtid_set.to_string(),
        file: log.file.to_string(),
        offset: log.offset,
    }
}
