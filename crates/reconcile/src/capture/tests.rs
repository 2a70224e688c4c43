//! What the state machine refuses; its order and exactness are held by random schedules in
//! `tests/all/capturing`.

use super::*;
use change::{Column, ColumnKind, KeyRange, LogPosition, MySqlPosition, TableDescription};

#[test]
fn a_torn_transaction_that_comes_back_shorter_is_refused() {
    let position = Position::MySql(MySqlPosition {
        server_uuid: "s".into(),
        gtid_set: Arc::default(),
        log: LogPosition::new("binlog.000001", 4),
    });
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
    let limits = Limits {
        max_barrier_changes: 10,
        max_barrier_bytes: 1 << 20,
        max_window_bytes: 1 << 20,
        max_keys: 100,
        max_keys_bytes: 1 << 16,
    };
    let mapping = MappingVersion {
        version: 1,
        hash: "h".into(),
    };
    let mut capture = Capture::resume(limits, mapping, checkpoint, Vec::new());
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
    let position = Position::MySql(MySqlPosition {
        server_uuid: "s".into(),
        gtid_set: Arc::default(),
        log: LogPosition::new("binlog.000001", 4),
    });
    let limits = Limits {
        max_barrier_changes: 10,
        max_barrier_bytes: 1 << 20,
        max_window_bytes: 1 << 20,
        max_keys: 100,
        max_keys_bytes: 1 << 16,
    };
    let mapping = MappingVersion {
        version: 1,
        hash: "h".into(),
    };
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
    let mut capture = Capture::start(limits, mapping, position);
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
