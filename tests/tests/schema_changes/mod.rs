//! Statements that change tables, while they are copied and while they are followed: no table stops,
//! and every value is right in the end.

mod statements;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use statements::{CHANGES, Change};
use std::collections::BTreeSet;
use tests::comparer::{Identity, Pair, TableRules, compare, connect};
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;

const SECTIONS: &str = "[capture]\nchunk_rows = 40\nmax_barrier_changes = 50\n\
                        [tables.\"work.counted_copied\"]\nidentity = \"row\"\n\
                        [tables.\"work.counted_followed\"]\nidentity = \"row\"\n";

impl Change {
    fn table(&self, when: &str) -> String {
        format!("work.{}_{when}", self.name)
    }

    async fn run(&self, sql: &mut Conn, when: &str, statements: &[&str]) {
        for statement in statements {
            let statement = statement.replace("{t}", &self.table(when));
            let done = sql.query_drop(&statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    async fn prepare(&self, sql: &mut Conn, when: &str) {
        let fill = "INSERT INTO {t} (id, n, label, extra) WITH RECURSIVE k (i) AS \
                    (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 300) \
                    SELECT i, i, CONCAT('l', i), i % 7 FROM k";
        self.run(sql, when, &[self.create, fill]).await;
    }

    async fn change(&self, sql: &mut Conn, when: &str) {
        self.run(sql, when, &["UPDATE {t} SET extra = -1 WHERE id % 11 = 0"])
            .await;
        self.run(sql, when, self.statements).await;
        self.run(sql, when, self.after).await;
    }
}

fn pair() -> Pair {
    let row = || TableRules {
        identity: Identity::Row,
        ..TableRules::default()
    };
    Pair::same_name("work")
        .with_rules("counted_copied", row())
        .with_rules("counted_followed", row())
}

async fn states(scene: &Scene) -> serde_json::Value {
    let status = scene.pipeline.finish(&["status", "--json"]).await.unwrap();
    assert_eq!(status.code, Some(0), "{status}");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    status["tables"].clone()
}

async fn index_names(scene: &Scene, collection: &str) -> BTreeSet<String> {
    let collection = scene
        .client
        .database("work")
        .collection::<bson::Document>(collection);
    let names = collection.list_index_names().await.unwrap();
    names.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_altered_renamed_and_exchanged_while_copied_and_followed_stay_right() {
    altered_tables_stay_right(LogKind::Direct, 91).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kafka_too_tables_that_are_altered_renamed_and_exchanged_stay_right() {
    altered_tables_stay_right(LogKind::Kafka, 92).await;
}

async fn altered_tables_stay_right(log: LogKind, seed: u64) {
    let options = workload::Options {
        rows: 100,
        ..workload::Options::new(seed)
    };
    let scene = Scene::start(log, options, SECTIONS).await.unwrap();
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    for change in CHANGES {
        change.prepare(&mut sql, "copied").await;
        change.prepare(&mut sql, "followed").await;
    }
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    scene.progress(&mut run, "the copy begins").await.unwrap();
    for change in CHANGES {
        change.change(&mut sql, "copied").await;
    }
    run.alive_until("every table is copied", async |_| {
        let tables = states(&scene).await;
        let mut states = tables.as_object().unwrap().values();
        let settled = |table: &serde_json::Value| {
            assert_ne!(table["state"], "stopped", "{tables}");
            table["state"] == "following" || table["state"] == "dropped"
        };
        states.all(settled).then_some(())
    })
    .await;
    for change in CHANGES {
        change.change(&mut sql, "followed").await;
    }
    run.terminate();
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
    require_right(&scene, &["copied", "followed"]).await;
}

/// All is caught up with, and every table, value and index is what MySQL has.
async fn require_right(scene: &Scene, whens: &[&str]) {
    scene.pipeline.catch_up().await.unwrap();

    let tables = states(scene).await;
    for (table, progress) in tables.as_object().unwrap() {
        let state = progress["state"].as_str().unwrap();
        assert!(
            ["following", "dropped"].contains(&state),
            "{table}: {progress}"
        );
    }
    // A name that no table has any more leaves an empty collection.
    let database = scene.client.database("work");
    for when in whens {
        for (name, end) in [("renamed", ""), ("ghost", "_gho"), ("swapped", "_third")] {
            let left = format!("{name}_{when}{end}");
            let collection = database.collection::<bson::Document>(&left);
            let documents = collection.count_documents(bson::doc! {}).await.unwrap();
            assert_eq!(documents, 0, "{left}");
            collection.drop().await.unwrap();
        }
    }
    let report = compare(&scene.mysql.url(), &scene.client, &[pair()])
        .await
        .unwrap();
    let rows = u64::try_from(whens.len() * 5_000).unwrap();
    report
        .require_equal(whens.len() * CHANGES.len(), rows)
        .unwrap();
    println!("{report}");
    for when in whens {
        for (name, expected) in [
            ("definition", &["_id_", "by_extra", "by_n", "by_word"][..]),
            ("uniquely", &["_id_", "only"]),
            ("unique_renamed", &["_id_", "by_label", "by_n"]),
            ("unique_dropped", &["_id_", "by_n"]),
            ("unique_moved", &["_id_", "by_n"]),
            ("ghost", &["_id_", "by_d", "by_n"]),
        ] {
            let names = index_names(scene, &format!("{name}_{when}")).await;
            let expected: BTreeSet<String> = expected.iter().map(|&name| name.into()).collect();
            assert_eq!(names, expected, "{name}_{when}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_is_killed_while_tables_are_altered_goes_on_where_it_was() {
    let options = workload::Options {
        rows: 50,
        ..workload::Options::new(93)
    };
    let scene = Scene::start(LogKind::Direct, options, SECTIONS)
        .await
        .unwrap();
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    for change in CHANGES {
        change.prepare(&mut sql, "followed").await;
    }
    scene.pipeline.catch_up().await.unwrap();
    let places = [
        ("copying", 1),
        ("mid-commit", 4),
        ("mid-lanes", 2),
        ("committed", 5),
        ("copying", 4),
        ("mid-commit", 9),
        ("recovery", 1),
        ("committed", 12),
    ];
    for (round, changes) in CHANGES.chunks(4).enumerate() {
        let (place, count) = places[round % places.len()];
        let run = scene.pipeline.start_and_stop_at("run", place, count);
        let mut run = run.unwrap();
        for change in changes {
            change.change(&mut sql, "followed").await;
        }
        run.stopped_at(place).await;
        run.kill();
    }
    require_right(&scene, &["followed"]).await;
}
