//! What the binlog will not show: foreign keys whose actions leave no row events, tables that may
//! not be read, views.
//!
//! Before 9.6 the storage engine carries out the actions of foreign keys itself, and the rows that
//! they change are in no event; later versions do so where `innodb_native_foreign_keys` is set
//! (Reference Manual, "FOREIGN KEY Constraints").

use super::texts;
use crate::describe::CatalogueTable;
use crate::family::Family;
use crate::quote;
use crate::snapshot::{Session, SnapshotError};
use change::TableName;
use flow::Finding;
use std::collections::BTreeSet;

/// The first version whose cascades are row events.
const LOGS_CASCADES: (u16, u16, u16) = (9, 6, 0);

/// Foreign keys of selected tables that would change their rows unseen.
pub(super) async fn cascades(
    session: &mut Session,
    tables: &[CatalogueTable],
) -> Result<Vec<Finding>, SnapshotError> {
    let doing = "reading the foreign keys";
    let query = "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'";
    let native = texts(session, doing, query).await?;
    let is_native = native.iter().flatten().any(|text| text == "ON");
    let remedy = match session.family().await? {
        Family::MySql => {
            if session.connection().await?.server_version() >= LOGS_CASCADES && !is_native {
                return Ok(Vec::new());
            }
            "upgrade the source to 9.6 or later, let"
        }
        // No version of it logs them.
        Family::MariaDb => "let",
    };
    let query = "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE \
         FROM information_schema.REFERENTIAL_CONSTRAINTS \
         WHERE DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') \
         OR UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')";
    let selected: BTreeSet<&TableName> = tables.iter().map(|table| &table.name).collect();
    let mut findings = Vec::new();
    for row in texts(session, doing, query).await? {
        let [database, table, constraint, on_delete, on_update] = row.as_slice() else {
            continue;
        };
        let name = TableName::new(database.as_str(), table.as_str());
        if selected.contains(&name) {
            findings.push(
                Finding::forbids(
                    "LS2533",
                    format!(
                        "{name}: the foreign key {constraint} (ON DELETE {on_delete} ON UPDATE \
                         {on_update}) changes rows without a trace in the binlog"
                    ),
                    format!(
                        "{remedy} the application do what the \
                         foreign key does (ON DELETE RESTRICT), or leave the table out \
                         (\"!{name}\" in source.tables)"
                    ),
                )
                .about(&name),
            );
        }
    }
    Ok(findings)
}

/// Tables that the catalogue shows and the account may not read, or not with every column.
pub(super) async fn unreadable(
    session: &mut Session,
    tables: &[CatalogueTable],
) -> Result<Vec<Finding>, SnapshotError> {
    let mut findings = Vec::new();
    for table in tables {
        let name = &table.name;
        let quoted = quote::table(name);
        // Tried, since roles, wildcards and partial revokes are understood best by the server. The
        // star needs the right on every column, also on those that the catalogue hides from the
        // account, while row events have them.
        let query = format!("SELECT * FROM {quoted} LIMIT 0");
        match session.run(&format!("trying to read {name}"), &query).await {
            // Gone or broken meanwhile: the copy says so in its own words.
            Ok(()) | Err(SnapshotError::Server { .. }) => {}
            Err(SnapshotError::MissingGrant { .. }) => {
                let user = super::grants::user(session).await?;
                findings.push(
                    Finding::forbids(
                        "LS2525",
                        format!("the account {user} may not read all columns of {name}"),
                        format!("GRANT SELECT ON {quoted} TO {user}"),
                    )
                    .about(name),
                );
            }
            Err(error) => return Err(error),
        }
    }
    Ok(findings)
}

/// What the patterns take and is no table of rows that change in the open: views and sequences are
/// not copied, and tables that keep their rows of before can't be.
pub(super) async fn others(
    session: &mut Session,
    selected: &(dyn Fn(&TableName) -> bool + Send + Sync),
) -> Result<Vec<Finding>, SnapshotError> {
    let query = "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES \
         WHERE TABLE_TYPE IN ('VIEW', 'SEQUENCE', 'SYSTEM VERSIONED') \
         ORDER BY TABLE_SCHEMA, TABLE_NAME";
    let (mut views, mut sequences, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for row in texts(session, "listing what is no table", query).await? {
        let [database, name, kind] = row.as_slice() else {
            continue;
        };
        let name = TableName::new(database.as_str(), name.as_str());
        if !selected(&name) {
            continue;
        }
        match kind.as_str() {
            "VIEW" => views.push(name.to_string()),
            "SEQUENCE" => sequences.push(name.to_string()),
            _ => findings.push(
                Finding::forbids(
                    "LS2540",
                    format!("{name} is system-versioned: its log mixes rows of now and of before"),
                    format!(
                        "leave the table out (\"!{name}\" in source.tables), or ALTER TABLE {name} \
                         DROP SYSTEM VERSIONING, which forgets the rows of before"
                    ),
                )
                .about(&name),
            ),
        }
    }
    let kinds = [
        (
            views,
            "LS2534",
            "views",
            "nothing has to be done; their tables are copied where they are selected",
        ),
        (
            sequences,
            "LS2541",
            "sequences",
            "nothing has to be done; values that came from them are in the rows",
        ),
    ];
    for (names, code, what, remedy) in kinds {
        if names.is_empty() {
            continue;
        }
        let shown = names[..names.len().min(5)].join(", ");
        let more = if names.len() > 5 { ", …" } else { "" };
        findings.push(Finding::info(
            code,
            format!("{} {what} are not copied: {shown}{more}", names.len()),
            remedy,
        ));
    }
    Ok(findings)
}
