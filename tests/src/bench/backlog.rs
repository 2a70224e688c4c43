//! What happens to the table while nobody follows: 60% of the changes in transactions of 4, 20% in
//! transactions of 5,000, 20% in transactions of 100,000.
//!
//! The list is made once: as SQL for the source, and as the writes that it folds to for the floor.
//! Small transactions are two updates, an insert and a delete of rows that nothing else touches;
//! large ones update a range, as a correction of prices does.

use super::ledger::{Row, Version, scramble};

/// One change of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Inserted(Row),
    Updated(Row),
    Deleted(u64),
}

impl Change {
    #[must_use]
    pub fn id(self) -> u64 {
        match self {
            Change::Inserted(row) | Change::Updated(row) => row.id,
            Change::Deleted(id) => id,
        }
    }
}

/// One transaction.
#[derive(Clone, Debug)]
pub enum Transaction {
    /// Each change a statement of its own.
    Small([Change; 4]),
    /// One statement for the rows from `first` on.
    Range { first: u64, rows: u64, version: u32 },
}

impl Transaction {
    /// How many rows it changes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Transaction::Small(changes) => changes.len() as u64,
            Transaction::Range { rows, .. } => *rows,
        }
    }

    /// Never so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The change at this place.
    #[must_use]
    pub fn change(&self, index: u64) -> Option<Change> {
        match self {
            Transaction::Small(changes) => changes.get(usize::try_from(index).ok()?).copied(),
            Transaction::Range {
                first,
                rows,
                version,
            } => (index < *rows).then_some(Change::Updated(Row {
                id: first + index,
                version: *version,
            })),
        }
    }

    /// Its statements, `BEGIN` and `COMMIT` included.
    #[must_use]
    pub fn statements(&self) -> String {
        match self {
            Transaction::Small(changes) => {
                let statements: String = changes.iter().copied().map(statement).collect();
                format!("BEGIN;{statements}COMMIT;")
            }
            Transaction::Range {
                first,
                rows,
                version,
            } => format!(
                "UPDATE bench.ledger SET {} WHERE id BETWEEN {first} AND {};",
                Version(*version).assignments(),
                first + rows - 1
            ),
        }
    }
}

fn statement(change: Change) -> String {
    match change {
        Change::Inserted(row) => format!("INSERT INTO bench.ledger VALUES {};", row.values()),
        Change::Updated(row) => format!(
            "UPDATE bench.ledger SET {} WHERE id={};",
            Version(row.version).assignments(),
            row.id
        ),
        Change::Deleted(id) => format!("DELETE FROM bench.ledger WHERE id={id};"),
    }
}

/// The whole list, in the order of one writer.
#[derive(Clone, Debug)]
pub struct Backlog {
    pub transactions: Vec<Transaction>,
}

impl Backlog {
    /// About `changes` changes of a table with the ids 1 to `rows`.
    #[must_use]
    pub fn new(rows: u64, changes: u64) -> Self {
        let small = changes * 6 / 10 / 4;
        let middle = (changes * 2 / 10).div_ceil(5_000);
        let large = (changes * 2 / 10).div_ceil(100_000);
        // A small table has small ranges.
        let largest = (rows * 6 / 10).clamp(1, 100_000);
        let mut maker = Maker::new(rows);
        for number in 0..small {
            maker.small();
            if happens(number, small, middle) {
                maker.range(largest.min(5_000));
            }
            if happens(number, small, large) {
                maker.range(largest);
            }
        }
        Self {
            transactions: maker.transactions,
        }
    }

    /// How many rows it changes.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.transactions.iter().map(Transaction::len).sum()
    }
}

/// Spreads `count` events evenly over `of` steps.
fn happens(step: u64, of: u64, count: u64) -> bool {
    (step + 1) * count / of > step * count / of
}

struct Maker {
    /// Ids up to here are updated and never go.
    kept: u64,
    rows: u64,
    next_inserted: u64,
    next_deleted: u64,
    version: u32,
    draws: u64,
    transactions: Vec<Transaction>,
}

impl Maker {
    fn new(rows: u64) -> Self {
        let kept = (rows * 6 / 10).max(1);
        Self {
            kept,
            rows,
            next_inserted: rows + 1,
            next_deleted: kept + 1,
            version: 1,
            draws: 0,
            transactions: Vec::new(),
        }
    }

    fn small(&mut self) {
        self.version += 1;
        let changes = [
            self.updated(),
            self.inserted(),
            self.updated(),
            self.deleted(),
        ];
        self.transactions.push(Transaction::Small(changes));
    }

    fn range(&mut self, rows: u64) {
        self.version += 1;
        let first = 1 + self.draw() % (self.kept - rows + 1);
        let version = self.version;
        self.transactions.push(Transaction::Range {
            first,
            rows,
            version,
        });
    }

    fn updated(&mut self) -> Change {
        let id = 1 + self.draw() % self.kept;
        // Two updates of one transaction to equal values would be one change.
        self.version += 1;
        let version = self.version;
        Change::Updated(Row { id, version })
    }

    fn inserted(&mut self) -> Change {
        let id = self.next_inserted;
        self.next_inserted += 1;
        Change::Inserted(Row { id, version: 1 })
    }

    fn deleted(&mut self) -> Change {
        if self.next_deleted > self.rows {
            return self.updated();
        }
        let id = self.next_deleted;
        self.next_deleted += 1;
        Change::Deleted(id)
    }

    fn draw(&mut self) -> u64 {
        self.draws += 1;
        scramble(self.draws)
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, Change, Transaction};
    use std::collections::BTreeSet;

    #[test]
    fn the_backlog_has_the_mixture_that_the_figures_name() {
        let backlog = Backlog::new(500_000, 1_000_000);
        assert_eq!(backlog.changes(), 1_000_000);
        let of_length = |wanted: u64| {
            let lengths = backlog.transactions.iter().map(Transaction::len);
            lengths.filter(|length| *length == wanted).count()
        };
        assert_eq!(of_length(4), 150_000);
        assert_eq!(of_length(5_000), 40);
        assert_eq!(of_length(100_000), 2);
    }

    #[test]
    fn only_rows_that_are_there_are_changed() {
        let mut there: BTreeSet<u64> = (1..=5_000).collect();
        for transaction in &Backlog::new(5_000, 20_000).transactions {
            for index in 0..transaction.len() {
                match transaction.change(index).unwrap() {
                    Change::Inserted(row) => assert!(there.insert(row.id)),
                    Change::Updated(row) => assert!(there.contains(&row.id)),
                    Change::Deleted(id) => assert!(there.remove(&id)),
                }
            }
        }
    }
}
