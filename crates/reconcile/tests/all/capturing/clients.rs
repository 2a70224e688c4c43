//! What clients of the source do: only what its locks let them do at once.

use super::source::{Changes, KEYLESS, Rows, TABLES, Transaction, count, row};
use super::{World, partial};
use change::ChangeKind;

impl World {
    pub(super) fn decide(&mut self, newest: bool, committed: bool) {
        let open = self.source.undecided(self.source.binlog.len());
        let decided = if newest { open.last() } else { open.first() };
        if let Some(&prepared) = decided {
            self.source.log(Transaction::Decide {
                prepared,
                committed,
            });
        }
    }

    /// What a client that wants this can do: it would wait for the locks of prepared transactions.
    /// One that prepares only inserts into the table without a key.
    pub(super) fn changes(&mut self, wanted: &[(usize, i64, i64, u8)], inserts: bool) -> Changes {
        let logged = self.source.binlog.len();
        let mut tables: Vec<Option<Rows>> = (0..TABLES)
            .map(|table| self.source.rows_at(table, logged))
            .collect();
        let mut changes = Vec::new();
        for &(table, key, other, what) in wanted {
            let locked = |key| table != KEYLESS && self.source.is_locked(table, Some(key));
            let Some(rows) = &mut tables[table] else {
                continue;
            };
            if locked(key) || locked(other) {
                continue;
            }
            let (what, telling) = (what % 4, partial::telling(what / 4));
            let what = if inserts && table == KEYLESS { 0 } else { what };
            let find = |key| rows.keys().find(|content| content.0 == key).copied();
            let free = |wanted: i64| table == KEYLESS || find(wanted).is_none() || wanted == key;
            // Some contents of the table without a key are equal.
            self.written += 1;
            let value = if table == KEYLESS {
                key % 2
            } else {
                self.written
            };
            let change = match (find(key), what) {
                (None, _) => ChangeKind::Insert {
                    after: row((key, value)),
                },
                (Some(_), 0) if table == KEYLESS => ChangeKind::Insert {
                    after: row((key, value)),
                },
                (Some(old), 1) => ChangeKind::Delete { before: row(old) },
                (Some(old), 2) if free(other) => ChangeKind::Update {
                    before: row(old),
                    after: row((other, value)),
                },
                (Some(old), _) => ChangeKind::Update {
                    before: row(old),
                    after: row((key, value)),
                },
            };
            count(rows, &change);
            changes.push((table, change, telling));
        }
        changes
    }

    pub(super) fn event(&mut self, table: usize, kind: u8) {
        if self.source.is_locked(table, None) {
            return;
        }
        let exists = self
            .source
            .rows_at(table, self.source.binlog.len())
            .is_some();
        let event = super::source::event(exists, kind);
        self.source.log(Transaction::Event(table, event));
    }
}
