//! Messages in Avro, and the registry that has to know their schemas first.

use super::setting::{Log, inserts, schema, shared};
use change::{Column, ColumnKind, Schema};
use flow::ports::{LogReader, LogWriter};
use flow::{Disposition, Failure, Severity};
use kafka::{Access, Format, preflight};
use std::sync::Arc;
use std::time::Duration;
use testbed::servers::Registry;

async fn in_avro(registry: &Registry) -> Log {
    let mut log = Log::fresh(shared().await);
    log.settings.format = Format::Avro;
    log.settings.schema_registry = Some(registry.url().into());
    log
}

fn get(url: &str) -> serde_json::Value {
    let body = ureq::get(url).call().unwrap().body_mut().read_to_string();
    serde_json::from_str(&body.unwrap()).unwrap()
}

async fn refused(log: &Log, number: u64, of: &Arc<Schema>) -> Failure {
    let mut writer = log.writer();
    writer.recover().await.unwrap();
    match writer.send(inserts(number, of, 1)).await {
        Ok(()) => writer.finish().await.unwrap_err(),
        Err(failure) => failure,
    }
}

/// The table with another type of its column, and one that has to have a value.
fn altered() -> Arc<Schema> {
    let mut altered = (*schema("orders")).clone();
    altered.columns[0].kind = ColumnKind::Text {
        charset: "utf8mb4".into(),
    };
    altered.columns.truncate(1);
    let name = Column {
        name: "name".into(),
        kind: ColumnKind::Double,
        nullable: false,
    };
    altered.columns.push(name);
    Arc::new(altered)
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_registered_before_messages_name_them_and_are_asked_for_nowhere_else() {
    let registry = Registry::start().await.unwrap();
    let log = in_avro(&registry).await;
    log.write(1..=2).await;
    // A second session gets the same ids.
    log.write(3..=3).await;
    let topic = format!("{}.shop.orders", log.settings.pipeline);
    let subjects = get(&format!("{}/subjects", registry.url()));
    let names = [format!("{topic}-key"), format!("{topic}-value")];
    for name in &names {
        let found = subjects.as_array().unwrap();
        assert!(found.iter().any(|found| found == name), "{subjects}");
        let versions = get(&format!("{}/subjects/{name}/versions", registry.url()));
        assert_eq!(versions, serde_json::json!([1]), "{name}");
    }
    let newest = get(&format!(
        "{}/subjects/{}/versions/1",
        registry.url(),
        names[1]
    ));
    let id = u32::try_from(newest["id"].as_u64().unwrap()).unwrap();
    let values = super::outsider::values(&log.settings, &topic);
    assert_eq!(values.len(), 6);
    for value in values {
        assert_eq!((value[0], &value[1..5]), (0, &id.to_be_bytes()[..]));
    }

    registry.kill();
    let mut reader = log.reader();
    reader.open(None).await.unwrap();
    for transaction in 1..=3 {
        let barrier = reader.next().await.unwrap().unwrap();
        let same = inserts(transaction, &schema("orders"), barrier.changes.len() as u64);
        for (change, expected) in barrier.changes.iter().zip(&same.changes) {
            assert_eq!(change.kind, expected.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_is_waited_for_and_one_that_refuses_is_not() {
    let registry = Registry::start().await.unwrap();
    let mut log = in_avro(&registry).await;
    log.settings.patience = Duration::from_secs(5);
    log.write(1..=1).await;
    let url = registry.url();
    let level = serde_json::json!({ "compatibility": "FULL" }).to_string();
    let value = format!("{}.shop.orders-value", log.settings.pipeline);
    ureq::put(format!("{url}/config/{value}"))
        .header("Content-Type", "application/json")
        .send(level)
        .unwrap();
    let failure = refused(&log, 2, &altered()).await;
    assert_eq!(failure.code, "LS5528", "{failure}");
    assert_eq!(failure.disposition, Disposition::Halt);
    assert!(failure.message.contains(&value), "{failure}");

    registry.kill();
    let failure = refused(&log, 2, &schema("orders")).await;
    assert_eq!(failure.code, "LS5527", "{failure}");
    assert_eq!(failure.disposition, Disposition::Transient);
    for writes in [true, false] {
        let access = Access {
            reads: true,
            writes,
        };
        let found = preflight(log.settings.clone(), Vec::new(), access).await;
        let forbidden = found
            .iter()
            .any(|found| found.code == "LS5527" && found.severity == Severity::Forbids);
        assert_eq!(forbidden, writes, "{found:?}");
    }

    // One that has forgotten everything is told again.
    registry.restart().await.unwrap();
    log.write(2..=2).await;
    let mut reader = log.reader();
    assert_eq!(reader.end().await.unwrap().unwrap().transaction, 2);
}
