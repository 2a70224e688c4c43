//! The rows of a table as the documents that must exist.
//!
//! One SELECT prints every value (see `column`); each row becomes the bytes of its document, with
//! `_id` first, then the columns in their order.

use super::catalogue::{Table, quoted};
use super::column::Judge;
use super::expected::{Expected, document_bytes};
use super::{CompareError, Identity, TableRules};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Value};

/// How rows of one table become documents.
pub struct Plan {
    table: String,
    names: Vec<String>,
    judges: Vec<Judge>,
    /// Columns that make `_id`; empty when the document is expected without one.
    id: Vec<usize>,
    /// Whether column N is a field of the document.
    is_field: Vec<bool>,
    select: String,
}

/// One expected document.
pub struct ExpectedRow {
    /// Type byte and bytes of `_id`; empty for a multiset.
    pub id: Vec<u8>,
    pub document: Vec<u8>,
}

impl Plan {
    pub fn new(table: &Table, rules: &TableRules) -> Result<Self, CompareError> {
        let full_name = format!("{}.{}", table.database, table.name);
        let position = |wanted: &String| {
            let found = table.columns.iter().position(|one| one.name == *wanted);
            found.ok_or_else(|| CompareError::NoSuchColumn {
                table: full_name.clone(),
                column: wanted.clone(),
            })
        };
        for column in rules.columns.keys() {
            position(column)?;
        }
        let id = match &rules.identity {
            Identity::Key if table.key.is_empty() => {
                return Err(CompareError::NoKey { table: full_name });
            }
            Identity::Key => table.key.clone(),
            Identity::Columns(names) => names.iter().map(position).collect::<Result<_, _>>()?,
            Identity::ObjectId | Identity::Row => Vec::new(),
        };
        let judges: Result<Vec<Judge>, _> = table
            .columns
            .iter()
            .map(|column| {
                Judge::new(
                    column,
                    rules.columns.get(&column.name).cloned().unwrap_or_default(),
                )
            })
            .collect();
        let judges = judges.map_err(|cause| CompareError::Column {
            table: full_name.clone(),
            cause,
        })?;
        let expressions: Vec<&str> = judges.iter().map(Judge::expression).collect();
        let select = format!(
            "SELECT {} FROM {}.{} AS source",
            expressions.join(", "),
            quoted(&table.database),
            quoted(&table.name)
        );
        let is_field = (0..table.columns.len())
            .map(|index| rules.keep_key_columns || !id.contains(&index))
            .collect();
        Ok(Self {
            table: full_name,
            names: table.columns.iter().map(|one| one.name.clone()).collect(),
            judges,
            id,
            is_field,
            select,
        })
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Calls `each` with every row of the table.
    pub async fn every_row(
        &self,
        connection: &mut Conn,
        mut each: impl FnMut(ExpectedRow) -> Found,
    ) -> Result<Vec<ExpectedRow>, CompareError> {
        let mut kept = Vec::new();
        let mut result = connection.query_iter(&self.select).await?;
        while let Some(row) = result.next().await? {
            if let Found::Keep(row) = each(self.expected(row.unwrap())?) {
                kept.push(row);
            }
        }
        Ok(kept)
    }

    fn expected(&self, printed: Vec<Value>) -> Result<ExpectedRow, CompareError> {
        let mut values = Vec::with_capacity(self.judges.len());
        let mut is_field = self.is_field.clone();
        let mut cells = printed.iter();
        for (index, judge) in self.judges.iter().enumerate() {
            let first = text(cells.next());
            let second = if judge.width() == 2 {
                text(cells.next())
            } else {
                None
            };
            is_field[index] &= first.is_some() || !judge.leaves_null_out();
            let value = judge
                .expectation(first.as_deref(), second.as_deref())
                .map_err(|cause| CompareError::Column {
                    table: self.table.clone(),
                    cause,
                })?;
            values.push(value);
        }
        let identity = match self.id.as_slice() {
            [] => None,
            [one] => Some(values[*one].clone()),
            several => Some(Expected::Document(
                several
                    .iter()
                    .map(|index| (self.names[*index].clone(), values[*index].clone()))
                    .collect(),
            )),
        };
        let fields = self.names.iter().zip(&values).zip(&is_field);
        let fields = fields.filter_map(|(field, is_field)| is_field.then_some(field));
        let id_field = identity.iter().map(|value| ("_id", value));
        let refuse = |cause| CompareError::Decimal {
            table: self.table.clone(),
            cause,
        };
        let document = document_bytes(id_field.chain(fields.map(|(name, value)| (&**name, value))))
            .map_err(refuse)?;
        let id = match &identity {
            None => Vec::new(),
            Some(value) => {
                let alone = document_bytes([("", value)]).map_err(refuse)?;
                // Length, type, empty name; the value; the end of the document.
                let mut id = vec![alone[4]];
                id.extend_from_slice(&alone[6..alone.len() - 1]);
                id
            }
        };
        Ok(ExpectedRow { id, document })
    }
}

/// What the caller does with a row.
pub enum Found {
    Done,
    /// It is looked at again after the last row.
    Keep(ExpectedRow),
}

fn text(cell: Option<&Value>) -> Option<String> {
    match cell {
        Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
