//! Snapshot readers that break a promise, and the laws that notice.

use super::caught;
use super::settings::Server;
use change::{KeyRange, LogPosition, Position, TableDescription, TableName};
use flow::Failure;
use flow::ports::{ChangeSource, Chunk, ChunkRequest, CopyPlan, SnapshotReader};
use reconcile::{Extent, Low};
use std::sync::Arc;
use testbed::conformance::snapshot::check;
use testbed::memory::{MemoryServer, MemorySnapshot};

/// Puts a flaw around an adapter.
type Bend = fn(MemorySnapshot) -> Broken;

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    LosesTheRest,
    RepeatsABound,
    LeavesTheLastRangeOut,
    DoesNotWaitForC,
    LowTooLarge,
    HighTooEarly,
    IsNeverVoid,
    InexactWithoutAKey,
}

struct Broken {
    inner: MemorySnapshot,
    flaw: Flaw,
    last: Option<Chunk>,
}

impl SnapshotReader for Broken {
    async fn tables(&mut self) -> Result<Vec<TableName>, Failure> {
        self.inner.tables().await
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableDescription>, Failure> {
        self.inner.describe(table).await
    }

    async fn plan(&mut self, table: &TableDescription, parts: usize) -> Result<CopyPlan, Failure> {
        let mut plan = self.inner.plan(table, parts).await?;
        if self.flaw == Flaw::LeavesTheLastRangeOut && plan.ranges.len() > 1 {
            plan.ranges.pop();
        }
        Ok(plan)
    }

    async fn read(&mut self, request: &ChunkRequest) -> Result<Option<Chunk>, Failure> {
        let mut request = request.clone();
        let keyless = request.table.schema.key.is_empty();
        let Position::MySql(after) = &mut request.after else {
            panic!("a position of another family")
        };
        let c = after.clone();
        if self.flaw == Flaw::DoesNotWaitForC {
            after.gtid_set = Arc::default();
        }
        let Some(mut chunk) = self.inner.read(&request).await? else {
            let stale = self.last.clone().filter(|_| self.flaw == Flaw::IsNeverVoid);
            return Ok(stale);
        };
        match self.flaw {
            Flaw::LosesTheRest => chunk.rest = None,
            Flaw::RepeatsABound => {
                if let (Some(Extent::Range(KeyRange { after, .. })), Some([.., before, _])) =
                    (&mut chunk.rest, chunk.rows.get(..))
                {
                    *after = Some(vec![before[0].clone()]);
                }
            }
            Flaw::LowTooLarge => {
                chunk.bounds.low = Low::Transactions(everything(&self.inner).await);
            }
            Flaw::HighTooEarly => chunk.bounds.high = LogPosition::new(c.log.file, c.log.offset),
            Flaw::InexactWithoutAKey if keyless => {
                chunk.bounds.low = Low::Transactions(Arc::default());
            }
            _ => {}
        }
        self.last = Some(chunk.clone());
        Ok(Some(chunk))
    }
}

/// All that the server has executed by now.
async fn everything(reader: &MemorySnapshot) -> Arc<change::GtidSet> {
    let mut source = MemoryServer::source(reader.server());
    let Position::MySql(head) = source.head().await.unwrap() else {
        panic!("a position of another family")
    };
    head.gtid_set
}

#[tokio::test(start_paused = true)]
async fn each_broken_snapshot_is_caught() {
    let once = "chunks hold every row once";
    let window = "a window tells what is visible";
    let flaws: [(Bend, &str); 8] = [
        (|inner| bent(inner, Flaw::LosesTheRest), once),
        (|inner| bent(inner, Flaw::RepeatsABound), once),
        (|inner| bent(inner, Flaw::LeavesTheLastRangeOut), once),
        (|inner| bent(inner, Flaw::DoesNotWaitForC), window),
        (|inner| bent(inner, Flaw::LowTooLarge), window),
        (|inner| bent(inner, Flaw::HighTooEarly), window),
        (
            |inner| bent(inner, Flaw::InexactWithoutAKey),
            "a view without keys is exact",
        ),
        (
            |inner| bent(inner, Flaw::IsNeverVoid),
            "a request for what is gone is void",
        ),
    ];
    for (flaw, law) in flaws {
        let fresh = async || Server::new(5, |source| source, flaw);
        caught(check(fresh).await, law);
    }
}

fn bent(inner: MemorySnapshot, flaw: Flaw) -> Broken {
    Broken {
        inner,
        flaw,
        last: None,
    }
}
