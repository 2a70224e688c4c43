//! Rows that no document can hold, or that the target refuses, on real servers: their tables go on,
//! later changes wait, a kill loses none of it, and what was mended and read again is equal.

use bson::{Document, doc};
use mysql_async::prelude::Queryable;
use serde_json::Value;
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::connect;
use tests::pipeline::{Ended, Pipeline};
use tests::pipeline_scene::configuration;

const CHOICES: &str = "[capture]\nheartbeat_interval = \"500ms\"\n\n\
    [tables.\"shop.flags\"]\ncolumns.flag = { type = \"boolean\" }\n";

/// Both stores, four tables with a row of each kind that can't be, and as many that can.
struct Shop {
    pipeline: Pipeline,
    mysql: MySql,
    mongo: Mongo,
    client: mongodb::Client,
}

impl Shop {
    async fn new(sections: &str) -> Self {
        let mysql = MySql::start(MySqlOptions::default()).await.unwrap();
        let mongo = Mongo::start(MongoOptions::default()).await.unwrap();
        let text = configuration(&mysql.url(), &mongo.url(), "shop", sections);
        let shop = Self {
            pipeline: Pipeline::new(&text).unwrap(),
            client: mongodb::Client::with_uri_str(mongo.url()).await.unwrap(),
            mysql,
            mongo,
        };
        shop.sql(&[
            "CREATE DATABASE shop",
            // Greek has no letter at 0xFF.
            "CREATE TABLE shop.texts (id INT PRIMARY KEY, note VARCHAR(20) CHARACTER SET greek)",
            "INSERT INTO shop.texts VALUES (1, 'good'), (2, _greek X'FF')",
            "CREATE TABLE shop.flags (tenant INT, id INT, flag TINYINT, PRIMARY KEY (tenant, id))",
            "INSERT INTO shop.flags VALUES (7, 1, 1), (7, 2, 2)",
            "CREATE TABLE shop.large (id INT PRIMARY KEY, body LONGTEXT)",
            "INSERT INTO shop.large VALUES (1, 'small'), (2, REPEAT('x', 16777216))",
            "CREATE TABLE shop.codes (id INT PRIMARY KEY, code INT)",
            "INSERT INTO shop.codes VALUES (1, 1), (2, 2)",
        ])
        .await;
        shop
    }

    async fn sql(&self, statements: &[&str]) {
        let mut sql = connect(&self.mysql.url()).await.unwrap();
        for statement in statements {
            if let Err(error) = sql.query_drop(*statement).await {
                panic!("{statement}: {error}");
            }
        }
    }

    async fn document(&self, table: &str, id: impl Into<bson::Bson>) -> Option<Document> {
        let documents = self.client.database("shop").collection(table);
        documents.find_one(doc! { "_id": id.into() }).await.unwrap()
    }

    async fn refuse_codes_from(&self, code: i32) {
        let validator = doc! { "code": { "$lt": code } };
        let command = doc! { "collMod": "codes", "validator": validator };
        let database = self.client.database("shop");
        database.run_command(command).await.unwrap();
    }

    async fn asked(&self, arguments: &[&str]) -> Ended {
        self.pipeline.finish(arguments).await.unwrap()
    }

    /// What is in quarantine, as `table key code waiting state`.
    async fn listed(&self) -> Vec<String> {
        let ended = self.asked(&["quarantine", "list", "--json"]).await;
        assert_eq!(ended.code, Some(0), "{ended}");
        let shown = lines(&ended).into_iter().map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} {} {} {}",
                text("table"),
                text("key"),
                text("code"),
                line["waiting"],
                text("state")
            )
        });
        shown.collect()
    }
}

fn lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_cannot_be_go_to_quarantine_and_come_back_mended() {
    let shop = Shop::new(CHOICES).await;
    let copied = shop.asked(&["run", "--until", "caught-up", "--json"]).await;
    assert_eq!(copied.code, Some(0), "{copied}");
    let end = lines(&copied).pop().unwrap();
    assert_eq!(
        (&end["event"], &end["quarantine"]),
        (&"end".into(), &3.into())
    );
    assert_eq!(
        shop.listed().await,
        [
            "shop.flags tenant = 7, id = 2 LS5021 0 present",
            "shop.large id = 2 LS5025 0 present",
            "shop.texts id = 2 LS5020 0 present",
        ]
    );
    assert!(shop.document("texts", 1).await.is_some());
    assert!(shop.document("texts", 2).await.is_none());

    // In the stream, one after another and together, and the target refuses some too.
    shop.refuse_codes_from(10).await;
    let mut run = shop.pipeline.start(&["run"]).unwrap();
    shop.sql(&[
        "UPDATE shop.texts SET note = 'mended, and it waits' WHERE id = 2",
        "UPDATE shop.texts SET note = _greek X'FF' WHERE id = 1",
        "DELETE FROM shop.flags WHERE id = 2",
        "UPDATE shop.large SET id = 3 WHERE id = 2",
        "INSERT INTO shop.codes VALUES (3, 3), (4, 40), (5, 50), (6, 6)",
        "UPDATE shop.codes SET code = 20 WHERE id = 2",
        "INSERT INTO shop.codes VALUES (8, 8)",
    ])
    .await;
    run.alive_until("refused documents hold nothing up", async |_| {
        shop.document("codes", 8).await
    })
    .await;
    shop.sql(&[
        "UPDATE shop.codes SET code = 4 WHERE id = 4",
        "INSERT INTO shop.codes VALUES (9, 9)",
    ])
    .await;
    run.alive_until("the stream goes on", async |_| {
        shop.document("codes", 9).await
    })
    .await;
    assert_eq!(
        shop.listed().await,
        [
            "shop.codes id = 2 LS3013 0 present",
            "shop.codes id = 4 LS3013 1 present",
            "shop.codes id = 5 LS3013 0 present",
            "shop.flags tenant = 7, id = 2 LS5021 1 gone",
            "shop.large id = 2 LS5025 1 gone",
            "shop.large id = 3 LS5025 0 present",
            "shop.texts id = 1 LS5020 0 present",
            "shop.texts id = 2 LS5020 1 present",
        ]
    );
    // Their documents are of before.
    let code = |document: Option<Document>| document.map(|one| one.get_i32("code").unwrap());
    assert_eq!(code(shop.document("codes", 2).await), Some(2));
    assert_eq!(code(shop.document("codes", 6).await), Some(6));
    assert!(shop.document("codes", 4).await.is_none());
    let note = shop.document("texts", 1).await.unwrap();
    assert_eq!(note.get_str("note").unwrap(), "good");
    let status = shop.asked(&["status", "--json"]).await;
    let status = lines(&status).remove(0);
    assert_eq!(status["quarantine"], 8, "{status}");
    assert_eq!(status["tables"]["shop.codes"]["quarantined"], 3, "{status}");
    assert_eq!(status["tables"]["shop.codes"]["state"], "following");

    // Killed anywhere, it goes on as it was.
    run.kill();
    let shown = shop
        .asked(&["quarantine", "show", "--table", "shop.flags", "--json"])
        .await;
    assert_eq!(shown.code, Some(0), "{shown}");
    assert_eq!(lines(&shown)[0]["column"], "flag", "{shown}");
    let mut run = shop.pipeline.start(&["run"]).unwrap();
    shop.sql(&["INSERT INTO shop.codes VALUES (10, 1)"]).await;
    run.alive_until("the stream goes on", async |_| {
        shop.document("codes", 10).await
    })
    .await;
    assert_eq!(shop.listed().await.len(), 8);

    // One that nobody wants to know of is forgotten by whoever runs.
    let dropped = shop
        .asked(&["quarantine", "drop", "--table", "shop.large", "--key", "2"])
        .await;
    assert_eq!(dropped.code, Some(0), "{dropped}");
    assert_eq!(shop.listed().await.len(), 7);
    let again = shop
        .asked(&["quarantine", "drop", "--table", "shop.large", "--key", "2"])
        .await;
    assert_eq!(again.code, Some(1), "{again}");
    assert!(again.stderr.contains("[LS4021]"), "{again}");
    run.terminate();
    assert_eq!(run.ended().await.code, Some(130));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_row_more_than_there_is_room_for_halts_the_pipeline() {
    let sections = format!("{CHOICES}\n[quarantine]\nmax_entries = 2\n");
    let shop = Shop::new(&sections).await;
    let halted = shop.asked(&["run", "--until", "caught-up"]).await;
    assert_eq!(halted.code, Some(1), "{halted}");
    assert!(halted.stderr.contains("[LS4020]"), "{halted}");
    assert!(shop.listed().await.len() <= 2);
    let (mysql, mongo) = (shop.mysql.url(), shop.mongo.url());
    let text = configuration(&mysql, &mongo, "shop", CHOICES);
    shop.pipeline.configure(&text).unwrap();
    let done = shop.asked(&["run", "--until", "caught-up"]).await;
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.stderr.contains("3 rows in quarantine"), "{done}");
    assert_eq!(shop.listed().await.len(), 3);
}
