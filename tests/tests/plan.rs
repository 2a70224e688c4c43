//! `lockstep plan` on real servers: what it says of a table is what a run then does, and `check` sees in rows what would stop it.

use mysql_async::prelude::Queryable;
use serde_json::Value;
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::connect;
use tests::openim;
use tests::pipeline::{Ended, Pipeline};
use tests::pipeline_scene::configuration;

const DATABASE: &str = "shop";

async fn run(mysql: &MySql, statements: &[&str]) {
    let mut sql = connect(&mysql.url()).await.unwrap();
    for statement in statements {
        if let Err(error) = sql.query_drop(*statement).await {
            panic!("{statement}: {error}");
        }
    }
}

fn lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn codes(ended: &Ended) -> Vec<String> {
    let found = lines(ended).into_iter();
    found
        .filter(|finding| finding["table"].is_string())
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_a_run_then_does() {
    let mysql = MySql::start(MySqlOptions::default()).await.unwrap();
    let mongo = Mongo::start(MongoOptions::default()).await.unwrap();
    let statements = [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (tenant INT, number BIGINT UNSIGNED, placed DATETIME(6) NULL, note TEXT, mail VARCHAR(90) NULL, \
         PRIMARY KEY (tenant, number), UNIQUE KEY one_mail (mail), KEY by_day (placed DESC), FULLTEXT KEY words (note))",
        "INSERT INTO shop.orders VALUES (1, 2, '2024-01-02 03:04:05.123456', 'x', 'a@b')",
        "CREATE TABLE shop.logs (line TEXT)",
    ];
    run(&mysql, &statements).await;
    let sections = "[tables.\"shop.orders\"]\ncolumns.placed = { type = \"date\", null = \"absent\" }\n\
                    columns.mail = { rename = \"e_mail\" }\n";
    let text = configuration(&mysql.url(), &mongo.url(), DATABASE, sections);
    let pipeline = Pipeline::new(&text).unwrap();
    let planned = pipeline.finish(&["plan", "--json"]).await.unwrap();
    assert_eq!(planned.code, Some(0), "{planned}");
    let said = lines(&planned);
    let whole = said.last().unwrap();
    assert_eq!(whole["event"], "plan");
    assert_eq!(whole["totals"]["tables"], 2);
    assert_eq!(whole["totals"]["refused"], 1);
    assert_eq!(said[0]["table"], "shop.logs");
    assert_eq!(said[0]["problems"][0]["code"], "LS5005");
    let orders = &said[1];
    assert_eq!(orders["collection"], "shop.orders");
    assert_eq!(orders["identity"], "{ tenant, number }");
    let fields: Vec<(&str, &str, &str)> = orders["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            let text = |value: &'static str| column[value].as_str().unwrap();
            (
                text("mysql"),
                column["fields"][0].as_str().unwrap(),
                text("bson"),
            )
        })
        .collect();
    assert_eq!(
        fields,
        [
            ("int", "_id.tenant", "Int32"),
            (
                "bigint unsigned",
                "_id.number",
                "Int64; above 2^63-1 Decimal128"
            ),
            ("datetime(6)", "placed", "Date; off the calendar String"),
            ("text", "note", "String"),
            ("varchar(90)", "e_mail", "String"),
        ]
    );
    assert_eq!(orders["columns"][2]["lossy"][0], "date");
    assert_eq!(orders["columns"][2]["null"], "absent");

    // What was planned is what is there after a run.
    pipeline
        .configure(&text.replace("tables = [\"shop.*\"]", "tables = [\"shop.orders\"]"))
        .unwrap();
    pipeline.catch_up().await.unwrap();
    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    let collection = client
        .database(DATABASE)
        .collection::<bson::Document>("orders");
    let mut built = collection.list_index_names().await.unwrap();
    built.sort();
    let mut expected = vec!["_id_".to_owned()];
    for index in orders["indexes"].as_array().unwrap() {
        if index["built"] != "not_at_all" {
            expected.push(index["name"].as_str().unwrap().to_owned());
        }
    }
    expected.sort();
    assert_eq!(built, expected);
    assert_eq!(built.len(), 3, "{built:?}");
    let document = collection.find_one(bson::doc! {}).await.unwrap().unwrap();
    let names: Vec<&str> = document.keys().map(String::as_str).collect();
    assert_eq!(names, ["_id", "placed", "note", "e_mail"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_plan_fits_a_terminal_and_names_every_table() {
    let mysql = MySql::start(MySqlOptions::default()).await.unwrap();
    openim::fill(&mysql.url(), 3_000).await.unwrap();
    // Nothing is asked of the target.
    let nowhere = "mongodb://127.0.0.1:1/?replicaSet=rs0";
    let text = configuration(&mysql.url(), nowhere, openim::DATABASE, "");
    let pipeline = Pipeline::new(&text).unwrap();
    let planned = pipeline.finish(&["plan"]).await.unwrap();
    assert_eq!(planned.code, Some(0), "{planned}");
    assert!(
        planned
            .stdout
            .lines()
            .all(|line| line.chars().count() <= 120),
        "{planned}"
    );
    let arrow = format!(" -> {}.", openim::DATABASE);
    let tables = planned.stdout.lines().filter(|line| line.contains(&arrow));
    assert_eq!(tables.count(), openim::TABLES, "{planned}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_need_a_decision_are_found_before_the_start() {
    let mysql = MySql::start(MySqlOptions {
        arguments: vec!["--binlog-expire-logs-seconds=1".to_owned()],
        ..MySqlOptions::default()
    })
    .await
    .unwrap();
    let mongo = Mongo::start(MongoOptions::default()).await.unwrap();
    let statements = [
        "CREATE DATABASE shop",
        "SET SESSION sql_mode = ''",
        "CREATE TABLE shop.dated (id INT PRIMARY KEY, day DATE)",
        "INSERT INTO shop.dated VALUES (1, '0000-00-00')",
        "CREATE TABLE shop.flagged (id INT PRIMARY KEY, flag TINYINT(1))",
        "INSERT INTO shop.flagged VALUES (1, 2)",
        "SET SESSION cte_max_recursion_depth = 1000000",
        "CREATE TABLE shop.many (id INT PRIMARY KEY)",
        "INSERT INTO shop.many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i FROM n",
        "ANALYZE TABLE shop.many",
        "CREATE TABLE shop.large (id INT PRIMARY KEY, body LONGTEXT)",
        "INSERT INTO shop.large VALUES (1, REPEAT('x', 16777216))",
        "UPDATE shop.large SET body = CONCAT(body, 'y')",
    ];
    run(&mysql, &statements).await;
    let text = configuration(&mysql.url(), &mongo.url(), DATABASE, "");
    let pipeline = Pipeline::new(&text).unwrap();
    let checked = pipeline.finish(&["check", "--json"]).await.unwrap();
    assert_eq!(checked.code, Some(0), "{checked}");
    assert_eq!(codes(&checked), ["LS4030", "LS4032"], "{checked}");
    assert!(checked.stdout.contains("LS4034"), "{checked}");

    let decided = "[tables.\"shop.flagged\"]\ncolumns.flag = { type = \"boolean\" }\n\
                   [tables.\"shop.dated\"]\ncolumns.day = { zero_dates = \"null\" }\n";
    let text = configuration(&mysql.url(), &mongo.url(), DATABASE, decided);
    let text = text.replace("[\"shop.*\"]", "[\"shop.*\", \"!shop.large\"]");
    pipeline.configure(&text).unwrap();
    let checked = pipeline.finish(&["check", "--json"]).await.unwrap();
    // That zero dates become null is a choice, and named as one that loses something.
    assert_eq!(codes(&checked), ["LS4031", "LS4009"], "{checked}");
    run(&mysql, &["UPDATE shop.flagged SET flag = 1"]).await;
    let checked = pipeline.finish(&["check", "--json"]).await.unwrap();
    assert_eq!(checked.code, Some(0), "{checked}");
    assert_eq!(codes(&checked), ["LS4009"], "{checked}");
}
