//! What one process does of a pipeline: both halves, or one of them.

use change::{TableName, TableProgress};
use flow::Look;
use std::collections::BTreeMap;

use crate::config::{Log, Needs};

/// A process's share of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Capture and sink, with whatever log there is.
    Run,
    /// From the source into the log.
    Capture,
    /// From the log into the target.
    Sink,
}

impl Part {
    /// The command that runs it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Capture => "capture",
            Self::Sink => "sink",
        }
    }

    /// The passwords that it needs. Capture runs on without the target, as it does while the target
    /// is away: a machine near MySQL may well be kept from MongoDB altogether.
    pub fn needs(self) -> Needs {
        match self {
            Self::Run => Needs::BOTH,
            Self::Capture => Needs::CAPTURE,
            Self::Sink => Needs::TARGET,
        }
    }

    /// The leases that it takes. Over a log that lasts, whoever runs both halves holds the lease of
    /// each, so that neither can be started beside it.
    pub(super) fn leases(self, log: &Log) -> &'static [&'static str] {
        match (self, log) {
            (Self::Run, Log::Direct) => &["run"],
            (Self::Run, Log::Kafka(_)) => &["capture", "sink"],
            (Self::Capture, _) => &["capture"],
            (Self::Sink, _) => &["sink"],
        }
    }

    pub(super) fn reads_the_source(self) -> bool {
        self != Self::Sink
    }

    pub(super) fn writes_the_target(self) -> bool {
        self != Self::Capture
    }

    /// The tables as this process knows them: where it applies from a log, what the target holds,
    /// because that is behind what was captured.
    pub(super) fn tables(self, log: &Log, look: &Look) -> BTreeMap<TableName, TableProgress> {
        if !self.writes_the_target() || *log == Log::Direct {
            return look.tables.clone();
        }
        let mut tables: BTreeMap<_, _> = look
            .tables
            .iter()
            .map(|(name, table)| {
                let ahead = TableProgress {
                    rows_copied: 0,
                    ..table.clone()
                };
                (name.clone(), ahead)
            })
            .collect();
        let applied = look.applied_tables.iter();
        tables.extend(applied.map(|(name, table)| (name.clone(), table.clone())));
        tables
    }
}
