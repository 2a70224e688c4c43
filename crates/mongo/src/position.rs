//! How a place in the source's history looks in the control database, and back.
//!
//! The fields are the same for all families of servers, so that whoever reads a checkpoint finds
//! server, GTIDs, file and offset under the names that `lockstep status --json` has for them too.

use crate::checkpoint::signed;
use crate::error::Error;
use crate::field::Reader;
use bson::{Bson, Document, doc};
use change::{
    LogPosition, MariaDbPosition, MySqlPosition, ParseGtidError, ParseMariaDbGtidError, Position,
};
use std::sync::Arc;

/// The field of a position that names its family of servers; without it, MySQL's.
const FAMILY: &str = "family";
const MARIADB: &str = "mariadb";

/// One shape for all families; one that is not MySQL's says so.
pub(crate) fn position_document(position: &Position) -> Document {
    let log = position.log();
    let mut document = doc! {
        "server_uuid": &**position.server(),
        "gtid_set": position.gtids(),
        "file": &*log.file,
        "offset": signed(log.offset),
    };
    match position {
        Position::MySql(_) => {}
        Position::MariaDb(_) => {
            document.insert(FAMILY, MARIADB);
        }
    }
    document
}

pub(crate) fn read_position(read: &Reader<'_>) -> Result<Position, Error> {
    let server: Arc<str> = read.text("server_uuid")?.into();
    let text = read.text("gtid_set")?;
    let unreadable = |problem: String| (read.unreadable)(format!("position.gtid_set: {problem}"));
    let log = LogPosition::new(read.text("file")?, read.unsigned("offset")?);
    match read.document.get(FAMILY) {
        None => Ok(Position::MySql(MySqlPosition {
            server_uuid: server,
            gtid_set: Arc::new(
                text.parse()
                    .map_err(|error: ParseGtidError| unreadable(error.to_string()))?,
            ),
            log,
        })),
        Some(Bson::String(family)) if family == MARIADB => {
            let gtids = text.parse();
            let gtids =
                gtids.map_err(|error: ParseMariaDbGtidError| unreadable(error.to_string()))?;
            Ok(Position::MariaDb(MariaDbPosition {
                server,
                gtids: Arc::new(gtids),
                log,
            }))
        }
        Some(other) => Err((read.unreadable)(format!("position.family is {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_each_family_comes_back_as_it_was_stored() {
        let log = LogPosition::new("binlog.000002", 5_000_000_000);
        let set = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:tag:7";
        let positions = [
            Position::MySql(MySqlPosition {
                server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
                gtid_set: Arc::new(set.parse().unwrap()),
                log: log.clone(),
            }),
            Position::MariaDb(MariaDbPosition {
                server: "1-7QcXOR7zPAcq5t6+WUOmK6XTMpg=".into(),
                gtids: Arc::new("0-1-42,7-3-5".parse().unwrap()),
                log: log.clone(),
            }),
            Position::MariaDb(MariaDbPosition {
                server: "1-a".into(),
                gtids: Arc::default(),
                log,
            }),
        ];
        for position in positions {
            let document = position_document(&position);
            let read = |document: &Document| {
                let unreadable = |problem: String| Error::ControlUnreadable {
                    document: "checkpoints".to_owned(),
                    problem,
                };
                read_position(&Reader {
                    document,
                    unreadable: &unreadable,
                })
            };
            assert_eq!(read(&document).unwrap(), position);
            let mut strange = document;
            strange.insert(FAMILY, "oracle");
            assert!(read(&strange).is_err());
        }
    }
}
