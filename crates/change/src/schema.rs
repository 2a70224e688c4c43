//! A table as one row event describes it: its name, its columns and its key.
//!
//! A row is always read with the schema of its own event (or of the SELECT that brought it), never
//! with "the current" one; a row and its schema therefore travel together.

use crate::{Identity, Row, Text};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A table's qualified name, in the server's own spelling.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    pub database: Arc<str>,
    pub table: Arc<str>,
}

impl TableName {
    pub fn new(database: impl Into<Arc<str>>, table: impl Into<Arc<str>>) -> Self {
        Self {
            database: database.into(),
            table: table.into(),
        }
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

impl std::fmt::Debug for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// The storage width of an integer column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum IntegerWidth {
    Tiny,
    Small,
    Medium,
    Int,
    Big,
}

/// What a column holds, with everything that decides how its bytes are read.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum ColumnKind {
    Integer {
        width: IntegerWidth,
        unsigned: bool,
    },
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// `width` in bits, 1 to 64.
    Bit {
        width: u8,
    },
    Year,
    Date,
    /// `fraction` is the count of fractional digits, 0 to 6, here and below.
    Time {
        fraction: u8,
    },
    DateTime {
        fraction: u8,
    },
    Timestamp {
        fraction: u8,
    },
    /// `charset` is MySQL's name of the character set (`utf8mb4`, `latin1`, …).
    Text {
        charset: Arc<str>,
    },
    /// `fixed` is BINARY's length in bytes; `None` for VARBINARY and the BLOB family.
    Binary {
        fixed: Option<u16>,
    },
    Enum {
        members: Arc<[Text]>,
    },
    Set {
        members: Arc<[Text]>,
    },
    Json,
    Geometry,
    Vector,
}

impl ColumnKind {
    /// Whether a change of character set may change what it holds.
    pub fn is_text(&self) -> bool {
        match self {
            Self::Text { .. } | Self::Enum { .. } | Self::Set { .. } => true,
            Self::Integer { .. }
            | Self::Float
            | Self::Double
            | Self::Decimal { .. }
            | Self::Bit { .. }
            | Self::Year
            | Self::Date
            | Self::Time { .. }
            | Self::DateTime { .. }
            | Self::Timestamp { .. }
            | Self::Binary { .. }
            | Self::Json
            | Self::Geometry
            | Self::Vector => false,
        }
    }
}

/// One column.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Column {
    pub name: Arc<str>,
    pub kind: ColumnKind,
    pub nullable: bool,
}

/// A table's columns in order and the columns of its key.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Schema {
    pub name: TableName,
    pub columns: Vec<Column>,
    /// Indexes into `columns`, in key order: the primary key, or the columns that stand for it.
    /// Empty for a table whose rows have no identity of their own.
    pub key: Vec<usize>,
}

/// An index of the source table, as far as it can be told by columns.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Index {
    pub name: Arc<str>,
    pub unique: bool,
    pub parts: Vec<IndexPart>,
    /// `BTREE`, `FULLTEXT`, `SPATIAL`, …, as `information_schema.STATISTICS.INDEX_TYPE` has it.
    pub kind: Arc<str>,
}

/// One part of an index.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct IndexPart {
    /// `None` for a functional part.
    pub column: Option<Arc<str>>,
    pub descending: bool,
    /// Only so many leading characters or bytes are indexed.
    pub prefix: Option<u32>,
}

/// A table as the server's catalogue describes it: what the copy and the target's indexes need.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableDescription {
    /// With the key that identifies rows here, which may be another than the primary key.
    pub schema: Arc<Schema>,
    /// Secondary indexes, the primary key left out.
    pub indexes: Vec<Index>,
    pub rows_estimated: u64,
    /// Mean length of a row in bytes, by the server's statistics.
    pub row_bytes_estimated: u64,
}

impl Schema {
    /// The index of the column of that name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }

    /// The identity of a row of this table: the exact bytes of its key columns, or of all columns
    /// where there is no key.
    pub fn identity(&self, row: &Row) -> Identity {
        if self.key.is_empty() {
            Identity::of(row.iter())
        } else {
            Identity::of(self.key.iter().map(|&index| &row[index]))
        }
    }
}
