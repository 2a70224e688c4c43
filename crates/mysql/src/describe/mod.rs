//! Tables as the server's catalogue describes them.
//!
//! Three queries (tables, columns, indexes) describe one table or all of them, so that a server
//! with thousands of tables is described in seconds. The result is kept as the catalogue has it
//! ([`CatalogueTable`]) until a [`TableDescription`] is made of it: the snapshot also needs
//! collations and index names, and `check` looks at engines and at types that nobody can decode.

mod catalogue;
mod column_type;
mod inspection;
mod readings;

pub use catalogue::{CatalogueIndex, CatalogueTable};
pub use column_type::CatalogueColumn;
pub use inspection::{DeclaredColumn, Inspection};
pub use readings::Readings;

use crate::family::Family;
use crate::quote;
use crate::snapshot::{Session, SnapshotError};
use change::TableName;
use mysql_async::Row;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Databases of the server itself, and the one that is reserved for Lockstep's own bookkeeping.
const NOT_USER_DATABASES: &str =
    "('mysql', 'sys', 'information_schema', 'performance_schema', 'lockstep')";

/// Which tables are asked for.
pub(crate) enum Scope<'a> {
    All,
    One(&'a TableName),
}

/// Definitions are read at most so often while somebody keeps changing them.
const READINGS: u32 = 20;

/// Tables by name, as the catalogue has them.
///
/// A table that is dropped and created again between two of the queries would look like one
/// without a key. Therefore a definition counts once two readings in a row have found the same.
pub(crate) async fn tables(
    session: &mut Session,
    scope: Scope<'_>,
) -> Result<BTreeMap<TableName, CatalogueTable>, SnapshotError> {
    let mut before = reading(session, &scope).await?;
    let mut settled = BTreeMap::new();
    for (name, table) in reading(session, &scope).await? {
        let before = before.remove(&name);
        if let Some(table) = settle(session, &name, before, table).await? {
            settled.insert(name, table);
        }
    }
    Ok(settled)
}

/// Reads one table until it was found with one definition often enough; `None` when it is gone.
async fn settle(
    session: &mut Session,
    name: &TableName,
    before: Option<CatalogueTable>,
    mut table: CatalogueTable,
) -> Result<Option<CatalogueTable>, SnapshotError> {
    let same = before.is_some_and(|before| before.is_defined_as(&table));
    let mut equal_readings = 1 + u32::from(same);
    for _ in 0..READINGS {
        // No index at all is also what a DROP in the middle of a reading leaves.
        let wanted = if table.indexes.is_empty() { 6 } else { 2 };
        if equal_readings >= wanted {
            return Ok(Some(table));
        }
        let Some(next) = reading(session, &Scope::One(name)).await?.remove(name) else {
            return Ok(None);
        };
        equal_readings = if next.is_defined_as(&table) {
            equal_readings + 1
        } else {
            1
        };
        table = next;
    }
    Err(SnapshotError::HeldUp {
        doing: "reading the catalogue".to_owned(),
        reason: format!("{name} is defined anew all the time"),
    })
}

/// One reading, between whose queries a table may have been altered.
async fn reading(
    session: &mut Session,
    scope: &Scope<'_>,
) -> Result<BTreeMap<TableName, CatalogueTable>, SnapshotError> {
    let mut tables = BTreeMap::new();
    let doing = "reading the catalogue's tables";
    let query = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_ROWS, AVG_ROW_LENGTH, TABLE_TYPE \
         FROM information_schema.TABLES \
         WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND {}",
        condition(scope)
    );
    for row in session.rows(doing, &query).await? {
        let mut fields = Fields::new(doing, row);
        let name = fields.table_name()?;
        let table = CatalogueTable {
            name: name.clone(),
            engine: fields.text()?.unwrap_or_default(),
            rows_estimated: fields.number()?.unwrap_or(0),
            row_bytes_estimated: fields.number()?.unwrap_or(0),
            is_versioned: fields.required()? == "SYSTEM VERSIONED",
            columns: Vec::new(),
            indexes: Vec::new(),
        };
        tables.insert(name, table);
    }
    for (name, column) in columns(session, scope).await? {
        if let Some(table) = tables.get_mut(&name) {
            table.columns.push(column);
        }
    }
    indexes(session, scope, &mut tables).await?;
    Ok(tables)
}

/// The columns of the tables, each table's in order.
pub(crate) async fn columns(
    session: &mut Session,
    scope: &Scope<'_>,
) -> Result<Vec<(TableName, CatalogueColumn)>, SnapshotError> {
    let doing = "reading the catalogue's columns";
    let family = session.family().await?;
    let query = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, \
         CHARACTER_SET_NAME, COLLATION_NAME, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, \
         NUMERIC_SCALE, DATETIME_PRECISION FROM information_schema.COLUMNS WHERE {} \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
        condition(scope)
    );
    let mut columns = Vec::new();
    for row in session.rows(doing, &query).await? {
        let mut fields = Fields::new(doing, row);
        let table = fields.table_name()?;
        let name = fields.required()?.into();
        let (data_type, column_type) = (fields.required()?, fields.required()?);
        let column = CatalogueColumn {
            name,
            data_type: type_name(family, data_type, &column_type),
            column_type,
            nullable: fields.required()? == "YES",
            charset: fields.text()?.map(Arc::from),
            collation: fields.text()?.map(Arc::from),
            octets: fields.number()?,
            numeric_precision: fields.number()?,
            numeric_scale: fields.number()?,
            datetime_precision: fields.number()?,
        };
        columns.push((table, column));
    }
    Ok(columns)
}

async fn indexes(
    session: &mut Session,
    scope: &Scope<'_>,
    tables: &mut BTreeMap<TableName, CatalogueTable>,
) -> Result<(), SnapshotError> {
    let doing = "reading the catalogue's indexes";
    let visible = match session.family().await? {
        Family::MySql => "IS_VISIBLE",
        Family::MariaDb => "IF(IGNORED = 'YES', 'NO', 'YES')",
    };
    let query = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, INDEX_TYPE, {visible}, \
         COLUMN_NAME, COLLATION, SUB_PART FROM information_schema.STATISTICS WHERE {} \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
        condition(scope)
    );
    for row in session.rows(doing, &query).await? {
        let mut fields = Fields::new(doing, row);
        let Some(table) = tables.get_mut(&fields.table_name()?) else {
            continue;
        };
        let name: Arc<str> = fields.required()?.into();
        let unique = fields.number()? == Some(0);
        let kind: Arc<str> = fields.required()?.into();
        let visible = fields.required()? == "YES";
        let part = change::IndexPart {
            column: fields.text()?.map(Arc::from),
            descending: fields.text()?.as_deref() == Some("D"),
            prefix: fields.number()?.map(|length| length as u32),
        };
        match table.indexes.last_mut() {
            Some(last) if last.index.name == name => last.index.parts.push(part),
            _ => table.indexes.push(CatalogueIndex {
                visible,
                index: change::Index {
                    name,
                    unique,
                    kind,
                    parts: vec![part],
                },
            }),
        }
    }
    Ok(())
}

/// The name of a column's type. What MariaDB stores otherwise than MySQL has another name: its
/// vectors, and dates and times as its version 5.3 kept them.
fn type_name(family: Family, data_type: String, column_type: &str) -> String {
    let named = data_type.to_ascii_lowercase();
    let is_other = named == "vector" || column_type.contains("/* mariadb-5.3 */");
    match family {
        Family::MariaDb if is_other => format!("{named} of MariaDB"),
        Family::MySql | Family::MariaDb => named,
    }
}

fn condition(scope: &Scope<'_>) -> String {
    match scope {
        Scope::All => format!("TABLE_SCHEMA NOT IN {NOT_USER_DATABASES}"),
        Scope::One(name) => format!(
            "TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            quote::string(&name.database),
            quote::string(&name.table)
        ),
    }
}

/// Takes the fields of a catalogue row one after the other.
struct Fields {
    doing: &'static str,
    values: std::vec::IntoIter<mysql_async::Value>,
}

impl Fields {
    fn new(doing: &'static str, row: Row) -> Self {
        Self {
            doing,
            values: row.unwrap().into_iter(),
        }
    }

    fn text(&mut self) -> Result<Option<String>, SnapshotError> {
        match self.values.next() {
            Some(mysql_async::Value::NULL) => Ok(None),
            Some(mysql_async::Value::Bytes(bytes)) => String::from_utf8(bytes)
                .map(Some)
                .map_err(|_| self.error("a name is not UTF-8")),
            Some(mysql_async::Value::Int(number)) => Ok(Some(number.to_string())),
            Some(mysql_async::Value::UInt(number)) => Ok(Some(number.to_string())),
            _ => Err(self.error("a field is missing or of another type")),
        }
    }

    fn required(&mut self) -> Result<String, SnapshotError> {
        self.text()?
            .ok_or_else(|| self.error("a field is unexpectedly NULL"))
    }

    fn number(&mut self) -> Result<Option<u64>, SnapshotError> {
        match self.text()? {
            None => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| self.error("a field is not a number")),
        }
    }

    fn table_name(&mut self) -> Result<TableName, SnapshotError> {
        Ok(TableName::new(self.required()?, self.required()?))
    }

    fn error(&self, reason: &str) -> SnapshotError {
        SnapshotError::Answer {
            doing: self.doing.to_owned(),
            reason: reason.to_owned(),
        }
    }
}
