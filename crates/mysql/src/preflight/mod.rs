//! What stands against a start, as far as the source can tell.
//!
//! The settings without which the binlog does not tell whole rows, the rights of the account, and
//! the tables that need a decision. Everything is found in one look, so that a person mends it in
//! one go; each finding has the exact statement that mends it.

mod grants;
mod mariadb;
mod settings;
mod tables;
mod unseen;
mod values;

use crate::describe::{self, Scope};
use crate::family::Family;
use crate::snapshot::{Reader, Session, SnapshotError};
use change::TableName;
use flow::{Failure, Finding};
use std::collections::BTreeSet;

pub use values::{Seen, Suspects};

/// What the pipeline wants of the source.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Databases that the patterns name without a wildcard: to name the GRANT that is missing.
    pub databases: Vec<String>,
    /// The server id that the pipeline's dump will use.
    pub server_id: u32,
    /// Tables whose rows may be a multiset (`identity = "row"`).
    pub keyless: BTreeSet<TableName>,
}

impl Reader {
    /// All that is found. A connection that fails is a finding too.
    pub async fn preflight(&mut self, wishes: &Wishes) -> Vec<Finding> {
        match self.look(wishes).await {
            Ok(findings) => findings,
            Err(error) => {
                let Failure {
                    code,
                    message,
                    remedy,
                    ..
                } = Failure::from(error);
                vec![Finding::forbids(code, message, remedy)]
            }
        }
    }

    async fn look(&mut self, wishes: &Wishes) -> Result<Vec<Finding>, SnapshotError> {
        let selected = self.selection();
        let session = self.session();
        let family = session.family().await?;
        let mut findings = match family {
            Family::MySql => settings::check(session, wishes.server_id).await?,
            Family::MariaDb => mariadb::check(session, wishes.server_id).await?,
        };
        let tables = describe::tables(session, Scope::All).await?;
        let tables: Vec<_> = tables
            .into_values()
            .filter(|table| (*selected)(&table.name))
            .collect();
        // MariaDB's views need no lock.
        let keyless = family == Family::MySql
            && tables
                .iter()
                .any(|table| wishes.keyless.contains(&table.name));
        findings.extend(grants::check(session, &tables, &wishes.databases, keyless).await?);
        let session = self.session();
        findings.extend(unseen::unreadable(session, &tables).await?);
        findings.extend(unseen::cascades(session, &tables).await?);
        findings.extend(unseen::others(session, &*selected).await?);
        for table in &tables {
            let columns = self.identity_columns(&table.name);
            findings.extend(tables::check(table, columns, wishes));
        }
        Ok(findings)
    }
}

/// One text of each row of a query; NULL is the empty text.
async fn texts(
    session: &mut Session,
    doing: &'static str,
    query: &str,
) -> Result<Vec<Vec<String>>, SnapshotError> {
    let rows = session.rows(doing, query).await?;
    Ok(rows
        .into_iter()
        .map(|row| row.unwrap().iter().map(text).collect())
        .collect())
}

fn text(value: &mysql_async::Value) -> String {
    match value {
        mysql_async::Value::NULL => String::new(),
        mysql_async::Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.as_sql(true),
    }
}
