//! The laws of a log hold over Kafka.

use super::setting::{Log, barrier, keyless, row, schema, shared};
use change::{
    Barrier, BarrierKind, ChangeKind, Origin, TableDescription, TableName, TableProgress,
};
use flow::ports::{LogReader, LogWriter};
use std::sync::Arc;
use testbed::conformance::log;

#[tokio::test(flavor = "multi_thread")]
async fn the_laws_of_a_log_hold() {
    let broker = shared().await;
    log::check(async || Log::fresh(broker)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_read_as_they_were_written() {
    let broker = shared().await;
    let mut log = Log::fresh(broker);
    log.settings.partitions = 3;
    let (mut writer, mut reader) = (log.writer(), log.reader());
    writer.recover().await.unwrap();
    reader.open(None).await.unwrap();
    let (orders, lines, plain) = (schema("orders"), schema("lines"), keyless("plain"));
    let kinds = |id: i64| {
        let (before, after) = (row(id, "ä"), row(id, "ö"));
        [
            ChangeKind::Insert {
                after: before.clone(),
            },
            ChangeKind::Update {
                before: before.clone(),
                after: after.clone(),
            },
            // The row moves to another key, and mostly to another partition.
            ChangeKind::Update {
                before: after,
                after: row(-id, "ö"),
            },
            ChangeKind::Delete {
                before: row(-id, "ö"),
            },
        ]
    };
    for number in 1..=5 {
        let mut changes = Vec::new();
        for id in 1..=40 * i64::try_from(number).unwrap() {
            for table in [&orders, &lines, &plain] {
                changes.extend(kinds(id).map(|kind| (Arc::clone(table), kind)));
            }
        }
        let sent = barrier(number, changes);
        writer.send(sent.clone()).await.unwrap();
        let read = reader.next().await.unwrap().unwrap();
        same(&read, &sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_barrier_says_besides_its_changes_is_read_too() {
    let broker = shared().await;
    let log = Log::fresh(broker);
    let (mut writer, mut reader) = (log.writer(), log.reader());
    writer.recover().await.unwrap();
    reader.open(None).await.unwrap();
    let orders = schema("orders");
    let mut sent = barrier(1, Vec::new());
    sent.described = vec![Arc::new(TableDescription {
        schema: Arc::clone(&orders),
        indexes: Vec::new(),
        rows_estimated: 7,
        row_bytes_estimated: 9,
    })];
    sent.emptied = vec![orders.name.clone()];
    // More tables than one record holds.
    let tables = (0..4_000).map(|number| TableName::new("shop", format!("table_{number:0>200}")));
    sent.progress = tables.map(TableProgress::unplanned).collect();
    let mut chunk = barrier(2, vec![(orders, ChangeKind::Read { row: row(1, "r") })]);
    chunk.kind = BarrierKind::Chunk;
    let snapshot = Origin {
        transaction: None,
        ..(*chunk.changes[0].origin).clone()
    };
    chunk.changes[0].origin = Arc::new(snapshot);
    let mut key = vec![change::Value::Null; chunk.changes[0].schema.columns.len()];
    for &column in &chunk.changes[0].schema.key {
        key[column] = row(2, "g")[column].clone();
    }
    let gone = ChangeKind::Gone {
        key: change::Row::new(key),
    };
    let orders = &chunk.changes[0].schema;
    let read = ChangeKind::Read { row: row(3, "k") };
    let mut keys = barrier(3, vec![(orders.clone(), read), (orders.clone(), gone)]);
    keys.kind = BarrierKind::Keys;
    for change in &mut keys.changes {
        change.origin = chunk.changes[0].origin.clone();
    }
    for sent in [sent, chunk, keys] {
        writer.send(sent.clone()).await.unwrap();
        same(&reader.next().await.unwrap().unwrap(), &sent);
    }
    // And it is known after a restart.
    let tail = log.writer().recover().await.unwrap();
    assert_eq!(tail.tables.len(), 4_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_partitions_than_expected_lose_nothing() {
    let mut log = Log::fresh(shared().await);
    log.settings.partitions = 7;
    let (mut writer, mut reader) = (log.writer(), log.reader());
    writer.recover().await.unwrap();
    reader.open(None).await.unwrap();
    let tables = ["a", "b", "c", "d", "e", "f"].map(schema);
    let mut sent = Vec::new();
    // The share of memory is cut in the middle of the log, while records of all tables wait.
    for number in 1..=12 {
        let known = &tables[..usize::try_from(number).unwrap().min(tables.len())];
        let changes = (0..300).map(|id| {
            let table = &known[usize::try_from(id).unwrap() % known.len()];
            let after = row(id, "x");
            (Arc::clone(table), ChangeKind::Insert { after })
        });
        let barrier = barrier(number, changes.collect());
        writer.send(barrier.clone()).await.unwrap();
        sent.push(barrier);
    }
    writer.finish().await.unwrap();
    for sent in &sent {
        same(&reader.next().await.unwrap().unwrap(), sent);
    }
}

/// Equal in all that a reader is told.
fn same(read: &Barrier, sent: &Barrier) {
    assert_eq!(read.changes.len(), sent.changes.len());
    for (read, sent) in read.changes.iter().zip(&sent.changes) {
        assert_eq!(format!("{read:?}"), format!("{sent:?}"));
    }
    assert_eq!(format!("{read:?}"), format!("{sent:?}"));
}
