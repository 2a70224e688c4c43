//! Chunks of every kind of key hold every row once.

use super::*;
use change::{Identity, KeyRange};
use std::collections::HashSet;

/// Deterministic sizes that have nothing to do with the data.
struct Sizes(u64);

impl Sizes {
    fn next(&mut self, limit: u64) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (1 + (self.0 >> 33) % limit) as usize
    }
}

/// Plans the table, reads every range in chunks of changing size, and holds the rows against the
/// server's count.
async fn assert_chunks_cover(database: &mut Database, table: &str) {
    let mut reader = database.reader().await;
    database.run(&format!("ANALYZE TABLE `{table}`")).await;
    let described = described(&mut reader, &database.table(table)).await;
    let plan = reader.plan(&described, 7).await.unwrap();
    // Letters beyond ASCII are not guessed in character sets other than Unicode's.
    assert!(
        plan.ranges.len() > 1 || table == "japanese",
        "{table} is split"
    );
    let mut seen: HashSet<Identity> = HashSet::new();
    let mut sizes = Sizes(table.len() as u64);
    for range in plan.ranges {
        let mut rest = Some(reconcile::Extent::Range(range));
        while let Some(extent) = rest.take() {
            let request = ChunkRequest {
                table: described.clone(),
                extent,
                after: beginning(),
                max_rows: sizes.next(4_000),
                max_bytes: sizes.next(2 << 20),
            };
            let chunk = reader.read(&request).await.unwrap().unwrap();
            assert!(chunk.rows.len() <= request.max_rows);
            for row in &chunk.rows {
                let identity = described.schema.identity(row);
                assert!(seen.insert(identity), "{table}: a row came twice");
            }
            rest = chunk.rest;
        }
    }
    let count: Option<usize> = database
        .connection
        .query_first(format!("SELECT COUNT(*) FROM `{table}`"))
        .await
        .unwrap();
    assert_eq!(Some(seen.len()), count, "{table}");
}

#[tokio::test]
async fn chunks_of_every_kind_of_key_hold_every_row_once() {
    let mut database = Database::create("chunks").await;
    database.numbers(30_000).await;
    database
        .run("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
        .await;
    let keys = [
        ("small", "a INT", "n"),
        ("negative", "a BIGINT", "n * 1000000007 - 15000000000000"),
        (
            "unsigned_wide",
            "a BIGINT UNSIGNED",
            "18446744073709551615 - n",
        ),
        (
            "skewed",
            "a BIGINT",
            "IF(n = 30000, 9223372036854775807, n)",
        ),
        ("exact", "a DECIMAL(30,5)", "n * 3.14159 - 40000"),
        (
            "wide_exact",
            "a DECIMAL(65,20)",
            "n * 123456789012345678901234567890.5",
        ),
        ("single", "a FLOAT", "n / 7"),
        ("double_precision", "a DOUBLE", "n * 1e300 / 7e300 - 3"),
        ("day", "a DATE", "ADDDATE('1950-01-01', n)"),
        (
            "moment",
            "a DATETIME(6)",
            "TIMESTAMPADD(MICROSECOND, n * 999983, '2024-01-01')",
        ),
        (
            "instant",
            "a TIMESTAMP(3)",
            "TIMESTAMPADD(MICROSECOND, n * 999000, '2024-01-01')",
        ),
        ("clock", "a TIME(2)", "SEC_TO_TIME(n - 15000 + n / 100)"),
        ("bits", "a BIT(40)", "n * 1000003"),
        ("folding", "a VARCHAR(40)", "LEFT(SHA2(n, 256), 32)"),
        (
            "exactly",
            "a VARCHAR(40) COLLATE utf8mb4_bin",
            "CONCAT(IF(n % 2, 'Key', 'key'), n)",
        ),
        (
            "accented",
            "a VARCHAR(40) COLLATE utf8mb4_0900_ai_ci",
            "CONCAT(CHAR(50000 + n % 300 USING utf8mb4), CHAR(0xC3A0 + n % 20 USING utf8mb4), n)",
        ),
        (
            "western",
            "a VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_german2_ci",
            "CONCAT(CHAR(192 + n % 60 USING latin1), n)",
        ),
        (
            "japanese",
            "a VARCHAR(40) CHARACTER SET cp932",
            "CONCAT(CHAR(0x8890 + n % 90 USING cp932), n)",
        ),
        ("padded", "a CHAR(20) CHARACTER SET ascii", "CONCAT('k', n)"),
        (
            "sixteen",
            "a VARCHAR(20) CHARACTER SET utf16",
            "CONCAT('k', n)",
        ),
        ("hashed", "a BINARY(16)", "LEFT(UNHEX(SHA2(n, 256)), 16)"),
        (
            "of_any_length",
            "a VARBINARY(20)",
            "CONCAT(LEFT(UNHEX(SHA2(n % 100, 256)), 8), n % 300 * 100 + FLOOR(n / 300))",
        ),
    ];
    for (table, column, value) in keys {
        database
            .run(&format!(
                "CREATE TABLE {table} ({column} NOT NULL, payload INT, PRIMARY KEY (a))"
            ))
            .await;
        database
            .run(&format!(
                "INSERT INTO {table} SELECT {value}, n FROM numbers"
            ))
            .await;
        assert_chunks_cover(&mut database, table).await;
    }
}

#[tokio::test]
async fn chunks_of_keys_of_several_columns_hold_every_row_once() {
    let mut database = Database::create("composite").await;
    database.numbers(30_000).await;
    database
        .run("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
        .await;
    let keys = [
        ("one_tenant", "a INT, b INT", "a, b", "1, n"),
        ("two_tenants", "a INT, b INT", "a, b", "1 + (n > 3000), n"),
        (
            "three_parts",
            "a VARCHAR(20), b DATETIME, c DECIMAL(10,2)",
            "a, b, c",
            "CONCAT(IF(n % 2, 'T', 't'), n % 5), TIMESTAMPADD(SECOND, n % 700, '2024-01-01'), n / 4",
        ),
        ("descending", "a INT, b INT", "a DESC, b DESC", "n % 10, n"),
        ("mixed_order", "a INT, b INT", "a DESC, b", "n % 10, n"),
        (
            "by_member",
            "a ENUM('z','y','x'), b INT",
            "a, b",
            "1 + n % 3, n",
        ),
        (
            "by_members",
            "a SET('z','y','x'), b INT",
            "a, b",
            "n % 8, n",
        ),
        (
            "zero_days",
            "a DATE, b INT",
            "a, b",
            "ELT(1 + n % 4, '0000-00-00', '2024-00-00', '2024-02-31', '2024-03-01'), n",
        ),
        (
            "by_prefix",
            "a VARCHAR(100), b INT",
            "a(20), b",
            "SHA2(n, 256), n",
        ),
        (
            "by_year",
            "a YEAR, b BIGINT UNSIGNED",
            "a, b",
            "1901 + n % 200, n",
        ),
    ];
    for (table, columns, key, values) in keys {
        database
            .run(&format!(
                "CREATE TABLE {table} ({columns}, payload INT, PRIMARY KEY ({key}))"
            ))
            .await;
        database
            .run(&format!(
                "INSERT INTO {table} SELECT {values}, n FROM numbers"
            ))
            .await;
        assert_chunks_cover(&mut database, table).await;
    }
}

#[tokio::test]
async fn a_chunk_ends_where_its_bytes_are_used_up() {
    let mut database = Database::create("bounded").await;
    database
        .run("CREATE TABLE large (id INT PRIMARY KEY, body LONGBLOB)")
        .await;
    for id in 1..=12 {
        database
            .run(&format!(
                "INSERT INTO large VALUES ({id}, REPEAT('x', 4000000))"
            ))
            .await;
    }
    let mut reader = database.reader().await;
    let described = described(&mut reader, &database.table("large")).await;
    let mut request = ChunkRequest {
        table: described,
        extent: reconcile::Extent::Range(KeyRange::default()),
        after: beginning(),
        max_rows: 10_000,
        max_bytes: 5_000_000,
    };
    let mut sizes = Vec::new();
    loop {
        let chunk = reader.read(&request).await.unwrap().unwrap();
        sizes.push(chunk.rows.len());
        match chunk.rest {
            Some(rest) => request.extent = rest,
            None => break,
        }
    }
    assert_eq!(sizes.iter().sum::<usize>(), 12);
    assert!(sizes.iter().all(|&rows| rows <= 2), "{sizes:?}");
}
