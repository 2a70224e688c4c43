//! What the source's own catalogue says of its tables: columns in order, and the key.
//!
//! The key is the primary key; without one, the first unique index whose columns are all NOT NULL,
//! in the order in which the server itself lists the indexes.

use super::CompareError;
use mysql_async::{Conn, prelude::Queryable};

/// One column, as the catalogue describes it.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// `int`, `varchar`, … in lower case.
    pub data_type: String,
    /// `int unsigned`, `varchar(10)`, … in lower case.
    pub column_type: String,
    pub numeric_precision: Option<u64>,
    pub datetime_precision: Option<u64>,
    pub is_binary_text: bool,
}

/// One table.
#[derive(Clone, Debug)]
pub struct Table {
    pub database: String,
    pub name: String,
    pub columns: Vec<Column>,
    /// Positions in `columns`, in key order; empty for a table without a usable key.
    pub key: Vec<usize>,
}

/// A name in backticks.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Every base table of a database, by name.
pub async fn tables(connection: &mut Conn, database: &str) -> Result<Vec<Table>, CompareError> {
    let names: Vec<String> = connection
        .exec(
            "SELECT TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME",
            (database,),
        )
        .await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let columns = columns(connection, database, &name).await?;
        let key = key(connection, database, &name, &columns).await?;
        tables.push(Table {
            database: database.to_owned(),
            name,
            columns,
            key,
        });
    }
    Ok(tables)
}

async fn columns(
    connection: &mut Conn,
    database: &str,
    table: &str,
) -> Result<Vec<Column>, CompareError> {
    type Description = (
        String,
        String,
        String,
        Option<u64>,
        Option<u64>,
        Option<String>,
    );
    let rows: Vec<Description> = connection
        .exec(
            "SELECT COLUMN_NAME, LOWER(DATA_TYPE), LOWER(COLUMN_TYPE), NUMERIC_PRECISION, \
             DATETIME_PRECISION, CHARACTER_SET_NAME FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
            (database, table),
        )
        .await?;
    let columns = rows.into_iter().map(
        |(name, data_type, column_type, numeric_precision, datetime_precision, charset)| Column {
            name,
            data_type,
            column_type,
            numeric_precision,
            datetime_precision,
            is_binary_text: charset.as_deref() == Some("binary"),
        },
    );
    Ok(columns.collect())
}

async fn key(
    connection: &mut Conn,
    database: &str,
    table: &str,
    columns: &[Column],
) -> Result<Vec<usize>, CompareError> {
    struct Index {
        name: String,
        is_unique: bool,
        columns: Vec<Option<usize>>,
    }
    let rows: Vec<mysql_async::Row> = connection
        .query(format!(
            "SHOW INDEX FROM {}.{}",
            quoted(database),
            quoted(table)
        ))
        .await?;
    let mut indexes: Vec<Index> = Vec::new();
    for row in rows {
        let text = |column: &str| row.get::<Option<String>, _>(column).flatten();
        let name = text("Key_name").unwrap_or_default();
        let position = text("Column_name")
            .filter(|_| text("Sub_part").is_none() && text("Null").as_deref() != Some("YES"))
            .and_then(|wanted| columns.iter().position(|column| column.name == wanted));
        if indexes.last().is_none_or(|index| index.name != name) {
            indexes.push(Index {
                name,
                is_unique: text("Non_unique").as_deref() == Some("0"),
                columns: Vec::new(),
            });
        }
        if let Some(index) = indexes.last_mut() {
            index.columns.push(position);
        }
    }
    let usable = |index: &&Index| index.is_unique && index.columns.iter().all(Option::is_some);
    let primary = indexes
        .iter()
        .find(|index| index.name == "PRIMARY" && usable(index))
        .or_else(|| indexes.iter().find(usable));
    Ok(primary
        .map(|index| index.columns.iter().flatten().copied().collect())
        .unwrap_or_default())
}
