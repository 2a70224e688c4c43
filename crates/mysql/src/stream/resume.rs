//! Whether the server still has the history that a checkpoint stands in.
//!
//! A stream is only opened where nothing can be missing: every transaction of the checkpoint is
//! executed on the server, and none that the checkpoint lacks is purged. A server with another uuid
//! is the successor exactly when the first holds for it.

use super::source::log_head;
use crate::connection::Connection;
use crate::error::Error;
use crate::family::Family;
use change::{Checkpoint, GtidSet, LogPosition};
use reconcile::{ResumeRefusal, ServerHistory, may_resume};

/// What the server says of itself.
pub(super) struct ServerState {
    pub(super) address: String,
    pub(super) server_uuid: String,
    pub(super) executed: GtidSet,
    pub(super) purged: GtidSet,
    /// Where the binlog ends, read after `executed`.
    pub(super) head: LogPosition,
}

/// The server's family; refuses servers that can't be followed at all.
pub(super) async fn check_family(connection: &mut Connection) -> Result<Family, Error> {
    const OLDEST_MYSQL: u32 = 8;
    let version = connection.server_version().to_owned();
    let address = connection.address().to_owned();
    let comment = connection
        .query_value("SELECT @@version_comment")
        .await?
        .unwrap_or_default();
    let family = Family::of(&version, &comment);
    let (major, minor, _) = family.version(&version);
    let is_read = match family {
        Family::MySql => major >= OLDEST_MYSQL,
        Family::MariaDb => (major, minor) >= (10, 6),
    };
    if !is_read {
        return Err(Error::Family { address, version });
    }
    if family == Family::MySql {
        let mode = value(connection, "SELECT @@GLOBAL.gtid_mode").await?;
        if mode != "ON" {
            return Err(Error::GtidMode { address, mode });
        }
    }
    Ok(family)
}

/// Whether an XA COMMIT is logged before its rows can be seen, and enters gtid_executed after, as
/// every other transaction: before MySQL 8.0.30 the binary log and the engine were not in order.
pub(super) fn follows_xa(version: &str) -> bool {
    let numbers = version.split(|character: char| !character.is_ascii_digit());
    let numbers: Vec<u32> = numbers.map_while(|number| number.parse().ok()).collect();
    numbers.as_slice() >= [8, 0, 30].as_slice()
}

/// What the server has removed from its binary logs.
pub(super) async fn purged(connection: &mut Connection) -> Result<GtidSet, Error> {
    set(connection, "SELECT @@GLOBAL.gtid_purged").await
}

/// Reads the server's state; waits a little for the transactions of `expected`, since the stream
/// shows a transaction before the server has marked it as executed.
pub(super) async fn read_state(
    connection: &mut Connection,
    expected: &GtidSet,
) -> Result<ServerState, Error> {
    const PATIENCE_SECONDS: u32 = 5;
    if !expected.is_empty() {
        // A set's text is made of hexadecimal digits, tags, commas and colons: nothing to quote.
        let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{expected}', {PATIENCE_SECONDS})");
        connection.query(&wait).await?;
    }
    Ok(ServerState {
        address: connection.address().to_owned(),
        server_uuid: value(connection, "SELECT @@GLOBAL.server_uuid").await?,
        // Purged first: it only grows, and what is purged between the two is found by the dump.
        purged: purged(connection).await?,
        executed: set(connection, "SELECT @@GLOBAL.gtid_executed").await?,
        head: log_head(connection).await?,
    })
}

/// Whether the stream may go on after `checkpoint`: decided by `reconcile`, said in the words of
/// this adapter.
pub(super) fn check(state: &ServerState, checkpoint: &Checkpoint) -> Result<(), Error> {
    let address = state.address.clone();
    let history = ServerHistory {
        server_uuid: state.server_uuid.as_str().into(),
        executed: state.executed.clone(),
        purged: state.purged.clone(),
        head: state.head.clone(),
    };
    let Err(refusal) = may_resume(checkpoint, &history) else {
        return Ok(());
    };
    let position = checkpoint.position.log();
    let expected = checkpoint.position.server().to_string();
    let found = state.server_uuid.clone();
    Err(match refusal {
        ResumeRefusal::PurgedGap { missing, .. } => Error::Purged {
            address,
            missing: missing.to_string(),
        },
        ResumeRefusal::ForeignHistory { unknown, .. } if expected == found => Error::HistoryLost {
            address,
            missing: unknown.to_string(),
        },
        ResumeRefusal::ForeignHistory { unknown, .. } => Error::OtherServer {
            address,
            expected,
            found,
            missing: unknown.to_string(),
        },
        ResumeRefusal::OtherFamily { .. } => Error::OtherServer {
            address,
            expected,
            found,
            missing: "all: they are servers of different families".to_owned(),
        },
        ResumeRefusal::UnprovenSuccessor { .. } => Error::OtherServer {
            address,
            expected,
            found,
            missing: "a common history (the checkpoint has no transaction yet)".to_owned(),
        },
        ResumeRefusal::TornOnOtherServer { transaction, .. } => Error::TornElsewhere {
            address,
            transaction: transaction.to_string(),
            expected,
            found,
        },
        ResumeRefusal::TornTransactionLost { transaction, .. } => Error::HistoryLost {
            address,
            missing: transaction.to_string(),
        },
        ResumeRefusal::HistoryReset { head, .. } => Error::HistoryLost {
            address,
            missing: format!(
                "its binlog ends at {head}, before the checkpoint at {}, and its transaction \
                 numbers were given out again",
                position
            ),
        },
    })
}

pub(super) async fn value(connection: &mut Connection, statement: &str) -> Result<String, Error> {
    connection
        .query_value(statement)
        .await?
        .ok_or_else(|| Error::Protocol {
            address: connection.address().to_owned(),
            reason: format!("it answered {statement:?} with nothing"),
        })
}

async fn set(connection: &mut Connection, statement: &str) -> Result<GtidSet, Error> {
    let text = value(connection, statement).await?;
    parse_set(connection, &text)
}

pub(super) fn parse_set(connection: &Connection, text: &str) -> Result<GtidSet, Error> {
    // The server breaks long sets into lines.
    let joined: String = text.split_ascii_whitespace().collect();
    joined.parse().map_err(|_| Error::Protocol {
        address: connection.address().to_owned(),
        reason: "a GTID set of its can't be read".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::{MySqlPosition, Ordinal, Position, Torn};
    use std::sync::Arc;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn code(
        executed: &str,
        purged: &str,
        server: &str,
        checkpoint: &str,
        torn: bool,
        head: u64,
    ) -> Option<&'static str> {
        let state = ServerState {
            address: "db:3306".to_owned(),
            server_uuid: server.to_owned(),
            executed: executed.parse().unwrap(),
            purged: purged.parse().unwrap(),
            head: LogPosition::new("binlog.000001", head),
        };
        let position = MySqlPosition {
            server_uuid: A.into(),
            gtid_set: Arc::new(checkpoint.parse().unwrap()),
            log: LogPosition::new("binlog.000001", 400),
        };
        let checkpoint = Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: Ordinal::default(),
            position: Position::MySql(position),
            torn: torn.then(|| Torn {
                transaction: format!("{A}:51").into(),
                parts: 1,
                changes_before: 1,
            }),
            committed_at_ms: 0,
        };
        check(&state, &checkpoint).err().map(|error| error.code())
    }

    #[test]
    fn xa_transactions_are_followed_where_log_and_engine_are_in_order() {
        for (version, followed) in [
            ("8.0.29", false),
            ("8.0.30-22.1", true),
            ("8.0.4-rc-log", false),
            ("8.4.0", true),
            ("9.7.4", true),
        ] {
            assert_eq!(follows_xa(version), followed, "{version}");
        }
    }

    #[test]
    fn a_stream_is_opened_only_where_nothing_can_be_missing() {
        let (all, some) = (format!("{A}:1-100"), format!("{A}:1-50"));
        assert_eq!(code(&all, "", A, &some, false, 400), None);
        assert_eq!(code(&all, "", A, &some, true, 400), None);
        assert_eq!(code(&all, &some, A, &some, false, 400), None);
        assert_eq!(
            code(&all, &format!("{A}:1-51"), A, &some, false, 400),
            Some("LS2020")
        );
        assert_eq!(code(&some, "", A, &all, false, 400), Some("LS2022"));
        // Another server that has everything is the successor; one that lacks something is not.
        assert_eq!(
            code(&format!("{all},{B}:1-5"), "", B, &all, false, 400),
            None
        );
        assert_eq!(code(&some, "", B, &all, false, 400), Some("LS2021"));
        assert_eq!(code(&all, "", B, &some, true, 400), Some("LS2023"));
        // A binlog that ends before the checkpoint was begun anew, whatever its GTIDs say.
        assert_eq!(code(&all, "", A, &some, false, 399), Some("LS2022"));
        assert_eq!(code(&all, "", B, &some, false, 399), None);
    }
}
