//! A target that stores barriers whole, and is held against the source after each.

use super::partial;
use super::source::{
    KEYLESS, Rows, Source, TABLES, content, count, table_name, table_of, transactions,
};
use change::{
    Barrier, BarrierKind, ChangeKind, Checkpoint, TableName, TableProgress, TableState, Value,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Collections, and what is stored with them.
pub struct Target {
    pub collections: [Rows; TABLES],
    pub tables: BTreeMap<TableName, TableProgress>,
    pub checkpoint: Checkpoint,
    /// Whether a copying collection may hold rows that no checkpoint covers.
    pub left_behind: [bool; TABLES],
}

impl Target {
    /// Stores a barrier with its checkpoint. A change of a table that follows must find the very
    /// row that it was made from: nothing is applied twice, and nothing left out.
    pub fn store(&mut self, barrier: &Barrier) -> Result<(), TestCaseError> {
        for emptied in &barrier.emptied {
            self.collections[table_of(emptied)].clear();
        }
        for change in &barrier.changes {
            let table = table_of(&change.schema.name);
            let mut told = barrier.progress.iter();
            let said = told.find(|progress| progress.table == change.schema.name);
            let follows = |state: TableState| state == TableState::Following;
            let following = self.state(table).is_some_and(follows)
                && said.is_none_or(|progress| follows(progress.state))
                && barrier.kind != BarrierKind::Keys;
            let rows = &mut self.collections[table];
            if table == KEYLESS {
                count(rows, &change.kind);
                prop_assert!(rows.values().all(|count| *count > 0));
                continue;
            }
            if let ChangeKind::Gone { key } = &change.kind {
                let Value::Int(key) = key[0] else {
                    panic!("{key:?} is no key of the source");
                };
                let held = rows.len();
                rows.retain(|there, _| there.0 != key);
                prop_assert!(rows.len() < held || !following, "{key} is not there");
                continue;
            }
            if let Some(before) = change.kind.before() {
                let found = rows.remove(&content(before)).is_some();
                prop_assert!(found || !following, "{before:?} is not there");
                rows.retain(|there, _| there.0 != content(before).0);
            }
            if let Some(after) = change.kind.after() {
                let held = rows.len();
                rows.retain(|there, _| there.0 != content(after).0);
                prop_assert!(
                    rows.len() == held || !following,
                    "{after:?} is there already"
                );
                rows.insert(content(after), 1);
            }
        }
        for progress in &barrier.progress {
            let table = table_of(&progress.table);
            partial::damage(table, &mut self.collections[table], progress);
            self.tables.insert(progress.table.clone(), progress.clone());
        }
        self.checkpoint = barrier.checkpoint.clone();
        Ok(())
    }

    /// Stores some rows of a chunk and nothing else, as a process that ends between them and the
    /// checkpoint does.
    pub fn leave_behind(&mut self, barrier: &Barrier, rows: usize) {
        for change in barrier.changes.iter().take(rows) {
            let table = table_of(&change.schema.name);
            let rows = &mut self.collections[table];
            if let Some(row) = change.kind.after() {
                rows.retain(|there, _| table == KEYLESS || there.0 != content(row).0);
                rows.insert(content(row), 1);
                self.left_behind[table] = true;
            }
        }
    }

    fn state(&self, table: usize) -> Option<TableState> {
        let progress = self.tables.get(&table_name(table));
        progress.map(|progress| progress.state)
    }

    /// Whether the collections are what the checkpoint promises, unless it is torn.
    pub fn is_exact(&self, source: &Source) -> Result<(), TestCaseError> {
        if self.checkpoint.torn.is_some() {
            return Ok(());
        }
        let place = transactions(&self.checkpoint.position);
        for (table, collection) in self.collections.iter().enumerate() {
            let rows = source.rows_at(table, place).unwrap_or_default();
            let progress = self.tables.get(&table_name(table));
            let following = progress.is_some_and(|one| one.state == TableState::Following);
            if progress.is_some_and(|one| one.anew) {
                continue;
            }
            // Keys that wait may hold anything, and those that will be read with all others.
            let partly = source.tells_partly(table, place);
            let waits = |key: i64| {
                partly || progress.is_some_and(|one| one.keys.contains(&vec![Value::Int(key)]))
            };
            if progress.is_some_and(|one| one.state == TableState::Recopy) {
                // Of old values and new ones, but of all rows there are and no other. Equal rows
                // wait as they were.
                let certain = |key: &i64| !waits(*key);
                let keys = |rows: &Rows| -> Vec<i64> {
                    rows.keys().map(|row| row.0).filter(certain).collect()
                };
                prop_assert!(
                    table == KEYLESS || keys(collection) == keys(&rows),
                    "{} holds {collection:?} instead of the keys of {rows:?}",
                    table_name(table),
                );
                continue;
            }
            let subset = collection
                .iter()
                .all(|(row, count)| rows.get(row).is_some_and(|there| there >= count));
            let allowed = subset || self.left_behind[table] || (partly && table != KEYLESS);
            prop_assert!(
                if following {
                    *collection == rows
                } else {
                    allowed
                },
                "{} holds {collection:?} instead of {rows:?} at {:?} ({progress:?})",
                table_name(table),
                self.checkpoint
            );
        }
        Ok(())
    }
}
