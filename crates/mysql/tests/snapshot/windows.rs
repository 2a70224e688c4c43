//! What a chunk says of its read view.

use super::*;
use change::{KeyRange, Value};
use flow::Disposition;
use flow::ports::Chunk;
use reconcile::Low;

fn request(table: &Arc<TableDescription>) -> ChunkRequest {
    ChunkRequest {
        table: table.clone(),
        extent: reconcile::Extent::Range(KeyRange::default()),
        after: beginning(),
        max_rows: 1_000,
        max_bytes: 1 << 20,
    }
}

async fn executed(connection: &mut Conn) -> GtidSet {
    let set: Option<String> = connection
        .query_first("SELECT @@GLOBAL.gtid_executed")
        .await
        .unwrap();
    set.unwrap().parse().unwrap()
}

fn low(chunk: &Chunk) -> &GtidSet {
    match &chunk.bounds.low {
        Low::Transactions(low) => low,
        Low::High => panic!("views of MySQL stand at no place of the log"),
    }
}

#[tokio::test]
async fn everything_executed_before_is_visible_and_the_log_ends_after_it() {
    let mut database = Database::create("visible").await;
    database.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let mut reader = database.reader().await;
    let described = described(&mut reader, &database.table("t")).await;
    for id in 0..20 {
        database.run(&format!("INSERT INTO t VALUES ({id})")).await;
        let before = executed(&mut database.connection).await;
        let chunk = reader.read(&request(&described)).await.unwrap().unwrap();
        assert!(before.is_subset_of(low(&chunk)));
        assert_eq!(chunk.rows.len(), id + 1);
        assert!(chunk.rest.is_none());
        assert!(chunk.bounds.high.offset > 4);
    }
}

#[tokio::test]
async fn a_position_that_the_server_has_not_reached_is_waited_for_and_then_tried_again() {
    let mut database = Database::create("unreached").await;
    database.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let mut reader = database.reader().await;
    let described = described(&mut reader, &database.table("t")).await;
    let mut request = request(&described);
    request.after = Position::MySql(MySqlPosition {
        server_uuid: "".into(),
        gtid_set: Arc::new("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5".parse().unwrap()),
        log: LogPosition::new("binlog.000001", 4),
    });
    let failure = reader.read(&request).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS2504", Disposition::Transient)
    );
}

#[tokio::test]
async fn a_table_that_changed_since_its_description_voids_the_request() {
    let mut database = Database::create("changed").await;
    database
        .run("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
        .await;
    let mut reader = database.reader().await;
    for statement in [
        "ALTER TABLE t ADD COLUMN b INT",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t MODIFY b BIGINT",
        "ALTER TABLE t RENAME COLUMN b TO c",
        "DROP TABLE t",
    ] {
        let described = described(&mut reader, &database.table("t")).await;
        assert!(reader.read(&request(&described)).await.unwrap().is_some());
        database.run(statement).await;
        let answer = reader.read(&request(&described)).await.unwrap();
        assert!(answer.is_none(), "{statement}");
    }
    assert!(
        reader
            .describe(&database.table("t"))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_killed_connection_is_transient_and_made_again() {
    let mut database = Database::create("killed").await;
    database.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    database.run("CREATE USER killed IDENTIFIED BY 'k'").await;
    database
        .run("GRANT SELECT, REPLICATION CLIENT ON *.* TO killed")
        .await;
    let mut reader = database.reader_as("killed", "k").await;
    let described = described(&mut reader, &database.table("t")).await;
    let theirs: Option<u64> = database
        .connection
        .query_first("SELECT ID FROM performance_schema.processlist WHERE USER = 'killed'")
        .await
        .unwrap();
    database.run(&format!("KILL {}", theirs.unwrap())).await;
    let failure = reader.read(&request(&described)).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS2501", Disposition::Transient)
    );
    assert!(reader.read(&request(&described)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_table_without_a_key_is_read_in_one_chunk_whose_low_is_exact() {
    let mut database = Database::create("keyless").await;
    database.run("CREATE TABLE t (a INT, b VARCHAR(10))").await;
    database
        .run("INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, NULL)")
        .await;
    let mut reader = database.reader().await;
    let described = described(&mut reader, &database.table("t")).await;
    assert!(described.schema.key.is_empty());
    let chunk = reader.read(&request(&described)).await.unwrap().unwrap();
    assert_eq!(chunk.rows.len(), 3);
    assert!(
        executed(&mut database.connection)
            .await
            .is_subset_of(low(&chunk))
    );
    // The lock is gone.
    database.run("INSERT INTO t VALUES (3, NULL)").await;

    let mut tight = request(&described);
    tight.max_bytes = 100;
    let failure = reader.read(&tight).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS2510", Disposition::Table)
    );
    let chunk = reader.read(&request(&described)).await.unwrap().unwrap();
    assert_eq!(chunk.rows.len(), 4);
}

#[tokio::test]
async fn the_key_is_the_primary_key_then_configured_columns_then_a_unique_index() {
    let mut database = Database::create("identified").await;
    database
        .run("CREATE TABLE p (b INT NOT NULL, a INT NOT NULL, PRIMARY KEY (a, b), UNIQUE (b))")
        .await;
    database.run("CREATE TABLE u (a INT, b INT NOT NULL, c VARCHAR(9) NOT NULL, UNIQUE ka (a), UNIQUE kb (c(3)), UNIQUE kc (c, b))").await;
    database.run("CREATE TABLE n (a INT, b INT)").await;
    let configured = BTreeMap::from([
        (database.table("p"), vec!["b".to_owned()]),
        (database.table("n"), vec!["B".to_owned()]),
    ]);
    let mut reader = database.reader_with_identity(configured).await;
    for (table, key) in [("p", vec![1, 0]), ("u", vec![2, 1]), ("n", vec![1])] {
        let described = described(&mut reader, &database.table(table)).await;
        assert_eq!(described.schema.key, key, "{table}");
    }
    database.run("INSERT INTO n VALUES (1, 2), (3, 4)").await;
    let described = described(&mut reader, &database.table("n")).await;
    let mut request = request(&described);
    request.max_rows = 1;
    let chunk = reader.read(&request).await.unwrap().unwrap();
    let Some(reconcile::Extent::Range(rest)) = chunk.rest else {
        panic!("nothing is left");
    };
    assert_eq!(rest.after, Some(vec![Value::Int(2)]));
}
