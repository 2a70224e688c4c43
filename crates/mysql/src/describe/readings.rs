//! What one reading of the whole catalogue found, for the readers of a pipeline to share.
//!
//! A few queries read the definitions of all tables; asked for one by one, thousands of tables would
//! take tens of thousands. Each definition is handed out once: it was read when capture began,
//! behind the position that the stream begins at, so whatever alters the table afterwards comes
//! with the stream, and whoever asks again gets what the catalogue says then.

use super::CatalogueTable;
use crate::snapshot::Layout;
use change::TableName;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// Clones share.
#[derive(Clone, Default)]
pub struct Readings(Arc<Mutex<Found>>);

#[derive(Default)]
struct Found {
    tables: BTreeMap<TableName, CatalogueTable>,
    layouts: HashMap<TableName, Layout>,
}

impl Readings {
    /// Forgets what was found before.
    pub(crate) fn replace(&self, tables: BTreeMap<TableName, CatalogueTable>) {
        let mut found = self.found();
        found.tables = tables;
        found.layouts.clear();
    }

    /// The definition that nobody has asked for yet.
    pub(crate) fn take(&self, table: &TableName) -> Option<CatalogueTable> {
        self.found().tables.remove(table)
    }

    /// How a table that was described is read.
    pub(crate) fn learn(&self, layout: Layout) {
        let name = layout.schema.name.clone();
        self.found().layouts.insert(name, layout);
    }

    pub(crate) fn layout(&self, table: &TableName) -> Option<Layout> {
        self.found().layouts.get(table).cloned()
    }

    /// It no longer is what it was.
    pub(crate) fn forget(&self, table: &TableName) {
        let mut found = self.found();
        found.tables.remove(table);
        found.layouts.remove(table);
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        // Nothing under the lock can panic half-way.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
