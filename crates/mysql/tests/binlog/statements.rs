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
async fn a_statement_that_was_logged_as_text_alters_the_tables_that_it_reaches() {
    let mut stage = Stage::start(&["--local-infile=ON"]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY, n INT)",
            "CREATE TABLE b (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES a (id) ON DELETE CASCADE)",
            "CREATE TABLE c (id INT PRIMARY KEY)",
            "CREATE TABLE audit (id INT PRIMARY KEY)",
            "INSERT INTO a VALUES (1, 1), (2, 2)",
            "SET binlog_format = STATEMENT",
        ])
        .await;
    let told = async |stage: &mut Stage, statements: &[&str]| -> Vec<String> {
        // The catalogue is asked when the stream is opened, so that is done first.
        let before = stage.head().await;
        let mut stream = stage.open(&before).await.unwrap();
        stage.run(statements).await;
        let head = stage.head().await;
        stage
            .events_of(&mut stream, &head)
            .await
            .iter()
            .flat_map(super::words)
            .collect()
    };
    for (statements, tables) in [
        (&["INSERT INTO c VALUES (1), (2)"][..], &["c"][..]),
        (&["DELETE FROM a WHERE id = 2"], &["a", "b"]),
        (
            &[
                "BEGIN",
                "UPDATE c SET id = id + 10",
                "UPDATE c SET id = 1 WHERE id = 11",
                "COMMIT",
            ],
            &["c"],
        ),
        (
            &[
                "CREATE TEMPORARY TABLE t (id INT)",
                "INSERT INTO t VALUES (1)",
            ],
            &[],
        ),
        (
            &[
                "INSERT INTO c SELECT id + 50 FROM t",
                "DROP TEMPORARY TABLE t",
            ],
            &["c"],
        ),
        // From here on nobody knows what else a statement does.
        (
            &[
                "CREATE TRIGGER watched AFTER INSERT ON c FOR EACH ROW INSERT INTO audit VALUES (NEW.id)",
                "INSERT INTO c VALUES (9)",
            ],
            &["a", "audit", "b", "c"],
        ),
        (&["INSERT INTO c VALUES (8)"], &["a", "audit", "b", "c"]),
        (&["UPDATE a SET n = 5"], &["a", "b"]),
    ] {
        let told = told(&mut stage, statements).await;
        let mut expected: Vec<String> = Vec::new();
        if !tables.is_empty() {
            expected.push("begin".to_owned());
            expected.extend(
                tables
                    .iter()
                    .map(|table| format!("shop.{table} altered: rows")),
            );
            expected.push("commit".to_owned());
        }
        assert_eq!(told, expected, "{statements:?}");
    }
}

#[tokio::test]
async fn a_statement_as_text_of_before_the_stream_was_opened_may_have_changed_any_table() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY)",
            "CREATE TABLE b (id INT PRIMARY KEY)",
            "SET binlog_format = STATEMENT",
        ])
        .await;
    let told = stage.told(&["INSERT INTO a VALUES (1)"]).await;
    let expected = [
        "begin",
        "shop.a altered: rows",
        "shop.b altered: rows",
        "commit",
    ];
    assert_eq!(told, expected);
}
