//! Brokers that go away, and come back with or without what they held.

use super::outsider;
use super::setting::{Log, inserts, own, schema};
use change::Ordinal;
use flow::ports::{LogReader, LogWriter};
use flow::{Disposition, Failure};
use kafka::KafkaWriter;
use std::time::Duration;
use testbed::servers::KafkaOptions;

const WITHIN: Duration = Duration::from_secs(180);

fn end(transaction: u64) -> Ordinal {
    Ordinal {
        transaction,
        change: 99,
    }
}

/// A writer that has taken over, and where it goes on. Brokers may still be on their way back.
async fn successor(log: &Log) -> (KafkaWriter, Option<Ordinal>) {
    testbed::waiting::until("the log is recovered", WITHIN, async || {
        let mut writer = log.writer();
        match writer.recover().await {
            Ok(tail) => Some((writer, tail.checkpoint.map(|last| last.ordinal))),
            Err(failure) => {
                assert_eq!(failure.disposition, Disposition::Transient, "{failure}");
                println!("not yet: {failure}");
                None
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_outcome_nobody_was_told_is_settled_by_the_tail() {
    let (broker, _alone) = own(KafkaOptions::default()).await;
    let mut log = Log::fresh(&broker);
    log.settings.partitions = 2;
    let orders = schema("orders");
    let (mut writer, mut tail) = successor(&log).await;
    let mut outcomes = [0, 0];
    for round in 0..8 {
        let first = tail.map_or(1, |tail| tail.transaction + 1);
        for number in first..first + 3 {
            writer.send(inserts(number, &orders, 100)).await.unwrap();
        }
        writer.ready().await.unwrap();
        let told = end(first + 2);
        // The next one is under way when the broker stops answering, further each time, and then
        // the writer is gone without a word.
        writer.send(inserts(first + 3, &orders, 100)).await.unwrap();
        for _ in 0..round * 2_000 {
            tokio::task::yield_now().await;
        }
        broker.pause().unwrap();
        drop(writer);
        broker.resume().unwrap();
        (writer, tail) = successor(&log).await;
        assert!(
            tail >= Some(told),
            "{told} was durable, {tail:?} is the tail"
        );
        assert!(tail <= Some(end(first + 3)), "{tail:?} was never sent");
        outcomes[usize::from(tail > Some(told))] += 1;
    }
    println!(
        "not in the log: {}, in the log: {}",
        outcomes[0], outcomes[1]
    );
    let last = tail.unwrap().transaction;
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    for number in 1..=last {
        let read = reader.next().await.unwrap().unwrap();
        let sent = inserts(number, &orders, 100);
        assert_eq!(format!("{read:?}"), format!("{sent:?}"));
    }
    assert_eq!(reader.end().await.unwrap(), Some(end(last)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_killed_broker_forgets_to_finish_is_finished_by_the_next_writer() {
    let (broker, _alone) = own(KafkaOptions::default()).await;
    let mut log = Log::fresh(&broker);
    log.settings.partitions = 2;
    let orders = schema("orders");
    let mut forgotten = 0;
    let (mut writer, mut tail) = successor(&log).await;
    for round in 0..12 {
        let first = tail.map_or(1, |tail| tail.transaction + 1);
        for number in first..first + 3 {
            writer.send(inserts(number, &orders, 100)).await.unwrap();
        }
        writer.ready().await.unwrap();
        // The commit is answered, and the markers that finish it are on their way.
        broker.kill();
        drop(writer);
        broker.restart().await.unwrap();
        forgotten += usize::from(outsider::is_open(&log.settings));
        (writer, tail) = successor(&log).await;
        assert_eq!(tail, Some(end(first + 2)));
        if forgotten > 0 && round > 3 {
            break;
        }
    }
    assert!(forgotten > 0, "no round met the moment");
    println!("forgotten in {forgotten} rounds");
    let last = tail.unwrap().transaction;
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    for number in 1..=last {
        let read = reader.next().await.unwrap().unwrap();
        let sent = inserts(number, &orders, 100);
        assert_eq!(format!("{read:?}"), format!("{sent:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_outlives_a_forgetful_broker_adds_nothing_until_it_has_recovered() {
    let (broker, _alone) = own(KafkaOptions::default()).await;
    let log = Log::fresh(&broker);
    let (mut writer, mut tail) = successor(&log).await;
    let mut met = false;
    for _ in 0..12 {
        let next = tail.map_or(1, |tail| tail.transaction + 1);
        let orders = inserts(next, &schema("orders"), 100);
        writer.send(orders).await.unwrap();
        writer.ready().await.unwrap();
        broker.kill();
        broker.restart().await.unwrap();
        met = outsider::is_open(&log.settings);
        // A barrier of another table: nothing of it would end what is open in the orders.
        let lines = inserts(next + 1, &schema("lines"), 100);
        writer.send(lines).await.unwrap();
        let added = writer.finish().await;
        if met {
            let failure = added.unwrap_err();
            assert_eq!(failure.code, "LS5505", "{failure}");
            assert_eq!(failure.disposition, Disposition::Transient);
        }
        (writer, tail) = successor(&log).await;
        assert!(tail >= Some(end(next)), "{tail:?}");
        if met {
            break;
        }
    }
    assert!(met, "no round met the moment");
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    let last = tail.unwrap();
    while reader.next().await.unwrap().unwrap().checkpoint.ordinal < last {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_and_a_reader_outlive_a_broker_that_is_killed_and_comes_back() {
    let (broker, _alone) = own(KafkaOptions::default()).await;
    let log = Log::fresh(&broker);
    let orders = schema("orders");
    let (mut writer, _) = successor(&log).await;
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    writer.send(inserts(1, &orders, 100)).await.unwrap();
    let first = reader.next().await.unwrap().unwrap();
    assert_eq!(first.checkpoint.ordinal, end(1));
    broker.kill();
    writer.send(inserts(2, &orders, 100)).await.unwrap();
    broker.restart().await.unwrap();
    writer.finish().await.unwrap();
    let second = reader.next().await.unwrap().unwrap();
    assert_eq!(second.checkpoint.ordinal, end(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_has_lost_its_records_is_noticed() {
    let (broker, _alone) = own(KafkaOptions::default()).await;
    let log = Log::fresh(&broker);
    log.write(1..=3).await;
    broker.stop().await.unwrap();
    let name = format!("{}.shop.orders-0", log.settings.pipeline);
    for file in std::fs::read_dir(broker.storage().join(name)).unwrap() {
        let file = file.unwrap().path();
        // The topic stays the one it was.
        if !file.ends_with("partition.metadata") {
            std::fs::remove_file(file).unwrap();
        }
    }
    broker.restart().await.unwrap();
    let halts = |failure: Failure| {
        assert_eq!(failure.code, "LS5510", "{failure}");
        assert_eq!(failure.disposition, Disposition::Halt);
    };
    halts(log.writer().recover().await.unwrap_err());
    halts(log.reader().open(None).await.unwrap_err());
}
