//! The rules of a window, kept or broken one at a time: a model that finds nothing wrong with a
//! broken rule would prove nothing about the kept one.

use super::Place;
use super::server::{Kind, RowChange, Rows};
use change::{
    ChangeKind, Column, ColumnKind, Gtid, GtidSet, IntegerWidth, LogPosition, MySqlPosition,
    Position, Row, Schema, SourceId, TableName, Value,
};
use reconcile::{Low, Window, WindowBounds};
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

/// Which rules are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// The view opens only when everything up to C is visible.
    pub waits_for_c: bool,
    /// `high` is the binlog's head, not the end of `gtid_executed`.
    pub high_is_the_head: bool,
    /// Keys of transactions after C are recorded.
    pub records_keys: bool,
    /// An update of a key records the key before, too.
    pub records_the_key_before: bool,
    /// The chunk waits for a barrier at or after `high`.
    pub waits_for_high: bool,
    /// `low` is read after the view was opened: a broken rule, when set.
    pub low_after_the_view: bool,
    /// Windows open inside a transaction that is emitted in parts: a broken rule, when set.
    pub names_while_torn: bool,
    /// That the table's changes are emitted is stored with the first of them.
    pub stores_live_with_changes: bool,
}

impl Rules {
    pub const KEPT: Rules = Rules {
        waits_for_c: true,
        high_is_the_head: true,
        records_keys: true,
        records_the_key_before: true,
        waits_for_high: true,
        low_after_the_view: false,
        names_while_torn: false,
        stores_live_with_changes: true,
    };
}

/// The keys of the chunk's rows that the product's window lets through at this point; `None` while
/// the window stays open.
pub fn rows_to_emit(
    rules: &Rules,
    binlog: &[Kind],
    (after, low, high): (Place, u8, usize),
    emitted: Place,
    (chunk, rows): (&[u8], &Rows),
) -> Option<Vec<u8>> {
    let bounds = WindowBounds {
        server: SERVER.into(),
        server_id: 1,
        read_at_ms: 0,
        low: Low::Transactions(Arc::new(gtid_set(
            (0..binlog.len()).filter(|place| low & 1 << place != 0),
        ))),
        high: log_position(if rules.waits_for_high { high } else { 0 }),
    };
    let boundary = Position::MySql(MySqlPosition {
        server_uuid: SERVER.into(),
        gtid_set: Arc::new(gtid_set(0..emitted.transactions)),
        log: log_position(emitted.transactions),
    });
    if bounds.reached_by(&boundary) != Some(true) {
        return None;
    }
    let window = recorded(rules, binlog, after, emitted);
    let read = chunk
        .iter()
        .filter(|key| rows[usize::from(**key)].is_some());
    let kept = window
        .close(&SCHEMA, read.map(|key| row(*key)).collect(), &bounds)
        .expect("nothing voids the model's windows");
    Some(kept.iter().map(key).collect())
}

/// The window after all that was emitted since it was opened.
fn recorded(rules: &Rules, binlog: &[Kind], after: Place, emitted: Place) -> Window {
    let mut window = Window::open(&SCHEMA, 1 << 20);
    for (place, kind) in binlog.iter().enumerate().skip(after.transactions) {
        let changes = kind.changes();
        let first = if place == after.transactions {
            after.changes
        } else {
            0
        };
        let through = match place.cmp(&emitted.transactions) {
            Ordering::Less => changes.len(),
            Ordering::Equal => emitted.changes,
            Ordering::Greater => break,
        };
        window.begin(Some(&gtid(place)));
        for change in changes.into_iter().take(through).skip(first) {
            if rules.records_keys {
                window.record(&SCHEMA, &change_kind(rules, change));
            }
        }
    }
    window
}

fn change_kind(rules: &Rules, change: RowChange) -> ChangeKind {
    match (change.before.map(row), change.after.map(row)) {
        (Some(before), Some(after)) if rules.records_the_key_before => {
            ChangeKind::Update { before, after }
        }
        (_, Some(after)) => ChangeKind::Insert { after },
        (Some(before), None) => ChangeKind::Delete { before },
        (None, None) => unreachable!("a row change has an image"),
    }
}

const SERVER: &str = "00000007-0000-0000-0000-000000000000";

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    Arc::new(Schema {
        name: TableName::new("shop", "orders"),
        columns: vec![Column {
            name: "id".into(),
            kind: ColumnKind::Integer {
                width: IntegerWidth::Tiny,
                unsigned: true,
            },
            nullable: false,
        }],
        key: vec![0],
    })
});

fn row(key: u8) -> Row {
    Row::new(vec![Value::UInt(u64::from(key))])
}

fn key(row: &Row) -> u8 {
    match row[0] {
        Value::UInt(key) => u8::try_from(key).expect("the model has three keys"),
        ref other => panic!("{other:?} is not a key of the model"),
    }
}

fn gtid(place: usize) -> Gtid {
    Gtid {
        source: SourceId::untagged([7; 16]),
        number: place as u64 + 1,
    }
}

fn gtid_set(places: impl Iterator<Item = usize>) -> GtidSet {
    let mut set = GtidSet::default();
    for place in places {
        set.insert(&gtid(place));
    }
    set
}

fn log_position(transactions: usize) -> LogPosition {
    LogPosition::new("binlog.000001", 100 * transactions as u64)
}
