//! What one window lets through, change by change; orders of many are the models' part.

use super::*;
use change::{Column, ColumnKind, IntegerWidth, TableName, Value};

fn schema(key: Vec<usize>) -> Arc<Schema> {
    let column = |name: &str| Column {
        name: name.into(),
        kind: ColumnKind::Integer {
            width: IntegerWidth::Int,
            unsigned: false,
        },
        nullable: false,
    };
    Arc::new(Schema {
        name: TableName::new("d", "t"),
        columns: vec![column("k"), column("v")],
        key,
    })
}

fn row(key: i64, value: i64) -> Row {
    Row::new(vec![Value::Int(key), Value::Int(value)])
}

fn gtid(number: u64) -> Gtid {
    format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:{number}")
        .parse()
        .unwrap()
}

/// Of a view that shows the transactions up to this one.
fn low(last: u64) -> WindowBounds {
    let low = format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{last}");
    bounds(Low::Transactions(Arc::new(low.parse().unwrap())))
}

fn bounds(low: Low) -> WindowBounds {
    WindowBounds {
        server: "one".into(),
        server_id: 1,
        read_at_ms: 0,
        low,
        high: LogPosition::new("binlog.000001", 500),
    }
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
fn a_view_at_a_place_of_the_log_shows_what_was_committed_up_to_there() {
    let schema = schema(vec![0]);
    let mut window = Window::open(&schema, 1 << 20);
    for (key, end) in [(1, 499), (2, 500), (3, 501)] {
        window.begin(None);
        window.record(&schema, &update(row(key, 0), row(key, 1)));
        window.commit(&LogPosition::new("binlog.000001", end));
    }
    let read = vec![row(1, 1), row(2, 1), row(3, 0), row(4, 0)];
    let rows = window.close(&schema, read, &bounds(Low::High));
    assert_eq!(rows.unwrap(), vec![row(1, 1), row(2, 1), row(4, 0)]);
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

fn key(key: i64) -> Vec<Value> {
    vec![Value::Int(key)]
}

#[test]
fn a_key_without_a_row_is_gone_unless_the_stream_says_otherwise() {
    let schema = schema(vec![0]);
    let keys: Vec<Vec<Value>> = (1..=7).map(key).collect();
    let mut window = Window::open_keys(&schema, &keys, 1 << 20);
    window.begin(Some(&gtid(5)));
    // In the view already, whatever the log tells of it.
    window.record_untold(Identity::of(&key(1)));
    window.begin(Some(&gtid(6)));
    window.record(&schema, &ChangeKind::Insert { after: row(3, 3) });
    window.record(&schema, &ChangeKind::Delete { before: row(4, 4) });
    window.record_untold(Identity::of(&key(5)));
    window.record(&schema, &update(row(6, 0), row(7, 7)));
    let read = vec![row(1, 1), row(4, 4), row(5, 5), row(6, 0)];
    let standing = window.close_keys(&schema, keys, read, &low(5)).unwrap();
    let stands = |key, value| Standing::Row(schema.clone(), row(key, value));
    let expected = vec![
        stands(1, 1),
        Standing::Gone(key(2)),
        stands(3, 3),
        Standing::Gone(key(4)),
        // 5 has to be read again.
        Standing::Gone(key(6)),
        stands(7, 7),
    ];
    assert_eq!(standing, expected);
}

#[test]
fn the_last_thing_told_of_a_key_counts() {
    let schema = schema(vec![0]);
    let keys = vec![key(1), key(2), key(3)];
    let mut window = Window::open_keys(&schema, &keys, 1 << 20);
    window.begin(Some(&gtid(6)));
    window.record(&schema, &ChangeKind::Insert { after: row(1, 1) });
    window.record_untold(Identity::of(&key(1)));
    window.record_untold(Identity::of(&key(2)));
    window.record(&schema, &update(row(2, 1), row(2, 2)));
    window.record_untold(Identity::of(&key(3)));
    window.record_gone(Identity::of(&key(3)));
    let standing = window.close_keys(&schema, keys, vec![], &low(5)).unwrap();
    let expected = vec![
        Standing::Row(schema.clone(), row(2, 2)),
        Standing::Gone(key(3)),
    ];
    assert_eq!(standing, expected);
}

#[test]
fn a_row_that_the_server_holds_equal_to_a_key_is_told_by_its_own() {
    let schema = schema(vec![0]);
    let window = Window::open_keys(&schema, &[key(1)], 1 << 20);
    let standing = window.close_keys(&schema, vec![key(1)], vec![row(9, 9)], &low(5));
    let expected = vec![
        Standing::Gone(key(1)),
        Standing::Row(schema.clone(), row(9, 9)),
    ];
    assert_eq!(standing.unwrap(), expected);
}

#[test]
fn keys_of_a_table_that_changed_meanwhile_are_read_again() {
    let schema = schema(vec![0]);
    let mut window = Window::open_keys(&schema, &[key(1)], 1 << 20);
    window.begin(Some(&gtid(6)));
    window.record_table_change();
    let standing = window.close_keys(&schema, vec![key(1)], vec![], &low(5));
    assert_eq!(standing, Err(Void::TableChanged));
}
