//! Places in a server's history.
//!
//! A position belongs to one server (or a chain of servers proven equal by GTIDs); there is no
//! order between positions of different families or servers, and the types do not offer one.

use crate::GtidSet;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A byte offset in a binlog file: only meaningful on the server that wrote it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct LogPosition {
    /// For example `binlog.000017`.
    pub file: Arc<str>,
    /// Bytes from the file's start to the end of the event; not wrapped at 4 GiB.
    pub offset: u64,
}

impl LogPosition {
    pub fn new(file: impl Into<Arc<str>>, offset: u64) -> Self {
        Self {
            file: file.into(),
            offset,
        }
    }

    /// Whether this place lies at or after `other` in the same server's binlog. Files are ordered
    /// by the number that ends their name; it grows past six digits.
    pub fn has_reached(&self, other: &LogPosition) -> bool {
        (self.file_number(), self.offset) >= (other.file_number(), other.offset)
    }

    fn file_number(&self) -> u64 {
        self.file
            .rsplit('.')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }
}

impl std::fmt::Display for LogPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

/// A place in a MySQL server's binlog.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MySqlPosition {
    /// `@@server_uuid` of the server that the file and offset belong to.
    pub server_uuid: Arc<str>,
    /// Every transaction up to and including this position, but for the PREPARE of those XA
    /// transactions that are undecided there.
    pub gtid_set: Arc<GtidSet>,
    pub log: LogPosition,
}

impl std::fmt::Display for MySqlPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (GTID set {})", self.log, self.gtid_set)
    }
}

/// A place in a source's history. MariaDB's and MongoDB's positions become variants of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Position {
    MySql(MySqlPosition),
}

impl Position {
    /// Whether everything up to `other` lies at or before this position: by GTIDs, which hold
    /// across servers, or by file and offset on the same server.
    pub fn covers(&self, other: &Position) -> bool {
        match (self, other) {
            (Position::MySql(this), Position::MySql(other)) => {
                other.gtid_set.is_subset_of(&this.gtid_set)
                    || (this.server_uuid == other.server_uuid && this.log.has_reached(&other.log))
            }
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Position::MySql(position) => position.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binlog_files_are_ordered_by_number_not_by_text() {
        let older = LogPosition::new("binlog.999999", 4_000_000_000);
        let newer = LogPosition::new("binlog.1000000", 4);
        assert!(newer.has_reached(&older));
        assert!(!older.has_reached(&newer));
        assert!(older.has_reached(&older));
    }
}
