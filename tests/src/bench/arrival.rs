//! Whether what was sent has arrived: no figure counts otherwise.

use bson::{Document, doc};
use mysql_async::prelude::Queryable;

use super::BenchError;
use super::backlog::{Backlog, Change};
use super::ledger;
use super::stand::Stand;

impl Stand {
    /// Holds what arrived in this database against what was sent: how many rows, and the sum of their versions.
    ///
    /// # Errors
    /// [`BenchError::Different`] when they differ.
    pub async fn require_equal(&self, database: &str) -> Result<(), BenchError> {
        let mut connection = self.source().await?;
        let query = "SELECT COUNT(*), CAST(SUM(version) AS SIGNED), CAST(SUM(id) AS SIGNED) FROM bench.ledger";
        let sent: (i64, i64, i64) = connection
            .query_first(query)
            .await?
            .ok_or_else(|| BenchError::Different("MySQL counted nothing".to_owned()))?;
        connection.disconnect().await?;
        let rows = self.target().await?.database(database);
        let sums = doc! { "$group": { "_id": null, "rows": { "$sum": 1_i64 },
        "versions": { "$sum": { "$toLong": "$version" } }, "ids": { "$sum": "$_id" } } };
        let mut answers = rows
            .collection::<bson::Document>(ledger::TABLE)
            .aggregate([sums])
            .await?;
        let mut arrived = (0, 0, 0);
        if answers.advance().await? {
            let answer = answers.deserialize_current()?;
            let number = |field: &str| answer.get_i64(field).unwrap_or(-1);
            arrived = (number("rows"), number("versions"), number("ids"));
        }
        if sent == arrived {
            return Ok(());
        }
        Err(BenchError::Different(format!(
            "rows, sum of versions, sum of ids are {sent:?} in MySQL and {arrived:?} in MongoDB's {database}"
        )))
    }
}

/// Whether the backlog's last change is there, behind which nothing is missing: what a pipeline
/// writes after a copy takes effect in order.
#[derive(Clone, Copy, Debug)]
pub struct LastChange(Change);

impl LastChange {
    /// Of this backlog.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(backlog: &Backlog) -> Result<Self, BenchError> {
        let last = backlog.transactions.last();
        let change = last.and_then(|last| last.change(last.len() - 1));
        let nothing = || BenchError::Different("a backlog without changes".to_owned());
        change.map(Self).ok_or_else(nothing)
    }

    /// Looks for it in this database.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn arrived(self, stand: &Stand, database: &str) -> Result<bool, BenchError> {
        let rows = stand.target().await?.database(database);
        let rows = rows.collection::<Document>(ledger::TABLE);
        let id = i64::try_from(self.0.id()).expect("the ids count rows of a table");
        let version = match self.0 {
            Change::Inserted(row) | Change::Updated(row) => Some(row.version),
            Change::Deleted(_) => None,
        };
        let found = rows.find_one(doc! { "_id": id }).await?;
        Ok(match (found, version) {
            (None, None) => true,
            (Some(found), Some(version)) => {
                found.get_i32("version").ok() == i32::try_from(version).ok()
            }
            (Some(_), None) | (None, Some(_)) => false,
        })
    }
}
