//! One writer at a time, and a tail that is proven.

use super::outsider;
use super::setting::{Log, inserts, schema, shared};
use change::Ordinal;
use flow::Disposition;
use flow::ports::{LogReader, LogWriter};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_predecessor_was_told_is_durable_lies_before_its_fence() {
    let broker = shared().await;
    let log = Log::fresh(broker);
    let mut old = log.writer();
    old.recover().await.unwrap();
    let orders = schema("orders");
    let (tell, mut told) = tokio::sync::watch::channel(0);
    let writing = tokio::spawn(async move {
        let mut durable = None;
        for number in 1.. {
            let sent = old.send(inserts(number, &orders, 3)).await;
            let settled = match sent {
                Ok(()) => old.durable_through(durable).await,
                Err(failure) => Err(failure),
            };
            match settled {
                Ok(through) => durable = Some(through),
                Err(failure) => return (durable, failure),
            }
            tell.send_replace(number);
        }
        unreachable!("numbers do not end")
    });
    told.wait_for(|number| *number >= 20).await.unwrap();
    // It goes on writing while its successor comes.
    let mut new = log.writer();
    let tail = new.recover().await.unwrap();
    let (durable, failure) = writing.await.unwrap();
    assert_eq!(failure.disposition, Disposition::Fenced, "{failure}");
    assert_eq!(failure.code, "LS5504");
    let tail = tail.checkpoint.unwrap().ordinal;
    assert!(
        Some(tail) >= durable,
        "{tail} is the tail, {durable:?} was told"
    );

    let next = tail.transaction + 1;
    new.send(inserts(next, &schema("orders"), 1)).await.unwrap();
    new.finish().await.unwrap();
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    for number in 1..=next {
        let barrier = reader.next().await.unwrap().unwrap();
        assert_eq!(barrier.checkpoint.ordinal.transaction, number);
    }
    assert_eq!(
        reader.end().await.unwrap(),
        Some(Ordinal {
            transaction: next,
            change: 0
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_somebody_leaves_open_is_an_error_and_not_the_end() {
    let broker = shared().await;
    let mut log = Log::fresh(broker);
    log.write(1..=3).await;
    let barriers = format!("{}.barriers", log.settings.pipeline);
    let outsider = outsider::open_transaction(&log.settings, &[&barriers]);
    log.settings.patience = Duration::from_secs(3);
    let failure = log.writer().recover().await.unwrap_err();
    assert_eq!(failure.code, "LS5514", "{failure}");
    assert_eq!(failure.disposition, Disposition::Transient);
    let mut reader = log.reader();
    let failure = reader.end().await.unwrap_err();
    assert_eq!(failure.code, "LS5514", "{failure}");
    // Once it is aborted, the tail is what it was.
    rdkafka::producer::Producer::abort_transaction(&outsider, Duration::from_secs(20)).unwrap();
    let tail = log.writer().recover().await.unwrap();
    assert_eq!(tail.checkpoint.unwrap().ordinal.transaction, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn aborted_records_behind_the_last_barrier_do_not_hide_the_end() {
    let broker = shared().await;
    let log = Log::fresh(broker);
    log.write(1..=3).await;
    let barriers = format!("{}.barriers", log.settings.pipeline);
    for _ in 0..100 {
        outsider::abort_record(&log.settings, &barriers);
    }
    let tail = log.writer().recover().await.unwrap();
    assert_eq!(tail.checkpoint.unwrap().ordinal.transaction, 3);
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    for number in 1..=3 {
        let barrier = reader.next().await.unwrap().unwrap();
        assert_eq!(barrier.checkpoint.ordinal.transaction, number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_written_again_and_read_from_there() {
    let broker = shared().await;
    let mut log = Log::fresh(broker);
    log.settings.state_every_bytes = 2_000;
    log.write(1..=40).await;
    let barriers = format!("{}.barriers", log.settings.pipeline);
    // What lies before the last state is not needed to go on writing: half of the topic is not.
    let end = outsider::end_of(&log.settings, &barriers);
    outsider::delete_records(&log.settings, &barriers, end / 2);
    log.write(41..=42).await;
    let mut reader = log.reader();
    let middle = Ordinal {
        transaction: 40,
        change: 1,
    };
    reader.open(Some(middle)).await.unwrap();
    for number in 41..=42 {
        let barrier = reader.next().await.unwrap().unwrap();
        assert_eq!(barrier.checkpoint.ordinal.transaction, number);
    }
}
