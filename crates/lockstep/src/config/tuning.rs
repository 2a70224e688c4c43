//! `[capture]`, `[apply]` and `[quarantine]`: sizes and counts that have good defaults.
//! None of them changes what arrives in MongoDB, only how fast and with how much memory.

use std::path::PathBuf;
use std::time::Duration;

use super::document::{Key, Section};

/// `[capture]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureTuning {
    /// What Lockstep calls itself in MySQL's replication; `None`: derived from the pipeline's name.
    pub server_id: Option<u32>,
    /// A barrier closes at the latest with this many changes.
    pub max_barrier_changes: u64,
    /// A barrier closes at the latest with this many bytes of row images.
    pub max_barrier_bytes: u64,
    /// Rows of one snapshot chunk, at most.
    pub chunk_rows: u64,
    /// Bytes of one snapshot chunk that planning aims at.
    pub chunk_bytes: u64,
    /// Connections that read snapshot chunks side by side.
    pub snapshot_readers: u32,
    /// How often an idle stream reports its position.
    pub heartbeat_interval: Duration,
    /// Where the rows of XA transactions wait; `None`: the system's folder for temporary files.
    pub spill_folder: Option<PathBuf>,
}

/// `[apply]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyTuning {
    /// Connections that write into MongoDB side by side.
    pub lanes: u32,
}

/// `[quarantine]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineTuning {
    /// Rows that may be kept back; one more halts the pipeline.
    pub max_entries: u64,
}

const SERVER_ID: Key = Key {
    name: "server_id",
    allowed: "1 to 4294967295, unlike that of every server and replica; without it, derived from the pipeline's name",
    example: "server_id = 4711",
};
const MAX_BARRIER_CHANGES: Key = Key {
    name: "max_barrier_changes",
    allowed: "1 to 1000000; 10000 is the default",
    example: "max_barrier_changes = 10000",
};
const MAX_BARRIER_BYTES: Key = Key {
    name: "max_barrier_bytes",
    allowed: "a size from 64KiB to 64MiB; 8MiB is the default",
    example: r#"max_barrier_bytes = "8MiB""#,
};
const CHUNK_ROWS: Key = Key {
    name: "chunk_rows",
    allowed: "1 to 1000000; 10000 is the default",
    example: "chunk_rows = 10000",
};
const CHUNK_BYTES: Key = Key {
    name: "chunk_bytes",
    allowed: "a size from 64KiB to 64MiB; 4MiB is the default",
    example: r#"chunk_bytes = "4MiB""#,
};
const SNAPSHOT_READERS: Key = Key {
    name: "snapshot_readers",
    allowed: "1 to 64; 4 is the default",
    example: "snapshot_readers = 4",
};
const HEARTBEAT_INTERVAL: Key = Key {
    name: "heartbeat_interval",
    allowed: "a span of time from 100ms to 1h; 10s is the default",
    example: r#"heartbeat_interval = "10s""#,
};
const SPILL_FOLDER: Key = Key {
    name: "spill_folder",
    allowed: "a folder with room for the rows of XA transactions; the system's folder for temporary files is the default",
    example: r#"spill_folder = "/var/tmp""#,
};
const LANES: Key = Key {
    name: "lanes",
    allowed: "1 to 64; 4 is the default",
    example: "lanes = 4",
};

const MAX_ENTRIES: Key = Key {
    name: "max_entries",
    allowed: "1 to 100000; 10000 is the default",
    example: "max_entries = 10000",
};

impl Default for CaptureTuning {
    fn default() -> Self {
        Self {
            server_id: None,
            max_barrier_changes: 10_000,
            max_barrier_bytes: 8 << 20,
            chunk_rows: 10_000,
            chunk_bytes: 4 << 20,
            snapshot_readers: 4,
            heartbeat_interval: Duration::from_secs(10),
            spill_folder: None,
        }
    }
}

impl Default for ApplyTuning {
    fn default() -> Self {
        Self { lanes: 4 }
    }
}

impl Default for QuarantineTuning {
    fn default() -> Self {
        Self {
            max_entries: 10_000,
        }
    }
}

impl CaptureTuning {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let defaults = Self::default();
        let tuning = Self {
            server_id: section
                .integer(SERVER_ID, 1..=u64::from(u32::MAX))
                .map(|id| u32::try_from(id.value).expect("at most u32::MAX")),
            max_barrier_changes: section
                .integer(MAX_BARRIER_CHANGES, 1..=1_000_000)
                .map_or(defaults.max_barrier_changes, |changes| changes.value),
            max_barrier_bytes: section
                .bytes(MAX_BARRIER_BYTES, 64 << 10..=64 << 20)
                .map_or(defaults.max_barrier_bytes, |bytes| bytes.value),
            chunk_rows: section
                .integer(CHUNK_ROWS, 1..=1_000_000)
                .map_or(defaults.chunk_rows, |rows| rows.value),
            chunk_bytes: section
                .bytes(CHUNK_BYTES, 64 << 10..=64 << 20)
                .map_or(defaults.chunk_bytes, |bytes| bytes.value),
            snapshot_readers: count_to_64(&mut section, SNAPSHOT_READERS)
                .unwrap_or(defaults.snapshot_readers),
            heartbeat_interval: section
                .duration(
                    HEARTBEAT_INTERVAL,
                    Duration::from_millis(100)..=Duration::from_secs(3600),
                )
                .map_or(defaults.heartbeat_interval, |interval| interval.value),
            spill_folder: section
                .text(SPILL_FOLDER)
                .map(|folder| PathBuf::from(folder.value)),
        };
        section.finish();
        tuning
    }
}

impl ApplyTuning {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let defaults = Self::default();
        let tuning = Self {
            lanes: count_to_64(&mut section, LANES).unwrap_or(defaults.lanes),
        };
        section.finish();
        tuning
    }
}

impl QuarantineTuning {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let defaults = Self::default();
        let tuning = Self {
            max_entries: section
                .integer(MAX_ENTRIES, 1..=100_000)
                .map_or(defaults.max_entries, |entries| entries.value),
        };
        section.finish();
        tuning
    }
}

fn count_to_64(section: &mut Section<'_>, key: Key) -> Option<u32> {
    let count = section.integer(key, 1..=64)?;
    Some(u32::try_from(count.value).expect("at most 64"))
}
