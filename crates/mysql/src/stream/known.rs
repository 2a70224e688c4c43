//! What the stream is told about tables from outside, also while it runs.

use change::TableName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

const LOCK: &str = "no thread panics while it holds the lock";

/// Columns that identify the rows of tables without a primary key, by table. Clones share.
#[derive(Clone, Default, Debug)]
pub struct KeyOverrides {
    columns: Arc<RwLock<BTreeMap<TableName, Arc<[String]>>>>,
    /// Counts the changes, so that readers notice them without the lock.
    generation: Arc<AtomicU64>,
}

impl KeyOverrides {
    /// Names the columns that identify the rows of a table, in key order. Holds from the next table
    /// map on.
    pub fn set(&self, table: TableName, columns: impl IntoIterator<Item = impl Into<String>>) {
        let columns: Arc<[String]> = columns.into_iter().map(Into::into).collect();
        let mut overrides = self.columns.write().expect(LOCK);
        if overrides.get(&table) != Some(&columns) {
            overrides.insert(table, columns);
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// The table's rows are identified by its primary key.
    pub(crate) fn forget(&self, table: &TableName) {
        let mut overrides = self.columns.write().expect(LOCK);
        if overrides.remove(table).is_some() {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    pub(crate) fn get(&self, table: &TableName) -> Option<Arc<[String]>> {
        self.columns.read().expect(LOCK).get(table).cloned()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// Tables that exist, or existed at the position where the stream begins: DROP DATABASE and
/// statements that are not understood concern those of them that they name. Clones share.
#[derive(Clone, Default, Debug)]
pub struct KnownTables(Arc<RwLock<BTreeSet<TableName>>>);

impl KnownTables {
    pub fn extend(&self, tables: impl IntoIterator<Item = TableName>) {
        self.0.write().expect(LOCK).extend(tables);
    }

    pub(crate) fn remove(&self, table: &TableName) {
        self.0.write().expect(LOCK).remove(table);
    }

    pub(crate) fn contains(&self, table: &TableName) -> bool {
        self.0.read().expect(LOCK).contains(table)
    }

    pub(crate) fn all(&self) -> Vec<TableName> {
        self.0.read().expect(LOCK).iter().cloned().collect()
    }

    pub(crate) fn of_database(&self, database: &str) -> Vec<TableName> {
        let tables = self.0.read().expect(LOCK);
        tables
            .iter()
            .filter(|table| &*table.database == database)
            .cloned()
            .collect()
    }
}
