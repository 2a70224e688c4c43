//! Choices for all columns of a type: every table has them, but for a column that says otherwise,
//! whichever way a row comes.

use mysql_async::prelude::Queryable;
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::{Choice, ColumnRules, Pair, TableRules, ZeroDates, compare, connect};
use tests::pipeline::Pipeline;
use tests::pipeline_scene;

const TABLES: [&str; 2] = ["first", "second"];
const COLUMNS: &str = "id INT PRIMARY KEY, at TIME(3), day DATE, document JSON, flag TINYINT(1), \
                       amount DECIMAL(9, 2), own DECIMAL(9, 2), clock DATETIME(3)";
const SECTIONS: &str = "
[types]
time = { type = \"millis\" }
date = { zero_dates = \"epoch\" }
json = { type = \"string\" }
tinyint = { type = \"boolean\", null = \"absent\" }
decimal = { type = \"string\" }
datetime = { zone = \"Europe/Berlin\" }

[tables.\"chosen.second\"]
columns.own = { type = \"default\" }
";

fn rules(own: Option<Choice>) -> TableRules {
    let of = |choice: Choice| ColumnRules::from(choice);
    let columns = [
        ("at", of(Choice::Millis)),
        (
            "day",
            ColumnRules {
                zero_dates: ZeroDates::Epoch,
                ..ColumnRules::default()
            },
        ),
        ("document", of(Choice::String)),
        (
            "flag",
            ColumnRules {
                absent: true,
                ..of(Choice::Boolean)
            },
        ),
        ("amount", of(Choice::String)),
        ("own", own.map(of).unwrap_or_default()),
        (
            "clock",
            ColumnRules {
                in_berlin: true,
                ..ColumnRules::default()
            },
        ),
    ];
    TableRules {
        columns: columns.map(|(name, rules)| (name.to_owned(), rules)).into(),
        ..TableRules::default()
    }
}

fn rows(table: &str, first: u32) -> String {
    format!(
        "INSERT INTO chosen.{table} VALUES \
         ({}, '-01:02:03.004', '0000-00-00', '{{\"b\": [1, 1.5]}}', 1, 1.50, 2.50, '2024-07-01 12:00:00.5'), \
         ({}, NULL, '2024-02-29', 'null', NULL, -0.01, NULL, NULL)",
        first,
        first + 1
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_for_a_type_is_that_of_its_columns_in_every_table_unless_one_says_otherwise() {
    let (mysql, mongo) = tokio::try_join!(
        MySql::start(MySqlOptions::default()),
        Mongo::start(MongoOptions::default()),
    )
    .unwrap();
    let mut sql = connect(&mysql.url()).await.unwrap();
    sql.query_drop("CREATE DATABASE chosen").await.unwrap();
    for table in TABLES {
        let create = format!("CREATE TABLE chosen.{table} ({COLUMNS})");
        sql.query_drop(create).await.unwrap();
        sql.query_drop(rows(table, 1)).await.unwrap();
    }
    let configuration =
        pipeline_scene::configuration(&mysql.url(), &mongo.url(), "chosen", SECTIONS);
    let pipeline = Pipeline::new(&configuration).unwrap();
    pipeline.catch_up().await.unwrap();
    for table in TABLES {
        sql.query_drop(rows(table, 3)).await.unwrap();
    }
    pipeline.catch_up().await.unwrap();

    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    let pair = Pair::same_name("chosen")
        .with_rules("first", rules(Some(Choice::String)))
        .with_rules("second", rules(None));
    let report = compare(&mysql.url(), &client, &[pair]).await.unwrap();
    report.require_equal(2, 8).unwrap();

    // Without the choices the documents would be others, or nothing would have been shown.
    let defaults = Pair::same_name("chosen");
    let report = compare(&mysql.url(), &client, &[defaults]).await.unwrap();
    assert!(report.difference_count >= 6 * 4, "{report}");
}
