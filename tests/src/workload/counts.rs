//! How often each operation was committed, so that a test can demand that all of them happened.

use super::operation::Operation;
use std::collections::BTreeMap;
use std::fmt;

/// What the writers did.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Transactions that changed rows (those rolled back on purpose included), by operation.
    pub by_operation: BTreeMap<Operation, u64>,
    /// Rows that statements reported as changed.
    pub rows: u64,
    /// Tries repeated after a deadlock or a lock timeout.
    pub tried_again: u64,
    /// Scripts abandoned because of a collision or a missing row.
    pub given_up: u64,
}

impl Counts {
    pub(super) fn done(&mut self, operation: Operation, changed: u64) {
        if changed > 0 {
            *self.by_operation.entry(operation).or_default() += 1;
            self.rows += changed;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (operation, count) in &other.by_operation {
            *self.by_operation.entry(*operation).or_default() += count;
        }
        self.rows += other.rows;
        self.tried_again += other.tried_again;
        self.given_up += other.given_up;
    }

    pub fn transactions(&self) -> u64 {
        self.by_operation.values().sum()
    }

    /// The operations of a mix that never happened.
    pub fn lacking(&self, mix: &[(Operation, u32)]) -> Vec<Operation> {
        mix.iter()
            .map(|(operation, _)| *operation)
            .filter(|operation| !self.by_operation.contains_key(operation))
            .collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} transactions, {} rows, {} tried again, {} given up;",
            self.transactions(),
            self.rows,
            self.tried_again,
            self.given_up
        )?;
        for (operation, count) in &self.by_operation {
            write!(f, " {operation:?} {count}")?;
        }
        Ok(())
    }
}
