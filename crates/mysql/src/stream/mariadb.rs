//! What a MariaDB server says of its history, and whether a stream may begin there.
//!
//! The server keeps the last GTID of each domain, and of each server in it; what its oldest binlog
//! file begins after tells what is purged. A place in the log and the GTIDs before it are told by
//! two statements. They are of one moment when the GTIDs were the same before and after it: a
//! transaction's GTID is known before its end is in the log, and both under the log's own lock.

use super::resume::value;
use super::source::log_head;
use crate::connection::Connection;
use crate::error::Error;
use crate::family::MARIADB_SERVER;
use crate::quote;
use change::{Checkpoint, LogPosition, MariaDbGtid, MariaDbGtids, MariaDbPosition};
use reconcile::{MariaDbHistory, MariaDbRefusal, may_resume_mariadb};
use std::sync::Arc;

/// How often the log's end is looked for between two equal answers.
const LOOKS: u32 = 5;

/// The newest position.
pub(super) async fn head(connection: &mut Connection) -> Result<MariaDbPosition, Error> {
    let server = value(connection, &format!("SELECT {MARIADB_SERVER}")).await?;
    let (mut log, mut gtids) = (None, None);
    for _ in 0..LOOKS {
        let before = written(connection).await?;
        log = Some(log_head(connection).await?);
        if before == written(connection).await? {
            gtids = Some(before);
            break;
        }
    }
    let log = log.expect("the loop runs at least once");
    let gtids = match gtids {
        Some(gtids) => gtids,
        // Others write all the time: the server looks the GTIDs up in its log.
        None => written_before(connection, &log).await?,
    };
    Ok(MariaDbPosition {
        server: server.into(),
        gtids: Arc::new(gtids),
        log,
    })
}

/// What the server says of its history; the head last.
pub(super) async fn history(connection: &mut Connection) -> Result<MariaDbHistory, Error> {
    let server = value(connection, &format!("SELECT {MARIADB_SERVER}")).await?;
    // Purged first: it only grows, and what is purged from here on is found by the dump.
    let purged = purged(connection).await?;
    let state = value(connection, "SELECT @@GLOBAL.gtid_binlog_state").await?;
    let state = state
        .split(',')
        .map(str::trim)
        .filter(|gtid| !gtid.is_empty())
        .map(|gtid| {
            gtid.parse::<MariaDbGtid>()
                .map_err(|_| unreadable(connection))
        })
        .collect::<Result<_, _>>()?;
    Ok(MariaDbHistory {
        server: server.into(),
        state,
        purged,
        head: log_head(connection).await?,
    })
}

/// Whether the stream may go on after `checkpoint`: decided by `reconcile`, said in the words of
/// this adapter.
pub(super) fn check(
    address: &str,
    history: &MariaDbHistory,
    checkpoint: &Checkpoint,
) -> Result<(), Error> {
    let Err(refusal) = may_resume_mariadb(checkpoint, history) else {
        return Ok(());
    };
    let address = address.to_owned();
    let expected = checkpoint.position.server().to_string();
    let found = history.server.to_string();
    Err(match refusal {
        MariaDbRefusal::OtherFamily { .. } => Error::OtherServer {
            address,
            expected,
            found,
            missing: "all: they are servers of different families".to_owned(),
        },
        MariaDbRefusal::PurgedGap { missing } => Error::Purged {
            address,
            missing: format!("those up to {missing}"),
        },
        MariaDbRefusal::ForeignHistory { unknown } if expected == found => Error::HistoryLost {
            address,
            missing: format!("those up to {unknown}"),
        },
        MariaDbRefusal::ForeignHistory { unknown } => Error::OtherServer {
            address,
            expected,
            found,
            missing: format!("those up to {unknown}"),
        },
        MariaDbRefusal::UnprovenSuccessor => Error::OtherServer {
            address,
            expected,
            found,
            missing: "a common history (the checkpoint has no transaction yet)".to_owned(),
        },
        MariaDbRefusal::TornOnOtherServer { transaction } => Error::TornElsewhere {
            address,
            transaction: transaction.to_string(),
            expected,
            found,
        },
        MariaDbRefusal::TornTransactionLost { transaction } => Error::HistoryLost {
            address,
            missing: transaction.to_string(),
        },
        MariaDbRefusal::HistoryReset { head } => Error::HistoryLost {
            address,
            missing: format!(
                "its binlog ends at {head}, before the checkpoint at {}, and its transaction \
                 numbers were given out again",
                checkpoint.position.log()
            ),
        },
    })
}

async fn written(connection: &mut Connection) -> Result<MariaDbGtids, Error> {
    let text = value(connection, "SELECT @@GLOBAL.gtid_binlog_pos").await?;
    text.parse().map_err(|_| unreadable(connection))
}

/// The last GTIDs at or before a place of the log.
async fn written_before(
    connection: &mut Connection,
    log: &LogPosition,
) -> Result<MariaDbGtids, Error> {
    let file = quote::string(&log.file);
    let statement = format!("SELECT BINLOG_GTID_POS({file}, {})", log.offset);
    let text = value(connection, &statement).await?;
    text.parse().map_err(|_| unreadable(connection))
}

/// What lies before the oldest file of the log.
async fn purged(connection: &mut Connection) -> Result<MariaDbGtids, Error> {
    const START_OF_A_FILE: u64 = 4;
    let files = connection.query("SHOW BINARY LOGS").await?;
    let oldest = files
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next());
    let Some(Some(oldest)) = oldest else {
        return Err(Error::NoBinaryLog {
            address: connection.address().to_owned(),
        });
    };
    let oldest = LogPosition::new(String::from_utf8_lossy(&oldest), START_OF_A_FILE);
    written_before(connection, &oldest).await
}

fn unreadable(connection: &Connection) -> Error {
    Error::Protocol {
        address: connection.address().to_owned(),
        reason: "a GTID position of its can't be read".to_owned(),
    }
}
