//! The snapshot reader of a server in memory: chunks of a read view that lags, with its bounds.

use super::server::{MemoryServer, MemoryTable, transactions_up_to};
use change::{KeyRange, Position, Row, TableDescription, TableName, Value};
use flow::Failure;
use flow::ports::{Chunk, ChunkRequest, CopyPlan, SnapshotReader};
use reconcile::{Extent, Low, WindowBounds};
use std::cmp::Ordering;
use std::sync::Arc;

/// A reader. Each parallel one is a value of its own.
#[derive(Clone, Debug)]
pub struct MemorySnapshot {
    server: MemoryServer,
}

impl MemoryServer {
    pub fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot {
            server: self.clone(),
        }
    }
}

impl MemorySnapshot {
    /// The server that it reads.
    pub fn server(&self) -> &MemoryServer {
        &self.server
    }
}

impl SnapshotReader for MemorySnapshot {
    async fn tables(&mut self) -> Result<Vec<TableName>, Failure> {
        Ok(self.server.state().keys().cloned().collect())
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableDescription>, Failure> {
        let state = self.server.state();
        let found = state.get(table);
        Ok(found.map(|table| TableDescription::clone(&table.description)))
    }

    async fn plan(&mut self, table: &TableDescription, parts: usize) -> Result<CopyPlan, Failure> {
        let state = self.server.state();
        let rows = state
            .get(&table.schema.name)
            .map_or(&[][..], |table| &table.rows);
        let mut ranges = Vec::new();
        let mut after = None;
        if !table.schema.key.is_empty() {
            for part in 1..parts {
                let bound = rows.get(part * rows.len() / parts.max(1));
                let through = bound.map(|row| key_of(table, row));
                if through.is_some() && through != after {
                    ranges.push(KeyRange {
                        after: after.take(),
                        through: through.clone(),
                    });
                    after = through;
                }
            }
        }
        let through = None;
        ranges.push(KeyRange { after, through });
        Ok(CopyPlan {
            ranges,
            rows_estimated: rows.len() as u64,
        })
    }

    async fn read(&mut self, request: &ChunkRequest) -> Result<Option<Chunk>, Failure> {
        let name = &request.table.schema.name;
        // The engine catches up with C, and others go on meanwhile.
        tokio::task::yield_now().await;
        let keyless = request.table.schema.key.is_empty();
        let after = transactions_up_to(&request.after);
        let (low, view) = self.server.open_view(after, keyless);
        let Some(table) = view.get(name).filter(|table| is_described(table, request)) else {
            return Ok(None);
        };
        tokio::task::yield_now().await;
        let Position::MySql(head) = self.server.head() else {
            panic!("a position of another family")
        };
        let inside = |row: &&Row| {
            let key = key_of(&request.table, row);
            keyless
                || match &request.extent {
                    Extent::Range(range) => contains(range, &key),
                    Extent::Keys(keys) => keys.contains(&key),
                }
        };
        let mut inside = table.rows.iter().filter(inside);
        let mut rows: Vec<Row> = Vec::new();
        let mut bytes = 0;
        let mut rest = None;
        for row in &mut inside {
            let full = rows.len() >= request.max_rows || bytes >= request.max_bytes;
            if let Some(last) = rows.last().filter(|_| full && !keyless) {
                rest = Some(match &request.extent {
                    Extent::Range(range) => Extent::Range(KeyRange {
                        after: Some(key_of(&request.table, last)),
                        through: range.through.clone(),
                    }),
                    Extent::Keys(keys) => {
                        let read: Vec<Vec<Value>> =
                            rows.iter().map(|row| key_of(&request.table, row)).collect();
                        let unread = keys.iter().filter(|key| !read.contains(key));
                        Extent::Keys(unread.cloned().collect())
                    }
                });
                break;
            }
            bytes += row.heap_bytes();
            rows.push(row.clone());
        }
        Ok(Some(Chunk {
            schema: request.table.schema.clone(),
            rows,
            bounds: WindowBounds {
                server: head.server_uuid.clone(),
                server_id: 1,
                read_at_ms: 0,
                low: Low::Transactions(Arc::new(low)),
                high: head.log,
            },
            rest,
        }))
    }
}

fn is_described(table: &MemoryTable, request: &ChunkRequest) -> bool {
    table.description.schema == request.table.schema
}

fn key_of(table: &TableDescription, row: &Row) -> Vec<Value> {
    let key = table.schema.key.iter();
    key.map(|&column| row[column].clone()).collect()
}

fn contains(range: &KeyRange, key: &[Value]) -> bool {
    let after = range.after.as_deref();
    let through = range.through.as_deref();
    after.is_none_or(|bound| order(key, bound) == Ordering::Greater)
        && through.is_none_or(|bound| order(key, bound) != Ordering::Greater)
}

/// Keys in memory are whole numbers.
fn order(left: &[Value], right: &[Value]) -> Ordering {
    let numbers = |key: &[Value]| -> Vec<i64> {
        let number = |value: &Value| match value {
            Value::Int(number) => *number,
            other => panic!("a key in memory is made of whole numbers, not {other:?}"),
        };
        key.iter().map(number).collect()
    };
    numbers(left).cmp(&numbers(right))
}
