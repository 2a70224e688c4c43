//! Views that stand at a place of the log.

use super::*;
use change::{LogPosition, MariaDbPosition, Position, TableName};
use flow::Disposition;
use flow::ports::{ChunkRequest, SnapshotReader};
use mysql::{Reader, ReaderOptions};
use reconcile::Low;
use std::sync::Arc;
use std::time::Duration;

fn reader(stage: &Stage) -> Reader {
    let options = ReaderOptions {
        connect: stage.options.connect.to_mysql_async(false).into(),
        selected: stage.options.selected.clone(),
        identity_columns: Arc::default(),
        keys: stage.options.keys.clone(),
        readings: mysql::Readings::default(),
        visible_within: Duration::from_millis(200),
    };
    Reader::new(options, stage.options.charsets.clone())
}

async fn request(reader: &mut Reader, table: &str, after: Position) -> ChunkRequest {
    let table = TableName::new("shop", table);
    ChunkRequest {
        table: crate::snapshot::described(reader, &table).await,
        range: change::KeyRange::default(),
        after,
        max_rows: 1_000,
        max_bytes: 1 << 20,
    }
}

#[tokio::test]
async fn a_view_before_c_is_not_read() {
    on_each_version(&[], async |stage| {
        stage.run(&["CREATE TABLE t (id INT PRIMARY KEY)"]).await;
        let head = stage.head().await;
        let Position::MariaDb(here) = head.clone() else {
            panic!("{head}")
        };
        let ahead = MariaDbPosition {
            gtids: Arc::new("0-1-999".parse().unwrap()),
            log: LogPosition::new("binlog.000009", 4),
            ..here
        };
        let mut reader = reader(stage);
        let request = request(&mut reader, "t", Position::MariaDb(ahead)).await;
        let failure = reader.read(&request).await.unwrap_err();
        assert_eq!(
            (failure.code, failure.disposition),
            ("LS2504", Disposition::Transient)
        );
        assert!(failure.message.contains("0-1-999"), "{}", failure.message);
    })
    .await;
}

#[tokio::test]
async fn marks_between_a_view_and_c_do_not_hold_it_up() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE t (id INT PRIMARY KEY)",
                "INSERT INTO t VALUES (1), (2)",
                "FLUSH BINARY LOGS",
                "FLUSH BINARY LOGS",
            ])
            .await;
        let head = stage.head().await;
        let Position::MariaDb(here) = head.clone() else {
            panic!("{head}")
        };
        // The server writes marks behind the place that views stand at.
        let behind = MariaDbPosition {
            log: LogPosition::new(here.log.file.clone(), here.log.offset + 40),
            ..here
        };
        let mut reader = reader(stage);
        let request = request(&mut reader, "t", Position::MariaDb(behind)).await;
        let chunk = reader.read(&request).await.unwrap().unwrap();
        assert_eq!(chunk.rows.len(), 2);
        assert_eq!(chunk.bounds.low, Low::High);
        assert_eq!(*chunk.bounds.server, **head.server());
    })
    .await;
}

#[tokio::test]
async fn a_table_without_a_key_is_read_without_a_lock() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE t (a INT, b VARCHAR(10))",
                "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, NULL)",
                // A lock would have to wait for it.
                "BEGIN",
                "INSERT INTO t VALUES (3, 'open')",
            ])
            .await;
        let head = stage.head().await;
        let mut reader = reader(stage);
        let request = request(&mut reader, "t", head).await;
        let chunk = reader.read(&request).await.unwrap().unwrap();
        assert_eq!(chunk.rows.len(), 3);
        stage.run(&["COMMIT"]).await;
    })
    .await;
}
