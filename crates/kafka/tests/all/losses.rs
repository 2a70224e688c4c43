//! What was lost, or is not what it was, is noticed; and what must not be written is not.

use super::outsider;
use super::setting::{Log, barrier, inserts, row, schema, shared};
use change::{ChangeKind, Ordinal};
use flow::ports::{LogReader, LogWriter};
use flow::{Disposition, Failure};
use kafka::Format;

/// The topic of the table `orders`.
fn orders(log: &Log) -> String {
    format!("{}.shop.orders", log.settings.pipeline)
}

fn barriers(log: &Log) -> String {
    format!("{}.barriers", log.settings.pipeline)
}

fn halts(failure: &Failure, code: &str) {
    assert_eq!(failure.code, code, "{failure}");
    assert_eq!(failure.disposition, Disposition::Halt);
}

async fn first_failure(log: &Log, after: Option<Ordinal>) -> Failure {
    let mut reader = log.reader();
    if let Err(failure) = reader.open(after).await {
        return failure;
    }
    loop {
        if let Err(failure) = reader.next().await {
            return failure;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_is_missed() {
    let log = Log::fresh(shared().await);
    log.write(1..=3).await;
    outsider::delete_topic(&log.settings, &orders(&log));
    halts(&log.writer().recover().await.unwrap_err(), "LS5508");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_is_another_one() {
    let log = Log::fresh(shared().await);
    log.write(1..=3).await;
    outsider::delete_topic(&log.settings, &orders(&log));
    outsider::create_topic(&log.settings, &orders(&log), 1).await;
    halts(&log.writer().recover().await.unwrap_err(), "LS5509");
    let middle = Ordinal {
        transaction: 3,
        change: 1,
    };
    halts(&first_failure(&log, Some(middle)).await, "LS5509");
    halts(&first_failure(&log, None).await, "LS5509");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_under_a_writer_is_noticed_by_its_offsets() {
    let log = Log::fresh(shared().await);
    let mut writer = log.writer();
    writer.recover().await.unwrap();
    for number in 1..=3 {
        writer
            .send(inserts(number, &schema("orders"), 5))
            .await
            .unwrap();
    }
    writer.ready().await.unwrap();
    outsider::delete_topic(&log.settings, &orders(&log));
    outsider::create_topic(&log.settings, &orders(&log), 1).await;
    let sent = writer.send(inserts(4, &schema("orders"), 2)).await;
    let failure = match sent {
        Ok(()) => writer.finish().await.unwrap_err(),
        Err(failure) => failure,
    };
    halts(&failure, "LS5509");
    // Nothing of it is committed.
    let mut reader = log.reader();
    let end = reader.end().await.unwrap().unwrap();
    assert_eq!(end.transaction, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_partitions_are_refused() {
    let log = Log::fresh(shared().await);
    log.write(1..=3).await;
    outsider::add_partitions(&log.settings, &orders(&log), 2);
    halts(&log.writer().recover().await.unwrap_err(), "LS5511");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_format_is_refused_and_readers_go_by_the_recorded_one() {
    let mut log = Log::fresh(shared().await);
    log.settings.format = Format::DebeziumJsonWithSchema;
    log.write(1..=2).await;
    // A reader is not asked what it thinks.
    log.settings.format = Format::DebeziumJson;
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    for number in 1..=2 {
        let barrier = reader.next().await.unwrap().unwrap();
        assert_eq!(barrier.changes.len(), 2, "barrier {number}");
    }
    let failure = log.writer().recover().await.unwrap_err();
    halts(&failure, "LS5526");
    assert_eq!(failure.table, Some(schema("orders").name.clone()));
    let recorded = "is written as debezium-json with schema, the configuration";
    assert!(failure.message.contains(recorded), "{failure}");
    // One table may be unlike the others.
    let name = schema("orders").name.clone();
    let own = Format::DebeziumJsonWithSchema;
    log.settings.formats.insert(name, own);
    log.write(3..=3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn barriers_that_are_lost_are_not_taken_for_a_new_pipeline() {
    let log = Log::fresh(shared().await);
    log.write(1..=3).await;
    outsider::delete_topic(&log.settings, &barriers(&log));
    outsider::create_topic(&log.settings, &barriers(&log), 1).await;
    halts(&log.writer().recover().await.unwrap_err(), "LS5513");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_retention_has_deleted_are_missed() {
    let log = Log::fresh(shared().await);
    log.write(1..=6).await;
    outsider::delete_records(&log.settings, &orders(&log), 7);
    halts(&first_failure(&log, None).await, "LS5512");
    // What was read before is not needed again.
    let mut reader = log.reader();
    let fifth = Ordinal {
        transaction: 5,
        change: 1,
    };
    reader.open(Some(fifth)).await.unwrap();
    let barrier = reader.next().await.unwrap().unwrap();
    assert_eq!(barrier.checkpoint.ordinal.transaction, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn barriers_that_were_deleted_are_missed() {
    let log = Log::fresh(shared().await);
    log.write(1..=6).await;
    outsider::delete_records(&log.settings, &barriers(&log), 4);
    halts(&first_failure(&log, None).await, "LS5512");
    let first = Ordinal {
        transaction: 1,
        change: 1,
    };
    halts(&first_failure(&log, Some(first)).await, "LS5512");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_opened_behind_any_of_its_barriers_and_behind_no_other() {
    let log = Log::fresh(shared().await);
    log.write(1..=30).await;
    let at = |transaction, change| Ordinal {
        transaction,
        change,
    };
    for number in [1, 2, 14, 29] {
        let mut reader = log.reader();
        reader.open(Some(at(number, 1))).await.unwrap();
        let barrier = reader.next().await.unwrap().unwrap();
        assert_eq!(barrier.checkpoint.ordinal, at(number + 1, 1));
    }
    let beyond = log.reader().open(Some(at(31, 0))).await.unwrap_err();
    halts(&beyond, "LS5515");
    let between = log.reader().open(Some(at(14, 0))).await.unwrap_err();
    halts(&between, "LS5515");
    let empty = Log::fresh(shared().await);
    empty.writer().recover().await.unwrap();
    let nothing = empty.reader().open(Some(at(1, 0))).await.unwrap_err();
    halts(&nothing, "LS5515");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_somebody_else_is_no_change() {
    let log = Log::fresh(shared().await);
    log.write(1..=3).await;
    outsider::commit_record(&log.settings, &orders(&log));
    log.write(4..=5).await;
    halts(&first_failure(&log, None).await, "LS5517");
    let other = Log::fresh(shared().await);
    other.write(1..=3).await;
    outsider::commit_record(&other.settings, &barriers(&other));
    halts(&first_failure(&other, None).await, "LS5516");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_too_long_is_named_and_nothing_of_its_barrier_is_written() {
    let mut log = Log::fresh(shared().await);
    log.settings.max_message_bytes = 64 << 10;
    log.write(1..=3).await;
    let mut writer = log.writer();
    writer.recover().await.unwrap();
    let long = row(7, &"x".repeat(70_000));
    let changes = vec![
        (schema("orders"), ChangeKind::Insert { after: row(6, "x") }),
        (schema("orders"), ChangeKind::Insert { after: long }),
    ];
    writer.send(barrier(4, changes)).await.unwrap();
    let failure = writer.finish().await.unwrap_err();
    halts(&failure, "LS5506");
    for said in ["shop.orders", "4.1", "in id)", "65536"] {
        assert!(failure.message.contains(said), "{said}: {failure}");
    }
    assert!(!failure.message.contains('x'.to_string().repeat(3).as_str()));
    assert_eq!(failure.table, Some(schema("orders").name.clone()));
    assert_eq!(log.reader().end().await.unwrap().unwrap().transaction, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_halts_before_the_barrier_says_that_it_is_there() {
    let log = Log::fresh(shared().await);
    log.write(1..=3).await;
    outsider::configure_topic(&log.settings, &orders(&log), "max.message.bytes", "100");
    let end = outsider::end_of(&log.settings, &barriers(&log));
    let mut writer = log.writer();
    writer.recover().await.unwrap();
    writer.send(inserts(4, &schema("orders"), 2)).await.unwrap();
    halts(&writer.finish().await.unwrap_err(), "LS5507");
    // The barrier's record comes last: there is none, not even an aborted one.
    assert_eq!(outsider::end_of(&log.settings, &barriers(&log)), end);
}
