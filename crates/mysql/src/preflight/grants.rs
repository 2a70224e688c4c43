//! The account's rights, and the exact GRANT for what is missing.
//!
//! `SHOW GRANTS … USING` prints what the account has, its active roles included (Reference Manual,
//! "SHOW GRANTS Statement"). Global rights are read from there. Whether tables may be read needs
//! no reading of grants: the catalogue shows an account only what it has rights on.

use super::texts;
use crate::describe::CatalogueTable;
use crate::family::Family;
use crate::quote;
use crate::snapshot::{Session, SnapshotError};
use flow::Finding;

pub(super) async fn check(
    session: &mut Session,
    tables: &[CatalogueTable],
    databases: &[String],
    keyless: bool,
) -> Result<Vec<Finding>, SnapshotError> {
    let doing = "reading the account's grants";
    let account = texts(session, doing, "SELECT CURRENT_USER(), CURRENT_ROLE()").await?;
    let mut account = account.into_iter().flatten();
    let user = quoted_account(&account.next().unwrap_or_default());
    let roles = account.next().unwrap_or_default();
    let family = session.family().await?;
    // MariaDB prints what the active role has without being asked to.
    let statement = match family {
        Family::MariaDb => "SHOW GRANTS".to_owned(),
        Family::MySql if roles.is_empty() || roles == "NONE" => {
            "SHOW GRANTS FOR CURRENT_USER()".to_owned()
        }
        Family::MySql => format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}"),
    };
    let grants = texts(session, doing, &statement).await?;
    let grants: Vec<String> = grants.into_iter().flatten().collect();

    let mut findings = Vec::new();
    let needed = match family {
        Family::MySql => ["REPLICATION SLAVE", "REPLICATION CLIENT"],
        Family::MariaDb => ["REPLICATION SLAVE", "BINLOG MONITOR"],
    };
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|right| !has_global(&grants, right))
        .collect();
    if !missing.is_empty() {
        let rights = missing.join(", ");
        findings.push(Finding::forbids(
            "LS2525",
            format!("the account {user} lacks {rights}, which reading the binlog needs"),
            format!("GRANT {rights} ON *.* TO {user}"),
        ));
    }
    let unseen: Vec<&String> = databases
        .iter()
        .filter(|database| {
            tables
                .iter()
                .all(|table| *table.name.database != ***database)
        })
        .collect();
    for database in unseen.iter().filter(|_| !has_global(&grants, "SELECT")) {
        let database = quote::identifier(database);
        findings.push(Finding::forbids(
            "LS2525",
            format!("the account {user} sees no table of {database} that source.tables takes"),
            format!("GRANT SELECT ON {database}.* TO {user}"),
        ));
    }
    if keyless
        && !grants
            .iter()
            .any(|grant| grant.contains("LOCK TABLES") || is_all(grant))
    {
        findings.push(Finding::forbids(
            "LS2525",
            format!("the account {user} lacks LOCK TABLES, which tables without a key need"),
            format!("GRANT LOCK TABLES ON *.* TO {user}"),
        ));
    }
    if tables.is_empty() && findings.is_empty() {
        findings.push(Finding::forbids(
            "LS2529",
            "source.tables takes no table of the server",
            "compare the patterns with SHOW TABLES; names are compared exactly, case included",
        ));
    }
    // MariaDB lets everybody see them.
    if family == Family::MariaDb || has_global(&grants, "XA_RECOVER_ADMIN") {
        let prepared = texts(session, doing, "XA RECOVER").await?.len();
        if prepared > 0 {
            findings.push(Finding::warns(
                "LS2530",
                format!("{prepared} XA transactions are prepared and undecided"),
                "XA RECOVER lists them; better commit or roll them back before the start: rows of before it have to be looked up in the binary logs",
            ));
        }
    }
    Ok(findings)
}

/// The account as GRANT names it.
pub(super) async fn user(session: &mut Session) -> Result<String, SnapshotError> {
    let doing = "asking for the account";
    let rows = texts(session, doing, "SELECT CURRENT_USER()").await?;
    let account = rows.into_iter().flatten().next().unwrap_or_default();
    Ok(quoted_account(&account))
}

fn has_global(grants: &[String], right: &str) -> bool {
    grants
        .iter()
        .filter(|grant| grant.contains(" ON *.* TO "))
        .any(|grant| {
            let rights = grant
                .trim_start_matches("GRANT ")
                .split(" ON *.* TO ")
                .next();
            let mut rights = rights.unwrap_or_default().split(", ");
            is_all(grant) || rights.any(|given| given == right)
        })
}

fn is_all(grant: &str) -> bool {
    grant.starts_with("GRANT ALL PRIVILEGES ON ")
}

/// `user@host` as `'user'@'host'`.
fn quoted_account(account: &str) -> String {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    format!("{}@{}", quote::string(user), quote::string(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_on_one_database_is_not_a_global_one() {
        let grants = [
            "GRANT USAGE ON *.* TO `u`@`%`".to_owned(),
            "GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`".to_owned(),
        ];
        assert!(!has_global(&grants, "REPLICATION SLAVE"));
        let grants = ["GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`".to_owned()];
        assert!(has_global(&grants, "REPLICATION SLAVE"));
        assert!(!has_global(&grants, "SELECT"));
    }
}
