//! What a comparison found, and how much it looked at.
//!
//! "No differences" is worth something only beside the numbers of tables, rows and values that were
//! compared, so a verdict asks for the least of them that the caller expects.

use super::difference::{Difference, Kind};
use std::fmt;

/// Differences kept in full; the others are only counted.
const KEPT: usize = 100;

/// What was compared of one table.
#[derive(Clone, Debug)]
pub struct TableReport {
    pub table: String,
    pub collection: String,
    /// Rows that MySQL returned.
    pub rows: u64,
    /// Documents that the collection held.
    pub documents: u64,
    /// Values among the rows that were turned into an expectation and compared.
    pub values: u64,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub tables: Vec<TableReport>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// All differences, also those that are not kept.
    pub difference_count: u64,
}

impl Report {
    pub(super) fn add(&mut self, difference: Difference) {
        self.difference_count += 1;
        if self.differences.len() < KEPT {
            self.differences.push(difference);
        }
    }

    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    pub fn values(&self) -> u64 {
        self.tables.iter().map(|table| table.values).sum()
    }

    /// The rows of one table, `database.table`.
    pub fn rows_of(&self, table: &str) -> u64 {
        let found = self.tables.iter().find(|report| report.table == table);
        found.map_or(0, |report| report.rows)
    }

    /// Whether any kept difference is of this kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.differences.iter().any(|found| found.kind == kind)
    }

    /// Fails, with the whole report as text, unless both stores are equal and at least this many
    /// tables and rows were compared.
    pub fn require_equal(&self, least_tables: usize, least_rows: u64) -> Result<(), String> {
        if self.difference_count > 0 {
            return Err(self.to_string());
        }
        if self.tables.len() < least_tables.max(1) || self.rows() < least_rows.max(1) {
            return Err(format!(
                "the comparison is empty of meaning: {} tables and {} rows where at least \
                 {least_tables} and {least_rows} were expected\n{self}",
                self.tables.len(),
                self.rows()
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} tables, {} rows, {} values compared; {} differences",
            self.tables.len(),
            self.rows(),
            self.values(),
            self.difference_count
        )?;
        for difference in &self.differences {
            writeln!(f, "  {difference}")?;
        }
        let kept = u64::try_from(self.differences.len()).unwrap_or(u64::MAX);
        if self.difference_count > kept {
            writeln!(f, "  and {} more", self.difference_count - kept)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: u64) -> TableReport {
        TableReport {
            table: "a.b".into(),
            collection: "b".into(),
            rows,
            documents: rows,
            values: rows,
        }
    }

    #[test]
    fn a_comparison_of_nothing_is_no_proof() {
        let mut report = Report::default();
        assert!(report.require_equal(0, 0).is_err());
        report.tables.push(table(0));
        assert!(report.require_equal(1, 0).is_err());
        report.tables.push(table(5));
        assert!(report.require_equal(2, 5).is_ok());
        assert!(report.require_equal(2, 6).is_err());
        assert!(report.require_equal(3, 5).is_err());
    }
}
