//! A picture of a running or stopped pipeline: what `status --json` prints and what progress is drawn from.
//! The names of the fields are a contract with scripts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Snapshot {
    pub pipeline: String,
    pub running: bool,
    /// The checkpoint lies inside an oversized transaction.
    pub torn: bool,
    pub capture: Side,
    pub apply: Side,
    /// By `database.table`.
    pub tables: BTreeMap<String, TableProgress>,
    /// Rows in quarantine.
    pub quarantine: u64,
    pub last_error: Option<LastError>,
    /// Whether a process of each part that ever ran lives, by `run`, `capture`, `sink`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, bool>,
    /// What a process that reads the source knows of its end: stored for others, never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceHead>,
}

/// The source's newest position, and what turns positions into bytes behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHead {
    pub position: SourcePosition,
    /// The binary logs and their bytes, in order; empty while nobody needed them.
    pub logs: Vec<(String, u64)>,
}

/// One end of the flow. Lags are `None` while nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Side {
    pub position: Option<SourcePosition>,
    pub lag_seconds: Option<f64>,
    pub lag_bytes: Option<u64>,
}

/// A place in the source's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePosition {
    /// What tells the server from others: MySQL's uuid, or what stands for one.
    pub server_uuid: String,
    pub gtid_set: String,
    pub file: String,
    pub offset: u64,
    /// The servers' family, where it is not MySQL's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
}

/// A family of servers beside MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    MariaDb,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableProgress {
    pub state: TableState,
    pub rows_copied: u64,
    /// An estimate of the server's.
    pub rows_total: Option<u64>,
    pub rows_per_second: Option<f64>,
    pub eta_seconds: Option<f64>,
    /// Rows in quarantine.
    #[serde(default)]
    pub quarantined: u64,
    /// Why the table is stopped or copied again.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableState {
    Copying,
    Following,
    Recopy,
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    pub code: String,
    pub message: String,
}

impl Snapshot {
    /// Before anything is known.
    pub fn new(pipeline: &str) -> Self {
        Self {
            pipeline: pipeline.to_string(),
            ..Self::default()
        }
    }

    /// The tables in a state.
    pub fn in_state(&self, state: TableState) -> impl Iterator<Item = (&String, &TableProgress)> {
        self.tables
            .iter()
            .filter(move |(_, table)| table.state == state)
    }
}

impl TableState {
    pub const ALL: [Self; 4] = [Self::Copying, Self::Recopy, Self::Following, Self::Stopped];

    pub fn word(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Following => "following",
            Self::Recopy => "recopy",
            Self::Stopped => "stopped",
        }
    }
}
