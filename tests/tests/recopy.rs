//! A table, or a row of it, is copied again because somebody asks for it.

use bson::{Document, doc};
use mysql_async::prelude::Queryable;
use tests::pipeline::Process;
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_copied_again_on_request_and_nothing_stays_that_was_not_its_own() {
    let options = workload::Options {
        rows: 200,
        ..workload::Options::new(94)
    };
    let scene = Scene::start(LogKind::Direct, options, "").await.unwrap();
    scene.pipeline.catch_up().await.unwrap();
    let database = scene.client.database("work");
    let accounts = database.collection::<bson::Document>("accounts");
    let orphan = bson::doc! { "_id": 999_999, "balance": 5 };
    accounts.insert_one(orphan).await.unwrap();
    accounts.delete_one(bson::doc! { "_id": 7 }).await.unwrap();
    assert!(scene.require_equal().await.is_err());
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    let ask = async |table: &str| scene.pipeline.finish(&["recopy", table]).await.unwrap();
    let ended = ask("work.accounts").await;
    assert_eq!(ended.code, Some(0), "{ended}");
    let refused = ask("work.nowhere").await;
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stderr.contains("[LS4016]"), "{refused}");
    run.alive_until("what is not of the table is gone", async |_| {
        let found = accounts.count_documents(bson::doc! { "_id": 999_999 });
        (found.await.unwrap() == 0).then_some(())
    })
    .await;
    run.terminate();
    assert_eq!(run.ended().await.code, Some(130));
    scene.pipeline.catch_up().await.unwrap();
    scene.require_equal().await.unwrap();
}

async fn small(log: LogKind, seed: u64) -> Scene {
    let options = workload::Options {
        rows: 200,
        ..workload::Options::new(seed)
    };
    let scene = Scene::start(log, options, "").await.unwrap();
    scene.pipeline.catch_up().await.unwrap();
    scene
}

async fn stop(scene: &Scene, mut run: Process) {
    run.terminate();
    assert_eq!(run.ended().await.code, Some(130));
    scene.require_equal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_read_anew_are_as_they_are_in_the_table() {
    keys_are_mended(LogKind::Direct, 95).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_read_anew_over_kafka_are_as_they_are_in_the_table() {
    keys_are_mended(LogKind::Kafka, 96).await;
}

/// Three documents are damaged: one is gone, one is another, one is nobody's.
async fn keys_are_mended(log: LogKind, seed: u64) {
    let scene = small(log, seed).await;
    let accounts = scene
        .client
        .database("work")
        .collection::<Document>("accounts");
    let orphan = doc! { "_id": 999_999, "balance": 5 };
    accounts.insert_one(orphan).await.unwrap();
    accounts.delete_one(doc! { "_id": 7 }).await.unwrap();
    let other = doc! { "$set": { "balance": -1 } };
    accounts.update_one(doc! { "_id": 8 }, other).await.unwrap();
    assert!(scene.require_equal().await.is_err());
    let run = scene.pipeline.start(&["run"]).unwrap();
    let keys = [
        "--key",
        "7",
        "--key",
        "{\"id\":8}",
        "--key",
        "999999",
        "--wait",
    ];
    let mut asked = vec!["recopy", "work.accounts"];
    asked.extend(keys);
    let ended = scene.pipeline.finish(&asked).await.unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    let wrong = ["recopy", "work.accounts", "--key", "\"seven\""];
    let refused = scene.pipeline.finish(&wrong).await.unwrap();
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.stderr.contains("[LS4016]"), "{refused}");
    stop(&scene, run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_table_is_copied_again_on_request() {
    let scene = small(LogKind::Direct, 97).await;
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    let options = mysql_async::Opts::from_url(&scene.mysql.url()).unwrap();
    let mut session = mysql_async::Conn::new(options).await.unwrap();
    let accounts = scene.client.database("work").collection("accounts");
    let document = async |id: i32| -> Option<Document> {
        accounts.find_one(doc! { "_id": id }).await.unwrap()
    };
    session
        .query_drop("INSERT INTO work.accounts VALUES (5001, 0, NULL)")
        .await
        .unwrap();
    // A table that is there before the start would forbid it.
    run.alive_until("it follows", async |_| document(5001).await)
        .await;
    for statement in [
        // It keeps no rows, so there is nothing that a collection could equal.
        "CREATE TABLE work.engine (id INT PRIMARY KEY, t TEXT) ENGINE = BLACKHOLE",
        "INSERT INTO work.engine VALUES (1, 'x')",
    ] {
        session.query_drop(statement).await.unwrap();
    }
    run.alive_until("the table is stopped", async |_| {
        let status = scene.pipeline.finish(&["status", "--json"]).await.unwrap();
        status.stdout.contains("\"stopped\"").then_some(())
    })
    .await;
    // What would forbid a first start is no reason to hold up the other tables after a kill.
    run.kill();
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    session
        .query_drop("INSERT INTO work.accounts VALUES (5002, 0, NULL)")
        .await
        .unwrap();
    run.alive_until("the others go on", async |_| document(5002).await)
        .await;
    session
        .query_drop("ALTER TABLE work.engine ENGINE = InnoDB")
        .await
        .unwrap();
    let asked = ["recopy", "work.engine", "--wait"];
    let ended = scene.pipeline.finish(&asked).await.unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    session
        .query_drop("INSERT INTO work.engine VALUES (3, 'y')")
        .await
        .unwrap();
    run.terminate();
    assert_eq!(run.ended().await.code, Some(130));
    scene.pipeline.catch_up().await.unwrap();
    scene.require_equal().await.unwrap();
}
