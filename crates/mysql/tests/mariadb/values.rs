//! Values of MariaDB: read by SELECT and from the stream, they are equal.

use super::*;
use crate::binlog::column_types::CASES;
use crate::snapshot::values::assert_equal_both_ways;

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
