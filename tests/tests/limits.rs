//! The limits of MySQL, in a small form: many tables, and names as long as a name can be.

use mysql_async::prelude::Queryable;
use std::time::Instant;
use tests::comparer::{Pair, compare, connect};
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;

/// Thousands take the same way; this many are made in seconds.
const TABLES: usize = 250;
/// Those of the workload.
const OTHERS: usize = 14;

async fn scene(log: LogKind, seed: u64, sections: &str) -> Scene {
    let options = workload::Options {
        rows: 20,
        ..workload::Options::new(seed)
    };
    Scene::start(log, options, sections).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tables_are_copied_and_followed_over_a_restart() {
    let scene = scene(LogKind::Direct, 101, "").await;
    let url = scene.mysql.url();
    let mut sql = connect(&url).await.unwrap();
    sql.query_drop("USE work").await.unwrap();
    for number in 0..TABLES {
        let create = format!("CREATE TABLE t{number} (id INT PRIMARY KEY, n INT, KEY by_n (n))");
        sql.query_drop(create).await.unwrap();
        let insert = format!("INSERT INTO t{number} VALUES (1, {number})");
        sql.query_drop(insert).await.unwrap();
    }
    let begun = Instant::now();
    scene.pipeline.catch_up().await.unwrap();
    println!("{TABLES} tables are copied after {:?}", begun.elapsed());
    let last = TABLES - 1;
    for round in 2..4 {
        sql.query_drop(format!("INSERT INTO t{last} VALUES ({round}, {round})"))
            .await
            .unwrap();
        let begun = Instant::now();
        let mut run = scene.pipeline.start(&["run"]).unwrap();
        let collection = scene.client.database("work");
        let collection = collection.collection::<bson::Document>(&format!("t{last}"));
        run.alive_until("a change arrives after the start", async |_| {
            let found = collection
                .count_documents(bson::doc! { "_id": round })
                .await;
            (found.unwrap() == 1).then_some(())
        })
        .await;
        println!(
            "a change of before the start arrives after {:?}",
            begun.elapsed()
        );
        run.kill();
    }
    scene.pipeline.catch_up().await.unwrap();
    let report = compare(&url, &scene.client, &[Pair::same_name("work")])
        .await
        .unwrap();
    let rows = u64::try_from(TABLES + 2).unwrap();
    report.require_equal(TABLES + OTHERS, rows).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_64_three_byte_characters_are_copied_followed_and_altered() {
    long_names(LogKind::Direct, 102, &["ế", "ａ"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kafka_too_names_of_64_three_byte_characters_arrive() {
    long_names(LogKind::Kafka, 103, &["ế"]).await;
}

/// A table's name is that of a file too, in which a character of most scripts takes five bytes of
/// the 255 that Linux allows; these are among the few of three bytes in UTF-8 that take three there.
async fn long_names(log: LogKind, seed: u64, letters: &[&str]) {
    let scene = scene(log, seed, "").await;
    let url = scene.mysql.url();
    let mut sql = connect(&url).await.unwrap();
    sql.query_drop("USE work").await.unwrap();
    let names: Vec<String> = letters.iter().map(|letter| letter.repeat(64)).collect();
    let (key, value) = ("鍵".repeat(64), "値".repeat(64));
    let mut all = async |statements: &[&str]| {
        for name in &names {
            for statement in statements {
                let statement = statement.replace("{t}", &format!("`{name}`"));
                let statement = statement.replace("{k}", &format!("`{key}`"));
                let statement = statement.replace("{v}", &format!("`{value}`"));
                sql.query_drop(&statement).await.unwrap();
            }
        }
    };
    all(&[
        "CREATE TABLE {t} ({k} INT PRIMARY KEY, {v} VARCHAR(20), KEY {v} ({v}))",
        "INSERT INTO {t} VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    ])
    .await;
    scene.pipeline.catch_up().await.unwrap();
    all(&[
        "UPDATE {t} SET {v} = 'changed' WHERE {k} = 2",
        "ALTER TABLE {t} ADD COLUMN n INT DEFAULT 4",
        "INSERT INTO {t} VALUES (4, 'four', 4)",
        "SET SESSION binlog_format = 'STATEMENT'",
        "DELETE FROM {t} WHERE {k} = 3",
        "SET SESSION binlog_format = 'ROW'",
    ])
    .await;
    scene.pipeline.catch_up().await.unwrap();
    let report = compare(&url, &scene.client, &[Pair::same_name("work")])
        .await
        .unwrap();
    report.require_equal(OTHERS + letters.len(), 3).unwrap();
}
