//! The key columns of a table, and SQL that compares with a key.
//!
//! Order is the server's: nothing here compares two keys. A key in SQL is a literal that stands for
//! exactly the stored value: text as bytes of the column's own character set under the column's
//! own collation, FLOAT widened to the double that it equals, ENUM and SET by number. So
//! `column > literal` means the same as the index's order, and the optimizer turns it into a range.

use super::SnapshotError;
use super::layout::StoredTexts;
use crate::describe::CatalogueTable;
use crate::quote;
use change::{ColumnKind, KeyRange, Schema, TableName, Value};
use mysql_async::Value as Sent;
use std::sync::Arc;

/// The key of a table as SQL needs it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    table: TableName,
    pub(crate) columns: Vec<KeyColumn>,
    /// An index that reads the table in key order, quoted.
    index: Option<String>,
}

/// One column of the key.
#[derive(Clone, Debug)]
pub(crate) struct KeyColumn {
    /// In the schema.
    pub(crate) position: usize,
    pub(crate) kind: ColumnKind,
    /// Quoted, with the table's alias.
    pub(crate) name: String,
    collation: Arc<str>,
}

impl Key {
    /// The key of a schema whose columns are those of the catalogue's table.
    pub(crate) fn new(schema: &Schema, table: &CatalogueTable) -> Self {
        let columns = schema
            .key
            .iter()
            .map(|&position| KeyColumn {
                position,
                kind: schema.columns[position].kind.clone(),
                name: format!("t.{}", quote::identifier(&schema.columns[position].name)),
                collation: table.columns[position]
                    .collation
                    .clone()
                    .unwrap_or_default(),
            })
            .collect();
        Self {
            table: schema.name.clone(),
            columns,
            index: table.index_in_order(&schema.key).map(quote::identifier),
        }
    }

    /// The table with the index that is to be used.
    pub(crate) fn table_clause(&self) -> String {
        self.from("FORCE")
    }

    /// The same for EXPLAIN: for an index that is forced, the optimizer spares itself the dives that
    /// its estimate is made of.
    pub(crate) fn table_clause_for_estimates(&self) -> String {
        self.from("USE")
    }

    /// Key texts that are not stored as UTF-8, out of what was sent for the table's columns.
    pub(crate) fn stored_texts(&self, sent: &[Sent]) -> StoredTexts {
        self.stored(|_, column| sent.get(column.position))
    }

    /// The same, out of what was sent for [`Key::selection`].
    pub(crate) fn stored_texts_of_key(&self, sent: &[Sent]) -> StoredTexts {
        self.stored(|index, _| sent.get(index))
    }

    fn stored<'a>(&self, sent: impl Fn(usize, &KeyColumn) -> Option<&'a Sent>) -> StoredTexts {
        let stored = self
            .columns
            .iter()
            .enumerate()
            .filter_map(
                |(index, column)| match (&column.kind, sent(index, column)) {
                    (ColumnKind::Text { charset }, Some(Sent::Bytes(bytes)))
                        if !is_stored_as_utf8(charset) =>
                    {
                        Some((index, Value::Bytes(bytes.clone().into())))
                    }
                    _ => None,
                },
            );
        StoredTexts(stored.collect())
    }

    /// The key's columns in order, ascending or descending.
    pub(crate) fn order(&self, descending: bool) -> String {
        let direction = if descending { " DESC" } else { "" };
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{}{direction}", column.name))
            .collect();
        columns.join(", ")
    }

    /// The key's columns as they are selected.
    pub(crate) fn selection(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| selected(&column.name, &column.kind))
            .collect();
        columns.join(", ")
    }

    /// The condition that a row lies in the range.
    pub(crate) fn within(&self, range: &KeyRange) -> Result<String, SnapshotError> {
        let after = range.after.as_deref().map(|key| self.beyond(key));
        let through = range.through.as_deref().map(|key| self.up_to(key));
        Ok(match (after.transpose()?, through.transpose()?) {
            (None, None) => "TRUE".to_owned(),
            (Some(condition), None) | (None, Some(condition)) => condition,
            (Some(after), Some(through)) => format!("{after} AND {through}"),
        })
    }

    /// The condition that a row's key begins with these values.
    pub(crate) fn begins_with(&self, prefix: &[Value]) -> Result<String, SnapshotError> {
        let mut conditions = Vec::with_capacity(prefix.len());
        for (column, value) in self.columns.iter().zip(prefix) {
            conditions.push(format!(
                "{} = {}",
                column.name,
                self.literal(column, value)?
            ));
        }
        Ok(if conditions.is_empty() {
            "TRUE".to_owned()
        } else {
            conditions.join(" AND ")
        })
    }

    /// The condition that a row has one of these keys. It may hold for more rows than have the very
    /// bytes of a key, and holds for all that do.
    pub(crate) fn is_one_of(&self, keys: &[Vec<Value>]) -> Result<String, SnapshotError> {
        let mut conditions = Vec::with_capacity(keys.len());
        for key in keys {
            if key.len() != self.columns.len() {
                return Err(self.misfit());
            }
            let columns = self.columns.iter().zip(key);
            let equal: Result<Vec<String>, SnapshotError> = columns
                .map(|(column, value)| self.is(column, value))
                .collect();
            conditions.push(format!("({})", equal?.join(" AND ")));
        }
        Ok(match conditions.is_empty() {
            true => "FALSE".to_owned(),
            false => conditions.join(" OR "),
        })
    }

    fn is(&self, column: &KeyColumn, value: &Value) -> Result<String, SnapshotError> {
        let name = &column.name;
        let (charset, text) = match (&column.kind, value) {
            (ColumnKind::Text { charset }, Value::Text(text)) if &**charset != "utf8mb4" => (
                charset,
                quote::text("utf8mb4", "utf8mb4_bin", text.as_bytes()),
            ),
            _ => return Ok(format!("{name} = {}", self.literal(column, value)?)),
        };
        Ok(match &**charset {
            // Every character has one code here.
            "utf8mb3" | "utf8" | "ascii" | "latin1" | "ucs2" | "utf16" | "utf16le" | "utf32" => {
                let collation = &column.collation;
                format!("{name} = CONVERT({text} USING {charset}) COLLATE {collation}")
            }
            // Some characters have several codes, and the row may have any of them.
            _ => format!("CONVERT({name} USING utf8mb4) = {text}"),
        })
    }

    /// The condition that column number `index` is at least `value`.
    pub(crate) fn at_least(&self, index: usize, value: &Value) -> Result<String, SnapshotError> {
        let column = &self.columns[index];
        Ok(format!(
            "{} >= {}",
            column.name,
            self.literal(column, value)?
        ))
    }

    /// The condition that column number `index` is at most `value`.
    pub(crate) fn at_most(&self, index: usize, value: &Value) -> Result<String, SnapshotError> {
        let column = &self.columns[index];
        Ok(format!(
            "{} <= {}",
            column.name,
            self.literal(column, value)?
        ))
    }

    fn from(&self, verb: &str) -> String {
        let table = quote::table(&self.table);
        match &self.index {
            Some(index) => format!("{table} AS t {verb} INDEX ({index})"),
            None => format!("{table} AS t"),
        }
    }

    fn beyond(&self, key: &[Value]) -> Result<String, SnapshotError> {
        self.bounded(key, ">", ">")
    }

    fn up_to(&self, key: &[Value]) -> Result<String, SnapshotError> {
        self.bounded(key, "<", "<=")
    }

    /// `a > x OR (a = x AND (b > y OR (b = y AND c > z)))`: the form whose ranges the optimizer
    /// finds; it does not for a comparison of rows.
    fn bounded(&self, key: &[Value], inner: &str, last: &str) -> Result<String, SnapshotError> {
        if key.len() != self.columns.len() {
            return Err(self.misfit());
        }
        let mut condition = String::new();
        for (index, (column, value)) in self.columns.iter().zip(key).enumerate().rev() {
            let name = &column.name;
            let literal = self.literal(column, value)?;
            condition = if index + 1 == key.len() {
                format!("{name} {last} {literal}")
            } else {
                format!("({name} {inner} {literal} OR ({name} = {literal} AND {condition}))")
            };
        }
        Ok(format!("({condition})"))
    }

    fn literal(&self, column: &KeyColumn, value: &Value) -> Result<String, SnapshotError> {
        literal(&column.kind, &column.collation, value).ok_or_else(|| self.misfit())
    }

    /// The range was planned for a table of the same name with another key.
    fn misfit(&self) -> SnapshotError {
        SnapshotError::RangeMisfit {
            table: self.table.clone(),
        }
    }

    pub(crate) fn error(&self, reason: &str) -> SnapshotError {
        SnapshotError::Key {
            table: self.table.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Whether a character set's text is stored as the UTF-8 that it decodes to.
pub(crate) fn is_stored_as_utf8(charset: &str) -> bool {
    matches!(charset, "utf8mb4" | "utf8mb3" | "utf8" | "ascii")
}

/// How a column is selected so that its exact value arrives.
pub(crate) fn selected(name: &str, kind: &ColumnKind) -> String {
    match kind {
        ColumnKind::Enum { .. } | ColumnKind::Set { .. } => format!("CAST({name} AS UNSIGNED)"),
        ColumnKind::Integer { .. }
        | ColumnKind::Float
        | ColumnKind::Double
        | ColumnKind::Decimal { .. }
        | ColumnKind::Bit { .. }
        | ColumnKind::Year
        | ColumnKind::Date
        | ColumnKind::Time { .. }
        | ColumnKind::DateTime { .. }
        | ColumnKind::Timestamp { .. }
        | ColumnKind::Text { .. }
        | ColumnKind::Binary { .. }
        | ColumnKind::Json
        | ColumnKind::Geometry
        | ColumnKind::Vector => name.to_owned(),
    }
}

/// The value as SQL; `None` where the column cannot hold it.
fn literal(kind: &ColumnKind, collation: &str, value: &Value) -> Option<String> {
    Some(match (kind, value) {
        (ColumnKind::Integer { .. }, Value::Int(number)) => number.to_string(),
        (ColumnKind::Integer { .. }, Value::UInt(number)) => number.to_string(),
        (ColumnKind::Bit { .. }, Value::Bit(bits)) => bits.to_string(),
        (ColumnKind::Year, Value::Year(year)) => year.to_string(),
        (ColumnKind::Enum { .. }, Value::Enum(index)) => index.to_string(),
        (ColumnKind::Set { .. }, Value::Set(bits)) => bits.to_string(),
        (ColumnKind::Decimal { .. }, Value::Decimal(number)) => number.to_string(),
        (ColumnKind::Float, Value::Float(number)) => format!("{:e}", f64::from(*number)),
        (ColumnKind::Double, Value::Double(number)) => format!("{number:e}"),
        (ColumnKind::Date, Value::Date(date)) => {
            format!("'{:04}-{:02}-{:02}'", date.year, date.month, date.day)
        }
        (ColumnKind::DateTime { .. }, Value::DateTime(clock)) => wall_clock(clock),
        (ColumnKind::Timestamp { .. }, Value::Timestamp(instant)) => {
            wall_clock(&instant.wall_clock())
        }
        (ColumnKind::Time { .. }, Value::Time(time)) => format!(
            "'{}{:02}:{:02}:{:02}.{:06}'",
            if time.negative { "-" } else { "" },
            time.hours,
            time.minute,
            time.second,
            time.microsecond
        ),
        (ColumnKind::Text { charset }, Value::Text(text)) if is_stored_as_utf8(charset) => {
            quote::text(charset, collation, text.as_bytes())
        }
        // Text of other character sets stays as its stored bytes in ranges, since more than one
        // code may stand for the same character.
        (ColumnKind::Text { charset }, Value::Bytes(bytes) | Value::Malformed(bytes)) => {
            quote::text(charset, collation, bytes)
        }
        (ColumnKind::Binary { .. }, Value::Bytes(bytes)) => quote::bytes(bytes),
        _ => return None,
    })
}

fn wall_clock(clock: &change::DateTime) -> String {
    format!(
        "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}'",
        clock.date.year,
        clock.date.month,
        clock.date.day,
        clock.hour,
        clock.minute,
        clock.second,
        clock.microsecond
    )
}
