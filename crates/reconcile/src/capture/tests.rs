//! What the state machine refuses; its order and exactness are held by random schedules in
//! `tests/all/capturing`.

use super::*;
use change::{
    ChangeKind, Column, ColumnKind, KeyRange, LogPosition, MySqlPosition, Place, TableDescription,
    TableEventKind, Value,
};

fn at(offset: u64) -> Position {
    Position::MySql(MySqlPosition {
        server_uuid: "s".into(),
        gtid_set: Arc::default(),
        log: LogPosition::new("binlog.000001", offset),
    })
}

fn limits() -> Limits {
    Limits {
        max_barrier_changes: 10,
        max_barrier_bytes: 1 << 20,
        max_window_bytes: 1 << 20,
        max_keys: 100,
        max_keys_bytes: 1 << 16,
    }
}

fn mapping() -> MappingVersion {
    MappingVersion {
        version: 1,
        hash: "h".into(),
    }
}

#[test]
fn a_torn_transaction_that_comes_back_shorter_is_refused() {
    let position = at(4);
    let name: Arc<str> = "3e11fa47-71ca-11e1-9e33-c80aa9429562:7".into();
    let checkpoint = Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal::default(),
        position: position.clone(),
        torn: Some(Torn {
            transaction: name.clone(),
            parts: 1,
            changes_before: 3,
        }),
        committed_at_ms: 0,
    };
    let mut capture = Capture::resume(limits(), mapping(), checkpoint, Vec::new());
    let origin = Origin {
        transaction: Some(name.clone()),
        ..Origin::default()
    };
    capture.begin(Arc::new(origin)).unwrap();
    assert_eq!(
        capture.commit(position),
        Err(TornMismatch::Shorter {
            torn: name,
            applied: 3,
            seen: 0
        })
    );
}

#[test]
fn a_plan_made_for_a_former_table_of_the_same_name_is_not_taken() {
    let position = at(4);
    let table = TableName::new("d", "t");
    let describe = || TableDescription {
        schema: Arc::new(Schema {
            name: table.clone(),
            columns: vec![Column {
                name: "id".into(),
                kind: ColumnKind::Year,
                nullable: false,
            }],
            key: vec![0],
        }),
        indexes: Vec::new(),
        rows_estimated: 0,
        row_bytes_estimated: 0,
    };
    let mut capture = Capture::start(limits(), mapping(), position);
    capture.add_table(&table);
    let plan = |capture: &mut Capture| {
        assert!(matches!(capture.next_task(), Some(Task::Describe(_))));
        capture.described(&table, Some(describe()));
        match capture.next_task() {
            Some(Task::Plan(description)) => description,
            other => panic!("{other:?} instead of a plan"),
        }
    };
    capture.close();
    while capture.take_closed().is_some() {}
    let former = plan(&mut capture);
    capture.close();
    let told = capture.take_closed().expect("a description is news");
    assert_eq!(told.described.len(), 1);
    assert_eq!(told.progress[0].table, table, "its state goes with it");
    capture.planned(&former, vec![KeyRange::default()], 0);
    let Some(Task::Read { window, .. }) = capture.next_task() else {
        panic!("nothing is read");
    };
    // The reader finds another table: it is described and planned anew, from the beginning.
    capture.chunk_void(&table, window, true);
    let present = plan(&mut capture);
    capture.planned(&former, vec![KeyRange::default()], 0);
    assert!(capture.next_task().is_none());
    capture.planned(&present, vec![KeyRange::default()], 0);
    assert!(matches!(capture.next_task(), Some(Task::Read { .. })));
}

/// As a statement logged as text makes one: it empties the collection after rows of its transaction.
#[test]
fn rows_of_a_transaction_leave_ahead_of_its_events() {
    let schema = Arc::new(Schema {
        name: TableName::new("d", "t"),
        columns: vec![Column {
            name: "id".into(),
            kind: ColumnKind::Year,
            nullable: false,
        }],
        key: vec![0],
    });
    let mut capture = Capture::start(limits(), mapping(), at(4));
    capture.add_table(&schema.name);
    assert!(matches!(capture.next_task(), Some(Task::Describe(_))));
    let description = TableDescription {
        schema: schema.clone(),
        indexes: Vec::new(),
        rows_estimated: 0,
        row_bytes_estimated: 0,
    };
    capture.described(&schema.name, Some(description));
    let Some(Task::Plan(description)) = capture.next_task() else {
        panic!("it is not planned");
    };
    capture.planned(&description, vec![KeyRange::default()], 0);
    assert!(matches!(capture.next_task(), Some(Task::Read { .. })));
    capture.close();
    while capture.take_closed().is_some() {}

    let origin = Origin {
        transaction: Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:7".into()),
        ..Origin::default()
    };
    capture.begin(Arc::new(origin)).unwrap();
    let inserted = RowChange {
        place: Place { offset: 5, row: 0 },
        kind: ChangeKind::Insert {
            after: Row::new(vec![Value::Year(1999)]),
        },
    };
    capture.rows(&schema, vec![inserted]);
    capture.table_event(TableEvent {
        table: schema.name.clone(),
        kind: TableEventKind::Truncated,
    });
    capture.commit(at(9)).unwrap();
    let barriers: Vec<Barrier> = std::iter::from_fn(|| capture.take_closed()).collect();
    let [rows, emptied, ..] = &*barriers else {
        panic!("{barriers:?}");
    };
    assert_eq!((rows.changes.len(), rows.emptied.len()), (1, 0));
    assert!(rows.checkpoint.torn.is_some() && rows.checkpoint.position == at(4));
    assert_eq!((emptied.changes.len(), emptied.emptied.len()), (0, 1));
    assert!(emptied.checkpoint.torn.is_none() && emptied.checkpoint.position == at(9));
    let ordinals = barriers.iter().map(|barrier| barrier.checkpoint.ordinal);
    assert!(
        ordinals.is_sorted_by(|one, next| one < next),
        "{barriers:?}"
    );
}
