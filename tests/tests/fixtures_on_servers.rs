//! The judge, the workload and the demo's data, tried on real servers without Lockstep: a judge that
//! finds nothing wrong in a wrong copy would make every other proof worthless.

use bson::{Bson, Document, doc};
use mysql_async::prelude::Queryable;
use std::time::Instant;
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::{Choice, Identity, Kind, Pair, Report, TableRules, compare, connect};
use tests::{openim, workload};

async fn servers() -> (MySql, Mongo, mongodb::Client) {
    let mysql = MySql::start(MySqlOptions::default()).await.unwrap();
    let mongo = Mongo::start(MongoOptions::default()).await.unwrap();
    let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
    (mysql, mongo, client)
}

async fn judged(mysql: &MySql, mongo: &mongodb::Client, pair: Pair) -> Report {
    compare(&mysql.url(), mongo, &[pair]).await.unwrap()
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().unwrap())
}

#[tokio::test]
async fn a_correct_copy_is_equal_and_each_planted_mistake_is_found() {
    let (mysql, _mongo, client) = servers().await;
    let mut sql = connect(&mysql.url()).await.unwrap();
    for statement in [
        "CREATE DATABASE judge",
        "CREATE TABLE judge.things (b VARCHAR(9), id INT PRIMARY KEY, d DECIMAL(6, 2), x DOUBLE, \
         f FLOAT, u BIGINT UNSIGNED, day DATE, clock DATETIME(6), j JSON, s SET('p', 'q'), \
         p POINT SRID 4326, g GEOMETRY, v VECTOR(1), t TIMESTAMP(3) NULL, bits BIT(1), raw BINARY(3))",
        "INSERT INTO judge.things VALUES ('é ', 1, 1.5, -0e0, 0.1, 18446744073709551615, \
         '2024-00-00', '2024-01-02 03:04:05.6', \
         JSON_OBJECT('bb', CAST(1.50 AS DECIMAL(5, 2)), 'a', 1.5e0, 'i', 5000000000), 'q,p', \
         ST_GeomFromText('POINT(10 20)', 4326), ST_GeomFromText('POINT(1 2)'), TO_VECTOR('[1]'), \
         '1970-01-01 00:00:01.5', 1, x'61'), \
         (NULL, 2, NULL, -1.7976931348623157e308, NULL, 7, '1969-12-31', NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL)",
        "CREATE TABLE judge.pairs (v INT, b VARCHAR(5), a INT, PRIMARY KEY (a, b))",
        "INSERT INTO judge.pairs VALUES (7, 'x', 1)",
        "CREATE TABLE judge.keyless (v INT)",
        "INSERT INTO judge.keyless VALUES (1), (1), (NULL)",
    ] {
        sql.query_drop(statement).await.unwrap();
    }
    let binary = |subtype: u8, bytes: &[u8]| {
        Bson::Binary(bson::Binary {
            subtype: subtype.into(),
            bytes: bytes.to_vec(),
        })
    };
    let date = |milliseconds| Bson::DateTime(bson::DateTime::from_millis(milliseconds));
    let mut wkb = vec![1, 1, 0, 0, 0];
    wkb.extend_from_slice(&1_f64.to_le_bytes());
    wkb.extend_from_slice(&2_f64.to_le_bytes());
    let first = doc! {
        "_id": 1_i32, "b": "é ", "d": decimal("1.50"), "x": -0.0, "f": f64::from(0.1_f32),
        "u": decimal("18446744073709551615"), "day": "2024-00-00",
        "clock": "2024-01-02T03:04:05.600000",
        "j": { "a": 1.5, "i": 5_000_000_000_i64, "bb": decimal("1.50") }, "s": ["p", "q"],
        "p": { "type": "Point", "coordinates": [20.0, 10.0] },
        "g": { "srid": 0_i32, "wkb": binary(0, &wkb) },
        "v": binary(9, &[0x27, 0, 0, 0, 0x80, 0x3f]), "t": date(1500), "bits": true,
        "raw": binary(0, &[0x61, 0, 0]),
    };
    let second = doc! {
        "_id": 2_i32, "b": null, "d": null, "x": f64::MIN, "f": null, "u": 7_i64, "day": date(-86_400_000),
        "clock": null, "j": null, "s": [], "p": null, "g": null, "v": null, "t": null, "bits": null,
        "raw": null,
    };
    let target = client.database("judge");
    let things = target.collection::<Document>("things");
    let pairs = target.collection::<Document>("pairs");
    let keyless = target.collection::<Document>("keyless");
    things.insert_many([&first, &second]).await.unwrap();
    let pair_id = doc! { "a": 1_i32, "b": "x" };
    pairs
        .insert_one(doc! { "_id": &pair_id, "v": 7_i32 })
        .await
        .unwrap();
    let row =
        |n: i32, value: Bson| doc! { "_id": { "hash": binary(0, &[n as u8]), "n": n }, "v": value };
    let rows = [
        row(1, 1_i32.into()),
        row(2, 1_i32.into()),
        row(3, Bson::Null),
    ];
    keyless.insert_many(rows).await.unwrap();

    let rules = TableRules {
        identity: Identity::Row,
        ..TableRules::default()
    };
    let pair = Pair::same_name("judge").with_rules("keyless", rules);
    let report = judged(&mysql, &client, pair.clone()).await;
    report.require_equal(3, 6).unwrap();

    let id_1 = doc! { "_id": 1_i32 };
    let planted: Vec<(&str, Bson, Kind)> = vec![
        ("b", "é".into(), Kind::Value),
        ("d", decimal("1.5"), Kind::Value),
        ("x", 0.0.into(), Kind::Value),
        ("f", 0.1.into(), Kind::Value),
        ("u", (-1_i64).into(), Kind::Type),
        ("day", Bson::Null, Kind::Type),
        ("clock", "2024-01-02T03:04:05.6".into(), Kind::Value),
        ("j.bb", 1.5.into(), Kind::Type),
        ("j.i", 5_000_000_000.0.into(), Kind::Type),
        ("s", Bson::Array(vec!["q".into(), "p".into()]), Kind::Value),
        (
            "p.coordinates",
            Bson::Array(vec![10.0.into(), 20.0.into()]),
            Kind::Value,
        ),
        ("v", binary(9, &[0x27, 0, 0, 0, 0x80, 0xbf]), Kind::Value),
        ("t", date(1501), Kind::Value),
        ("raw", binary(0, &[0x61]), Kind::Value),
        ("added", 1.into(), Kind::ExtraField),
    ];
    for (field, wrong, kind) in planted {
        let set = doc! { "$set": { field: wrong } };
        things.update_one(id_1.clone(), set).await.unwrap();
        let report = judged(&mysql, &client, pair.clone()).await;
        assert!(report.has(kind), "{field}: {report}");
        assert!(report.require_equal(1, 1).is_err());
        things.replace_one(id_1.clone(), &first).await.unwrap();
    }
    let mut turned = Document::new();
    let fields: Vec<_> = first.clone().into_iter().collect();
    turned.extend(fields.into_iter().rev());
    things.replace_one(id_1.clone(), &turned).await.unwrap();
    assert!(
        judged(&mysql, &client, pair.clone())
            .await
            .has(Kind::FieldOrder)
    );
    things.delete_one(id_1.clone()).await.unwrap();
    assert!(
        judged(&mysql, &client, pair.clone())
            .await
            .has(Kind::MissingDocument)
    );
    let mut other_type = first.clone();
    other_type.insert("_id", 1_i64);
    things.insert_one(&other_type).await.unwrap();
    let report = judged(&mysql, &client, pair.clone()).await;
    assert!(
        report.has(Kind::MissingDocument) && report.has(Kind::ExtraDocument),
        "{report}"
    );
    things.delete_one(doc! { "_id": 1_i64 }).await.unwrap();
    things.insert_one(&first).await.unwrap();

    let swapped = doc! { "_id": { "b": "x", "a": 1_i32 }, "v": 7_i32 };
    pairs.delete_one(doc! { "_id": &pair_id }).await.unwrap();
    pairs.insert_one(swapped).await.unwrap();
    let report = judged(&mysql, &client, pair.clone()).await;
    assert!(report.has(Kind::MissingDocument), "{report}");
    pairs.delete_many(doc! {}).await.unwrap();
    pairs
        .insert_one(doc! { "_id": &pair_id, "v": 7_i32 })
        .await
        .unwrap();

    keyless.insert_one(row(4, 1_i32.into())).await.unwrap();
    assert!(
        judged(&mysql, &client, pair.clone())
            .await
            .has(Kind::Multiplicity)
    );
    keyless.delete_many(doc! { "v": 1_i32 }).await.unwrap();
    assert!(
        judged(&mysql, &client, pair.clone())
            .await
            .has(Kind::Multiplicity)
    );
    let rows = [row(1, 1_i32.into()), row(2, 1_i32.into())];
    keyless.insert_many(rows).await.unwrap();
    target
        .collection("stray")
        .insert_one(doc! {})
        .await
        .unwrap();
    assert!(
        judged(&mysql, &client, pair.clone())
            .await
            .has(Kind::ExtraCollection)
    );
    target.collection::<Document>("stray").drop().await.unwrap();
    judged(&mysql, &client, pair.clone())
        .await
        .require_equal(3, 6)
        .unwrap();

    let chosen = TableRules {
        columns: [("clock".to_owned(), Choice::Date.into())].into(),
        ..TableRules::default()
    };
    let report = judged(&mysql, &client, pair.with_rules("things", chosen)).await;
    assert!(
        report.has(Kind::Type),
        "the choice changes what is expected: {report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workload_does_everything_it_names_and_keeps_its_sum() {
    let (mysql, _mongo, client) = servers().await;
    let options = workload::Options {
        rows: 1_000,
        large_transaction_rows: 3_000,
        scripts_per_writer: Some(1_500),
        ..workload::Options::new(20)
    };
    workload::prepare(&mysql.url(), &options).await.unwrap();
    let running = workload::start(&mysql.url(), &options).await.unwrap();
    let counts = running.finished().await.unwrap();
    assert_eq!(counts.lacking(&options.mix), [], "{counts}");

    let mut sql = connect(&mysql.url()).await.unwrap();
    let sum: Option<i64> = sql
        .query_first(
            "SELECT CAST((SELECT SUM(balance) FROM work.accounts) + \
             (SELECT SUM(balance) FROM work.savings) AS SIGNED)",
        )
        .await
        .unwrap();
    assert_eq!(sum, Some(options.constant_sum()));

    // Every value that the workload writes is one that the judge can read.
    let report = judged(&mysql, &client, Pair::same_name("work")).await;
    assert!(
        report.tables.len() >= 14 && report.rows() > 8_000,
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chat_server_fills_quickly_and_its_writers_touch_the_table_without_a_key() {
    let (mysql, _mongo, client) = servers().await;
    let began = Instant::now();
    let rows = openim::fill(&mysql.url(), 25_000).await.unwrap();
    println!("{rows} rows in {:?}", began.elapsed());
    let writers = openim::Writers::start(&mysql.url(), 3, 2, 1_000)
        .await
        .unwrap();
    testbed::waiting::until(
        "two hundred transactions",
        std::time::Duration::from_secs(60),
        async || (writers.changes().transactions >= 200).then_some(()),
    )
    .await;
    let changes = writers.stop().await.unwrap();
    assert!(changes.rows > changes.transactions / 2, "{changes:?}");

    let rules = TableRules {
        identity: Identity::Row,
        ..TableRules::default()
    };
    let pair = Pair::same_name(openim::DATABASE).with_rules(openim::KEYLESS_TABLE, rules);
    let report = judged(&mysql, &client, pair).await;
    assert_eq!(report.tables.len(), openim::TABLES);
    assert!(report.rows() >= 24_000, "{report}");
    assert!(report.rows_of("openIM_v3.meeting_video_record") > 0);
}
