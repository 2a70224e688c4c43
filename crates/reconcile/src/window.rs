//! Chunk windows (invariant 3): which rows of a chunk may be emitted.
//!
//! A chunk is read in a view that is not a position of the binlog: transactions commit in the
//! engine later than they appear in the log, and others slip in between. What holds is
//!
//! - (a) capture recorded every key that it saw from C on, where C is the position at which the
//!   window was opened;
//! - (b) the view was opened only when everything up to C was visible;
//! - (c) everything in `low` is visible in the view, and all that is visible lies at or before
//!   `high`.
//!
//! At a boundary M at or after `high`, take a key that no transaction outside `low` touched in
//! (C, M]. Every transaction that could have changed it up to M is in `low` or before C, so it is
//! visible; nothing after M is visible, since M ≥ `high`. The row that was read therefore equals
//! the row at M, or is absent from both. All other keys are left to the stream, which has emitted
//! their newest state. For a table without a key there is no such skipping: its view is exact (it
//! was opened under a table lock), so the rows at M are the rows read plus what the transactions
//! outside `low` did.
//!
//! Where keys are read and not a range, that a key has no row in the view says as much as a row
//! does, by the same argument. A key that was touched outside `low` stands as the stream told last:
//! its changes stand in the log in the order of their commits. Where the log told of the last one
//! that the row changed, and not how, the key has to be read again.

use change::{ChangeKind, Gtid, GtidSet, Identity, LogPosition, Position, Row, Schema, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is known of a chunk's read view: everything in `low` is visible in it, and everything
/// visible in it lies at or before `high`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowBounds {
    /// The server that was read, as its positions name it.
    pub server: Arc<str>,
    /// `@@server_id` of that server.
    pub server_id: u32,
    /// That server's clock as it was read, in milliseconds since 1970.
    pub read_at_ms: i64,
    pub low: Low,
    pub high: LogPosition,
}

/// What is certainly visible in a view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Low {
    /// These transactions. Others may be, too: MySQL opens a view between two places of its log.
    Transactions(Arc<GtidSet>),
    /// All that was committed at or before `high`, and nothing else: MariaDB opens a view at a
    /// place of its log.
    High,
}

impl WindowBounds {
    /// Whether a boundary at this position may emit the chunk; `None` when the position belongs to
    /// another server, which voids the chunk.
    pub fn reached_by(&self, boundary: &Position) -> Option<bool> {
        let same = *boundary.server() == self.server;
        same.then(|| boundary.log().has_reached(&self.high))
    }

    fn shows(&self, transaction: &Recorded) -> bool {
        match &self.low {
            Low::Transactions(low) => {
                let gtid = transaction.gtid.as_ref();
                gtid.is_some_and(|gtid| low.contains(gtid))
            }
            Low::High => {
                let end = transaction.end.as_ref();
                end.is_some_and(|end| self.high.has_reached(end))
            }
        }
    }
}

/// A transaction that a window has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Recorded {
    gtid: Option<Gtid>,
    /// Where it was committed; `None` while it goes on.
    end: Option<LogPosition>,
}

/// Why a window's chunk has to be read again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Void {
    /// The table was emptied, dropped or altered by a transaction that the view may not show.
    TableChanged,
    /// More keys were touched than a window remembers.
    TooManyTouched,
}

/// What one open window has seen. One per chunk in flight.
#[derive(Debug)]
pub struct Window {
    transactions: Vec<Recorded>,
    /// Indexes into `transactions`, ascending, for each key touched since C.
    touched: HashMap<Identity, Vec<u32>>,
    /// For a table without a key: what happened to its rows, and when.
    deltas: Vec<(u32, Row, i64)>,
    /// For a window of keys: what the stream told last of each of them.
    asked: HashMap<Identity, Told>,
    table_changed: Vec<u32>,
    keyless: bool,
    bytes: usize,
    max_bytes: usize,
}

/// What the stream told last of a key.
#[derive(Clone, Debug)]
enum Told {
    /// Nothing, or that its row changed and not how.
    Nothing,
    Row(Arc<Schema>, Row),
    Gone,
}

/// How a key stands at the boundary.
#[derive(Clone, PartialEq, Debug)]
pub enum Standing {
    Row(Arc<Schema>, Row),
    /// No row has it.
    Gone(Vec<Value>),
}

impl Window {
    /// Opens a window at C, which is the position that capture has emitted last.
    pub fn open(schema: &Schema, max_bytes: usize) -> Self {
        Self {
            transactions: Vec::new(),
            touched: HashMap::new(),
            deltas: Vec::new(),
            asked: HashMap::new(),
            table_changed: Vec::new(),
            keyless: schema.key.is_empty(),
            bytes: 0,
            max_bytes,
        }
    }

    /// Opens a window in which these keys are read.
    pub fn open_keys(schema: &Schema, keys: &[Vec<Value>], max_bytes: usize) -> Self {
        let asked = keys.iter().map(|key| (Identity::of(key), Told::Nothing));
        Self {
            asked: asked.collect(),
            ..Self::open(schema, max_bytes)
        }
    }

    /// A transaction begins; what is recorded next is its doing. A name that is no GTID counts as
    /// outside every set of transactions.
    pub fn begin(&mut self, transaction: Option<&Gtid>) {
        self.transactions.push(Recorded {
            gtid: transaction.cloned(),
            end: None,
        });
    }

    /// The transaction that began last is committed here. One that began before the window opened
    /// is not this window's.
    pub fn commit(&mut self, end: &LogPosition) {
        if let Some(transaction) = self.transactions.last_mut() {
            transaction.end = Some(end.clone());
        }
    }

    /// Records a change of the table: both keys of an update.
    pub fn record(&mut self, schema: &Arc<Schema>, change: &ChangeKind<Row>) {
        let transaction = self.current();
        if self.keyless {
            for (image, delta) in [(change.before(), -1), (change.after(), 1)] {
                if let Some(row) = image {
                    self.bytes += row.heap_bytes();
                    self.deltas.push((transaction, row.clone(), delta));
                }
            }
            self.forget_when_full();
            return;
        }
        let before = change.before().map(|row| schema.identity(row));
        let after = change.after().map(|row| schema.identity(row));
        if before != after
            && let Some(before) = before
        {
            self.tell(&before, || Told::Gone);
            self.touch(before, transaction);
        }
        if let (Some(after), Some(row)) = (after, change.after()) {
            self.tell(&after, || Told::Row(schema.clone(), row.clone()));
            self.touch(after, transaction);
        }
        self.forget_when_full();
    }

    /// Records that no row has the key any more.
    pub fn record_gone(&mut self, key: Identity) {
        self.tell(&key, || Told::Gone);
        self.touch(key, self.current());
        self.forget_when_full();
    }

    /// Records that the key's row changed, and not how.
    pub fn record_untold(&mut self, key: Identity) {
        self.tell(&key, || Told::Nothing);
        self.touch(key, self.current());
        self.forget_when_full();
    }

    /// Records that the table as a whole changed (TRUNCATE, DROP, a change of columns).
    pub fn record_table_change(&mut self) {
        if self.table_changed.last() != Some(&self.current()) {
            self.table_changed.push(self.current());
        }
    }

    /// The rows that stand in the table at the boundary, of those that were read.
    pub fn close(
        self,
        schema: &Schema,
        rows: Vec<Row>,
        bounds: &WindowBounds,
    ) -> Result<Vec<Row>, Void> {
        let outside = self.outside(bounds)?;
        let is_outside = |index: &u32| outside[*index as usize];
        if self.keyless {
            let deltas = self
                .deltas
                .into_iter()
                .filter(|(index, _, _)| is_outside(index));
            return Ok(add_deltas(rows, deltas.map(|(_, row, delta)| (row, delta))));
        }
        let mut rows = rows;
        if !self.touched.is_empty() {
            rows.retain(|row| {
                let touched = self.touched.get(&schema.identity(row));
                !touched.is_some_and(|transactions| transactions.iter().any(is_outside))
            });
        }
        Ok(rows)
    }

    /// How keys stand at the boundary, of those that were read; those are left out of which the
    /// stream told a change last and not what their row became.
    pub fn close_keys(
        self,
        schema: &Arc<Schema>,
        keys: Vec<Vec<Value>>,
        rows: Vec<Row>,
        bounds: &WindowBounds,
    ) -> Result<Vec<Standing>, Void> {
        let outside = self.outside(bounds)?;
        let is_left_to_the_stream = |identity: &Identity| {
            let touched = self.touched.get(identity);
            touched.is_some_and(|touched| touched.iter().any(|index| outside[*index as usize]))
        };
        let mut read: BTreeMap<Identity, Row> = rows
            .into_iter()
            .map(|row| (schema.identity(&row), row))
            .collect();
        let mut asked = self.asked;
        let mut standing = Vec::with_capacity(keys.len());
        for key in keys {
            let identity = Identity::of(&key);
            let row = read.remove(&identity);
            if !is_left_to_the_stream(&identity) {
                standing.push(match row {
                    Some(row) => Standing::Row(schema.clone(), row),
                    None => Standing::Gone(key),
                });
                continue;
            }
            match asked.remove(&identity) {
                Some(Told::Row(schema, row)) => standing.push(Standing::Row(schema, row)),
                Some(Told::Gone) => standing.push(Standing::Gone(key)),
                Some(Told::Nothing) | None => {}
            }
        }
        // The server holds more keys equal than their bytes are.
        let others = read.into_iter();
        let untouched = others.filter(|(identity, _)| !is_left_to_the_stream(identity));
        standing.extend(untouched.map(|(_, row)| Standing::Row(schema.clone(), row)));
        Ok(standing)
    }

    /// Which transactions a view need not show. Fails where the chunk has to be read again.
    fn outside(&self, bounds: &WindowBounds) -> Result<Vec<bool>, Void> {
        if self.bytes > self.max_bytes {
            return Err(Void::TooManyTouched);
        }
        let outside: Vec<bool> = self
            .transactions
            .iter()
            .map(|transaction| !bounds.shows(transaction))
            .collect();
        let mut changed = self.table_changed.iter();
        match changed.any(|index| outside[*index as usize]) {
            true => Err(Void::TableChanged),
            false => Ok(outside),
        }
    }

    fn current(&self) -> u32 {
        (self.transactions.len() - 1) as u32
    }

    fn tell(&mut self, key: &Identity, told: impl FnOnce() -> Told) {
        if self.bytes <= self.max_bytes
            && let Some(last) = self.asked.get_mut(key)
        {
            *last = told();
            if let Told::Row(_, row) = last {
                self.bytes += row.heap_bytes();
            }
        }
    }

    fn touch(&mut self, identity: Identity, transaction: u32) {
        if self.bytes > self.max_bytes {
            return;
        }
        self.bytes += identity.as_bytes().len() + 96;
        let transactions = self.touched.entry(identity).or_default();
        if transactions.last() != Some(&transaction) {
            transactions.push(transaction);
        }
    }

    // A window that is void anyway need not hold memory.
    fn forget_when_full(&mut self) {
        if self.bytes > self.max_bytes {
            self.touched = HashMap::new();
            self.deltas = Vec::new();
            self.asked = HashMap::new();
        }
    }
}

/// The multiset of `rows` with the deltas added.
fn add_deltas(rows: Vec<Row>, deltas: impl Iterator<Item = (Row, i64)>) -> Vec<Row> {
    let mut counts: HashMap<Identity, (Row, i64)> = HashMap::new();
    let read = rows.into_iter().map(|row| (row, 1));
    for (row, delta) in read.chain(deltas) {
        let identity = Identity::of(row.iter());
        counts.entry(identity).or_insert_with(|| (row, 0)).1 += delta;
    }
    let copies = counts.into_values().filter(|(_, count)| *count > 0);
    copies
        .flat_map(|(row, count)| std::iter::repeat_n(row, count as usize))
        .collect()
}

#[cfg(test)]
mod tests;
