//! The binary log's own account of what happened, as MySQL's `mysqlbinlog` prints it.
//!
//! It prints the heads of a statement's events first and the rows of all of them behind, so a row
//! is known by its transaction and its order there, not by its event. Of some types it prints
//! nothing that could be read, and gives the rest of the event up; it tells nothing of such tables.

use super::literal::Column;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use testbed::servers::MySql;

/// The account could not be had.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("running mysqlbinlog: {0}")]
    System(#[from] io::Error),
    #[error("mysqlbinlog ended with {status}: {said}")]
    Failed { status: String, said: String },
    #[error("line {line} of mysqlbinlog's output was not understood: {text:?}, after {open}")]
    Line {
        line: usize,
        text: String,
        /// The row that was being read.
        open: String,
    },
}

/// What happened, in the order of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    pub transactions: Vec<Transaction>,
    pub changes: Vec<Change>,
    /// Tables that were dropped or emptied as a whole, by the transaction that did it.
    pub ends: Vec<End>,
    /// Tables with a column whose type `mysqlbinlog` does not print.
    pub untold: BTreeSet<String>,
}

/// One transaction of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub gtid: String,
    pub file: String,
    /// Bytes from the file's start to its first event.
    pub start: u64,
}

/// The end of all rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub transaction: usize,
    pub table: String,
    pub dropped: bool,
}

/// One row's change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Index into the transactions.
    pub transaction: usize,
    /// `database.table`
    pub table: String,
    pub shape: Arc<Shape>,
    pub before: Option<Image>,
    pub after: Option<Image>,
}

/// Literals in the order of the columns.
pub type Image = Vec<Vec<u8>>;

/// A table's columns at the time of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub columns: Vec<Column>,
    /// Indexes of the primary key's columns.
    pub key: Vec<usize>,
}

/// All that the server's binary logs hold, from `first_file` on.
///
/// # Errors
/// [`AccountError`]
pub async fn account(mysql: &MySql, first_file: &str) -> Result<Account, AccountError> {
    let output = tokio::process::Command::from(mysql.client_program("mysqlbinlog"))
        .args([
            "--read-from-remote-server",
            "--verbose",
            "--base64-output=DECODE-ROWS",
            "--print-table-metadata",
            "--to-last-log",
            first_file,
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        return Err(AccountError::Failed {
            status: output.status.to_string(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    read(&output.stdout)
}

/// Takes the printed account apart.
///
/// # Errors
/// [`AccountError::Line`]
pub fn read(printed: &[u8]) -> Result<Account, AccountError> {
    let mut reader = Reader::default();
    for (number, line) in printed.split(|byte| *byte == b'\n').enumerate() {
        if reader.line(line).is_none() {
            return Err(AccountError::Line {
                line: number + 1,
                text: String::from_utf8_lossy(line).into_owned(),
                open: format!("{:?}", reader.open),
            });
        }
    }
    match reader.close_change() {
        Some(()) => Ok(reader.account),
        None => Err(AccountError::Line {
            line: 0,
            text: "the end".to_owned(),
            open: format!("{:?}", reader.open),
        }),
    }
}

impl Shape {
    /// Whether `mysqlbinlog` prints all its columns.
    fn is_told(&self) -> bool {
        let untold = ["GEO", "POINT", "LINESTRING", "POLYGON", "MULTI", "VECTOR"];
        let mut columns = self.columns.iter();
        columns.all(|column| {
            !untold
                .iter()
                .any(|kind| column.definition.starts_with(kind))
        })
    }
}

impl Change {
    fn is_whole(&self) -> bool {
        let width = self.shape.columns.len();
        let images = [&self.before, &self.after];
        let mut present = images.into_iter().flatten().peekable();
        present.peek().is_some() && present.all(|image| image.len() == width)
    }
}

#[derive(Default)]
struct Reader {
    account: Account,
    file: String,
    at: u64,
    database: String,
    /// The table whose description is being printed.
    described: Option<(String, Shape)>,
    shapes: BTreeMap<String, Arc<Shape>>,
    open: Option<Change>,
    into_after: bool,
    /// The row belongs to a table that is not told of.
    skipping: bool,
}

impl Reader {
    /// `None`: the line is not understood.
    fn line(&mut self, line: &[u8]) -> Option<()> {
        if let Some(row) = line.strip_prefix(b"### ") {
            return self.row(row);
        }
        self.close_change()?;
        // Only values may be something else than UTF-8.
        let text = String::from_utf8_lossy(line);
        if let Some(at) = text.strip_prefix("# at ") {
            self.at = at.parse().ok()?;
        } else if let Some(column) = text
            .strip_prefix("# Columns(")
            .or_else(|| text.strip_prefix("#         `").map(|_| text[10..].trim()))
        {
            let (_, shape) = self.described.as_mut()?;
            shape.columns.push(column_of(column)?);
        } else if let Some(key) = text.strip_prefix("# Primary Key(") {
            let (_, shape) = self.described.as_mut()?;
            for name in key.strip_suffix(')')?.split(", ") {
                let mut columns = shape.columns.iter();
                shape
                    .key
                    .push(columns.position(|column| column.name == name)?);
            }
        } else if let Some((_, map)) = text.split_once("\tTable_map: ") {
            self.close_description();
            let table = map.split(" mapped to").next()?.replace('`', "");
            self.described = Some((table, Shape::default()));
        } else if let Some((_, file)) = text.split_once("\tRotate to ") {
            self.file = file.split_whitespace().next()?.to_owned();
        } else if let Some(gtid) = text.strip_prefix("SET @@SESSION.GTID_NEXT= '") {
            let gtid = gtid.split('\'').next()?;
            if gtid != "AUTOMATIC" {
                self.account.transactions.push(Transaction {
                    gtid: gtid.to_owned(),
                    file: self.file.clone(),
                    start: self.at,
                });
            }
        } else if let Some(database) = text.strip_prefix("use `") {
            database.split('`').next()?.clone_into(&mut self.database);
        } else if let Some(rest) = text.strip_prefix("DROP TABLE ") {
            self.ended(rest, true)?;
        } else if let Some(rest) = text.strip_prefix("TRUNCATE TABLE ") {
            self.ended(rest, false)?;
        }
        Some(())
    }

    /// A line of a row, behind `### `.
    fn row(&mut self, line: &[u8]) -> Option<()> {
        if let Some(value) = line.strip_prefix(b"  @") {
            let Some(change) = &mut self.open else {
                return self.skipping.then_some(());
            };
            let image = match self.into_after {
                true => &mut change.after,
                false => &mut change.before,
            };
            let equals = value.iter().position(|byte| *byte == b'=')?;
            image
                .get_or_insert_default()
                .push(value[equals + 1..].to_vec());
            return Some(());
        }
        match line {
            b"WHERE" => self.into_after = false,
            b"SET" => self.into_after = true,
            verb => {
                self.close_change()?;
                self.close_description();
                let text = std::str::from_utf8(verb).ok()?;
                let table = ["INSERT INTO ", "UPDATE ", "DELETE FROM "]
                    .into_iter()
                    .find_map(|verb| text.strip_prefix(verb))?
                    .replace('`', "");
                let shape = Arc::clone(self.shapes.get(&table)?);
                self.skipping = !shape.is_told();
                if self.skipping {
                    self.account.untold.insert(table);
                    return Some(());
                }
                self.open = Some(Change {
                    transaction: self.account.transactions.len().checked_sub(1)?,
                    shape,
                    table,
                    before: None,
                    after: None,
                });
            }
        }
        Some(())
    }

    /// A row is whole when each of its images has every column.
    fn close_change(&mut self) -> Option<()> {
        if self.open.as_ref().is_some_and(|change| !change.is_whole()) {
            // Kept for the message.
            return None;
        }
        self.account.changes.extend(self.open.take());
        Some(())
    }

    fn close_description(&mut self) {
        if let Some((table, shape)) = self.described.take() {
            let known = self
                .shapes
                .get(&table)
                .is_some_and(|known| **known == shape);
            if !known {
                self.shapes.insert(table, Arc::new(shape));
            }
        }
    }

    fn ended(&mut self, rest: &str, dropped: bool) -> Option<()> {
        let rest = rest.strip_prefix("IF EXISTS ").unwrap_or(rest);
        let name = rest.split_whitespace().next()?.replace('`', "");
        let table = match name.contains('.') {
            true => name,
            false => format!("{}.{name}", self.database),
        };
        self.account.ends.push(End {
            transaction: self.account.transactions.len().checked_sub(1)?,
            table,
            dropped,
        });
        Some(())
    }
}

/// `` `id` BIGINT NOT NULL, `` with what closes the line.
fn column_of(text: &str) -> Option<Column> {
    let (name, definition) = text.strip_prefix('`')?.split_once("` ")?;
    let definition = definition.strip_suffix([',', ')'])?;
    Some(Column {
        name: name.to_owned(),
        definition: definition.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "# at 4
#261121  0:02:36 server id 1  end_log_pos 0 \tRotate to binlog.000001  pos: 4
# at 791
SET @@SESSION.GTID_NEXT= 'd62e:3'/*!*/;
# at 870
use `work`/*!*/;
BEGIN
/*!*/;
# at 953
#261121  0:02:39 server id 1  end_log_pos 1105 CRC32 0x05f8c103 \tTable_map: `work`.`p` mapped to number 106
# has_generated_invisible_primary_key=0
# Columns(`q` INT,
#         `b` VARCHAR(5) CHARSET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
#         `a` VARBINARY(9) NOT NULL)
# Primary Key(a, b)
# at 1105
#261121  0:02:39 server id 1  end_log_pos 1251 CRC32 0x21b8240e \tUpdate_rows: table id 106 flags: STMT_END_F
### UPDATE `work`.`p`
### WHERE
###   @1=1
###   @2='x=y'
###   @3='z'
### SET
###   @1=NULL
###   @2='x'
###   @3='z'
### DELETE FROM `work`.`p`
### WHERE
###   @1=2
###   @2='x'
###   @3='y'
# at 1251
COMMIT/*!*/;
# at 1300
SET @@SESSION.GTID_NEXT= 'd62e:4'/*!*/;
DROP TABLE IF EXISTS `p` /* generated by server */
SET @@SESSION.GTID_NEXT= 'AUTOMATIC' /* added by mysqlbinlog */ /*!*/;
";

    #[test]
    fn an_account_is_read_row_by_row() {
        let account = read(PRINTED.as_bytes()).unwrap();
        assert_eq!(account.transactions.len(), 2);
        assert_eq!(account.transactions[0].gtid, "d62e:3");
        assert_eq!(account.transactions[1].start, 1300);
        let [update, delete] = account.changes.as_slice() else {
            panic!("{account:?}");
        };
        assert_eq!(update.shape.key, [2, 1]);
        assert_eq!(update.before.as_ref().unwrap()[1], b"'x=y'");
        assert_eq!(update.after.as_ref().unwrap()[0], b"NULL");
        assert_eq!(delete.after, None);
        let end = End {
            transaction: 1,
            table: "work.p".to_owned(),
            dropped: true,
        };
        assert_eq!(account.ends, [end]);
    }

    #[test]
    fn a_row_that_lacks_a_column_is_an_error() {
        let torn = PRINTED.replace("###   @3='y'\n", "");
        assert!(read(torn.as_bytes()).is_err());
    }
}
