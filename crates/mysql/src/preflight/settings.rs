//! The settings of a MySQL server, and what MariaDB's are looked at for too: what has to be in the binlog, and for how long.

use super::texts;
use crate::family::Family;
use crate::snapshot::{Session, SnapshotError};
use flow::Finding;

/// The first version with `binlog_row_metadata = FULL` and every field that the decoder needs.
const OLDEST: (u32, u32, u32) = (8, 0, 14);
const A_DAY: u64 = 86_400;

pub(super) async fn check(
    session: &mut Session,
    own_server_id: u32,
) -> Result<Vec<Finding>, SnapshotError> {
    let version = one(session, "SELECT VERSION()").await?;
    let mut findings = Vec::new();
    if Family::MySql.version(&version) < OLDEST {
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
    findings.extend(unmet(session, &wanted).await?);
    findings.extend(order(session).await?);
    findings.extend(durability(session, PERSISTS).await?);
    findings.extend(identity(session, own_server_id, PERSISTS).await?);
    findings.extend(retention(session, PERSISTS).await?);
    Ok(findings)
}

/// How a setting is given, as MySQL remembers it.
const PERSISTS: &str = "SET PERSIST";

/// Settings with the value that each has to have, and what to say where it has another.
pub(super) type Wanted = (&'static str, &'static str, &'static str, &'static str);

/// Those that have another value.
pub(super) async fn unmet(
    session: &mut Session,
    wanted: &[Wanted],
) -> Result<Vec<Finding>, SnapshotError> {
    let mut findings = Vec::new();
    for &(name, value, code, remedy) in wanted {
        let found = one(session, &format!("SELECT @@GLOBAL.{name}")).await?;
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
    Ok(findings)
}

/// Whether the server's number tells it from Lockstep.
pub(super) async fn identity(
    session: &mut Session,
    own_server_id: u32,
    set: &str,
) -> Result<Option<Finding>, SnapshotError> {
    let server_id = one(session, "SELECT @@GLOBAL.server_id").await?;
    let is_taken = server_id == "0" || server_id == own_server_id.to_string();
    Ok(is_taken.then(|| {
        Finding::forbids(
            "LS2531",
            format!("server_id of the source is {server_id}, and Lockstep's is {own_server_id}"),
            format!(
                "give the server a number of its own ({set} server_id = …), or Lockstep \
                 ([capture] server_id)"
            ),
        )
    }))
}

/// For how long the server keeps its binlog.
pub(super) async fn retention(
    session: &mut Session,
    set: &str,
) -> Result<Option<Finding>, SnapshotError> {
    let kept = one(session, "SELECT @@GLOBAL.binlog_expire_logs_seconds").await?;
    let seconds = kept.parse::<u64>().ok();
    Ok(seconds
        .filter(|seconds| (1..A_DAY).contains(seconds))
        .map(|seconds| {
            Finding::warns(
                "LS2524",
                format!("the server keeps its binlog for {seconds} s, less than a day"),
                format!(
                    "{set} binlog_expire_logs_seconds = 604800; a pipeline that is down for \
                     longer than the server keeps its binlog has to copy again"
                ),
            )
        }))
}

/// In what order transactions become visible.
async fn order(session: &mut Session) -> Result<Vec<Finding>, SnapshotError> {
    let mut findings = Vec::new();
    let ordered = one(session, "SELECT @@GLOBAL.binlog_order_commits").await?;
    if ordered != "1" {
        let remedy = "SET PERSIST binlog_order_commits = ON";
        let gtid_mode = one(session, "SELECT @@GLOBAL.gtid_mode").await?;
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
    Ok(findings)
}

/// What the server may forget in a crash.
pub(super) async fn durability(
    session: &mut Session,
    set: &str,
) -> Result<Vec<Finding>, SnapshotError> {
    let mut findings = Vec::new();
    let synced = one(session, "SELECT @@GLOBAL.sync_binlog").await?;
    if synced != "1" {
        findings.push(Finding::warns(
            "LS2537",
            format!(
                "sync_binlog is {synced}: a crash of the server's machine may lose transactions \
                 that were applied already"
            ),
            format!("{set} sync_binlog = 1"),
        ));
    }
    let query = "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit";
    let flushed = one(session, query).await?;
    if flushed != "1" {
        findings.push(Finding::warns(
            "LS2538",
            format!(
                "innodb_flush_log_at_trx_commit is {flushed}: a crash of the server's machine may \
                 lose rows of transactions that the binlog has"
            ),
            format!("{set} innodb_flush_log_at_trx_commit = 1"),
        ));
    }
    Ok(findings)
}

pub(super) async fn one(session: &mut Session, query: &str) -> Result<String, SnapshotError> {
    let rows = texts(session, "reading the server's settings", query).await?;
    Ok(rows.into_iter().flatten().next().unwrap_or_default())
}
