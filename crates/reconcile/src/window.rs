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

use change::{
    ChangeKind, Gtid, GtidSet, Identity, LogPosition, MySqlPosition, Position, Row, Schema,
};
use std::collections::HashMap;
use std::sync::Arc;

/// What is known of a chunk's read view: everything in `low` is visible in it, and everything
/// visible in it lies at or before `high`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowBounds {
    /// `@@server_uuid` of the server that was read.
    pub server_uuid: Arc<str>,
    /// `@@server_id` of that server.
    pub server_id: u32,
    /// That server's clock as it was read, in milliseconds since 1970.
    pub read_at_ms: i64,
    pub low: Arc<GtidSet>,
    pub high: LogPosition,
}

impl WindowBounds {
    /// Whether a boundary at this position may emit the chunk; `None` when the position belongs to
    /// another server, which voids the chunk.
    pub fn reached_by(&self, boundary: &Position) -> Option<bool> {
        let Position::MySql(MySqlPosition {
            server_uuid, log, ..
        }) = boundary;
        (*server_uuid == self.server_uuid).then(|| log.has_reached(&self.high))
    }
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
    transactions: Vec<Option<Gtid>>,
    /// Indexes into `transactions`, ascending, for each key touched since C.
    touched: HashMap<Identity, Vec<u32>>,
    /// For a table without a key: what happened to its rows, and when.
    deltas: Vec<(u32, Row, i64)>,
    table_changed: Vec<u32>,
    keyless: bool,
    bytes: usize,
    max_bytes: usize,
}

impl Window {
    /// Opens a window at C, which is the position that capture has emitted last.
    pub fn open(schema: &Schema, max_bytes: usize) -> Self {
        Self {
            transactions: Vec::new(),
            touched: HashMap::new(),
            deltas: Vec::new(),
            table_changed: Vec::new(),
            keyless: schema.key.is_empty(),
            bytes: 0,
            max_bytes,
        }
    }

    /// A transaction begins; what is recorded next is its doing. A name that is no GTID counts as
    /// outside every `low`.
    pub fn begin(&mut self, transaction: Option<&Gtid>) {
        self.transactions.push(transaction.cloned());
    }

    /// Records a change of the table: both keys of an update.
    pub fn record(&mut self, schema: &Schema, change: &ChangeKind<Row>) {
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
        if before != after {
            self.touch(before, transaction);
        }
        self.touch(after, transaction);
        self.forget_when_full();
    }

    /// Records that the table as a whole changed (TRUNCATE, DROP, a change of columns).
    pub fn record_table_change(&mut self) {
        if self.table_changed.last() != Some(&self.current()) {
            self.table_changed.push(self.current());
        }
    }

    /// The rows that stand in the table at the boundary, of those that were read.
    pub fn close(self, schema: &Schema, rows: Vec<Row>, low: &GtidSet) -> Result<Vec<Row>, Void> {
        if self.bytes > self.max_bytes {
            return Err(Void::TooManyTouched);
        }
        let outside: Vec<bool> = self
            .transactions
            .iter()
            .map(|gtid| !gtid.as_ref().is_some_and(|gtid| low.contains(gtid)))
            .collect();
        let is_outside = |index: &u32| outside[*index as usize];
        if self.table_changed.iter().any(is_outside) {
            return Err(Void::TableChanged);
        }
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

    fn current(&self) -> u32 {
        (self.transactions.len() - 1) as u32
    }

    fn touch(&mut self, identity: Option<Identity>, transaction: u32) {
        let Some(identity) = identity else { return };
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
mod tests {
    use super::*;
    use change::{Column, ColumnKind, IntegerWidth, TableName, Value};

    fn schema(key: Vec<usize>) -> Schema {
        let column = |name: &str| Column {
            name: name.into(),
            kind: ColumnKind::Integer {
                width: IntegerWidth::Int,
                unsigned: false,
            },
            nullable: false,
        };
        Schema {
            name: TableName::new("d", "t"),
            columns: vec![column("k"), column("v")],
            key,
        }
    }

    fn row(key: i64, value: i64) -> Row {
        Row::new(vec![Value::Int(key), Value::Int(value)])
    }

    fn gtid(number: u64) -> Gtid {
        format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:{number}")
            .parse()
            .unwrap()
    }

    fn low(last: u64) -> GtidSet {
        format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{last}")
            .parse()
            .unwrap()
    }

    fn update(from: Row, to: Row) -> ChangeKind {
        ChangeKind::Update {
            before: from,
            after: to,
        }
    }

    #[test]
    fn a_row_touched_outside_low_is_left_to_the_stream() {
        let schema = schema(vec![0]);
        let mut window = Window::open(&schema, 1 << 20);
        window.begin(Some(&gtid(5)));
        window.record(&schema, &update(row(1, 0), row(1, 1)));
        window.begin(Some(&gtid(6)));
        window.record(&schema, &update(row(2, 0), row(2, 1)));
        let rows = window.close(&schema, vec![row(1, 1), row(2, 0), row(3, 0)], &low(5));
        assert_eq!(rows.unwrap(), vec![row(1, 1), row(3, 0)]);
    }

    #[test]
    fn a_key_change_touches_both_keys() {
        let schema = schema(vec![0]);
        let mut window = Window::open(&schema, 1 << 20);
        window.begin(Some(&gtid(6)));
        window.record(&schema, &update(row(1, 0), row(2, 0)));
        let rows = window.close(&schema, vec![row(1, 0), row(2, 0), row(3, 0)], &low(5));
        assert_eq!(rows.unwrap(), vec![row(3, 0)]);
    }

    #[test]
    fn a_truncated_table_is_read_again_unless_the_view_shows_it() {
        let schema = schema(vec![0]);
        for (seen, expected) in [(5, Err(Void::TableChanged)), (6, Ok(vec![row(9, 9)]))] {
            let mut window = Window::open(&schema, 1 << 20);
            window.begin(Some(&gtid(6)));
            window.record_table_change();
            assert_eq!(window.close(&schema, vec![row(9, 9)], &low(seen)), expected);
        }
    }

    #[test]
    fn rows_without_a_key_are_the_rows_read_plus_what_came_after() {
        let schema = schema(vec![]);
        let mut window = Window::open(&schema, 1 << 20);
        window.begin(Some(&gtid(5)));
        window.record(&schema, &ChangeKind::Insert { after: row(7, 7) });
        window.begin(Some(&gtid(6)));
        window.record(&schema, &ChangeKind::Insert { after: row(1, 1) });
        window.record(&schema, &ChangeKind::Delete { before: row(2, 2) });
        let read = vec![row(1, 1), row(2, 2), row(2, 2), row(7, 7)];
        let mut rows = window.close(&schema, read, &low(5)).unwrap();
        rows.sort_by_key(|row| format!("{row:?}"));
        assert_eq!(rows, vec![row(1, 1), row(1, 1), row(2, 2), row(7, 7)]);
    }

    #[test]
    fn a_window_that_saw_too_much_is_void_and_holds_no_memory() {
        let schema = schema(vec![0]);
        let mut window = Window::open(&schema, 1000);
        window.begin(Some(&gtid(6)));
        for key in 0..100 {
            window.record(&schema, &ChangeKind::Insert { after: row(key, 0) });
        }
        assert!(window.touched.is_empty());
        assert_eq!(
            window.close(&schema, vec![], &low(5)),
            Err(Void::TooManyTouched)
        );
    }
}
