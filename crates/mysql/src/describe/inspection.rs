//! Tables with what a person wants to know of them before a copy: how each column was declared.
//!
//! A description is what the pipeline works with, and it leaves out what makes no difference to a
//! row: that a number was declared `tinyint(1)`, by which collation a text is compared. Whoever
//! writes a configuration decides by exactly that, so both are handed on side by side.

use super::CatalogueTable;
use change::TableDescription;
use flow::Failure;
use std::sync::Arc;

/// A selected table, as `init` and `plan` look at it.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What the pipeline would work with, or why it could not.
    pub description: Result<TableDescription, Failure>,
    /// In the table's order; also where there is no description.
    pub columns: Vec<DeclaredColumn>,
    /// By the server's statistics.
    pub rows_estimated: u64,
    /// By the server's statistics, indexes left out.
    pub bytes_estimated: u64,
}

/// A column as it was declared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeclaredColumn {
    pub name: Arc<str>,
    /// As `SHOW COLUMNS` prints it, for example `bigint unsigned`.
    pub declared: String,
    /// Of texts only.
    pub collation: Option<Arc<str>>,
}

impl Inspection {
    pub(crate) fn new(
        table: &CatalogueTable,
        description: Result<TableDescription, Failure>,
    ) -> Self {
        let columns = table.columns.iter().map(|column| DeclaredColumn {
            name: column.name.clone(),
            declared: column.column_type.clone(),
            collation: column.collation.clone(),
        });
        Self {
            description,
            columns: columns.collect(),
            rows_estimated: table.rows_estimated,
            bytes_estimated: table
                .rows_estimated
                .saturating_mul(table.row_bytes_estimated),
        }
    }
}
