//! Places in a server's history.
//!
//! A position belongs to one server (or a chain of servers proven equal by GTIDs); there is no
//! order between positions of different families or servers, and the types do not offer one.

use crate::{GtidSet, MariaDbGtids};
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

/// A place in a MariaDB server's binlog.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MariaDbPosition {
    /// What tells the server that the file and offset belong to from others: MariaDB has no uuid,
    /// so it is made of `@@server_id` and `@@server_uid`.
    pub server: Arc<str>,
    /// The last transaction of each domain.
    pub gtids: Arc<MariaDbGtids>,
    pub log: LogPosition,
}

impl std::fmt::Display for MariaDbPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (GTIDs {})", self.log, self.gtids)
    }
}

/// A place in a source's history. MongoDB's positions become a variant of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Position {
    MySql(MySqlPosition),
    MariaDb(MariaDbPosition),
}

impl Position {
    /// Whether everything up to `other` lies at or before this position: by GTIDs, which hold
    /// across servers, or by file and offset on the same server. Families have no common history.
    pub fn covers(&self, other: &Position) -> bool {
        match (self, other) {
            (Position::MySql(this), Position::MySql(other)) => {
                other.gtid_set.is_subset_of(&this.gtid_set)
                    || (this.server_uuid == other.server_uuid && this.log.has_reached(&other.log))
            }
            (Position::MariaDb(this), Position::MariaDb(other)) => {
                this.gtids.covers(&other.gtids)
                    || (this.server == other.server && this.log.has_reached(&other.log))
            }
            (Position::MySql(_), Position::MariaDb(_))
            | (Position::MariaDb(_), Position::MySql(_)) => false,
        }
    }

    /// The server that file and offset belong to.
    pub fn server(&self) -> &Arc<str> {
        match self {
            Position::MySql(position) => &position.server_uuid,
            Position::MariaDb(position) => &position.server,
        }
    }

    /// File and offset, which mean something on that server only.
    pub fn log(&self) -> &LogPosition {
        match self {
            Position::MySql(position) => &position.log,
            Position::MariaDb(position) => &position.log,
        }
    }

    /// The GTIDs as the server spells them.
    pub fn gtids(&self) -> String {
        match self {
            Position::MySql(position) => position.gtid_set.to_string(),
            Position::MariaDb(position) => position.gtids.to_string(),
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Position::MySql(position) => position.fmt(f),
            Position::MariaDb(position) => position.fmt(f),
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

    fn mariadb(server: &str, gtids: &str, offset: u64) -> Position {
        Position::MariaDb(MariaDbPosition {
            server: server.into(),
            gtids: Arc::new(gtids.parse().unwrap()),
            log: LogPosition::new("binlog.000007", offset),
        })
    }

    #[test]
    fn positions_of_mariadb_cover_by_domain_or_by_place_on_the_same_server() {
        let here = mariadb("1-a", "0-1-42,1-5-7", 500);
        assert!(here.covers(&mariadb("2-b", "0-3-42", 900)));
        assert!(!here.covers(&mariadb("2-b", "0-3-43", 100)));
        assert!(here.covers(&mariadb("1-a", "0-3-43", 500)));
        assert!(!here.covers(&mariadb("1-a", "0-3-43", 501)));
        let mysql = Position::MySql(MySqlPosition {
            server_uuid: "1-a".into(),
            gtid_set: Arc::default(),
            log: LogPosition::new("binlog.000001", 4),
        });
        assert!(!here.covers(&mysql) && !mysql.covers(&here));
    }
}
