//! Statements in the binlog: table events, and what stops a table.

use super::Stage;

#[tokio::test]
async fn create_truncate_and_drop_are_table_events() {
    let mut stage = Stage::start(&[]).await;
    let told = stage
        .told(&[
            "CREATE TABLE a (id INT PRIMARY KEY)",
            "CREATE TABLE `we``ird name` LIKE a",
            "CREATE TEMPORARY TABLE temporary (id INT)",
            "DROP TEMPORARY TABLE temporary",
            "INSERT INTO a VALUES (1)",
            "CREATE TABLE c SELECT * FROM a",
            "TRUNCATE a",
            "DROP TABLE IF EXISTS a, nothing, `we``ird name`",
            "CREATE VIEW v AS SELECT * FROM c",
            "CREATE TRIGGER t BEFORE INSERT ON c FOR EACH ROW SET NEW.id = NEW.id + 1",
            "INSERT INTO c VALUES (5)",
            "ANALYZE TABLE c",
        ])
        .await;
    let expected = [
        "begin",
        "shop.a Created",
        "commit",
        "begin",
        "shop.we`ird name Created",
        "commit",
        "begin",
        "a +1",
        "commit",
        "begin",
        "shop.c Created",
        "c +1",
        "commit",
        "begin",
        "shop.a Truncated",
        "commit",
    ];
    assert_eq!(told[..expected.len()], expected);
    let dropped: Vec<&String> = told
        .iter()
        .filter(|word| word.ends_with("Dropped"))
        .collect();
    // A table that is not there is dropped too: whether it was there at the checkpoint, only
    // capture knows.
    assert_eq!(
        dropped,
        [
            "shop.a Dropped",
            "shop.we`ird name Dropped",
            "shop.nothing Dropped"
        ]
    );
    assert_eq!(told[told.len() - 3..], ["begin", "c +6", "commit"]);
}

#[tokio::test]
async fn dropping_a_database_drops_its_tables() {
    let mut stage = Stage::start(&[]).await;
    stage.run(&["CREATE TABLE a (id INT PRIMARY KEY)"]).await;
    let told = stage
        .told(&[
            "CREATE TABLE b (id INT PRIMARY KEY)",
            "DROP DATABASE shop",
            "CREATE DATABASE shop",
        ])
        .await;
    let tables: Vec<&String> = told.iter().filter(|word| word.contains("shop.")).collect();
    // A was dropped before the stream was opened: what is dropped with the database is what the
    // stream knows, and capture tells it of the tables that it follows.
    assert_eq!(tables, ["shop.b Created", "shop.b Dropped"]);
}

#[tokio::test]
async fn alterations_and_renames_are_table_events_and_rows_go_on_in_the_new_shape() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY, n INT)",
            "CREATE DATABASE other",
        ])
        .await;
    let told = stage
        .told(&[
            "ALTER TABLE a ADD b INT DEFAULT 5",
            "INSERT INTO a VALUES (1, 2, 3)",
            "CREATE INDEX i ON shop.a (b)",
            "ALTER TABLE a DROP PRIMARY KEY, ADD PRIMARY KEY (n)",
            "CREATE TABLE new LIKE a",
            "RENAME TABLE a TO other.old, new TO a",
            "INSERT INTO a VALUES (4, 5, 6)",
            "ALTER TABLE a RENAME TO b",
        ])
        .await;
    let told: Vec<&String> = told
        .iter()
        .filter(|word| !["begin", "commit"].contains(&word.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            "shop.a altered: columns",
            "a +1",
            "shop.a altered: definition",
            "shop.a altered: rows",
            "shop.new Created",
            "shop.new Dropped",
            "shop.a altered: rows",
            "a +4",
            "shop.a Dropped",
            "shop.b Created",
        ]
    );
}

#[tokio::test]
async fn what_is_not_followed_stops_the_table_and_no_other() {
    let mut stage = Stage::start(&[]).await;
    for (statements, code) in [
        (
            &[
                "SET binlog_format = STATEMENT",
                "UPDATE a SET id = id + 10",
                "SET binlog_format = ROW",
            ][..],
            "LS2004",
        ),
        (
            &[
                "SET binlog_row_image = MINIMAL",
                "UPDATE a SET n = 9",
                "SET binlog_row_image = FULL",
            ][..],
            "LS2041",
        ),
        (
            &[
                "XA START 'x'",
                "UPDATE a SET n = 8",
                "XA END 'x'",
                "XA PREPARE 'x'",
                "XA COMMIT 'x'",
            ][..],
            "LS2052",
        ),
    ] {
        stage
            .run(&[
                "DROP TABLE IF EXISTS a, b, elsewhere",
                "CREATE TABLE a (id INT PRIMARY KEY, n INT)",
                "CREATE TABLE b (id INT PRIMARY KEY)",
                "INSERT INTO a VALUES (1, 1)",
            ])
            .await;
        let mut all = statements.to_vec();
        all.extend([
            "INSERT INTO a (id) VALUES (100)",
            "INSERT INTO b VALUES (1)",
        ]);
        let told = stage.told(&all).await;
        let of_a: Vec<&String> = told
            .iter()
            .filter(|word| word.starts_with("shop.a ") || word.starts_with("a "))
            .collect();
        assert_eq!(
            of_a,
            [&format!("shop.a {code}")],
            "{statements:?}: {told:?}"
        );
        assert_eq!(
            told[told.len() - 3..],
            ["begin", "b +1", "commit"],
            "{statements:?}"
        );
    }
}

#[tokio::test]
async fn rows_without_names_stop_their_table() {
    let mut stage = Stage::start(&["--binlog-row-metadata=MINIMAL"]).await;
    let told = stage
        .told(&[
            "CREATE TABLE a (id INT PRIMARY KEY)",
            "INSERT INTO a VALUES (1)",
        ])
        .await;
    assert_eq!(
        told,
        [
            "begin",
            "shop.a Created",
            "commit",
            "begin",
            "shop.a LS2040",
            "commit"
        ]
    );
}

#[tokio::test]
async fn an_xa_commit_whose_rows_were_never_seen_ends_the_stream() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY)",
            "XA START 'x'",
            "INSERT INTO a VALUES (1)",
            "XA END 'x'",
            "XA PREPARE 'x'",
        ])
        .await;
    let between = stage.head().await;
    stage.run(&["XA COMMIT 'x'"]).await;
    let mut stream = stage.open(&between).await.unwrap();
    let error = loop {
        use flow::ports::{ChangeStream, SourceEvent};
        match stream.next().await {
            Ok(SourceEvent::Heartbeat { .. }) => {}
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.code, error.disposition),
        ("LS2053", flow::Disposition::Halt)
    );
}
