//! Single rows that are committed and waited for.
//!
//! The clock starts when MySQL has acknowledged the commit and stops when a query by `_id` with
//! majority read concern finds the document. The query is repeated every millisecond, so a figure may
//! be too large by one and the query's own time, never too small.

use std::time::{Duration, Instant};

use bson::{RawDocumentBuf, doc};
use mongodb::Collection;
use mongodb::options::{CollectionOptions, ReadConcern};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::BenchError;
use super::ledger::scramble;
use super::stand::{Stand, execute};

const POLL_EVERY: Duration = Duration::from_millis(1);
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);
/// Between probes, so that they meet the pipeline at different moments.
const PAUSE_AT_LEAST_MS: u64 = 5;
const PAUSE_SPREAD_MS: u64 = 30;

/// Commits rows of a table of its own, and looks for them where one pipeline writes.
#[derive(Debug)]
pub struct Prober {
    connection: Conn,
    documents: Collection<RawDocumentBuf>,
    last: i64,
}

impl Prober {
    /// Goes on where the probers of other pipelines ended.
    ///
    /// # Errors
    /// When a server refuses.
    pub async fn new(stand: &Stand, database: &str) -> Result<Self, BenchError> {
        let mut connection = stand.source().await?;
        execute(
            &mut connection,
            "CREATE TABLE IF NOT EXISTS bench.probe (id BIGINT NOT NULL PRIMARY KEY, note CHAR(8) NOT NULL)",
        )
        .await?;
        let last: Option<i64> = connection
            .query_first("SELECT COALESCE(MAX(id), 0) FROM bench.probe")
            .await?;
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .build();
        let database = stand.target().await?.database(database);
        Ok(Self {
            connection,
            documents: database.collection_with_options("probe", options),
            last: last.unwrap_or(0),
        })
    }

    /// So many probes one after the other, sorted.
    ///
    /// # Errors
    /// When a server fails, or a commit does not arrive.
    pub async fn probes(&mut self, count: u32) -> Result<Vec<Duration>, BenchError> {
        let mut latencies = Vec::new();
        for _ in 0..count {
            let spread = scramble(self.last.unsigned_abs()) % PAUSE_SPREAD_MS;
            tokio::time::sleep(Duration::from_millis(PAUSE_AT_LEAST_MS + spread)).await;
            latencies.push(self.probe().await?);
        }
        latencies.sort_unstable();
        Ok(latencies)
    }

    /// From the reply to a commit until the row is visible.
    ///
    /// # Errors
    /// When a server fails, or the row does not arrive.
    pub async fn probe(&mut self) -> Result<Duration, BenchError> {
        self.commit().await?;
        self.visible_since(Instant::now()).await
    }

    /// Commits one row more.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn commit(&mut self) -> Result<(), BenchError> {
        self.last += 1;
        let insert = format!("INSERT INTO bench.probe VALUES ({}, 'probe')", self.last);
        execute(&mut self.connection, &insert).await
    }

    /// From then until the row that was committed last is visible.
    ///
    /// # Errors
    /// When the server fails, or the row does not arrive.
    pub async fn visible_since(&self, then: Instant) -> Result<Duration, BenchError> {
        let id = self.last;
        let mut looks = tokio::time::interval(POLL_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while then.elapsed() < VISIBLE_WITHIN {
            if self.documents.find_one(doc! { "_id": id }).await?.is_some() {
                return Ok(then.elapsed());
            }
            looks.tick().await;
        }
        Err(BenchError::Invisible {
            what: format!("probe {id}"),
            waited: VISIBLE_WITHIN,
        })
    }

    /// Closes its connection.
    ///
    /// # Errors
    /// When the server does not take the farewell.
    pub async fn end(self) -> Result<(), BenchError> {
        Ok(self.connection.disconnect().await?)
    }
}
