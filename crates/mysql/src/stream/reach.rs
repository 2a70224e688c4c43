//! Which tables a statement may have changed that was logged as text instead of rows.
//!
//! The text names tables, and any word in it that is the name of one counts. What it does not name
//! are the tables that triggers, foreign keys, stored functions and views reach from there. The
//! server's own list of databases in the event does not help: servers of today leave it empty and
//! say "any". So the catalogue is asked when the stream is opened, and trusted from where the log
//! ended after the answer: what is made later comes with the stream, and makes it doubtful again.
//! Foreign keys are followed. Where a trigger, a function or a view may be at work, where the
//! account may not see all of them, and wherever the catalogue is not trusted, the answer is "any table".

use super::source::log_head;
use crate::connection::Connection;
use crate::error::Error;
use bytes::Bytes;
use change::{LogPosition, TableName};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is known of the ways from one table to another.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// `None`: nothing is known.
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    /// Where the log ended when the catalogue had been read.
    from: LogPosition,
    /// Tables with triggers, lower case.
    triggered: HashSet<(String, String)>,
    /// Names of views and stored functions, lower case.
    programs: HashSet<String>,
    /// Tables whose rows follow those of another one, by that.
    children: HashMap<(String, String), Vec<(String, String)>>,
}

impl Reach {
    pub(super) async fn read(connection: &mut Connection) -> Result<Self, Error> {
        const OTHERS: &str = "NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')";
        if !sees_programs(connection).await? {
            return Ok(Self::default());
        }
        let triggers = format!(
            "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS \
             WHERE TRIGGER_SCHEMA {OTHERS}"
        );
        let programs = format!(
            "SELECT TABLE_NAME, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA {OTHERS} \
             UNION ALL SELECT ROUTINE_NAME, '' FROM information_schema.ROUTINES \
             WHERE ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA {OTHERS}"
        );
        let keys = "SELECT UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, CONSTRAINT_SCHEMA, \
                    TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS";
        let triggered = rows(connection, &triggers).await?;
        let programs = rows(connection, &programs).await?;
        let mut children: HashMap<_, Vec<_>> = HashMap::new();
        for [parent_database, parent, database, table] in rows(connection, keys).await? {
            let parent = (parent_database, parent);
            children.entry(parent).or_default().push((database, table));
        }
        let known = Known {
            from: log_head(connection).await?,
            triggered: triggered.into_iter().map(|[one, two]| (one, two)).collect(),
            programs: programs.into_iter().map(|[name, _]| name).collect(),
            children,
        };
        Ok(Self { known: Some(known) })
    }

    /// The tables that a statement may have changed which has these names in it and ends at the place;
    /// `None` where it may be any.
    pub(super) fn of(
        &self,
        names: &[TableName],
        place: &LogPosition,
    ) -> Option<BTreeSet<(String, String)>> {
        let known = self.known.as_ref()?;
        if !place.has_reached(&known.from) {
            return None;
        }
        let mut reached = BTreeSet::new();
        let mut next: Vec<(String, String)> = names.iter().map(lower).collect();
        if next.iter().any(|(_, name)| known.programs.contains(name)) {
            return None;
        }
        while let Some(table) = next.pop() {
            if known.triggered.contains(&table) {
                return None;
            }
            let children = known.children.get(&table).into_iter().flatten();
            next.extend(children.filter(|&child| !reached.contains(child)).cloned());
            reached.insert(table);
        }
        Some(reached)
    }

    /// A statement that may make a trigger, a function, a view or a foreign key, or that gives a table
    /// which has some another name, ends what is known.
    pub(super) fn hear(&mut self, text: &str, renames: bool) {
        const MAKERS: [&str; 4] = ["TRIGGER", "FUNCTION", "VIEW", "REFERENCES"];
        let Some(known) = &self.known else { return };
        let moves = renames && !(known.triggered.is_empty() && known.children.is_empty());
        let upper = text.to_ascii_uppercase();
        if moves || MAKERS.iter().any(|maker| upper.contains(maker)) {
            self.known = None;
        }
    }
}

/// Names as they are compared: servers differ in whether case counts.
pub(super) fn lower(table: &TableName) -> (String, String) {
    (table.database.to_lowercase(), table.table.to_lowercase())
}

/// The catalogue shows triggers and functions of everybody to accounts with these rights alone.
async fn sees_programs(connection: &mut Connection) -> Result<bool, Error> {
    let mut global: HashSet<String> = HashSet::new();
    for row in connection.query("SHOW GRANTS").await? {
        let Some(Some(grant)) = row.first() else {
            continue;
        };
        let grant = String::from_utf8_lossy(grant).to_ascii_uppercase();
        if let Some((rights, _)) = grant.split_once(" ON *.* TO ") {
            let rights = rights.trim_start_matches("GRANT ").split(',');
            global.extend(rights.map(|right| right.trim().to_owned()));
        }
    }
    let has = |right: &str| global.contains(right) || global.contains("ALL PRIVILEGES");
    Ok(has("TRIGGER") && (has("SELECT") || has("SHOW_ROUTINE")))
}

/// Rows of so many names, lower case.
async fn rows<const N: usize>(
    connection: &mut Connection,
    statement: &str,
) -> Result<Vec<[String; N]>, Error> {
    let rows = connection.query(statement).await?;
    let names = rows.iter().filter_map(|row| {
        let name = |value: &Option<Bytes>| {
            let value = value.as_deref()?;
            Some(String::from_utf8_lossy(value).to_lowercase())
        };
        let names: Option<Vec<String>> = row.iter().map(name).collect();
        names?.try_into().ok()
    });
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> TableName {
        TableName::new("shop", name)
    }

    fn pair(name: &str) -> (String, String) {
        ("shop".to_owned(), name.to_owned())
    }

    fn reach() -> Reach {
        Reach {
            known: Some(Known {
                from: LogPosition::new("binlog.000002", 100),
                triggered: HashSet::from([pair("audited")]),
                programs: HashSet::from(["totals".to_owned()]),
                children: HashMap::from([
                    (pair("parent"), vec![pair("child"), pair("parent")]),
                    (pair("child"), vec![pair("grandchild")]),
                    (pair("owner"), vec![pair("audited")]),
                ]),
            }),
        }
    }

    fn reached(reach: &Reach, names: &[&str], offset: u64) -> Option<Vec<String>> {
        let names: Vec<TableName> = names.iter().map(|name| table(name)).collect();
        let place = LogPosition::new("binlog.000002", offset);
        let reached = reach.of(&names, &place)?;
        Some(reached.into_iter().map(|(_, name)| name).collect())
    }

    #[test]
    fn foreign_keys_are_followed_and_what_cannot_be_followed_may_be_any_table() {
        let reach = reach();
        let some = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(reached(&reach, &["plain"], 100), some(&["plain"]));
        let family = some(&["child", "grandchild", "parent"]);
        assert_eq!(reached(&reach, &["Parent"], 200), family);
        assert_eq!(reached(&reach, &["audited"], 200), None);
        assert_eq!(reached(&reach, &["owner"], 200), None);
        assert_eq!(reached(&reach, &["plain", "TOTALS"], 200), None);
        // Of before the catalogue was read.
        assert_eq!(reached(&reach, &["plain"], 99), None);
        assert_eq!(reached(&Reach::default(), &["plain"], 200), None);
    }

    #[test]
    fn what_is_made_later_makes_the_answer_doubtful() {
        for (text, renames) in [
            (
                "CREATE DEFINER=`a`@`b` TRIGGER t AFTER INSERT ON plain …",
                false,
            ),
            ("create or replace view v as select 1", false),
            (
                "ALTER TABLE plain ADD FOREIGN KEY (a) REFERENCES parent (id)",
                false,
            ),
            ("RENAME TABLE audited TO plain", true),
        ] {
            let mut reach = reach();
            reach.hear("CREATE TABLE other (id INT)", false);
            assert!(reached(&reach, &["plain"], 100).is_some());
            reach.hear(text, renames);
            assert!(reached(&reach, &["plain"], 100).is_none(), "{text}");
        }
    }
}
