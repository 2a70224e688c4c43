//! The laws of a log hold over Kafka.

use super::setting::{Log, broker, inserts, schema};
use flow::ports::{LogReader, LogWriter};
use testbed::conformance::log;

#[tokio::test(flavor = "multi_thread")]
async fn the_laws_of_a_log_hold() {
    let broker = broker().await;
    log::check(async || Log::fresh(&broker)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_read_as_they_were_written() {
    let broker = broker().await;
    let mut log = Log::fresh(&broker);
    log.settings.partitions = 3;
    let (mut writer, mut reader) = (log.writer(), log.reader());
    writer.recover().await.unwrap();
    reader.open(None).await.unwrap();
    let (orders, lines) = (schema("orders"), schema("lines"));
    for number in 1..=5 {
        let table = if number % 2 == 0 { &orders } else { &lines };
        let sent = inserts(number, table, 100 * number);
        writer.send(sent.clone()).await.unwrap();
        let read = reader.next().await.unwrap().unwrap();
        assert_eq!(format!("{read:?}"), format!("{sent:?}"));
    }
}
