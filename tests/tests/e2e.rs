//! A live database is copied and followed while it is written to, and every value arrives.

use std::collections::BTreeSet;
use std::time::Duration;
use testbed::servers::Product;
use testbed::waiting::until;
use tests::pipeline::PATIENCE;
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::workload;

/// Looks at the constant sum that have to see a whole checkpoint.
const WHOLE_LOOKS: usize = 60;
const CHECKPOINTS_SEEN: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_database_arrives_value_by_value_and_its_sum_is_right_at_every_look() {
    arrives_value_by_value(LogKind::Direct, Product::MySql, 31).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_database_arrives_value_by_value_through_kafka_and_its_sum_is_right_at_every_look() {
    arrives_value_by_value(LogKind::Kafka, Product::MySql, 33).await;
}

/// On MariaDB 11.8 and 10.11, over a log of each kind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_mariadb_arrives_value_by_value_and_its_sum_is_right_at_every_look() {
    arrives_value_by_value(LogKind::Direct, Product::MariaDb118, 35).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_mariadb_arrives_through_kafka_and_its_sum_is_right_at_every_look() {
    arrives_value_by_value(LogKind::Kafka, Product::MariaDb1011, 37).await;
}

async fn arrives_value_by_value(log: LogKind, product: Product, seed: u64) {
    let options = workload::Options {
        product,
        writers: 3,
        large_transaction_rows: 1_200,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(25)),
        ..workload::Options::new(seed)
    };
    let sections = "[capture]\nchunk_rows = 300\nmax_barrier_changes = 500\n\
                    heartbeat_interval = \"500ms\"\n";
    let scene = Scene::start(log, options, sections).await.unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    run.alive_until("the tables with the sum are copied", async |_| {
        let status = scene.pipeline.finish(&["status", "--json"]).await.unwrap();
        assert_eq!(status.code, Some(0), "{status}");
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        let follows = |table: &str| status["tables"][table]["state"] == "following";
        (follows("work.accounts") && follows("work.savings")).then_some(())
    })
    .await;

    let (mut whole, mut checkpoints) = (0, BTreeSet::new());
    run.alive_until("enough whole checkpoints were looked at", async |_| {
        let look = scene.look().await.unwrap();
        if look.is_torn() {
            return None;
        }
        assert_eq!(look.sum, scene.options.constant_sum(), "{look:?}");
        whole += 1;
        let checkpoint = look.checkpoint.unwrap();
        checkpoints.insert(checkpoint.get("ordinal").unwrap().to_string());
        (whole >= WHOLE_LOOKS && checkpoints.len() >= CHECKPOINTS_SEEN).then_some(())
    })
    .await;

    run.terminate();
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
    let counts = writers.stop().await.unwrap();
    println!("{counts}");
    assert!(counts.transactions() > 100, "{counts}");
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());

    let status = scene.pipeline.finish(&["status", "--json"]).await.unwrap();
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["running"], false, "{status}");
    assert_eq!(status["torn"], false, "{status}");
    for (table, progress) in status["tables"].as_object().unwrap() {
        assert_eq!(progress["state"], "following", "{table}: {progress}");
    }
    assert!(
        status["tables"].as_object().unwrap().len() >= 14,
        "{status}"
    );
}

#[tokio::test]
async fn a_table_that_is_created_while_running_is_copied_and_a_dropped_one_ends_empty() {
    tables_come_and_go(LogKind::Direct).await;
}

#[tokio::test]
async fn through_kafka_too_a_created_table_is_copied_and_a_dropped_one_ends_empty() {
    tables_come_and_go(LogKind::Kafka).await;
}

async fn tables_come_and_go(log: LogKind) {
    let options = workload::Options {
        rows: 200,
        ..workload::Options::new(32)
    };
    let scene = Scene::start(log, options, "").await.unwrap();
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    let mut sql = tests::comparer::connect(&scene.mysql.url()).await.unwrap();
    let target = scene.client.database("work");
    let count = async |collection: &str| {
        let documents = target.collection::<bson::Document>(collection);
        documents.count_documents(bson::doc! {}).await.unwrap()
    };
    run.alive_until("what was there is copied", async |_| {
        (count("accounts").await == 200).then_some(())
    })
    .await;
    use mysql_async::prelude::Queryable;
    for statement in [
        "CREATE TABLE work.late (id INT PRIMARY KEY, label VARCHAR(20))",
        "INSERT INTO work.late VALUES (1, 'one'), (2, 'two')",
        "DELETE FROM work.late WHERE id = 1",
        "DROP TABLE work.seats",
    ] {
        sql.query_drop(statement).await.unwrap();
    }
    until("the new table is there", PATIENCE, async || {
        (count("late").await == 1).then_some(())
    })
    .await;
    until("the dropped one is empty", PATIENCE, async || {
        (count("seats").await == 0).then_some(())
    })
    .await;
    assert!(run.is_running());
    run.terminate();
    assert_eq!(run.ended().await.code, Some(130));
}
