//! What people get wrong, and what may happen to a server meanwhile: a documented exit code, a code
//! that can be looked up, the exact remedy, no password, and nothing lost.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::{Pair, compare, connect};
use tests::pipeline::{Ended, Pipeline};
use tests::pipeline_scene::configuration;

const DATABASE: &str = "shop";
/// Where nothing listens: port 1 is tcpmux, which nobody runs.
const CLOSED_PORT: u16 = 1;

/// The command refused, and said why so that it can be looked up.
async fn assert_refused(pipeline: &Pipeline, ended: &Ended, exit: i32, code: &str, words: &[&str]) {
    assert_eq!(ended.code, Some(exit), "{ended}");
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains(&format!("[{code}]")), "{code}: {ended}");
    assert!(said.contains("remedy: "), "{ended}");
    for word in words {
        assert!(said.contains(word), "{word:?}: {ended}");
    }
    assert!(!said.contains("panicked"), "{ended}");
    let explained = pipeline.finish(&["explain", code]).await.unwrap();
    assert_eq!(explained.code, Some(0), "{explained}");
    assert!(explained.stdout.contains(code), "{explained}");
}

async fn filled_mysql() -> (MySql, Conn) {
    let mysql = MySql::start(MySqlOptions::default()).await.unwrap();
    let mut sql = connect(&mysql.url()).await.unwrap();
    run(
        &mut sql,
        &[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id INT PRIMARY KEY, label VARCHAR(20))",
            "INSERT INTO shop.orders VALUES (1, 'one'), (2, 'two')",
        ],
    )
    .await;
    (mysql, sql)
}

async fn run(sql: &mut Conn, statements: &[&str]) {
    for statement in statements {
        sql.query_drop(*statement).await.unwrap();
    }
}

async fn databases(mongo: &Mongo) -> Vec<String> {
    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    let names = client.list_database_names().await.unwrap();
    let own = |name: &String| !["admin", "config", "local"].contains(&name.as_str());
    names.into_iter().filter(own).collect()
}

#[tokio::test]
async fn a_wrong_password_a_missing_grant_and_a_source_that_is_not_there_are_told_apart() {
    let (mysql, mut sql) = filled_mysql().await;
    let mongo = Mongo::start(MongoOptions::default()).await.unwrap();
    let over = |source: &str| configuration(source, &mongo.url(), DATABASE, "");

    let wrong = over(&mysql.url_of("lockstep_root", "correct-horse"));
    let pipeline = Pipeline::new(&wrong).unwrap();
    for command in ["run", "check"] {
        let ended = pipeline.finish(&[command]).await.unwrap();
        assert_refused(&pipeline, &ended, 3, "LS2002", &["lockstep_root"]).await;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!said.contains("correct-horse"), "{ended}");
    }

    let nowhere = format!("mysql://somebody:secret@127.0.0.1:{CLOSED_PORT}");
    pipeline.configure(&over(&nowhere)).unwrap();
    let ended = pipeline.finish(&["run"]).await.unwrap();
    let address = format!("127.0.0.1:{CLOSED_PORT}");
    assert_refused(&pipeline, &ended, 3, "LS2001", &[&address]).await;

    run(
        &mut sql,
        &[
            "CREATE USER reader IDENTIFIED BY 'battery-staple'",
            "GRANT SELECT ON shop.* TO reader",
        ],
    )
    .await;
    let reader = over(&mysql.url_of("reader", "battery-staple"));
    pipeline.configure(&reader).unwrap();
    let ended = pipeline.finish(&["run"]).await.unwrap();
    let grant = "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'reader'@'%'";
    assert_refused(&pipeline, &ended, 3, "LS2525", &[grant]).await;
    assert_eq!(databases(&mongo).await, ["lockstep"], "data was written");

    // The message is the remedy: with what it says, the copy runs.
    run(&mut sql, &[grant]).await;
    pipeline.catch_up().await.unwrap();
    let report = compare(
        &mysql.url(),
        &mongodb::Client::with_uri_str(mongo.url()).await.unwrap(),
        &[Pair::same_name(DATABASE)],
    )
    .await
    .unwrap();
    report.require_equal(1, 2).unwrap();
}

#[tokio::test]
async fn a_target_that_can_not_be_used_is_refused_with_what_mends_it() {
    let (mysql, _sql) = filled_mysql().await;
    let over = |target: &str| configuration(&mysql.url(), target, DATABASE, "");
    let nowhere =
        format!("mongodb://127.0.0.1:{CLOSED_PORT}/?replicaSet=rs0&serverSelectionTimeoutMS=500");
    let pipeline = Pipeline::new(&over(&nowhere)).unwrap();
    for command in ["run", "check", "status"] {
        let ended = pipeline.finish(&[command]).await.unwrap();
        let address = format!("127.0.0.1:{CLOSED_PORT}");
        assert_refused(&pipeline, &ended, 3, "LS3002", &[&address]).await;
    }

    let standalone = MongoOptions {
        members: 0,
        ..MongoOptions::default()
    };
    let standalone = Mongo::start(standalone).await.unwrap();
    pipeline.configure(&over(&standalone.url())).unwrap();
    for command in ["run", "check"] {
        let ended = pipeline.finish(&[command]).await.unwrap();
        let words = ["--replSet rs0", "rs.initiate()"];
        assert_refused(&pipeline, &ended, 3, "LS3005", &words).await;
    }
    assert_eq!(databases(&standalone).await, [""; 0], "data was written");
    drop(standalone);

    let guarded = MongoOptions {
        password: Some("trombone".to_owned()),
        ..MongoOptions::default()
    };
    let guarded = Mongo::start(guarded).await.unwrap();
    let wrong = guarded.url().replace("trombone", "saxophone");
    pipeline.configure(&over(&wrong)).unwrap();
    let ended = pipeline.finish(&["run"]).await.unwrap();
    assert_refused(&pipeline, &ended, 3, "LS3003", &[]).await;
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains("saxophone"), "{ended}");
    assert_eq!(databases(&guarded).await, [""; 0], "data was written");
}

#[tokio::test]
async fn a_source_that_lost_history_while_nobody_read_it_halts_the_pipeline_until_it_is_copied_afresh()
 {
    let (mysql, mut sql) = filled_mysql().await;
    let mongo = Mongo::start(MongoOptions::default()).await.unwrap();
    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    let text = configuration(&mysql.url(), &mongo.url(), DATABASE, "");
    let pipeline = Pipeline::new(&text).unwrap();
    let orders = client
        .database(DATABASE)
        .collection::<bson::Document>("orders");
    let arrived = async |rows: u64| {
        pipeline.catch_up().await.unwrap();
        let pairs = [Pair::same_name(DATABASE)];
        let report = compare(&mysql.url(), &client, &pairs).await.unwrap();
        report.require_equal(1, rows).unwrap();
    };
    arrived(2).await;

    let (other, _) = filled_mysql().await;
    let elsewhere = configuration(&other.url(), &mongo.url(), DATABASE, "");
    pipeline.configure(&elsewhere).unwrap();
    let ended = pipeline.finish(&["run"]).await.unwrap();
    assert_refused(&pipeline, &ended, 1, "LS2021", &["former server"]).await;
    pipeline.configure(&text).unwrap();
    arrived(2).await;

    let losses: [(&str, &[&str]); 2] = [
        (
            "LS2020",
            &[
                "DELETE FROM shop.orders WHERE id = 1",
                "INSERT INTO shop.orders VALUES (3, 'three'), (4, 'four')",
                "FLUSH BINARY LOGS",
                "INSERT INTO shop.orders VALUES (5, 'five')",
            ],
        ),
        (
            "LS2022",
            &[
                "RESET BINARY LOGS AND GTIDS",
                "INSERT INTO shop.orders VALUES (6, 'six')",
            ],
        ),
    ];
    for (code, statements) in losses {
        run(&mut sql, statements).await;
        if code == "LS2020" {
            let logs: Vec<(String, u64, String)> = sql.query("SHOW BINARY LOGS").await.unwrap();
            let (newest, ..) = logs.last().unwrap();
            run(&mut sql, &[&format!("PURGE BINARY LOGS TO '{newest}'")]).await;
        }
        let before = orders.count_documents(bson::doc! {}).await.unwrap();
        for arguments in [&["run"][..], &["run", "--until", "caught-up"]] {
            let ended = pipeline.finish(arguments).await.unwrap();
            assert_refused(&pipeline, &ended, 1, code, &["lockstep reset"]).await;
        }
        let after = orders.count_documents(bson::doc! {}).await.unwrap();
        assert_eq!(before, after, "something was written over the hole");
        let status = pipeline.finish(&["status", "--json"]).await.unwrap();
        assert_eq!(status.code, Some(0), "{status}");
        let told: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(told["last_error"]["code"], code, "{told}");

        let reset = pipeline
            .finish(&["reset", "--yes", "--drop-target"])
            .await
            .unwrap();
        assert_eq!(reset.code, Some(0), "{reset}");
        arrived(3).await;
    }
}

#[tokio::test]
async fn ten_mistakes_in_a_configuration_are_told_at_once_and_nothing_is_connected_to() {
    let mistaken = r#"[pipeline]
name = "Shop!"
nmae = "shop"

[source]
url = "mysql://lockstep:hunter2@db.example:port"
tables = ["shop", "mysql.user"]
tls = "yes"

[log]
kind = "direct"
brokers = "kafka.example:9092"

[target]
url = "mongodb://mongo.example:27017/?replicaSet=rs0"
database = "local"

[apply]
lanes = 1000

[capture]
chunk_rows = 0
"#;
    let pipeline = Pipeline::new(mistaken).unwrap();
    for command in ["run", "check", "status"] {
        let ended = pipeline.finish(&[command, "--json"]).await.unwrap();
        assert_eq!(ended.code, Some(2), "{ended}");
        let error: serde_json::Value =
            serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        let mistakes = error["mistakes"].as_array().unwrap();
        assert!(mistakes.len() >= 10, "{ended}");
        assert!(!ended.stdout.contains("hunter2"), "{ended}");
        assert!(!ended.stderr.contains("hunter2"), "{ended}");
    }
}
