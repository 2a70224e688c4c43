//! Sessions that set how their changes are logged, and statements that are easily misread: while the
//! tables are copied and while they are followed, no table stops, and every value is right in the end.

mod cases;

use cases::{CASES, Case};
use futures::StreamExt;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tests::comparer::{Pair, compare, connect};
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;

const SECTIONS: &str = "[capture]\nchunk_rows = 40\nmax_barrier_changes = 50\n";
/// Tables of the cases, and those that they make.
const TABLES: usize = CASES.len() + 3;

impl Case {
    fn statement(&self, when: &str, statement: &str) -> String {
        let table = format!("work.{}_{when}", self.name);
        let statement = statement.replace("{t}", &table);
        statement.replace("{megabyte}", &"DROP TABLE x; ".repeat(76_000))
    }

    async fn run(&self, sql: &mut Conn, when: &str, statements: &[&str]) {
        for statement in statements {
            let statement = self.statement(when, statement);
            if let Some(file) = self.file {
                sql.set_infile_handler(async move {
                    Ok(futures::stream::iter([Ok(file.into())]).boxed())
                });
            }
            let done = sql.query_drop(&statement).await;
            done.unwrap_or_else(|error| {
                let begin: String = statement.chars().take(200).collect();
                panic!("{begin}: {error}")
            });
        }
    }

    async fn prepare(&self, sql: &mut Conn, when: &str) {
        let fill = "INSERT INTO {t} (id, n, t, j) WITH RECURSIVE k (i) AS \
                    (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 300) SELECT i, i, \
                    CONCAT('t', i), JSON_OBJECT('a', 'text', 'b', JSON_OBJECT('c', REPEAT('x', 500)), \
                    'list', JSON_ARRAY(i, i + 1)) FROM k";
        self.run(sql, when, &[self.create, fill]).await;
    }

    /// In a session of its own.
    async fn change(&self, url: &str, when: &str) {
        let mut sql = connect(url).await.unwrap();
        self.run(&mut sql, when, &["USE work"]).await;
        self.run(&mut sql, when, self.settings).await;
        self.run(&mut sql, when, self.statements).await;
        sql.disconnect().await.unwrap();
    }
}

async fn states(scene: &Scene) -> serde_json::Value {
    let status = scene.pipeline.finish(&["status", "--json"]).await.unwrap();
    assert_eq!(status.code, Some(0), "{status}");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    status["tables"].clone()
}

async fn all_follow(scene: &Scene, run: &mut tests::pipeline::Process, at_least: usize) {
    run.alive_until("every table follows", async |_| {
        let tables = states(scene).await;
        let tables_of_it = tables.as_object().unwrap();
        let mut states = tables_of_it.values();
        let settled = |table: &serde_json::Value| {
            assert_ne!(table["state"], "stopped", "{tables}");
            table["state"] == "following" || table["state"] == "dropped"
        };
        (states.all(settled) && tables_of_it.len() >= at_least).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_sessions_set_for_themselves_every_table_follows_and_is_right() {
    sessions_are_followed(LogKind::Direct, 97).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kafka_too_whatever_sessions_set_every_table_follows_and_is_right() {
    sessions_are_followed(LogKind::Kafka, 98).await;
}

async fn sessions_are_followed(log: LogKind, seed: u64) {
    let options = workload::Options {
        rows: 50,
        ..workload::Options::new(seed)
    };
    // One of its tables has values that a row as text could not hold.
    let scene = Scene::start(log, options, SECTIONS).await.unwrap();
    let log_lines = match log {
        LogKind::Direct => "",
        LogKind::Kafka | LogKind::OwnKafka => "max_message_bytes = \"8MiB\"\n",
    };
    scene.configure(log_lines, SECTIONS).unwrap();
    let url = scene.mysql.url();
    let mut sql = connect(&url).await.unwrap();
    for case in CASES {
        case.prepare(&mut sql, "copied").await;
        case.prepare(&mut sql, "followed").await;
        case.prepare(&mut sql, "meanwhile").await;
    }
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    scene.progress(&mut run, "the copy begins").await.unwrap();
    for case in CASES {
        case.change(&url, "copied").await;
    }
    all_follow(&scene, &mut run, 3 * CASES.len()).await;
    for case in CASES {
        case.change(&url, "followed").await;
    }
    all_follow(&scene, &mut run, 3 * CASES.len()).await;
    run.terminate();
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
    // And while nobody looks.
    for case in CASES {
        case.change(&url, "meanwhile").await;
    }
    sql.query_drop("ALTER DATABASE work CHARACTER SET latin1")
        .await
        .unwrap();
    scene.pipeline.catch_up().await.unwrap();
    for (table, progress) in states(&scene).await.as_object().unwrap() {
        let state = progress["state"].as_str().unwrap();
        assert!(
            ["following", "dropped"].contains(&state),
            "{table}: {progress}"
        );
    }
    let database = scene.client.database("work");
    for when in ["copied", "followed", "meanwhile"] {
        // A name that no table has any more leaves an empty collection.
        let left = database.collection::<bson::Document>(&format!("multiplied_{when}_two"));
        assert_eq!(left.count_documents(bson::doc! {}).await.unwrap(), 0);
        left.drop().await.unwrap();
    }
    let report = compare(&url, &scene.client, &[Pair::same_name("work")])
        .await
        .unwrap();
    report.require_equal(3 * TABLES, 12_000).unwrap();
    println!("{report}");
}

/// A table that no statement as text reaches goes on following while another one is copied anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_as_text_has_its_own_table_copied_and_no_other() {
    let options = workload::Options {
        rows: 50,
        ..workload::Options::new(99)
    };
    let scene = Scene::start(LogKind::Direct, options, SECTIONS)
        .await
        .unwrap();
    let url = scene.mysql.url();
    let mut sql = connect(&url).await.unwrap();
    let case = &CASES[0];
    case.prepare(&mut sql, "own").await;
    case.prepare(&mut sql, "other").await;
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    all_follow(&scene, &mut run, 2).await;
    // Whoever copies the other one again would remove this.
    let database = scene.client.database("work");
    let strange = bson::doc! { "_id": 77_777 };
    for when in ["own", "other"] {
        let collection = database.collection::<bson::Document>(&format!("as_text_{when}"));
        collection.insert_one(&strange).await.unwrap();
    }
    case.change(&url, "own").await;
    let own = database.collection::<bson::Document>("as_text_own");
    run.alive_until("its own table is copied again", async |_| {
        let there = own.count_documents(strange.clone()).await.unwrap();
        (there == 0).then_some(())
    })
    .await;
    all_follow(&scene, &mut run, 2).await;
    run.terminate();
    let ended = run.ended().await;
    assert!(ended.stderr.contains("LS2004"), "{ended}");
    let other = database.collection::<bson::Document>("as_text_other");
    assert_eq!(other.delete_many(strange).await.unwrap().deleted_count, 1);
    scene.pipeline.catch_up().await.unwrap();
    let report = compare(&url, &scene.client, &[Pair::same_name("work")])
        .await
        .unwrap();
    report.require_equal(16, 400).unwrap();
}
