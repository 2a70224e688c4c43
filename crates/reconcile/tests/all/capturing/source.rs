//! A small MySQL server for capture: three tables, a binlog, and an engine that lags behind it.

use change::{
    Alteration, ChangeKind, Column, ColumnKind, Gtid, GtidSet, IntegerWidth, KeyRange, LogPosition,
    MySqlPosition, Position, Row, Schema, SourceId, TableDescription, TableEventKind, TableName,
    Value,
};
use reconcile::{Extent, Low, ReadChunk, WindowBounds};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const SERVER: &str = "00000007-0000-0000-0000-000000000000";

/// The last table has no key.
pub const TABLES: usize = 3;
pub const KEYLESS: usize = 2;

/// How many rows of each content (key, value) a table has; with a key, at most one per key.
pub type Rows = BTreeMap<(i64, i64), i64>;

/// How much of a change the log tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    Whole,
    /// The key, and what an update or an insert gave a value.
    Minimal,
    /// Not even the key.
    Keyless,
}

/// Row changes, each of a table.
pub type Changes = Vec<(usize, ChangeKind, Telling)>;

/// What a transaction does: row changes, or one event of a whole table.
#[derive(Clone, Debug)]
pub enum Transaction {
    Rows(Changes),
    Event(usize, TableEventKind),
    /// XA PREPARE: its rows are logged, and nobody sees them.
    Prepare(Changes),
    /// XA COMMIT or XA ROLLBACK of the transaction of this number.
    Decide {
        prepared: usize,
        committed: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Source {
    pub binlog: Vec<Transaction>,
    /// So many transactions are committed in the engine; and so many are in `gtid_executed`.
    pub visible: usize,
    pub executed: usize,
}

pub fn table_name(table: usize) -> TableName {
    TableName::new("shop", ["lines", "orders", "visits"][table])
}

pub fn table_of(name: &TableName) -> usize {
    (0..TABLES)
        .find(|table| table_name(*table) == *name)
        .expect("capture names tables of the source only")
}

pub fn schema(table: usize) -> Arc<Schema> {
    let column = |name: &str| Column {
        name: name.into(),
        kind: ColumnKind::Integer {
            width: IntegerWidth::Big,
            unsigned: false,
        },
        nullable: false,
    };
    Arc::new(Schema {
        name: table_name(table),
        columns: vec![column("id"), column("value")],
        key: if table == KEYLESS { vec![] } else { vec![0] },
    })
}

pub fn row((key, value): (i64, i64)) -> Row {
    Row::new(vec![Value::Int(key), Value::Int(value)])
}

pub fn content(row: &Row) -> (i64, i64) {
    match (&row[0], &row[1]) {
        (Value::Int(key), Value::Int(value)) => (*key, *value),
        other => panic!("{other:?} is no row of the source"),
    }
}

/// Adds what a change does to the counts of a table's rows.
pub fn count(rows: &mut Rows, change: &ChangeKind) {
    for (image, delta) in [(change.before(), -1), (change.after(), 1)] {
        if let Some(image) = image {
            let content = content(image);
            *rows.entry(content).or_default() += delta;
            rows.retain(|_, count| *count != 0);
        }
    }
}

/// One of the events that a table of which this is known may have.
pub fn event(exists: bool, number: u8) -> TableEventKind {
    match (exists, number) {
        (false, _) => TableEventKind::Created,
        (true, 0) => TableEventKind::Dropped,
        (true, 1..=2) => TableEventKind::Truncated,
        (true, 3..=4) => TableEventKind::Altered(Alteration::of_columns()),
        (true, 5) => TableEventKind::Altered(Alteration::of_rows()),
        (true, 6) => TableEventKind::Altered(Alteration::of_unique_keys()),
        (true, _) => TableEventKind::Altered(Alteration::default()),
    }
}

/// What becomes of a table's rows: those with odd keys go, as with a partition; every value is
/// another one, as with a column that is made anew.
fn altered(rows: Rows, alteration: &Alteration) -> Rows {
    let mut rows = rows;
    if alteration.rows {
        rows.retain(|content, _| content.0 % 2 == 0);
    }
    if alteration.columns {
        let anew = |((key, value), count)| ((key, value + ALTERED), count);
        rows = rows.into_iter().map(anew).collect();
    }
    rows
}

/// What an alteration adds to each value; no statement writes as much.
const ALTERED: i64 = 1_000_000;

impl Source {
    pub fn new() -> Self {
        let mut source = Self {
            binlog: Vec::new(),
            visible: 0,
            executed: 0,
        };
        for table in 0..TABLES {
            source.log(Transaction::Event(table, TableEventKind::Created));
        }
        source
    }

    /// The table after so many transactions; `None` when there is no such table.
    pub fn rows_at(&self, table: usize, transactions: usize) -> Option<Rows> {
        let mut rows = None;
        for transaction in &self.binlog[..transactions] {
            match transaction {
                Transaction::Event(changed, event) if *changed == table => {
                    rows = match event {
                        TableEventKind::Created | TableEventKind::Truncated => Some(Rows::new()),
                        TableEventKind::Dropped => None,
                        TableEventKind::Altered(alteration) => {
                            rows.map(|rows| altered(rows, alteration))
                        }
                        TableEventKind::Unsupported(_) => rows,
                    };
                }
                Transaction::Event(..) | Transaction::Prepare(_) => {}
                Transaction::Rows(_) | Transaction::Decide { .. } => {
                    let changes = self.changes(transaction).iter();
                    for (_, change, _) in changes.filter(|(changed, ..)| *changed == table) {
                        count(rows.as_mut().expect("changed tables exist"), change);
                    }
                }
            }
        }
        rows
    }

    /// The row changes that take effect with a transaction.
    pub fn changes<'a>(&'a self, transaction: &'a Transaction) -> &'a Changes {
        static NONE: Changes = Vec::new();
        match transaction {
            Transaction::Rows(changes) => changes,
            Transaction::Decide {
                prepared,
                committed: true,
            } => match &self.binlog[*prepared] {
                Transaction::Prepare(changes) => changes,
                other => panic!("{other:?} is not prepared"),
            },
            Transaction::Decide { .. } | Transaction::Event(..) | Transaction::Prepare(_) => &NONE,
        }
    }

    /// What is prepared and not decided after so many transactions.
    pub fn undecided(&self, transactions: usize) -> Vec<usize> {
        let mut open = Vec::new();
        for (number, transaction) in self.binlog[..transactions].iter().enumerate() {
            match transaction {
                Transaction::Prepare(_) => open.push(number),
                Transaction::Decide { prepared, .. } => open.retain(|one| one != prepared),
                Transaction::Rows(_) | Transaction::Event(..) => {}
            }
        }
        open
    }

    /// Whether a prepared transaction holds a lock on the key, or on anything in the table.
    pub fn is_locked(&self, table: usize, key: Option<i64>) -> bool {
        let open = self.undecided(self.binlog.len()).into_iter();
        let mut changes = open.flat_map(|number| match &self.binlog[number] {
            Transaction::Prepare(changes) => changes.iter(),
            other => panic!("{other:?} is not prepared"),
        });
        changes.any(|(changed, change, _)| {
            let mut images = [change.before(), change.after()].into_iter().flatten();
            *changed == table && key.is_none_or(|key| images.any(|image| content(image).0 == key))
        })
    }

    /// The position after so many transactions: with those that are undecided left out.
    pub fn position(&self, transactions: usize) -> Position {
        let all = gtid_set(transactions);
        let mut open = GtidSet::default();
        for number in self.undecided(transactions) {
            open.insert(&gtid(number).parse().expect("a GTID"));
        }
        Position::MySql(MySqlPosition {
            server_uuid: SERVER.into(),
            gtid_set: Arc::new(all.without(&open)),
            log: log_position(transactions),
        })
    }

    /// Whether the log tells less than whole rows of the table, in so many transactions.
    pub fn tells_partly(&self, table: usize, transactions: usize) -> bool {
        let done = self.binlog[..transactions].iter();
        let mut changes = done.flat_map(|transaction| self.changes(transaction));
        changes.any(|(of, _, telling)| *of == table && *telling != Telling::Whole)
    }

    /// A client's transaction reaches the binlog. Locks make it wait until what it depends on is
    /// committed; a statement on a whole table is done when it returns.
    pub fn log(&mut self, transaction: Transaction) {
        self.visible = self.binlog.len();
        let whole_table = matches!(transaction, Transaction::Event(..));
        self.binlog.push(transaction);
        if whole_table {
            self.visible = self.binlog.len();
            self.executed = self.binlog.len();
        }
    }

    pub fn describe(&self, table: usize) -> Option<TableDescription> {
        self.rows_at(table, self.visible)?;
        Some(TableDescription {
            schema: schema(table),
            indexes: Vec::new(),
            rows_estimated: 4,
            row_bytes_estimated: 16,
        })
    }

    /// What a view that is opened now reads of a range, at most two rows; `low` was read before.
    /// Tables without a key are read whole, under a lock that waits for their transactions.
    pub fn read(&mut self, table: usize, extent: &Extent, low: usize) -> Option<ReadChunk> {
        let whole = KeyRange::default();
        let (range, keys) = match extent {
            Extent::Range(range) => (range, None),
            Extent::Keys(keys) => (&whole, Some(keys)),
        };
        let keyless = table == KEYLESS;
        if keyless {
            assert!(!self.is_locked(table, None), "the lock is waited for");
            self.visible = self.binlog.len();
            self.executed = self.binlog.len();
        }
        let bound = |bound: &Option<Vec<Value>>| match bound.as_deref() {
            Some([Value::Int(key)]) => Some(*key),
            _ => None,
        };
        let (after, through) = (bound(&range.after), bound(&range.through));
        let mut rows: Vec<Row> = Vec::new();
        for (content, count) in self.rows_at(table, self.visible)? {
            let inside = after.is_none_or(|after| content.0 > after)
                && through.is_none_or(|through| content.0 <= through)
                && keys.is_none_or(|keys| keys.contains(&vec![Value::Int(content.0)]));
            if inside {
                rows.extend((0..count).map(|_| row(content)));
            }
        }
        let rest = (rows.len() > 2 && !keyless).then(|| match keys {
            None => Extent::Range(KeyRange {
                after: Some(vec![rows[1][0].clone()]),
                through: range.through.clone(),
            }),
            // Those that were not met may be there or not.
            Some(keys) => {
                let met = |key: &&Vec<Value>| rows[..2].iter().any(|row| row[0] == key[0]);
                Extent::Keys(keys.iter().filter(|key| !met(key)).cloned().collect())
            }
        });
        if rest.is_some() {
            rows.truncate(2);
        }
        Some(ReadChunk {
            schema: schema(table),
            rows,
            bounds: WindowBounds {
                server: SERVER.into(),
                server_id: 1,
                read_at_ms: 0,
                low: Low::Transactions(gtid_set(if keyless { self.executed } else { low })),
                high: log_position(self.binlog.len()),
            },
            rest,
        })
    }
}

pub fn gtid(transaction: usize) -> String {
    Gtid {
        source: SourceId::untagged([7; 16]),
        number: transaction as u64 + 1,
    }
    .to_string()
}

fn gtid_set(transactions: usize) -> Arc<GtidSet> {
    let mut set = GtidSet::default();
    if transactions > 0 {
        set.insert_interval(&SourceId::untagged([7; 16]), 1, transactions as u64);
    }
    Arc::new(set)
}

fn log_position(transactions: usize) -> LogPosition {
    LogPosition::new("binlog.000001", 100 * transactions as u64)
}

/// So many transactions are covered by a position.
pub fn transactions(position: &Position) -> usize {
    let Position::MySql(position) = position else {
        panic!("a position of another family")
    };
    usize::try_from(position.log.offset / 100).expect("a short log")
}

/// Whether a position says that the transaction was told.
pub fn is_told(position: &Position, transaction: usize) -> bool {
    let Position::MySql(position) = position else {
        panic!("a position of another family")
    };
    let gtid = gtid(transaction).parse().expect("a GTID");
    position.gtid_set.contains(&gtid)
}
