//! Transactions of every kind: what is told, in which order, and that nothing else is.

use super::{Stage, changes, checkpoint};
use change::{MySqlPosition, Position, TableName, Torn, Value};
use flow::Disposition;
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};
use std::sync::Arc;

#[tokio::test]
async fn transactions_are_told_as_they_were_committed() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY, n INT)",
            "CREATE TABLE b (id INT PRIMARY KEY, n INT UNIQUE)",
        ])
        .await;
    let told = stage
        .told(&[
            "INSERT INTO a VALUES (1, 1), (2, 2)",
            "BEGIN",
            "INSERT INTO b VALUES (1, 1)",
            "UPDATE a SET id = 3 WHERE id = 1",
            "SAVEPOINT s",
            "INSERT INTO b VALUES (9, 9)",
            "ROLLBACK TO s",
            "DELETE FROM a WHERE id = 2",
            "COMMIT",
            "BEGIN",
            "INSERT INTO a VALUES (7, 7)",
            "ROLLBACK",
            "REPLACE INTO b VALUES (1, 5)",
            "INSERT INTO b VALUES (1, 6) ON DUPLICATE KEY UPDATE id = 8",
        ])
        .await;
    assert_eq!(
        told,
        [
            "begin", "a +1", "a +2", "commit", "begin", "b +1", "a 1>3", "a -2", "commit", "begin",
            "b -1", "b +1", "commit", "begin", "b 1>8", "commit"
        ]
    );
}

#[tokio::test]
async fn a_transaction_without_a_selected_table_only_moves_the_position() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE DATABASE other",
            "CREATE TABLE other.a (id INT PRIMARY KEY)",
        ])
        .await;
    let before = stage.head().await;
    stage
        .run(&[
            "INSERT INTO other.a VALUES (1)",
            "CREATE USER somebody",
            "INSERT INTO other.a VALUES (2)",
        ])
        .await;
    assert!(stage.events(&before).await.is_empty());
}

#[tokio::test]
async fn every_commit_can_be_resumed_from_and_nothing_comes_twice() {
    let mut stage = Stage::start(&[]).await;
    stage.run(&["CREATE TABLE a (id INT PRIMARY KEY)"]).await;
    let mut after = stage.head().await;
    for id in 1..=6 {
        // Tags give transactions a history of their own.
        let gtid = if id % 2 == 0 {
            "SET GTID_NEXT = 'AUTOMATIC:even'"
        } else {
            "SET GTID_NEXT = 'AUTOMATIC'"
        };
        let insert = format!("INSERT INTO a VALUES ({id})");
        stage.run(&[gtid, &insert]).await;
        if id == 3 {
            stage.run(&["FLUSH BINARY LOGS"]).await;
        }
    }
    stage.run(&["SET GTID_NEXT = 'AUTOMATIC'"]).await;
    for id in 1..=6 {
        let mut stream = stage.open(&after).await.unwrap();
        let mut rows = Vec::new();
        after = loop {
            match stream.next().await.unwrap() {
                SourceEvent::Rows { rows: more, .. } => rows.extend(more),
                SourceEvent::Commit { position } => break position,
                SourceEvent::Begin { origin } => {
                    assert!(origin.committed_at_ms > 1_600_000_000_000);
                }
                SourceEvent::Heartbeat { position } => {
                    assert!(
                        position.log().has_reached(after.log()),
                        "a position goes back"
                    );
                }
                SourceEvent::Partial { rows, .. } => panic!("{rows:?}"),
                SourceEvent::Table(event) => panic!("{event:?}"),
            }
        };
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].kind.after().unwrap()[0], Value::Int(id));
    }
    assert!(after.gtids().contains(":even:1-3"), "{}", after.gtids());
    assert_eq!(after.gtids(), stage.head().await.gtids());
}

#[tokio::test]
async fn compressed_transactions_and_partial_documents_are_the_same_rows() {
    let mut stage = Stage::start(&["--binlog-row-value-options=PARTIAL_JSON"]).await;
    stage
        .run(&["CREATE TABLE a (id INT PRIMARY KEY, j JSON, k JSON, t TEXT)"])
        .await;
    let statements = [
        r#"INSERT INTO a VALUES (1, '{"a": 1, "b": [1, 2, {"c": null}], "long": "xxxxxxxxxxxxxxxxxxxxxxxxxx"}', '[]', 'x')"#,
        "UPDATE a SET j = JSON_SET(j, '$.a', 'text', '$.b[2].c', 1.5), t = 'y'",
        "UPDATE a SET j = JSON_REMOVE(j, '$.b[0]'), k = JSON_ARRAY(1)",
        r#"UPDATE a SET j = JSON_SET(j, '$."new key"', JSON_ARRAY(), '$.b[9]', TRUE)"#,
        "UPDATE a SET j = JSON_SET(j, '$.a[1]', 2)",
        "UPDATE a SET j = JSON_SET(j, '$.a', JSON_EXTRACT(j, '$.a')), t = 'z'",
        "UPDATE a SET j = JSON_REPLACE(j, '$.long', NOW(6)), k = NULL",
        "UPDATE a SET j = NULL",
        "DELETE FROM a",
    ];
    let mut seen = Vec::new();
    for compression in ["OFF", "ON"] {
        let set = format!("SET SESSION binlog_transaction_compression = {compression}");
        let before = stage.head().await;
        stage
            .run(&[&set, "SET timestamp = 1700000000.123456"])
            .await;
        let mut printed = Vec::new();
        for statement in statements {
            stage.run(&[statement]).await;
            printed.extend(stage.select("SELECT CAST(j AS CHAR) FROM a").await);
        }
        let rows = changes(&stage.events(&before).await);
        let ours: Vec<Option<String>> = rows
            .iter()
            .filter_map(|change| change.after())
            .map(|row| match &row[1] {
                Value::Null => None,
                Value::Json(json) => Some(super::column_types::print_json(json)),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ours, printed);
        seen.push(rows);
    }
    assert_eq!(seen[0].len(), statements.len());
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_large_transaction_passes_in_batches_of_bounded_size() {
    const ROWS: usize = 30_000;
    for compression in ["OFF", "ON"] {
        let mut stage = Stage::start(&[]).await;
        stage
            .run(&[
                "CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT)",
                &format!("SET SESSION binlog_transaction_compression = {compression}"),
                "SET SESSION cte_max_recursion_depth = 1000000",
            ])
            .await;
        let before = stage.head().await;
        stage
            .run(&[&format!(
                "INSERT INTO a (t) WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS}) \
                 SELECT CONCAT(n, REPEAT('x', 1000)) FROM n"
            )])
            .await;
        let events = stage.events(&before).await;
        let mut next = 1;
        for event in &events[1..events.len() - 1] {
            let SourceEvent::Rows { rows, .. } = event else {
                panic!("{event:?}")
            };
            let bytes: usize = rows
                .iter()
                .filter_map(|change| change.kind.after())
                .map(|row| row[1].heap_bytes())
                .sum();
            assert!(
                rows.len() <= 1000 && bytes <= 1 << 20,
                "{} rows of {bytes} bytes",
                rows.len()
            );
            for change in rows {
                assert_eq!(change.kind.after().unwrap()[0], Value::Int(next));
                next += 1;
            }
        }
        assert_eq!(next as usize, ROWS + 1);
    }
}

#[tokio::test]
async fn a_row_larger_than_a_packet_frame_arrives_whole() {
    let mut stage = Stage::start(&["--max-allowed-packet=128M"]).await;
    stage
        .run(&["CREATE TABLE a (id INT PRIMARY KEY, b LONGBLOB)"])
        .await;
    let before = stage.head().await;
    stage
        .run(&["INSERT INTO a VALUES (1, REPEAT('abc', 12000000))"])
        .await;
    let rows = changes(&stage.events(&before).await);
    let Value::Bytes(bytes) = &rows[0].after().unwrap()[1] else {
        panic!("a blob is bytes")
    };
    assert!(bytes.len() == 36_000_000 && bytes.chunks(3).all(|chunk| chunk == b"abc"));
}

#[tokio::test]
async fn one_event_of_64_megabytes_with_many_rows_passes_in_batches() {
    const ROWS: usize = 64;
    let mut stage = Stage::start(&[
        "--max-allowed-packet=128M",
        // One event for all rows of the statement.
        "--binlog-row-event-max-size=134217728",
    ])
    .await;
    stage
        .run(&["CREATE TABLE a (id INT PRIMARY KEY, b LONGTEXT)"])
        .await;
    let before = stage.head().await;
    stage
        .run(&[
            "INSERT INTO a WITH RECURSIVE k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k \
                WHERE i < 63) SELECT i, REPEAT(CHAR(97 + i % 26), 1050000) FROM k",
        ])
        .await;
    let events = stage.events(&before).await;
    let mut next = 0;
    for event in &events {
        let SourceEvent::Rows { rows, .. } = event else {
            continue;
        };
        // A batch holds what it is meant to hold, or one row.
        assert_eq!(rows.len(), 1);
        let row = rows[0].kind.after().unwrap();
        let letter = char::from(b'a' + (next % 26) as u8);
        let Value::Text(text) = &row[1] else {
            panic!("{:?}", row[1])
        };
        let text = text.to_string();
        assert!(text.len() == 1_050_000 && text.chars().all(|character| character == letter));
        next += 1;
    }
    assert_eq!(next, ROWS);
    // All rows stand in the same event.
    let places = events.iter().filter_map(|event| match event {
        SourceEvent::Rows { rows, .. } => Some(rows[0].place.offset),
        _ => None,
    });
    assert_eq!(places.collect::<std::collections::BTreeSet<u64>>().len(), 1);
}

#[tokio::test]
async fn a_checkpoint_is_only_resumed_where_the_history_is_whole() {
    let mut stage = Stage::start(&[]).await;
    let early = stage.head().await;
    stage
        .run(&["CREATE TABLE a (id INT PRIMARY KEY)", "FLUSH BINARY LOGS"])
        .await;
    let file = stage.select("SHOW BINARY LOG STATUS").await[0]
        .clone()
        .unwrap();
    stage
        .run(&[&format!("PURGE BINARY LOGS TO '{file}'")])
        .await;
    let purged = stage.open(&early).await.err().unwrap();
    assert_eq!(
        (purged.code, purged.disposition.clone()),
        ("LS2020", Disposition::Halt)
    );
    assert!(
        purged.message.contains(&**early.server()),
        "{}",
        purged.message
    );

    let now = stage.head().await;
    stage.open(&now).await.unwrap();
    let Position::MySql(here) = now.clone() else {
        panic!("{now}")
    };
    let mut ahead = here.clone();
    let mut set = (*ahead.gtid_set).clone();
    set.insert(&format!("{}:999", now.server()).parse().unwrap());
    ahead.gtid_set = Arc::new(set);
    let ahead = Position::MySql(ahead);
    assert_eq!(stage.open(&ahead).await.err().unwrap().code, "LS2022");

    // A server with another uuid that has the whole history is the successor, but not inside a
    // transaction.
    let elsewhere = Position::MySql(MySqlPosition {
        server_uuid: "00000000-0000-0000-0000-000000000001".into(),
        ..here
    });
    stage.open(&elsewhere).await.unwrap();
    let mut torn = checkpoint(&elsewhere);
    torn.torn = Some(Torn {
        transaction: "x".into(),
        parts: 1,
        changes_before: 3,
    });
    assert_eq!(
        stage.source().open(&torn).await.err().unwrap().code,
        "LS2023"
    );
}

#[tokio::test]
async fn a_table_without_a_primary_key_is_identified_by_the_columns_that_were_named() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (x INT, y INT NOT NULL, z INT NOT NULL, UNIQUE (z, y))",
            "CREATE TABLE b (x INT, y INT NOT NULL, UNIQUE (x, y))",
        ])
        .await;
    let before = stage.head().await;
    stage
        .run(&[
            "INSERT INTO a VALUES (1, 2, 3)",
            "INSERT INTO b VALUES (1, 2)",
        ])
        .await;
    let keys = |events: &[SourceEvent]| {
        let keys = events.iter().filter_map(|event| match event {
            SourceEvent::Rows { schema, .. } => Some(schema.key.clone()),
            _ => None,
        });
        keys.collect::<Vec<_>>()
    };
    // The server takes a unique key without NULLs for the primary one.
    assert_eq!(keys(&stage.events(&before).await), [vec![2, 1], vec![]]);
    stage
        .options
        .keys
        .set(TableName::new("shop", "a"), ["y", "z"]);
    stage.options.keys.set(TableName::new("shop", "b"), ["y"]);
    assert_eq!(keys(&stage.events(&before).await), [vec![1, 2], vec![1]]);
    stage
        .options
        .keys
        .set(TableName::new("shop", "b"), ["nowhere"]);
    // Columns of before or after an alteration: the server's own key holds.
    assert_eq!(keys(&stage.events(&before).await), [vec![1, 2], vec![]]);
}
