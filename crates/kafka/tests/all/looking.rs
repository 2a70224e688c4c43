//! What is found before the start, and what is shown of topics.

use super::outsider;
use super::setting::{Log, inserts, own, schema, shared};
use change::TableName;
use flow::ports::LogWriter;
use flow::{Finding, Severity};
use kafka::{Settings, TailFrom, TopicTail, preflight, topics};
use std::collections::BTreeSet;
use std::time::Duration;
use testbed::servers::KafkaOptions;

fn codes(findings: &[Finding], severity: Severity) -> Vec<&'static str> {
    let found = findings.iter().filter(|found| found.severity == severity);
    found.map(|found| found.code).collect()
}

fn tables() -> Vec<TableName> {
    vec![schema("orders").name.clone(), schema("lines").name.clone()]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_forbids_a_start_on_an_ordinary_broker_or_a_second_start() {
    let log = Log::fresh(shared().await);
    let findings = preflight(log.settings.clone(), tables()).await;
    assert_eq!(codes(&findings, Severity::Forbids), [""; 0], "{findings:?}");
    assert_eq!(codes(&findings, Severity::Warns), ["LS5525"]);
    log.write(1..=3).await;
    let mut writer = log.writer();
    writer.recover().await.unwrap();
    let findings = preflight(log.settings.clone(), tables()).await;
    assert_eq!(codes(&findings, Severity::Forbids), [""; 0], "{findings:?}");
    // A look fences nobody.
    writer.send(inserts(4, &schema("orders"), 1)).await.unwrap();
    writer.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_topics_and_limits_that_cannot_work_forbid_the_start() {
    let mut log = Log::fresh(shared().await);
    let settings = &mut log.settings;
    settings.partitions = 2;
    settings.replication_factor = Some(3);
    let orders = format!("{}.shop.orders", settings.pipeline);
    outsider::create_topic(settings, &orders, 5).await;
    outsider::configure_topic(settings, &orders, "max.message.bytes", "1000");
    let mut tables = tables();
    tables.push(TableName::new("shop_lines", "x"));
    tables.push(TableName::new("shop", "lines_x"));
    let findings = preflight(settings.clone(), tables).await;
    let mut found = codes(&findings, Severity::Forbids);
    found.sort_unstable();
    assert_eq!(found, ["LS5518", "LS5519", "LS5522"], "{findings:?}");
    // What is compressed may fit all the same, so that this one only warns.
    let warned = codes(&findings, Severity::Warns);
    assert!(warned.contains(&"LS5523"), "{findings:?}");
    let about = |code| findings.iter().find(|found| found.code == code).unwrap();
    assert_eq!(about("LS5522").table, Some(schema("orders").name.clone()));
    assert_eq!(about("LS5523").table, Some(schema("orders").name.clone()));
    assert_eq!(
        about("LS5518").table,
        Some(TableName::new("shop", "lines_x"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_whose_settings_are_too_narrow_forbid_the_start() {
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let properties = vec![
        property("transaction.max.timeout.ms", "20000"),
        property("min.insync.replicas", "2"),
    ];
    let (broker, _alone) = own(KafkaOptions { properties }).await;
    let log = Log::fresh(&broker);
    let findings = preflight(log.settings.clone(), tables()).await;
    let found = codes(&findings, Severity::Forbids);
    assert_eq!(found, ["LS5520", "LS5524"], "{findings:?}");
    // What the look foretells is what the start meets.
    let failure = log.writer().recover().await.unwrap_err();
    assert_eq!(failure.code, "LS5520", "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_not_there_are_named() {
    let mut settings = Settings::new("shop", vec!["127.0.0.1:1".to_owned()]);
    settings.patience = Duration::from_secs(2);
    let findings = preflight(settings, tables()).await;
    assert_eq!(
        codes(&findings, Severity::Forbids),
        ["LS5502"],
        "{findings:?}"
    );
    assert!(findings[0].message.contains("127.0.0.1:1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_listed_with_what_is_committed_in_them() {
    let log = Log::fresh(shared().await);
    assert_eq!(topics(log.settings.clone()).await.unwrap(), []);
    log.write(1..=3).await;
    let name = |topic: &str| format!("{}.{topic}", log.settings.pipeline);
    outsider::abort_record(&log.settings, &name("shop.orders"));
    let listed = topics(log.settings.clone()).await.unwrap();
    let names: Vec<&str> = listed.iter().map(|topic| &*topic.name).collect();
    let expected = ["barriers", "schema", "quarantine", "shop.orders"].map(name);
    assert_eq!(names, expected.each_ref().map(String::as_str));
    let orders = &listed[3];
    assert_eq!(orders.table, Some(schema("orders").name.clone()));
    assert_eq!(orders.partitions.len(), 1);
    assert_eq!(orders.partitions[0].records, Some(6));
    // Three markers of commits, an aborted record and its marker.
    assert_eq!(
        (orders.partitions[0].low, orders.partitions[0].high),
        (0, 11)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_shows_committed_changes_of_the_tables_that_are_asked_for() {
    let log = Log::fresh(shared().await);
    log.write(1..=2).await;
    let only = |table: &str| BTreeSet::from([schema(table).name.clone()]);
    let open = async |tables, from| TopicTail::open(log.settings.clone(), tables, from).await;
    let mut all = open(BTreeSet::new(), TailFrom::Beginning).await.unwrap();
    let mut lines = open(only("lines"), TailFrom::End).await.unwrap();
    let mut writer = log.writer();
    writer.recover().await.unwrap();
    writer.send(inserts(3, &schema("orders"), 1)).await.unwrap();
    writer.send(inserts(4, &schema("lines"), 1)).await.unwrap();
    writer.finish().await.unwrap();
    for transaction in [1, 1, 2, 2, 3, 4] {
        assert_eq!(all.next().await.unwrap().ordinal.transaction, transaction);
    }
    assert!(!all.has_waiting());
    assert_eq!(all.through(), all.end().await.unwrap());
    assert_eq!(lines.next().await.unwrap().ordinal.transaction, 4);
}
