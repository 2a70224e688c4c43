//! Types and edges of values, whichever way a row comes: the documents of one that was copied, of
//! one that was inserted while the pipeline followed and of one that was updated are equal to one
//! another, byte for byte, and to what SQL on the server says they must be.

use bson::{RawDocumentBuf, doc};
use futures::TryStreamExt;
use mysql_async::prelude::Queryable;
use std::collections::BTreeMap;
use testbed::servers::{Kafka, KafkaOptions, Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::{Pair, compare, connect};
use tests::matrix::{self, DATABASE, STEP, Table};
use tests::pipeline::Pipeline;
use tests::pipeline_scene;
use tests::topics::{account, judge, read_committed};

/// Length, type and name of `_id`, and an Int32.
const BEFORE_THE_FIELDS: usize = 4 + 1 + "_id\0".len() + 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_edge_of_every_type_comes_out_the_same_on_every_way() {
    let (mysql, mongo) = tokio::try_join!(
        MySql::start(MySqlOptions::default()),
        Mongo::start(MongoOptions::default()),
    )
    .unwrap();
    let mut sql = connect(&mysql.url()).await.unwrap();
    let tables = matrix::tables(&matrix::charsets(&mut sql).await.unwrap());
    matrix::prepare(&mut sql, &tables).await.unwrap();
    let configuration = pipeline_scene::configuration(
        &mysql.url(),
        &mongo.url(),
        DATABASE,
        &matrix::configuration(&tables),
    );
    let pipeline = Pipeline::new(&configuration).unwrap();
    pipeline.catch_up().await.unwrap();
    matrix::go_on(&mut sql, &tables, true).await.unwrap();
    pipeline.catch_up().await.unwrap();

    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    let mut apart = Vec::new();
    for table in &tables {
        apart.extend(told_apart(&client, table).await);
    }
    let report = compare(&mysql.url(), &client, &[matrix::pair(&tables)])
        .await
        .unwrap();
    println!("{report}");
    assert!(apart.is_empty(), "{apart:#?}\n{report}");
    let rows: usize = tables.iter().map(|table| 3 * table.rows()).sum();
    report.require_equal(tables.len(), rows as u64).unwrap();

    // A row whose value no document can hold is kept back alone, also where it is the last one there is.
    sql.query_drop(matrix::NO_INSTANT).await.unwrap();
    let ended = pipeline
        .finish(&["run", "--until", "caught-up"])
        .await
        .unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(kept_back(&pipeline).await, ["matrix.choices id = 0 LS5026"]);
}

/// Rows whose documents tell which way they came.
async fn told_apart(client: &mongodb::Client, table: &Table) -> Vec<String> {
    let collection = client
        .database(DATABASE)
        .collection::<RawDocumentBuf>(table.name);
    let documents: Vec<RawDocumentBuf> = collection
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let fields: BTreeMap<i32, &[u8]> = documents
        .iter()
        .map(|document| {
            let id = document.get_i32("_id").unwrap();
            (id, &document.as_bytes()[BEFORE_THE_FIELDS..])
        })
        .collect();
    assert_eq!(fields.len(), 3 * table.rows(), "{}", table.name);
    let mut apart = Vec::new();
    for number in 0..table.rows() {
        let of = |times: usize| fields[&i32::try_from(times * STEP + number).unwrap()];
        for (way, times) in [("inserted", 1), ("updated", 2)] {
            if of(0) != of(times) {
                apart.push(format!("{} {number}, copied and {way}", table.name));
            }
        }
    }
    apart
}

/// Tables with a type of which `mysqlbinlog` prints nothing: GEOMETRY, VECTOR.
const NOT_PRINTED: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_hold_every_edge_of_every_type_as_mysqlbinlog_prints_it() {
    let (mysql, mongo, kafka) = tokio::try_join!(
        MySql::start(MySqlOptions::default()),
        Mongo::start(MongoOptions::default()),
        Kafka::start(KafkaOptions::default()),
    )
    .unwrap();
    let mut sql = connect(&mysql.url()).await.unwrap();
    let tables = matrix::tables(&matrix::charsets(&mut sql).await.unwrap());
    matrix::prepare(&mut sql, &tables).await.unwrap();
    let log = format!(
        "kind = \"kafka\"\nbrokers = \"{}\"\nmax_message_bytes = \"8MiB\"",
        kafka.brokers()
    );
    let configuration = pipeline_scene::configuration(
        &mysql.url(),
        &mongo.url(),
        DATABASE,
        &matrix::configuration(&tables),
    );
    let configuration = configuration.replace("kind = \"direct\"", &log);
    let pipeline = Pipeline::new(&configuration).unwrap();
    pipeline.part_catches_up("capture").await.unwrap();
    matrix::go_on(&mut sql, &tables, false).await.unwrap();
    pipeline.part_catches_up("capture").await.unwrap();

    let account = account(&mysql, "binlog.000001").await.unwrap();
    let records = read_committed(&kafka, "proof.matrix.").await.unwrap();
    let verdict = judge(&account, &records, "proof.");
    println!("{verdict}");
    assert_eq!(verdict.untold, NOT_PRINTED, "{verdict}");
    let told = tables.len() - NOT_PRINTED;
    verdict.require(told, 500, 500).unwrap();

    // What the topics hold is enough for the same documents.
    pipeline.part_catches_up("sink").await.unwrap();
    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    let report = compare(&mysql.url(), &client, &[matrix::pair(&tables)])
        .await
        .unwrap();
    let rows: usize = tables.iter().map(|table| 3 * table.rows()).sum();
    report.require_equal(tables.len(), rows as u64).unwrap();
}

/// What a document of MongoDB takes, and what stands around `value` in one: lengths, types, names,
/// `_id` and the end.
const LARGEST_DOCUMENT: usize = 16 << 20;
const AROUND_THE_VALUE: usize = 26;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_of_exactly_the_largest_size_is_taken_and_one_byte_more_is_named() {
    let (mysql, mongo) = tokio::try_join!(
        MySql::start(MySqlOptions::default()),
        Mongo::start(MongoOptions::default()),
    )
    .unwrap();
    let mut sql = connect(&mysql.url()).await.unwrap();
    let largest = LARGEST_DOCUMENT - AROUND_THE_VALUE;
    for statement in [
        "CREATE DATABASE large",
        "CREATE TABLE large.rows_of_it (id INT PRIMARY KEY, value LONGBLOB)",
        &format!("INSERT INTO large.rows_of_it VALUES (1, REPEAT(x'ab', {largest}))"),
    ] {
        sql.query_drop(statement).await.unwrap();
    }
    let configuration = pipeline_scene::configuration(&mysql.url(), &mongo.url(), "large", "");
    let pipeline = Pipeline::new(&configuration).unwrap();
    pipeline.catch_up().await.unwrap();
    let insert = format!("INSERT INTO large.rows_of_it VALUES (2, REPEAT(x'cd', {largest}))");
    sql.query_drop(insert).await.unwrap();
    pipeline.catch_up().await.unwrap();
    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    let report = compare(&mysql.url(), &client, &[Pair::same_name("large")])
        .await
        .unwrap();
    report.require_equal(1, 2).unwrap();

    let more = format!("INSERT INTO large.rows_of_it VALUES (3, REPEAT(x'ef', {largest} + 1))");
    sql.query_drop(more).await.unwrap();
    let ended = pipeline
        .finish(&["run", "--until", "caught-up"])
        .await
        .unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    let kept = kept_back(&pipeline).await;
    assert_eq!(kept, ["large.rows_of_it id = 3 LS5025"]);
}

/// The rows in quarantine, as `table key code`.
async fn kept_back(pipeline: &Pipeline) -> Vec<String> {
    let listed = pipeline.finish(&["quarantine", "list", "--json"]).await;
    let lines = listed.unwrap().stdout;
    let rows = lines.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let [table, key, code] = ["table", "key", "code"].map(|name| row[name].as_str().unwrap());
        format!("{table} {key} {code}")
    });
    rows.collect()
}
