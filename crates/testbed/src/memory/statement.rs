//! What a test does to a source, in words that memory and a real server both understand.

use change::{
    Column, ColumnKind, Index, IndexPart, IntegerWidth, Row, Schema, TableDescription, TableName,
    Value,
};
use std::sync::Arc;

/// One statement. Several of them, when none is about a table as a whole, make a transaction.
#[derive(Clone, Debug)]
pub enum Statement {
    Create(Arc<TableDescription>),
    Insert {
        table: TableName,
        row: Row,
    },
    /// The row `from`, found by its key, becomes `to`.
    Update {
        table: TableName,
        from: Row,
        to: Row,
    },
    Delete {
        table: TableName,
        row: Row,
    },
    Truncate(TableName),
    Drop(TableName),
}

impl Statement {
    pub fn insert(table: &TableName, row: Row) -> Self {
        let table = table.clone();
        Self::Insert { table, row }
    }

    pub fn update(table: &TableName, from: Row, to: Row) -> Self {
        let table = table.clone();
        Self::Update { table, from, to }
    }

    pub fn delete(table: &TableName, row: Row) -> Self {
        let table = table.clone();
        Self::Delete { table, row }
    }
}

/// `(id BIGINT PRIMARY KEY, label VARCHAR(40))`, the label unique where asked for.
pub fn keyed_table(name: &TableName, unique_label: bool) -> Arc<TableDescription> {
    let index = Index {
        name: "label".into(),
        unique: true,
        parts: vec![IndexPart {
            column: Some("label".into()),
            descending: false,
            prefix: None,
        }],
        kind: "BTREE".into(),
    };
    let indexes = if unique_label {
        vec![index]
    } else {
        Vec::new()
    };
    described(name, vec![0], indexes)
}

/// `(id BIGINT, label VARCHAR(40))` without any key.
pub fn keyless_table(name: &TableName) -> Arc<TableDescription> {
    described(name, Vec::new(), Vec::new())
}

/// A row of these tables.
pub fn labelled_row(id: i64, label: &str) -> Row {
    Row::new(vec![Value::Int(id), Value::Text(label.into())])
}

fn described(name: &TableName, key: Vec<usize>, indexes: Vec<Index>) -> Arc<TableDescription> {
    let id = Column {
        name: "id".into(),
        kind: ColumnKind::Integer {
            width: IntegerWidth::Big,
            unsigned: false,
        },
        nullable: key.is_empty(),
    };
    let label = Column {
        name: "label".into(),
        kind: ColumnKind::Text {
            charset: "utf8mb4".into(),
        },
        nullable: true,
    };
    let schema = Schema {
        name: name.clone(),
        columns: vec![id, label],
        key,
    };
    Arc::new(TableDescription {
        schema: Arc::new(schema),
        indexes,
        rows_estimated: 0,
        row_bytes_estimated: 40,
    })
}
