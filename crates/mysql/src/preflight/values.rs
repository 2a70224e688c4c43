//! Values that a person should know of before a copy: dates that no calendar has, numbers that are
//! no truth values, rows that are too large.
//!
//! A look is bounded. A table whose statistics are small is read whole, within a time limit that
//! the server itself keeps; of a larger one, or where the limit was reached, only the first rows
//! are. The answer says which of the two it was: what was seen is certain, what was not seen is
//! certain only where all was looked at.

use super::text;
use crate::family::Family;
use crate::quote;
use crate::snapshot::{Reader, SnapshotError};
use change::TableName;
use flow::Failure;
use std::time::Duration;

/// A table of more rows is not read whole.
const ROWS_READ_WHOLE: u64 = 500_000;
/// Rows of a sample.
const ROWS_OF_A_SAMPLE: u64 = 10_000;

/// What to look for in one table.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// DATE, DATETIME and TIMESTAMP columns that may hold what no calendar has.
    pub dates: Vec<String>,
    /// Numbers that ought to be 0 or 1.
    pub booleans: Vec<String>,
    /// Columns that can be large; together they may be too large for a document.
    pub large: Vec<String>,
    pub rows_estimated: u64,
}

/// What was seen in one table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Whether every row was looked at.
    pub complete: bool,
    /// Of the suspected dates, those that hold one that no calendar has.
    pub zero_dates: Vec<String>,
    /// Of the suspected booleans, those that hold another number than 0 and 1.
    pub not_booleans: Vec<String>,
    /// The most bytes that the large columns have together in one row.
    pub largest_bytes: u64,
}

impl Suspects {
    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty() && self.booleans.is_empty() && self.large.is_empty()
    }

    fn columns(&self) -> impl Iterator<Item = &String> {
        self.dates.iter().chain(&self.booleans).chain(&self.large)
    }

    /// One expression for each date and boolean, and one for the sizes.
    fn expressions(&self) -> String {
        let dates = self.dates.iter().map(|column| {
            let column = quote::identifier(column);
            // A session of ours sees stored dates as they are, whatever was refused when they came.
            format!(
                "MAX(YEAR({column}) = 0 OR MONTH({column}) = 0 OR DAYOFMONTH({column}) = 0 OR \
                 DAYOFMONTH({column}) > DAYOFMONTH(LAST_DAY(DATE_FORMAT({column}, '%Y-%m-01'))))"
            )
        });
        let booleans = self.booleans.iter().map(|column| {
            let column = quote::identifier(column);
            format!("MAX({column} NOT IN (0, 1))")
        });
        let sizes: Vec<String> = self
            .large
            .iter()
            .map(|column| format!("COALESCE(LENGTH({}), 0)", quote::identifier(column)))
            .collect();
        let size = (!sizes.is_empty()).then(|| format!("MAX({})", sizes.join(" + ")));
        let all: Vec<String> = dates.chain(booleans).chain(size).collect();
        all.join(", ")
    }
}

impl Reader {
    /// Looks at the values of one table, for about this long at most.
    pub async fn look_at_values(
        &mut self,
        table: &TableName,
        suspects: &Suspects,
        within: Duration,
    ) -> Result<Seen, Failure> {
        if suspects.is_empty() {
            return Ok(Seen {
                complete: true,
                ..Seen::default()
            });
        }
        let name = quote::table(table);
        if suspects.rows_estimated <= ROWS_READ_WHOLE {
            match self.seen(table, suspects, &name, within).await {
                Ok(seen) => {
                    return Ok(Seen {
                        complete: true,
                        ..seen
                    });
                }
                Err(SnapshotError::HeldUp { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let columns: Vec<String> = suspects
            .columns()
            .map(|column| quote::identifier(column))
            .collect();
        let sample = format!(
            "(SELECT {} FROM {name} LIMIT {ROWS_OF_A_SAMPLE}) AS sample",
            columns.join(", ")
        );
        match self.seen(table, suspects, &sample, within).await {
            Ok(seen) => Ok(seen),
            Err(SnapshotError::HeldUp { .. }) => Ok(Seen::default()),
            Err(error) => Err(error.into()),
        }
    }

    async fn seen(
        &mut self,
        table: &TableName,
        suspects: &Suspects,
        from: &str,
        within: Duration,
    ) -> Result<Seen, SnapshotError> {
        let limit = within.as_millis().max(1);
        let expressions = suspects.expressions();
        let query = match self.session().family().await? {
            Family::MySql => {
                format!("SELECT /*+ MAX_EXECUTION_TIME({limit}) */ {expressions} FROM {from}")
            }
            Family::MariaDb => format!(
                "SET STATEMENT max_statement_time = {} FOR SELECT {expressions} FROM {from}",
                limit as f64 / 1000.0
            ),
        };
        let doing = format!("looking at values of {table}");
        let rows = self.session().rows(&doing, &query).await?;
        let row = rows.into_iter().next().map(mysql_async::Row::unwrap);
        // NULL where the table is empty, or the column has nothing but NULL.
        let numbers: Vec<u64> = row
            .unwrap_or_default()
            .iter()
            .map(|value| text(value).parse().unwrap_or(0))
            .collect();
        let (dates, rest) = numbers.split_at(suspects.dates.len().min(numbers.len()));
        let (booleans, sizes) = rest.split_at(suspects.booleans.len().min(rest.len()));
        let named = |names: &[String], found: &[u64]| {
            let pairs = names.iter().zip(found);
            pairs
                .filter(|(_, found)| **found > 0)
                .map(|(name, _)| name.clone())
                .collect()
        };
        Ok(Seen {
            complete: false,
            zero_dates: named(&suspects.dates, dates),
            not_booleans: named(&suspects.booleans, booleans),
            largest_bytes: sizes.first().copied().unwrap_or(0),
        })
    }
}
