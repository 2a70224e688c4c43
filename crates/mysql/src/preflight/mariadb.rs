//! The settings of a MariaDB server.

use super::settings::{Wanted, durability, identity, one, retention, unmet};
use crate::family::Family;
use crate::snapshot::{Session, SnapshotError};
use flow::Finding;

/// The first version whose catalogue, binlog and settings are all read here.
const OLDEST: (u32, u32, u32) = (10, 6, 0);

/// MariaDB does not remember what is set while it runs.
const SETS: &str = "in the server's option file and with SET GLOBAL:";

const WANTED: [Wanted; 4] = [
    ("log_bin", "1", "LS2011", "start the server with --log-bin"),
    (
        "binlog_format",
        "ROW",
        "LS2520",
        "SET GLOBAL binlog_format = ROW, and the same in the server's option file; sessions that \
         are open keep the old one",
    ),
    (
        "binlog_row_image",
        "FULL",
        "LS2521",
        "SET GLOBAL binlog_row_image = FULL, and the same in the server's option file; sessions \
         that are open keep the old one",
    ),
    (
        "binlog_row_metadata",
        "FULL",
        "LS2522",
        "SET GLOBAL binlog_row_metadata = FULL, and the same in the server's option file",
    ),
];

pub(super) async fn check(
    session: &mut Session,
    own_server_id: u32,
) -> Result<Vec<Finding>, SnapshotError> {
    let version = one(session, "SELECT VERSION()").await?;
    if Family::MariaDb.version(&version) < OLDEST {
        let (major, minor, _) = OLDEST;
        return Ok(vec![Finding::forbids(
            "LS2523",
            format!("the source is MariaDB {version}; {major}.{minor} is the oldest that is read"),
            "upgrade the server, or use a newer replica of it as the source",
        )]);
    }
    let mut findings = vec![Finding::forbids(
        "LS2007",
        format!("the source is MariaDB ({version}), which this version does not read"),
        "use a MySQL 8 or 9 server as the source",
    )];
    findings.extend(unmet(session, &WANTED).await?);
    let strict = one(session, "SELECT @@GLOBAL.gtid_strict_mode").await?;
    if strict != "1" {
        findings.push(Finding::warns(
            "LS2539",
            "gtid_strict_mode is OFF: transactions may be logged whose numbers do not grow, and \
             the pipeline halts at the first of them",
            "SET GLOBAL gtid_strict_mode = ON, and the same in the server's option file",
        ));
    }
    findings.extend(durability(session, SETS).await?);
    findings.extend(identity(session, own_server_id, SETS).await?);
    findings.extend(retention(session, SETS).await?);
    Ok(findings)
}
