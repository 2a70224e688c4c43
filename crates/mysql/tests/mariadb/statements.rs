//! Transactions and statements, as the stream tells them.

use super::*;
use change::{Position, Value};
use flow::Disposition;
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};

#[tokio::test]
async fn transactions_of_every_kind_are_told_once() {
    on_each_version(&[], async |stage| {
        let told = stage
            .told(&[
                "CREATE TABLE a (id INT PRIMARY KEY, v INT)",
                "INSERT INTO a VALUES (1, 1)",
                "BEGIN",
                "INSERT INTO a VALUES (2, 2), (3, 3)",
                "UPDATE a SET id = id + 10 ORDER BY id DESC",
                "COMMIT",
                "BEGIN",
                "INSERT INTO a VALUES (4, 4)",
                "ROLLBACK",
                "CREATE TABLE b (id INT PRIMARY KEY) SELECT id FROM a",
                "CREATE TABLE m (id INT) ENGINE = MyISAM",
                "INSERT INTO m VALUES (7)",
                "DELETE FROM a WHERE id = 11",
            ])
            .await;
        let expected = [
            "begin",
            "shop.a Created",
            "commit",
            "begin",
            "a +1",
            "commit",
            "begin",
            "a +2",
            "a +3",
            "a 3>13",
            "a 2>12",
            "a 1>11",
            "commit",
            "begin",
            "shop.b Created",
            "b +11",
            "b +12",
            "b +13",
            "commit",
            "begin",
            "shop.m Created",
            "commit",
            "begin",
            "m +7",
            "commit",
            "begin",
            "a -11",
            "commit",
        ];
        assert_eq!(told, expected);
    })
    .await;
}

#[tokio::test]
async fn statements_in_mariadbs_own_words_are_followed() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE a (id INT PRIMARY KEY, v INT, w INT)",
                "CREATE TABLE b (id INT PRIMARY KEY)",
                "CREATE SEQUENCE s",
            ])
            .await;
        for (statement, expected) in [
            (
                "CREATE OR REPLACE TABLE b (id INT PRIMARY KEY, v INT)",
                &["shop.b Dropped", "shop.b Created"][..],
            ),
            (
                "ALTER ONLINE TABLE IF EXISTS a WAIT 5 ADD COLUMN IF NOT EXISTS x INT",
                &["shop.a altered: columns"],
            ),
            (
                "SET STATEMENT lock_wait_timeout = 9 FOR ALTER TABLE a DROP COLUMN x",
                &["shop.a altered: columns"],
            ),
            (
                "ALTER TABLE a RENAME COLUMN IF EXISTS v TO u",
                &["shop.a altered: columns"],
            ),
            (
                "ALTER TABLE a /*M!100000 DROP COLUMN w */",
                &["shop.a altered: columns"],
            ),
            (
                "ALTER TABLE a COMMENT = 'x' /*!80000 , DROP COLUMN u */",
                &["shop.a altered: definition"],
            ),
            (
                "RENAME TABLE IF EXISTS b NOWAIT TO c",
                &["shop.b Dropped", "shop.c Created"],
            ),
            ("DROP TABLE IF EXISTS c WAIT 1", &["shop.c Dropped"]),
            ("ALTER TABLE a ADD SYSTEM VERSIONING", &["shop.a LS2054"]),
        ] {
            let told = stage.told(&[statement]).await;
            let told: Vec<&String> = told
                .iter()
                .filter(|word| !["begin", "commit"].contains(&word.as_str()))
                .collect();
            assert_eq!(told, expected, "{statement}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_alteration_in_two_phases_is_told_once_and_not_when_it_is_announced() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE a (id INT PRIMARY KEY, v INT)",
                "INSERT INTO a VALUES (1, 1), (2, 1)",
            ])
            .await;
        let told = stage
            .told(&[
                "SET SESSION binlog_alter_two_phase = ON",
                "ALTER TABLE a ADD COLUMN x INT",
            ])
            .await;
        assert_eq!(told, ["begin", "shop.a altered: columns", "commit"]);
        // What was announced is taken back.
        let before = stage.head().await;
        use mysql_async::prelude::Queryable;
        let refused = stage
            .session
            .query_drop("ALTER TABLE a ADD UNIQUE KEY (v)")
            .await;
        assert!(refused.is_err());
        stage.run(&["INSERT INTO a VALUES (3, 3, 3)"]).await;
        let events = stage.events(&before).await;
        assert_eq!(changes(&events).len(), 1);
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, SourceEvent::Table(_)))
        );
    })
    .await;
}

#[tokio::test]
async fn compressed_events_hold_the_same_rows_and_statements() {
    let options = ["--log-bin-compress=ON", "--log-bin-compress-min-len=10"];
    on_each_version(&options, async |stage| {
        let told = stage
            .told(&[
                "CREATE TABLE a (id INT PRIMARY KEY, v LONGTEXT, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa INT)",
                "INSERT INTO a VALUES (1, REPEAT('x', 100000), 0), (2, REPEAT('y', 300), 0)",
                "UPDATE a SET id = id + 10, v = CONCAT(v, 'z') ORDER BY id DESC",
                "DELETE FROM a WHERE id = 12",
                "DROP TABLE a",
            ])
            .await;
        let expected = [
            "begin", "shop.a Created", "commit", "begin", "a +1", "a +2", "commit", "begin",
            "a 2>12", "a 1>11", "commit", "begin", "a -12", "commit", "begin", "shop.a Dropped",
            "commit",
        ];
        assert_eq!(told, expected);
        let log = stage.select("SHOW BINLOG EVENTS IN 'binlog.000001'").await.len();
        assert!(log > 0);
    })
    .await;
}

#[tokio::test]
async fn sequences_are_left_out() {
    on_each_version(&[], async |stage| {
        let told = stage
            .told(&[
                "CREATE SEQUENCE s CACHE 2",
                "CREATE TABLE a (id INT PRIMARY KEY DEFAULT (NEXT VALUE FOR s))",
                "INSERT INTO a VALUES (DEFAULT), (DEFAULT), (DEFAULT)",
                "SELECT NEXTVAL(s)",
                "ALTER SEQUENCE s RESTART 50",
                "DROP SEQUENCE s",
            ])
            .await;
        let of_tables: Vec<&String> = told
            .iter()
            .filter(|word| word.contains("a +") || word.contains("shop."))
            .collect();
        assert_eq!(of_tables, ["shop.a Created", "a +1", "a +2", "a +3"]);
    })
    .await;
}

#[tokio::test]
async fn an_xa_transaction_stops_the_tables_that_it_changes() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE a (id INT PRIMARY KEY)",
                "CREATE TABLE b (id INT PRIMARY KEY)",
            ])
            .await;
        let told = stage
            .told(&[
                "XA START 'x', 'y', 7",
                "INSERT INTO a VALUES (1)",
                "XA END 'x', 'y', 7",
                "XA PREPARE 'x', 'y', 7",
                "XA COMMIT 'x', 'y', 7",
                "INSERT INTO b VALUES (1)",
            ])
            .await;
        let expected = [
            "begin",
            "shop.a LS2052",
            "commit",
            "begin",
            "b +1",
            "commit",
        ];
        assert_eq!(told, expected);
    })
    .await;
}

#[tokio::test]
async fn every_commit_can_be_resumed_from_and_nothing_comes_twice() {
    on_each_version(&[], async |stage| {
        stage.run(&["CREATE TABLE a (id INT PRIMARY KEY)"]).await;
        let mut after = stage.head().await;
        for id in 1..=6 {
            // Domains are histories of their own.
            stage
                .run(&[
                    &format!("SET SESSION gtid_domain_id = {}", id % 2),
                    &format!("INSERT INTO a VALUES ({id})"),
                ])
                .await;
            if id == 3 {
                stage.run(&["FLUSH BINARY LOGS"]).await;
            }
        }
        for id in 1..=6 {
            let mut stream = stage.open(&after).await.unwrap();
            let mut rows = Vec::new();
            after = loop {
                match stream.next().await.unwrap() {
                    SourceEvent::Rows { rows: more, .. } => rows.extend(more),
                    SourceEvent::Commit { position } => break position,
                    SourceEvent::Begin { origin } => {
                        assert!(origin.committed_at_ms > 1_600_000_000_000);
                        assert_eq!(origin.server_id, 1);
                    }
                    SourceEvent::Heartbeat { position } => {
                        assert!(
                            position.log().has_reached(after.log()),
                            "a position goes back"
                        );
                    }
                    event @ (SourceEvent::Partial { .. } | SourceEvent::Table(_)) => {
                        panic!("{event:?}")
                    }
                }
            };
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].kind.after().unwrap()[0], Value::Int(id));
        }
        assert_eq!(after.gtids(), stage.head().await.gtids());
        assert!(after.gtids().starts_with("0-1-"), "{after}");
    })
    .await;
}

#[tokio::test]
async fn rows_stand_where_the_servers_own_program_finds_them() {
    on_each_version(&[], async |stage| {
        let before = stage.head().await;
        stage
            .run(&[
                "CREATE TABLE a (id INT PRIMARY KEY, v TEXT)",
                "BEGIN",
                "INSERT INTO a VALUES (1, REPEAT('x', 9000)), (2, REPEAT('y', 9000)), (3, 'z')",
                "INSERT INTO a VALUES (4, 'another statement')",
                "COMMIT",
            ])
            .await;
        let events = stage.events(&before).await;
        let mut found: Vec<u64> = events
            .iter()
            .flat_map(|event| match event {
                SourceEvent::Rows { rows, .. } => rows.iter().map(|row| row.place.offset).collect(),
                _ => Vec::new(),
            })
            .collect();
        found.dedup();
        use mysql_async::prelude::Queryable;
        let rows: Vec<mysql_async::Row> = stage
            .session
            .query("SHOW BINLOG EVENTS IN 'binlog.000001'")
            .await
            .unwrap();
        let expected: Vec<u64> = rows
            .into_iter()
            .filter(|row| row.get::<String, _>(2).unwrap() == "Write_rows_v1")
            .map(|row| row.get::<u64, _>(1).unwrap())
            .collect();
        assert_eq!(found, expected);
        assert!(expected.len() >= 3);
    })
    .await;
}

async fn refused(stage: &Stage, position: &Position) -> &'static str {
    let failure = match stage.source().open(&checkpoint(position)).await {
        Ok(_) => panic!("{position} was opened"),
        Err(failure) => failure,
    };
    assert_eq!(failure.disposition, Disposition::Halt);
    failure.code
}

#[tokio::test]
async fn histories_that_do_not_hold_the_checkpoint_are_refused() {
    on_each_version(&[], async |stage| {
        stage.run(&["CREATE TABLE a (id INT PRIMARY KEY)"]).await;
        let early = stage.head().await;
        stage
            .run(&[
                "INSERT INTO a VALUES (1)",
                "FLUSH BINARY LOGS",
                "INSERT INTO a VALUES (2)",
                "FLUSH BINARY LOGS",
                "PURGE BINARY LOGS TO 'binlog.000003'",
            ])
            .await;
        let late = stage.head().await;
        assert!(stage.open(&late).await.is_ok());
        assert_eq!(refused(stage, &early).await, "LS2020");
        let Position::MariaDb(mut ahead) = late.clone() else {
            panic!("{late}")
        };
        ahead.gtids = std::sync::Arc::new("0-1-99".parse().unwrap());
        assert_eq!(
            refused(stage, &Position::MariaDb(ahead.clone())).await,
            "LS2022"
        );
        ahead.server = "2-other".into();
        assert_eq!(refused(stage, &Position::MariaDb(ahead)).await, "LS2021");
        // All of it is forgotten, and numbers are given out again.
        stage.run(&["RESET MASTER"]).await;
        assert_eq!(refused(stage, &late).await, "LS2022");
    })
    .await;
}

#[tokio::test]
async fn numbers_that_do_not_grow_end_the_stream() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE a (id INT PRIMARY KEY)",
                "INSERT INTO a VALUES (1), (2)",
            ])
            .await;
        let before = stage.head().await;
        let mut stream = stage.open(&before).await.unwrap();
        stage
            .run(&[
                "SET SESSION gtid_seq_no = 1000",
                "INSERT INTO a VALUES (3)",
                "SET SESSION server_id = 2, gtid_seq_no = 500",
                "INSERT INTO a VALUES (4)",
            ])
            .await;
        let failure = loop {
            if let Err(failure) = stream.next().await {
                break failure;
            }
        };
        assert_eq!(
            (failure.code, failure.disposition),
            ("LS2035", Disposition::Halt)
        );
    })
    .await;
}
