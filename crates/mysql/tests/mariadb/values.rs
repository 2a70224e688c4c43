//! Values of MariaDB: read by SELECT and from the stream, they are equal.

use super::*;
use crate::binlog::column_types::CASES;
use crate::snapshot::values::assert_equal_both_ways;
use change::TableName;
use flow::ports::SnapshotReader;
use mysql::{Reader, ReaderOptions};
use std::sync::Arc;
use std::time::Duration;

/// Types and values of MySQL that MariaDB has not, or has otherwise.
fn is_mysqls_alone(column: &str) -> bool {
    let column = column.to_ascii_uppercase();
    ["JSON", "VECTOR", "SRID"]
        .iter()
        .any(|word| column.contains(word))
        || is_geometry(&column)
}

fn is_geometry(column: &str) -> bool {
    ["GEOM", "POINT", "LINESTRING", "POLYGON"]
        .iter()
        .any(|word| column.contains(word))
}

#[tokio::test]
async fn every_value_of_every_type_is_the_one_that_the_stream_has() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "SET sql_mode = 'ALLOW_INVALID_DATES'",
                "SET time_zone = '+00:00'",
            ])
            .await;
        for (number, case) in CASES.iter().enumerate() {
            if is_mysqls_alone(case.column) {
                continue;
            }
            let column = case.column;
            stage
                .run(&[&format!(
                    "CREATE TABLE a{number} (id INT PRIMARY KEY, v {column})"
                )])
                .await;
            let before = stage.head().await;
            if column != "SERIAL" {
                stage
                    .run(&[&format!("INSERT INTO a{number} VALUES (0, NULL)")])
                    .await;
            }
            for (index, value) in case.values.iter().enumerate() {
                let insert = format!("INSERT INTO a{number} VALUES ({}, {value})", index + 1);
                stage.run(&[&insert]).await;
            }
            assert_equal_both_ways(stage, &before, &format!("a{number}")).await;
        }
    })
    .await;
}

#[tokio::test]
async fn columns_that_the_log_does_not_tell_whole_are_not_read() {
    on_each_version(&["--mysql56-temporal-format=OFF"], async |stage| {
        stage
            .run(&[
                "CREATE TABLE old (id INT PRIMARY KEY, v DATETIME(3))",
                "CREATE TABLE names (id INT PRIMARY KEY, v UUID, w INET6)",
            ])
            .await;
        let told = stage
            .told(&["INSERT INTO old VALUES (1, '2024-01-02 03:04:05.678')"])
            .await;
        assert_eq!(told, ["begin", "shop.old LS2042", "commit"]);
        for table in ["old", "names"] {
            let options = ReaderOptions {
                connect: stage.options.connect.to_mysql_async(false).into(),
                selected: stage.options.selected.clone(),
                identity_columns: Arc::default(),
                keys: stage.options.keys.clone(),
                readings: mysql::Readings::default(),
                visible_within: Duration::from_secs(10),
            };
            let mut reader = Reader::new(options, stage.options.charsets.clone());
            let table = TableName::new("shop", table);
            let failure = reader.describe(&table).await.unwrap_err();
            assert_eq!(failure.disposition, flow::Disposition::Table, "{failure}");
        }
    })
    .await;
}

#[tokio::test]
async fn compressed_columns_hold_the_same_values() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE c (id INT PRIMARY KEY, v VARCHAR(3000) COMPRESSED, \
                 t LONGTEXT COMPRESSED CHARACTER SET latin1, b VARBINARY(300) COMPRESSED, \
                 l BLOB COMPRESSED, y YEAR, u BIGINT UNSIGNED)",
            ])
            .await;
        let before = stage.head().await;
        stage
            .run(&[
                "INSERT INTO c VALUES (1, NULL, NULL, NULL, NULL, 2024, 18446744073709551615)",
                "INSERT INTO c VALUES (2, '', '', '', '', 0, 0)",
                "INSERT INTO c VALUES (3, 'short', 'é', x'00', x'0000', 1901, 9223372036854775808)",
                "INSERT INTO c VALUES (4, REPEAT('lang ü ', 300), REPEAT('é', 70000), \
                 REPEAT(x'00', 300), REPEAT(x'FF', 30000), 2155, 1)",
                "SET SESSION column_compression_zlib_wrap = ON",
                "INSERT INTO c VALUES (5, REPEAT('lang ü ', 300), REPEAT('é', 70000), \
                 REPEAT(x'00', 300), REPEAT(x'FF', 30000), 2155, 1)",
            ])
            .await;
        assert_equal_both_ways(stage, &before, "c").await;
    })
    .await;
}
