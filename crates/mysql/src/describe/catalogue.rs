//! One table of the catalogue, and what can be told from it: its key, its description, the index
//! that reads it in key order.

use super::CatalogueColumn;
use crate::snapshot::SnapshotError;
use change::{Column, Index, Schema, TableDescription, TableName};
use std::sync::Arc;

/// A table as `information_schema` has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogueTable {
    pub name: TableName,
    pub engine: String,
    /// The statistics' estimate.
    pub rows_estimated: u64,
    /// The statistics' mean length of a row in bytes.
    pub row_bytes_estimated: u64,
    /// Whether it keeps its rows of before, too.
    pub is_versioned: bool,
    pub columns: Vec<CatalogueColumn>,
    /// The primary key among them, sorted by name.
    pub indexes: Vec<CatalogueIndex>,
}

/// An index, and whether the optimizer may use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogueIndex {
    pub visible: bool,
    pub index: Index,
}

impl CatalogueTable {
    /// The description, with the key that identifies rows: the primary key, else the configured
    /// columns, else the first unique index (by name) of whole columns that are all NOT NULL,
    /// else none. Fails on a column of an unknown type and on configured columns that are not there.
    pub fn description(
        &self,
        identity_columns: Option<&[String]>,
    ) -> Result<TableDescription, SnapshotError> {
        if self.is_versioned {
            return Err(SnapshotError::Versioned {
                table: self.name.clone(),
            });
        }
        // The log has rows that were written to it, and nothing tells that they are not there.
        if self.engine.eq_ignore_ascii_case("BLACKHOLE") {
            return Err(SnapshotError::KeepsNoRows {
                table: self.name.clone(),
                engine: self.engine.clone(),
            });
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let kind = column.kind().ok_or_else(|| SnapshotError::ColumnType {
                table: self.name.clone(),
                column: column.name.to_string(),
                column_type: column.column_type.clone(),
            })?;
            columns.push(Column {
                name: column.name.clone(),
                kind,
                nullable: column.nullable,
            });
        }
        let schema = Schema {
            name: self.name.clone(),
            columns,
            key: self.key(identity_columns)?,
        };
        Ok(TableDescription {
            schema: Arc::new(schema),
            indexes: self
                .indexes
                .iter()
                .filter(|entry| !entry.is_primary())
                .map(|entry| entry.index.clone())
                .collect(),
            rows_estimated: self.rows_estimated,
            row_bytes_estimated: self.row_bytes_estimated,
        })
    }

    /// The columns that identify a row, as indexes into `columns`, in key order.
    pub fn key(&self, identity_columns: Option<&[String]>) -> Result<Vec<usize>, SnapshotError> {
        if let Some(primary) = self.indexes.iter().find(|entry| entry.is_primary()) {
            // A primary key on leading characters makes the whole columns unique all the more.
            return self.positions(&primary.index);
        }
        if let Some(names) = identity_columns.filter(|names| !names.is_empty()) {
            return names.iter().map(|name| self.position(name)).collect();
        }
        self.indexes
            .iter()
            .find(|entry| self.identifies(&entry.index))
            .map_or(Ok(Vec::new()), |entry| self.positions(&entry.index))
    }

    /// Whether rows are identified by a primary key, which row events name themselves.
    pub fn has_primary_key(&self) -> bool {
        self.indexes.iter().any(CatalogueIndex::is_primary)
    }

    /// The visible index whose parts are exactly these columns, whole and all in one direction: it
    /// reads the table in key order without sorting.
    pub fn index_in_order(&self, key: &[usize]) -> Option<&str> {
        let in_order = |entry: &&CatalogueIndex| {
            let parts = &entry.index.parts;
            entry.visible
                && &*entry.index.kind == "BTREE"
                && parts.len() == key.len()
                && parts.iter().zip(key).all(|(part, &position)| {
                    part.prefix.is_none()
                        && part.descending == parts[0].descending
                        && part.column.as_ref() == Some(&self.columns[position].name)
                })
        };
        let mut candidates = self.indexes.iter().filter(in_order);
        let first = candidates.next()?;
        let best = std::iter::once(first)
            .chain(candidates)
            .find(|entry| entry.is_primary())
            .unwrap_or(first);
        Some(&best.index.name)
    }

    /// Whether both have the same columns and indexes; statistics may differ.
    pub(super) fn is_defined_as(&self, other: &Self) -> bool {
        self.columns == other.columns && self.indexes == other.indexes
    }

    fn identifies(&self, index: &Index) -> bool {
        index.unique
            && index.parts.iter().all(|part| {
                part.prefix.is_none()
                    && part.column.as_ref().is_some_and(|name| {
                        self.columns
                            .iter()
                            .any(|column| column.name == *name && !column.nullable)
                    })
            })
    }

    fn positions(&self, index: &Index) -> Result<Vec<usize>, SnapshotError> {
        index
            .parts
            .iter()
            .map(|part| match &part.column {
                Some(name) => self.position(name),
                None => Err(self.no_such_column("an expression")),
            })
            .collect()
    }

    fn position(&self, name: &str) -> Result<usize, SnapshotError> {
        // Column names are compared without case by every MySQL server.
        self.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| self.no_such_column(name))
    }

    fn no_such_column(&self, name: &str) -> SnapshotError {
        SnapshotError::Key {
            table: self.name.clone(),
            reason: format!("the table has no column {name}"),
        }
    }
}

impl CatalogueIndex {
    fn is_primary(&self) -> bool {
        &*self.index.name == "PRIMARY"
    }
}
