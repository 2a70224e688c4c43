//! XA transactions, end to end: prepared and committed by one session or by another, rolled back, in
//! doubt over the copy, over kills of Lockstep and over a power failure of the source, and left in
//! doubt at the end. Both stores are equal, value by value.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tests::comparer::{Identity, Pair, TableRules, compare, connect};
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;

const ROWS: u64 = 2_000;
const SECTIONS: &str = "[capture]\nchunk_rows = 40\nmax_barrier_changes = 50\n\
                        heartbeat_interval = \"300ms\"\nspill_folder = \"FOLDER\"\n\
                        [tables.\"work.xa_counted\"]\nidentity = \"row\"\n";

/// Clients of a transaction manager: whatever is in doubt belongs to no session.
struct Manager {
    url: String,
    open: Vec<String>,
    next: u64,
    /// Whether the table without a key is written to: it cannot be locked for its copy while
    /// somebody is in doubt about it.
    counts: bool,
}

impl Manager {
    async fn session(&self) -> Conn {
        let mut sql = connect(&self.url).await.unwrap();
        sql.query_drop("USE work").await.unwrap();
        sql
    }

    async fn run(sql: &mut Conn, statements: &[String]) {
        for statement in statements {
            let done = sql.query_drop(statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// Rows that nobody else changes: one that the copy may be reading, one of another transaction
    /// before, and a new one; and a row of a table without a key.
    fn changes(&mut self) -> Vec<String> {
        self.next += 1;
        let number = self.next;
        let (one, other) = (number * 7 % 1_000, 1_000 + number * 3);
        let mut changes = vec![
            format!("UPDATE xa SET n = n + 1, t = 'changed by {number}' WHERE id = {one}"),
            format!(
                "UPDATE xa SET id = {} WHERE id = {other}",
                1_000_000 + other
            ),
            format!("DELETE FROM xa WHERE id = {}", other + 1),
            format!("INSERT INTO xa VALUES ({}, 0, 'new')", 10_000 + number),
        ];
        if self.counts {
            changes.push(format!("INSERT INTO xa_counted VALUES ({})", number % 5));
        }
        changes
    }

    /// Prepares a transaction and goes away.
    async fn prepare(&mut self) {
        let changes = self.changes();
        self.prepare_with(changes).await;
    }

    async fn prepare_with(&mut self, changes: Vec<String>) {
        let xid = format!("'manager', '{}'", self.next);
        let mut sql = self.session().await;
        let mut statements = vec![format!("XA START {xid}")];
        statements.extend(changes);
        statements.extend([format!("XA END {xid}"), format!("XA PREPARE {xid}")]);
        Self::run(&mut sql, &statements).await;
        sql.disconnect().await.unwrap();
        self.open.push(xid);
    }

    /// Prepares and decides in the same session, or in one phase.
    async fn at_once(&mut self, one_phase: bool) {
        let changes = self.changes();
        let xid = format!("'manager', '{}'", self.next);
        let mut sql = self.session().await;
        let mut statements = vec![format!("XA START {xid}")];
        statements.extend(changes);
        statements.push(format!("XA END {xid}"));
        if one_phase {
            statements.push(format!("XA COMMIT {xid} ONE PHASE"));
        } else {
            statements.push(format!("XA PREPARE {xid}"));
            statements.push(format!("XA COMMIT {xid}"));
        }
        Self::run(&mut sql, &statements).await;
        sql.disconnect().await.unwrap();
    }

    /// Decides one of those in doubt; every fourth is rolled back.
    async fn decide(&mut self, index: usize) {
        let xid = self.open.remove(index);
        let verb = if self.next % 4 == 3 {
            "ROLLBACK"
        } else {
            "COMMIT"
        };
        let mut sql = self.session().await;
        Self::run(&mut sql, &[format!("XA {verb} {xid}")]).await;
        sql.disconnect().await.unwrap();
    }

    /// A while of everything, with some left in doubt.
    async fn work(&mut self, rounds: usize) {
        for round in 0..rounds {
            match round % 5 {
                0 => self.at_once(false).await,
                1 => self.at_once(true).await,
                _ => self.prepare().await,
            }
            if self.open.len() > 6 {
                self.decide(round % 6).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xa_transactions_in_doubt_over_anything_end_with_equal_stores() {
    in_doubt(LogKind::Direct, 95).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kafka_too_xa_transactions_in_doubt_over_anything_end_with_equal_stores() {
    in_doubt(LogKind::Kafka, 96).await;
}

async fn in_doubt(log: LogKind, seed: u64) {
    let options = workload::Options {
        rows: 50,
        ..workload::Options::new(seed)
    };
    let folder = tempfile::tempdir().unwrap();
    let sections = SECTIONS.replace("FOLDER", folder.path().to_str().unwrap());
    let scene = Scene::start(log, options, &sections).await.unwrap();
    let mut manager = Manager {
        url: scene.mysql.url(),
        open: Vec::new(),
        next: 0,
        counts: false,
    };
    let mut sql = manager.session().await;
    let create = [
        "CREATE TABLE xa (id INT PRIMARY KEY, n INT NOT NULL, t VARCHAR(40))".to_owned(),
        "CREATE TABLE xa_counted (c INT)".to_owned(),
        "SET SESSION cte_max_recursion_depth = 10000".to_owned(),
        format!(
            "INSERT INTO xa WITH RECURSIVE k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k \
             WHERE i < {ROWS}) SELECT i, 0, 'old' FROM k"
        ),
    ];
    Manager::run(&mut sql, &create).await;

    // In doubt since before the pipeline was thought of: no stream will ever bring their rows.
    for number in 0..4 {
        let row = 5_000 + number;
        manager.next += 1;
        let changes = [
            format!("INSERT INTO xa VALUES ({row}, 0, 'before')"),
            format!("UPDATE xa SET n = 77 WHERE id = {}", ROWS - number),
        ];
        manager.prepare_with(changes.to_vec()).await;
    }
    Manager::run(&mut sql, &["FLUSH BINARY LOGS".to_owned()]).await;

    // Killed in the copy and behind it, with transactions in doubt each time.
    let (part, commit) = match log {
        LogKind::Direct => ("run", "mid-commit"),
        LogKind::Kafka | LogKind::OwnKafka => ("run", "produced"),
    };
    for (place, count) in [
        ("copying", 2),
        (commit, 6),
        ("copying", 9),
        ("committed", 3),
    ] {
        let mut process = scene
            .pipeline
            .start_and_stop_at(part, place, count)
            .unwrap();
        manager.work(12).await;
        process.stopped_at(place).await;
        manager.work(3).await;
        process.kill();
    }
    scene.pipeline.catch_up().await.unwrap();

    manager.counts = true;

    // A large one, killed between its parts: its PREPARE comes again, and ahead of it.
    manager.next += 1;
    let many = "INSERT INTO xa WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k \
                WHERE i < 900) SELECT i + 2000000, i, 'large' FROM k";
    manager.prepare_with(vec![many.to_owned()]).await;
    let mut process = scene
        .pipeline
        .start_and_stop_at(part, "mid-split", 3)
        .unwrap();
    let large = manager.open.len() - 1;
    manager.next = manager.next.next_multiple_of(4);
    manager.decide(large).await;
    process.stopped_at("mid-split").await;
    process.kill();

    // A power failure of the source while Lockstep runs, with transactions in doubt.
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    manager.work(12).await;
    scene
        .progress(&mut run, "the stream goes on")
        .await
        .unwrap();
    scene.mysql.kill();
    scene.mysql.restart().await.unwrap();
    let in_doubt = manager.open.len();
    assert!(in_doubt >= 4, "{in_doubt}");
    let mut sql = manager.session().await;
    let recovered: Vec<mysql_async::Row> = sql.query("XA RECOVER").await.unwrap();
    assert_eq!(recovered.len(), in_doubt);
    manager.work(12).await;
    while manager.open.len() > 3 {
        manager.decide(0).await;
    }
    scene
        .progress(&mut run, "the stream goes on")
        .await
        .unwrap();
    run.terminate();
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");

    // Three stay in doubt: nobody sees what they did, here or there.
    scene.pipeline.catch_up().await.unwrap();
    let counted = TableRules {
        identity: Identity::Row,
        ..TableRules::default()
    };
    let pair = Pair::same_name("work").with_rules("xa_counted", counted);
    let report = compare(&scene.mysql.url(), &scene.client, &[pair])
        .await
        .unwrap();
    report.require_equal(16, ROWS).unwrap();
    println!("{report}");
    let xa = scene
        .client
        .database("work")
        .collection::<bson::Document>("xa");
    for (filter, least) in [
        (bson::doc! { "t": "before" }, 1),
        (bson::doc! { "t": "large" }, 500),
        (bson::doc! { "t": "new" }, 20),
    ] {
        let found = xa.count_documents(filter.clone()).await.unwrap();
        assert!(found >= least, "{filter}: {found}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
