//! The tables that the workload writes to, and their first rows.
//!
//! Each table stands for one difficulty of replication: money that must add up, unique values that
//! are swapped, keys that change, keys equal but for their case, keys of several columns in another
//! order than the table's, binary keys.

use super::awkward;
use testbed::servers::Product;

/// One table: its name and its definition behind the name.
pub const TABLES: &[(&str, &str)] = &[
    (
        "accounts",
        "(id BIGINT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL, changed DATETIME(3) NULL)",
    ),
    (
        "savings",
        "(id INT UNSIGNED NOT NULL PRIMARY KEY, note VARCHAR(100), balance BIGINT NOT NULL)",
    ),
    (
        "seats",
        "(id INT NOT NULL PRIMARY KEY, code VARCHAR(60) NOT NULL, holder VARCHAR(60), \
         UNIQUE KEY code (code))",
    ),
    (
        "items",
        "(id BIGINT NOT NULL PRIMARY KEY, kind INT NOT NULL, label VARCHAR(100), \
         amount DECIMAL(12, 2), KEY kind (kind))",
    ),
    (
        "names_ci",
        "(name VARCHAR(60) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, number INT)",
    ),
    (
        "names_bin",
        "(name VARCHAR(60) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, number INT)",
    ),
    (
        "order_lines",
        "(quantity INT, order_id INT NOT NULL, line VARCHAR(20) NOT NULL, \
         PRIMARY KEY (order_id, line))",
    ),
    (
        "word_pairs",
        "(first_word VARCHAR(20) NOT NULL, second_word VARCHAR(20) NOT NULL, seen INT, \
         PRIMARY KEY (second_word, first_word))",
    ),
    (
        "by_bytes",
        "(id VARBINARY(16) NOT NULL PRIMARY KEY, body BLOB)",
    ),
    (
        "by_fixed_bytes",
        "(id BINARY(8) NOT NULL PRIMARY KEY, body VARCHAR(40))",
    ),
    (
        "loaded",
        "(id BIGINT NOT NULL PRIMARY KEY, label VARCHAR(100), amount DECIMAL(12, 2))",
    ),
    (
        "cleared",
        "(id INT NOT NULL PRIMARY KEY, label VARCHAR(60))",
    ),
    (
        "renewed",
        "(id INT NOT NULL PRIMARY KEY, label VARCHAR(60))",
    ),
];

/// Money that each account and each saving has at the start.
pub const FIRST_BALANCE: u64 = 1_000;

/// The statements that make a fresh database with `rows` rows in each of its large tables.
pub fn preparation(database: &str, rows: u64, product: Product) -> Vec<String> {
    let mut statements = vec![
        format!("DROP DATABASE IF EXISTS {database}"),
        format!("CREATE DATABASE {database} DEFAULT CHARACTER SET utf8mb4"),
        format!("USE {database}"),
    ];
    for (name, definition) in TABLES {
        statements.push(format!("CREATE TABLE {name} {definition}"));
    }
    statements.push(awkward::create(product, "every_type"));
    let numbers = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})"
    );
    for (table, columns) in [
        (
            "accounts",
            format!("n, {FIRST_BALANCE}, '2024-01-02 03:04:05.678'"),
        ),
        ("savings", format!("n, CONCAT('note ', n), {FIRST_BALANCE}")),
        (
            "seats",
            "n, CONCAT('code-', n), CONCAT('holder ', n)".to_owned(),
        ),
        (
            "items",
            "n, n % 100, CONCAT('item ', n), n / 100".to_owned(),
        ),
        ("names_ci", "CONCAT('name-', n), n".to_owned()),
        ("names_bin", "CONCAT('name-', n), n".to_owned()),
        (
            "order_lines",
            "n, n DIV 4, CONCAT('line ', n % 4)".to_owned(),
        ),
        (
            "word_pairs",
            "CONCAT('a', n % 50), CONCAT('b', n), n".to_owned(),
        ),
        (
            "by_bytes",
            "UNHEX(LEFT(SHA2(n, 256), 32)), REPEAT('b', n % 40)".to_owned(),
        ),
        (
            "by_fixed_bytes",
            "UNHEX(LPAD(HEX(n), 4, '0')), n".to_owned(),
        ),
        ("cleared", "n, CONCAT('first ', n)".to_owned()),
        ("renewed", "n, CONCAT('first ', n)".to_owned()),
    ] {
        // BINARY(8) keys are two bytes and trailing zeros, so there are at most 65,535 of them.
        let limit = if table == "by_fixed_bytes" {
            60_000
        } else {
            rows
        };
        statements.push(format!(
            "INSERT INTO {table} {numbers} SELECT {columns} FROM numbers WHERE n <= {limit}"
        ));
    }
    statements
}
