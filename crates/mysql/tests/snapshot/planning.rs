//! A plan costs some index dives, not a pass over the table.

use super::*;

async fn rows_read(connection: &mut Conn) -> u64 {
    let read: Option<(String, u64)> = connection
        .query_first("SHOW GLOBAL STATUS LIKE 'Innodb_rows_read'")
        .await
        .unwrap();
    read.unwrap().1
}

#[tokio::test]
async fn planning_reads_a_small_part_of_the_table_and_splits_it_fairly() {
    // A server of its own, since the count of rows read is the server's.
    let mut database = Database::on_a_server_of_its_own("planned", &[]).await;
    database.run("USE planned").await;
    database.numbers(100_000).await;
    let tables = [
        ("dense", "a BIGINT", "n"),
        (
            "skewed",
            "a BIGINT",
            "IF(n = 100000, 9223372036854775807, n)",
        ),
        ("text", "a VARCHAR(36)", "LEFT(SHA2(n, 256), 32)"),
        ("hashed", "a BINARY(16)", "LEFT(UNHEX(SHA2(n, 256)), 16)"),
    ];
    for (table, column, value) in tables {
        database
            .run(&format!(
                "CREATE TABLE {table} ({column} NOT NULL PRIMARY KEY, b INT)"
            ))
            .await;
        database
            .run(&format!(
                "INSERT INTO {table} SELECT {value}, n FROM numbers"
            ))
            .await;
        database.run(&format!("ANALYZE TABLE {table}")).await;
        let mut reader = database.reader().await;
        let described = described(&mut reader, &database.table(table)).await;
        let before = rows_read(&mut database.connection).await;
        let plan = reader.plan(&described, 8).await.unwrap();
        let cost = rows_read(&mut database.connection).await - before;
        // What the catalogue itself reads of its own tables is among it.
        assert!(cost < 2_500, "{table}: {cost} rows were read to plan");
        assert_eq!(plan.ranges.len(), 8, "{table}");
        let mut sizes = Vec::new();
        for range in plan.ranges {
            let request = ChunkRequest {
                table: described.clone(),
                extent: reconcile::Extent::Range(range),
                after: beginning(),
                max_rows: 1_000_000,
                max_bytes: 1 << 30,
            };
            sizes.push(reader.read(&request).await.unwrap().unwrap().rows.len());
        }
        let fair = sizes.iter().all(|size| (2_000..40_000).contains(size));
        assert!(fair, "{table}: ranges of {sizes:?} rows");
    }
}

#[tokio::test]
async fn thousands_of_tables_are_described_with_a_few_queries() {
    let mut database = Database::create("many").await;
    for number in 0..300 {
        database
            .run(&format!(
                "CREATE TABLE t{number} (a INT PRIMARY KEY, b VARCHAR(10) UNIQUE)"
            ))
            .await;
    }
    let mut reader = database.reader().await;
    let described = reader.describe_all().await.unwrap();
    assert_eq!(described.len(), 300);
    let one = reader
        .describe(&database.table("t7"))
        .await
        .unwrap()
        .unwrap();
    let of_all = described[&database.table("t7")].as_ref().unwrap();
    assert_eq!(one.schema, of_all.schema);
    assert_eq!(one.indexes, of_all.indexes);
}
