//! What `plan` tells: what becomes what, and how long that may take.
//! The figures are the server's own statistics; the time is an estimate from them by rates that are stated beside it, chosen so that most machines are faster.

use serde::Serialize;

use crate::output::words;

/// Well below what a small machine was measured at, so that the estimate is rather too long.
const ROWS_PER_SECOND: u64 = 20_000;
/// The same for tables of large rows.
const BYTES_PER_SECOND: u64 = 5 << 20;

/// A whole pipeline.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub pipeline: String,
    pub source: String,
    pub target: String,
    /// `direct` or `kafka`.
    pub log: &'static str,
    /// One after the other as they are printed, apart from this line.
    #[serde(skip)]
    pub tables: Vec<TablePlan>,
    pub totals: Totals,
    pub estimate: Estimate,
}

/// All tables together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub tables: usize,
    /// Tables that can't be copied as they are configured.
    pub refused: usize,
    pub rows_estimated: u64,
    pub bytes_estimated: u64,
    pub chunks: u64,
}

/// How long the copy may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    pub copy_seconds: u64,
    pub rows_per_second: u64,
    pub bytes_per_second: u64,
    /// How it is made, in a sentence.
    pub basis: String,
}

/// One table.
#[derive(Debug, Clone, Serialize)]
pub struct TablePlan {
    pub table: String,
    pub collection: String,
    pub rows_estimated: u64,
    pub bytes_estimated: u64,
    pub chunks: u64,
    /// The columns that identify rows; none for a table whose equal rows are counted.
    pub key: Vec<String>,
    /// What `_id` is made of.
    pub identity: String,
    pub columns: Vec<ColumnPlan>,
    pub indexes: Vec<IndexPlan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicPlan>,
    /// Why it can't be copied; then there are no columns and indexes.
    pub problems: Vec<Problem>,
}

/// One column.
#[derive(Debug, Clone, Serialize)]
pub struct ColumnPlan {
    pub column: String,
    /// As it was declared.
    pub mysql: String,
    pub nullable: bool,
    /// Where its values stand in the document.
    pub fields: Vec<String>,
    pub bson: String,
    /// `null` or `absent`: what becomes of NULL.
    pub null: &'static str,
    /// Choices of the configuration that lose something.
    pub lossy: Vec<&'static str>,
}

/// One index.
#[derive(Debug, Clone, Serialize)]
pub struct IndexPlan {
    pub name: String,
    pub built: Built,
    /// Field and direction.
    pub keys: Vec<(String, i32)>,
    pub unique: bool,
    /// It leaves out documents that have NULL there, as MySQL's unique indexes do.
    pub partial: bool,
    /// Why it is not built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// When an index is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Built {
    BeforeTheCopy,
    AfterTheCopy,
    NotAtAll,
}

/// Where the table's changes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicPlan {
    pub name: String,
    pub partitions: u32,
    pub format: String,
}

/// Why a table can't be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: &'static str,
    pub message: String,
    pub remedy: String,
}

impl Estimate {
    /// For so many rows and bytes.
    pub fn of(rows: u64, bytes: u64) -> Self {
        let by_rows = rows.div_ceil(ROWS_PER_SECOND);
        let by_bytes = bytes.div_ceil(BYTES_PER_SECOND);
        Self {
            copy_seconds: by_rows.max(by_bytes),
            rows_per_second: ROWS_PER_SECOND,
            bytes_per_second: BYTES_PER_SECOND,
            basis: format!(
                "the server's statistics at {} rows or {} a second, whichever is slower; most machines are faster",
                words::count(ROWS_PER_SECOND),
                words::bytes(BYTES_PER_SECOND)
            ),
        }
    }
}

impl Totals {
    /// Of these tables.
    pub fn of(tables: &[TablePlan]) -> Self {
        let mut totals = Self::default();
        for table in tables {
            totals.tables += 1;
            if table.problems.is_empty() {
                totals.rows_estimated += table.rows_estimated;
                totals.bytes_estimated += table.bytes_estimated;
                totals.chunks += table.chunks;
            } else {
                totals.refused += 1;
            }
        }
        totals
    }
}

/// The number of chunks that a table of this size is read in, at least.
pub fn chunks(rows: u64, bytes: u64, chunk_rows: u64, chunk_bytes: u64, has_key: bool) -> u64 {
    if !has_key {
        return 1;
    }
    let by_rows = rows.div_ceil(chunk_rows.max(1));
    let by_bytes = bytes.div_ceil(chunk_bytes.max(1));
    by_rows.max(by_bytes).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_two_rates_decides() {
        assert_eq!(Estimate::of(1_000_000, 0).copy_seconds, 50);
        assert_eq!(Estimate::of(1, 50 << 20).copy_seconds, 10);
        assert_eq!(Estimate::of(0, 0).copy_seconds, 0);
    }

    #[test]
    fn chunks_are_counted_by_rows_or_bytes_and_a_table_without_a_key_is_one() {
        assert_eq!(chunks(25_001, 10, 10_000, 1 << 20, true), 3);
        assert_eq!(chunks(10, 5 << 20, 10_000, 1 << 20, true), 5);
        assert_eq!(chunks(0, 0, 10_000, 1 << 20, true), 1);
        assert_eq!(chunks(25_001, 5 << 20, 10_000, 1 << 20, false), 1);
    }
}
