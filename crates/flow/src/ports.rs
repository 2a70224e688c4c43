//! The ports: what the loops need from the outside, and what each call promises.
//!
//! A port has no default methods: an adapter that forgets a call does not compile. Each port has
//! one conformance suite in `testbed`, which the memory implementation and the real adapter both
//! pass. Futures need not survive being dropped half-way unless a call says "cancel safe".

use crate::failure::Failure;
use change::{
    Barrier, Checkpoint, Collection, Effect, KeyRange, MappingVersion, Ordinal, Origin,
    PartialChange, Position, QuarantineChange, QuarantineRecord, Row, RowChange, Schema,
    TableDescription, TableEvent, TableName, TableProgress,
};
use mapping::CollectionPlan;
use reconcile::{Extent, WindowBounds};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// What a change stream tells, in the order of the source's history.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// A transaction begins. Everything up to its `Commit` belongs to it.
    Begin { origin: Arc<Origin> },
    /// Changes of one table, in order. A source hands out batches of bounded size (about 1 MiB), so
    /// that a transaction of any size passes through bounded memory.
    Rows {
        schema: Arc<Schema>,
        rows: Vec<RowChange>,
    },
    /// Changes of one table of which the log does not tell whole rows, in order with the others.
    Partial {
        schema: Arc<Schema>,
        rows: Vec<PartialChange>,
    },
    /// Something happened to a table as a whole, inside the current transaction.
    Table(TableEvent),
    /// The transaction is complete; the position includes it.
    Commit { position: Position },
    /// Nothing of interest up to here: the position may move without a transaction of ours.
    Heartbeat { position: Position },
}

/// A source of changes.
pub trait ChangeSource: Send {
    type Stream: ChangeStream + 'static;

    /// The newest position of the source, now.
    fn head(&mut self) -> impl Future<Output = Result<Position, Failure>> + Send;

    /// Opens the stream right after the checkpoint's position (of a torn checkpoint: at the start
    /// of the torn transaction, which is delivered whole again). Fails where the server no longer
    /// has that history or is another server.
    fn open(
        &mut self,
        after: &Checkpoint,
    ) -> impl Future<Output = Result<Self::Stream, Failure>> + Send;
}

/// An open stream of changes.
pub trait ChangeStream: Send {
    /// The next event. Waits when there is none; a heartbeat comes at least every few seconds.
    fn next(&mut self) -> impl Future<Output = Result<SourceEvent, Failure>> + Send;
}

/// A request to read one chunk.
#[derive(Clone, Debug)]
pub struct ChunkRequest {
    pub table: Arc<TableDescription>,
    pub extent: Extent,
    /// C of invariant 3: the read view opens only when everything up to here is visible.
    pub after: Position,
    /// At most so many rows.
    pub max_rows: usize,
    /// Stop reading once the rows read hold so many bytes (at least one row is read).
    pub max_bytes: usize,
}

/// A chunk that was read.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The columns the rows were read with.
    pub schema: Arc<Schema>,
    pub rows: Vec<Row>,
    pub bounds: WindowBounds,
    /// What of the requested extent is left; `None` when it is read to its end. Of keys, those may be
    /// left that have no row here; all others that have none here have none in the table.
    pub rest: Option<Extent>,
}

/// How a table is to be copied.
#[derive(Clone, Debug)]
pub struct CopyPlan {
    /// Disjoint ranges that together hold every key. One open range for a table without a key.
    pub ranges: Vec<KeyRange>,
    pub rows_estimated: u64,
}

/// Reads tables by chunks. Each parallel reader is a value of its own.
pub trait SnapshotReader: Send {
    /// The tables that the configuration selects and the server has now, sorted by name.
    fn tables(&mut self) -> impl Future<Output = Result<Vec<TableName>, Failure>> + Send;

    /// The table as the catalogue describes it now; `None` when there is no such table.
    fn describe(
        &mut self,
        table: &TableName,
    ) -> impl Future<Output = Result<Option<TableDescription>, Failure>> + Send;

    /// Splits a table into at most `parts` ranges without reading it whole.
    fn plan(
        &mut self,
        table: &TableDescription,
        parts: usize,
    ) -> impl Future<Output = Result<CopyPlan, Failure>> + Send;

    /// Reads the rows of a range in key order, or those of some keys, by invariant 3. What the server
    /// holds equal to a key comes with it. `Ok(None)` when the table is gone
    /// or no longer has the columns of its description: the request is void.
    fn read(
        &mut self,
        request: &ChunkRequest,
    ) -> impl Future<Output = Result<Option<Chunk>, Failure>> + Send;
}

/// What a log, or a target, knows of a pipeline's past.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// `None`: the pipeline never started.
    pub checkpoint: Option<Checkpoint>,
    pub tables: Vec<TableProgress>,
    pub mapping: Option<MappingVersion>,
    /// The rows that the target's side keeps back. A log knows of none.
    pub quarantine: Vec<Arc<QuarantineRecord>>,
}

/// The writing end of the log between capture and apply.
pub trait LogWriter: Send {
    /// Fences predecessors, then tells the last barrier that is durable.
    fn recover(&mut self) -> impl Future<Output = Result<Tail, Failure>> + Send;

    /// Waits until a barrier would be taken at once: the moment to close the open one. Cancel safe.
    fn ready(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Takes a barrier. Accepted is not durable.
    fn send(&mut self, barrier: Barrier) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The last ordinal whose barrier is durable; waits for it to move past `beyond`. Cancel safe.
    fn durable_through(
        &mut self,
        beyond: Option<Ordinal>,
    ) -> impl Future<Output = Result<Ordinal, Failure>> + Send;

    /// Waits until everything that was taken is durable. Nothing is sent afterwards. A writer that
    /// is dropped without it loses what was not durable yet, as a killed process would.
    fn finish(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The reading end of the log.
pub trait LogReader: Send {
    /// Starts after the barrier that ends with this ordinal; at the log's beginning without one, and
    /// then waits for a log that nobody has begun yet. May be dropped instead of awaited; another
    /// `open` has to come before anything is read then.
    fn open(&mut self, after: Option<Ordinal>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The next barrier in order; `None` at the end of reading: the writer of a direct log has
    /// ended and all is read, or whoever made the reader has told it to stop. Cancel safe.
    fn next(&mut self) -> impl Future<Output = Result<Option<Barrier>, Failure>> + Send;

    /// The last barrier that is durable in the log now, read or not; `None` in an empty log.
    fn end(&mut self) -> impl Future<Output = Result<Option<Ordinal>, Failure>> + Send;

    /// The next barrier if it is there already.
    fn next_ready(&mut self) -> Result<Option<Barrier>, Failure>;

    /// Says that all up to this ordinal is applied (a direct log's durability).
    fn applied(&mut self, through: Ordinal);
}

/// The work of one call of [`Sink::apply`] or [`Sink::copy`].
#[derive(Clone, Debug)]
pub enum Work {
    /// Net effects that become visible together, in one transaction.
    Atomic(Vec<Effect>),
    /// Snapshot rows: lanes write them side by side, in any order. All are `Put`.
    Chunks(Vec<Effect>),
    /// Collections that are empty afterwards. Readers may see them half empty; the checkpoint is
    /// torn meanwhile.
    Empty(Vec<Arc<Collection>>),
}

/// Work together with the checkpoint that it brings about.
#[derive(Clone, Debug)]
pub struct ApplyBatch {
    pub work: Work,
    pub checkpoint: Checkpoint,
    pub progress: Vec<TableProgress>,
    pub mapping: MappingVersion,
    /// In order. Stored with the checkpoint, in its transaction.
    pub quarantine: Vec<QuarantineChange>,
}

/// The target.
pub trait Sink: Send {
    /// Fences every predecessor (after this no write of theirs takes effect), then tells the last
    /// applied barrier.
    fn take_over(&mut self) -> impl Future<Output = Result<Tail, Failure>> + Send;

    /// Creates the collection and its unique indexes where they are missing. Repeatable.
    fn prepare(
        &mut self,
        collection: &CollectionPlan,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Drops the unique indexes that were built here. Repeatable; what is not there is not missed.
    fn loosen(
        &mut self,
        collection: &Collection,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Builds the other indexes, once the copy is complete, and drops those that were built here
    /// and are not in the plan any more. Repeatable.
    fn finish(
        &mut self,
        collection: &CollectionPlan,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Applies the work and its checkpoint: majority-durable on return, and all of it or nothing
    /// that a later `take_over` would not redo. An unknown outcome is settled inside. Whatever
    /// [`Sink::copy`] has taken is durable before the work begins. A `Table` failure names the
    /// collection that refused, a `Document` failure the document too; both leave the target as a
    /// crash would: without that collection's effects, or that document's, the batch may be given
    /// again.
    fn apply(&mut self, batch: &ApplyBatch) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Takes rows of a copy ([`Work::Chunks`]) and returns once there is room for more: they are
    /// written side by side with those of the batches taken before. Their checkpoints are stored in
    /// order, each after all rows up to it are durable; [`Sink::copied`] tells. After a failure, of
    /// this or of any other call, all that was not told has to be given again.
    fn copy(&mut self, batch: Arc<ApplyBatch>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Waits for a checkpoint of what `copy` took to be durable, and tells its ordinal, which
    /// stands for all before it; `None` at once when there is nothing to wait for. Cancel safe.
    fn copied(&mut self) -> impl Future<Output = Result<Option<Ordinal>, Failure>> + Send;
}

/// A command to the running process, from the requests collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub id: String,
    /// For example `stop`; the words are the caller's.
    pub kind: String,
    /// As JSON.
    pub arguments: String,
}

/// Whether a part of a pipeline may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// The lease is ours.
    Granted,
    /// Another instance renewed it within the time limit. Holds who it is, for the message.
    Held { holder: String },
}

/// Leases, status and requests: how processes of a pipeline see one another.
pub trait Control: Send {
    /// Takes the lease of a part (`run`, `capture`, `sink`): at once when it is free, when
    /// `take_over` is set or when the holder was a process of this host that is dead; after it was
    /// seen silent for `silence` otherwise.
    fn acquire(
        &mut self,
        part: &str,
        take_over: bool,
        silence: Duration,
    ) -> impl Future<Output = Result<LeaseAnswer, Failure>> + Send;

    /// Renews the lease; a `Fenced` failure when it is no longer ours.
    fn renew(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Gives the lease back, so that a successor need not wait.
    fn release(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Stores what `lockstep status` shows (JSON).
    fn publish(&mut self, status: &str) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Requests that nobody has acknowledged, oldest first.
    fn requests(&mut self) -> impl Future<Output = Result<Vec<Request>, Failure>> + Send;

    /// Acknowledges a request with its outcome; it stays as a record.
    fn acknowledge(
        &mut self,
        id: &str,
        outcome: &str,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}
