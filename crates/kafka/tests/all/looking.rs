//! What is found before the start, and what is shown of topics.

use super::outsider;
use super::setting::{Log, inserts, own, schema, shared};
use change::TableName;
use flow::ports::LogWriter;
use flow::{Finding, Severity};
use kafka::{Access, Settings, TailFrom, TopicTail, preflight, topics};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testbed::servers::{Kafka, KafkaOptions};
use testbed::waiting::until;

const BOTH: Access = Access {
    reads: true,
    writes: true,
};

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
    let findings = preflight(log.settings.clone(), tables(), BOTH).await;
    assert_eq!(codes(&findings, Severity::Forbids), [""; 0], "{findings:?}");
    assert_eq!(codes(&findings, Severity::Warns), ["LS5525"]);
    log.write(1..=3).await;
    let mut writer = log.writer();
    writer.recover().await.unwrap();
    let findings = preflight(log.settings.clone(), tables(), BOTH).await;
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
    let findings = preflight(settings.clone(), tables, BOTH).await;
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
    let (broker, _alone) = own(KafkaOptions {
        properties,
        ..KafkaOptions::default()
    })
    .await;
    let log = Log::fresh(&broker);
    let findings = preflight(log.settings.clone(), tables(), BOTH).await;
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
    let findings = preflight(settings, tables(), BOTH).await;
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

/// Each entry: allowed or denied, of what kind of thing, by which pattern and name, which operation.
fn permit(broker: &Kafka, entries: &[&str]) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/Permit.java");
    let mut program = broker.client_program();
    program.arg(source).arg(broker.brokers());
    for entry in entries {
        program.args(entry.split(' '));
    }
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_account_may_not_do_forbids_the_start_of_those_who_need_it() {
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let properties = vec![
        property(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        ),
        property("allow.everyone.if.no.acl.found", "true"),
    ];
    let (broker, _alone) = own(KafkaOptions {
        properties,
        ..KafkaOptions::default()
    })
    .await;
    let access = |reads, writes| Access { reads, writes };
    let found = async |log: &Log, access| {
        let findings = preflight(log.settings.clone(), tables(), access).await;
        let forbidding = findings.into_iter();
        let forbidding = forbidding.filter(|found| found.severity == Severity::Forbids);
        let said = forbidding.map(|found| format!("{}: {}", found.code, found.message));
        said.collect::<Vec<_>>()
    };
    // Whoever may make topics on the cluster may make any.
    let all = [
        "ALLOW TOPIC LITERAL * ALL",
        "ALLOW TRANSACTIONAL_ID LITERAL * ALL",
        "ALLOW CLUSTER LITERAL kafka-cluster ALL",
        "DENY CLUSTER LITERAL kafka-cluster CREATE",
    ];
    permit(&broker, &all);
    let deny = |kind: &str, prefix: &str, operation: &str| {
        permit(
            &broker,
            &[&format!("DENY {kind} PREFIXED {prefix} {operation}")],
        );
    };
    // A broker learns of a permission a moment after the controller has taken it.
    let until_found = async |log: &Log, access, count: usize| {
        let what = format!("{count} things forbid the start");
        until(&what, Duration::from_secs(20), async || {
            let found = found(log, access).await;
            (found.len() == count).then_some(found)
        })
        .await
    };
    // Topics that are there: reading and writing are permissions of their own.
    let log = Log::fresh(&broker);
    log.write(1..=1).await;
    assert_eq!(found(&log, BOTH).await, [""; 0]);
    let orders = format!("{}.shop.orders", log.settings.pipeline);
    deny("TOPIC", &orders, "WRITE");
    let writing = until_found(&log, access(false, true), 1).await;
    let expected = format!("LS5503: Kafka does not allow writing to topic {orders}");
    assert!(writing[0].starts_with(&expected), "{writing:?}");
    assert_eq!(found(&log, access(true, false)).await, [""; 0]);
    deny("TOPIC", &orders, "READ");
    until_found(&log, access(true, false), 1).await;
    until_found(&log, BOTH, 2).await;

    // Topics that would have to be made: those of the log itself, and the tables'.
    let new = Log::fresh(&broker);
    deny("TOPIC", &new.settings.pipeline, "CREATE");
    let writing = until_found(&new, access(false, true), 2).await;
    let refused = |said: &String| said.contains("LS5503") && said.contains("creating topic");
    assert!(writing.iter().all(refused), "{writing:?}");
    assert_eq!(found(&new, access(true, false)).await, [""; 0]);

    // The id that fences.
    let other = Log::fresh(&broker);
    let id = other.settings.transactional_id();
    deny("TRANSACTIONAL_ID", &id, "DESCRIBE");
    let writing = until_found(&other, access(false, true), 1).await;
    assert!(writing[0].contains("transactions"), "{writing:?}");
    let failure = other.writer().recover().await.unwrap_err();
    assert_eq!(failure.code, "LS5503", "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_begins_with_what_was_written_from_a_time_on() {
    let log = Log::fresh(shared().await);
    log.write(1..=2).await;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let between = i64::try_from(now().as_millis()).unwrap() + 1;
    until(
        "the clock has moved on",
        Duration::from_secs(5),
        async || (i64::try_from(now().as_millis()).unwrap() > between).then_some(()),
    )
    .await;
    log.write(3..=4).await;
    let open = async |from| {
        let settings = log.settings.clone();
        TopicTail::open(settings, BTreeSet::new(), TailFrom::Time(from)).await
    };
    for (from, first) in [(0, 1), (between, 3)] {
        let mut tail = open(from).await.unwrap();
        let found = tail.next().await.unwrap().ordinal;
        assert_eq!((found.transaction, found.change), (first, 0));
    }
    // Nothing was written since: what comes next is.
    let mut tail = open(between + 3_600_000).await.unwrap();
    log.write(5..=5).await;
    assert_eq!(tail.next().await.unwrap().ordinal.transaction, 5);
}
