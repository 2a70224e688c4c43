//! What the binlog will not show: foreign keys whose actions leave no row events, tables that may
//! not be read, views.
//!
//! Before 9.6 the storage engine carries out the actions of foreign keys itself, and the rows that
//! they change are in no event; later versions do so where `innodb_native_foreign_keys` is set
//! (Reference Manual, "FOREIGN KEY Constraints").

use super::texts;
use crate::describe::CatalogueTable;
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
    if session.connection().await?.server_version() >= LOGS_CASCADES && !is_native {
        return Ok(Vec::new());
    }
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
                        "upgrade the source to 9.6 or later, let the application do what the \
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

/// Views that the patterns take: they are not copied.
pub(super) async fn views(
    session: &mut Session,
    selected: &(dyn Fn(&TableName) -> bool + Send + Sync),
) -> Result<Option<Finding>, SnapshotError> {
    let query = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
         WHERE TABLE_TYPE = 'VIEW' ORDER BY TABLE_SCHEMA, TABLE_NAME";
    let views: Vec<String> = texts(session, "listing the views", query)
        .await?
        .iter()
        .filter_map(|row| match row.as_slice() {
            [database, view] => Some(TableName::new(database.as_str(), view.as_str())),
            _ => None,
        })
        .filter(|view| selected(view))
        .map(|view| view.to_string())
        .collect();
    if views.is_empty() {
        return Ok(None);
    }
    let shown = views[..views.len().min(5)].join(", ");
    let more = if views.len() > 5 { ", …" } else { "" };
    Ok(Some(Finding::info(
        "LS2534",
        format!("{} views are not copied: {shown}{more}", views.len()),
        "nothing has to be done; their tables are copied where they are selected",
    )))
}
