//! The server's settings: what has to be in the binlog, and for how long.

use super::texts;
use crate::snapshot::{Session, SnapshotError};
use flow::Finding;

/// The first version with `binlog_row_metadata = FULL` and every field that the decoder needs.
const OLDEST: (u32, u32, u32) = (8, 0, 14);
const A_DAY: u64 = 86_400;

pub(super) async fn check(
    session: &mut Session,
    own_server_id: u32,
) -> Result<Vec<Finding>, SnapshotError> {
    let doing = "reading the server's settings";
    let version = one(session, doing, "SELECT VERSION()").await?;
    if version.to_ascii_lowercase().contains("mariadb") {
        return Ok(vec![Finding::forbids(
            "LS2007",
            format!("the source is MariaDB ({version}), which this version does not read"),
            "use a MySQL 8 or 9 server as the source",
        )]);
    }
    let mut findings = Vec::new();
    if numbers(&version) < OLDEST {
        let (major, minor, patch) = OLDEST;
        findings.push(Finding::forbids(
            "LS2523",
            format!(
                "the source is MySQL {version}; {major}.{minor}.{patch} is the oldest that is read"
            ),
            "upgrade the server, or use a newer replica of it as the source",
        ));
        return Ok(findings);
    }
    let wanted = [
        ("log_bin", "1", "LS2011", "start the server with --log-bin"),
        (
            "gtid_mode",
            "ON",
            "LS2008",
            "SET PERSIST enforce_gtid_consistency = ON, then gtid_mode = OFF_PERMISSIVE, ON_PERMISSIVE and ON, one after the other",
        ),
        (
            "binlog_format",
            "ROW",
            "LS2520",
            "SET PERSIST binlog_format = ROW; sessions that are open keep the old one",
        ),
        (
            "binlog_row_image",
            "FULL",
            "LS2521",
            "SET PERSIST binlog_row_image = FULL; sessions that are open keep the old one",
        ),
        (
            "binlog_row_metadata",
            "FULL",
            "LS2522",
            "SET PERSIST binlog_row_metadata = FULL",
        ),
    ];
    for (name, value, code, remedy) in wanted {
        let found = one(session, doing, &format!("SELECT @@GLOBAL.{name}")).await?;
        if !found.eq_ignore_ascii_case(value) {
            let shown = if found.is_empty() { "empty" } else { &found };
            let shown = if name == "log_bin" { "OFF" } else { shown };
            let wanted = if name == "log_bin" { "ON" } else { value };
            findings.push(Finding::forbids(
                code,
                format!("{name} is {shown}, and has to be {wanted}"),
                remedy,
            ));
        }
    }
    findings.extend(durability(session).await?);
    let server_id = one(session, doing, "SELECT @@GLOBAL.server_id").await?;
    if server_id == "0" || server_id == own_server_id.to_string() {
        findings.push(Finding::forbids(
            "LS2531",
            format!("server_id of the source is {server_id}, and Lockstep's is {own_server_id}"),
            "give the server a number of its own (SET PERSIST server_id = …), or Lockstep \
             ([capture] server_id)",
        ));
    }
    let kept = one(session, doing, "SELECT @@GLOBAL.binlog_expire_logs_seconds").await?;
    if let Ok(seconds) = kept.parse::<u64>()
        && (1..A_DAY).contains(&seconds)
    {
        findings.push(Finding::warns(
            "LS2524",
            format!("the server keeps its binlog for {seconds} s, less than a day"),
            "SET PERSIST binlog_expire_logs_seconds = 604800; a pipeline that is down for longer \
             than the server keeps its binlog has to copy again",
        ));
    }
    Ok(findings)
}

/// What the server may forget in a crash, and in what order its transactions become visible.
async fn durability(session: &mut Session) -> Result<Vec<Finding>, SnapshotError> {
    let doing = "reading the server's settings";
    let mut findings = Vec::new();
    let ordered = one(session, doing, "SELECT @@GLOBAL.binlog_order_commits").await?;
    if ordered != "1" {
        let remedy = "SET PERSIST binlog_order_commits = ON";
        let gtid_mode = one(session, doing, "SELECT @@GLOBAL.gtid_mode").await?;
        findings.push(if gtid_mode.eq_ignore_ascii_case("ON") {
            // The windows of a copy are told by GTIDs, which are executed once they are visible.
            Finding::info(
                "LS2536",
                "binlog_order_commits is OFF: transactions become visible in another order than \
                 they are logged in, which is harmless with GTIDs",
                remedy,
            )
        } else {
            Finding::forbids(
                "LS2536",
                "binlog_order_commits is OFF, and without GTIDs only the order of commits tells \
                 what a copied row holds already",
                remedy,
            )
        });
    }
    let synced = one(session, doing, "SELECT @@GLOBAL.sync_binlog").await?;
    if synced != "1" {
        findings.push(Finding::warns(
            "LS2537",
            format!(
                "sync_binlog is {synced}: a crash of the server's machine may lose transactions \
                 that were applied already"
            ),
            "SET PERSIST sync_binlog = 1",
        ));
    }
    let query = "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit";
    let flushed = one(session, doing, query).await?;
    if flushed != "1" {
        findings.push(Finding::warns(
            "LS2538",
            format!(
                "innodb_flush_log_at_trx_commit is {flushed}: a crash of the server's machine may \
                 lose rows of transactions that the binlog has"
            ),
            "SET PERSIST innodb_flush_log_at_trx_commit = 1",
        ));
    }
    Ok(findings)
}

async fn one(
    session: &mut Session,
    doing: &'static str,
    query: &str,
) -> Result<String, SnapshotError> {
    let rows = texts(session, doing, query).await?;
    Ok(rows.into_iter().flatten().next().unwrap_or_default())
}

fn numbers(version: &str) -> (u32, u32, u32) {
    let mut parts = version
        .split(|character: char| !character.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(numbers("8.0.36-0ubuntu0.22.04.1"), (8, 0, 36));
        assert!(numbers("8.0.4-log") < OLDEST);
        assert!(numbers("9.7.4-1") > OLDEST);
        assert!(numbers("10.0.0") > OLDEST);
    }
}
