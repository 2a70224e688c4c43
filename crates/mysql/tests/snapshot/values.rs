//! A row read by SELECT equals the same row read from the binlog, value by value and schema by
//! schema, for every type.

use super::*;
use crate::binlog::column_types::CASES;
use crate::binlog::{Stage, changes};
use change::{Row, Schema};
use flow::ports::SourceEvent;

/// Reads the table both ways and compares. The rows are those inserted after `before`, in order of
/// the first column.
pub(crate) async fn assert_equal_both_ways(stage: &mut Stage, before: &Position, table: &str) {
    let events = stage.events(before).await;
    let streamed: Vec<Row> = changes(&events)
        .iter()
        .map(|change| change.after().unwrap().clone())
        .collect();
    let schema: Arc<Schema> = events
        .iter()
        .find_map(|event| match event {
            SourceEvent::Rows { schema, .. } => Some(schema.clone()),
            _ => None,
        })
        .unwrap();
    let options = ReaderOptions {
        connect: stage.options.connect.to_mysql_async(false).into(),
        selected: stage.options.selected.clone(),
        identity_columns: Arc::default(),
        keys: stage.options.keys.clone(),
        readings: mysql::Readings::default(),
        visible_within: Duration::from_secs(10),
    };
    let mut reader = Reader::new(options, stage.options.charsets.clone());
    let described = described(&mut reader, &TableName::new("shop", table)).await;
    assert_eq!(described.schema, schema, "{table}");
    let chunk = read_whole_after(&mut reader, &described, before.clone()).await;
    assert_eq!(chunk.rows.len(), streamed.len());
    for (read, streamed) in chunk.rows.iter().zip(&streamed) {
        // The printed form too: it tells a negative zero from a zero.
        assert_eq!(read, streamed, "{table}: {schema:?}");
        assert_eq!(format!("{read:?}"), format!("{streamed:?}"));
    }
}

#[tokio::test]
async fn every_value_of_every_type_is_the_one_that_the_stream_has() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "SET sql_mode = 'ALLOW_INVALID_DATES'",
            "SET time_zone = '+00:00'",
        ])
        .await;
    for (number, case) in CASES.iter().enumerate() {
        let column = case.column;
        let create = format!("CREATE TABLE a{number} (id INT PRIMARY KEY, v {column})");
        stage.run(&[&create]).await;
        let before = stage.head().await;
        if column != "SERIAL" {
            let insert = format!("INSERT INTO a{number} VALUES (0, NULL)");
            stage.run(&[&insert]).await;
        }
        for (index, value) in case.values.iter().enumerate() {
            let insert = format!("INSERT INTO a{number} VALUES ({}, {value})", index + 1);
            stage.run(&[&insert]).await;
        }
        assert_equal_both_ways(&mut stage, &before, &format!("a{number}")).await;
    }
}

#[tokio::test]
async fn nested_documents_keep_every_type() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&["CREATE TABLE d (id INT PRIMARY KEY, a JSON, b JSON)"])
        .await;
    let before = stage.head().await;
    let documents = [
        r#"'[[[1.0]], [[2], [3, [4, {"a": [5, "x"]}]]], [], {}, null]'"#,
        r#"'{"a": [], "b": {"c": [[], [[]], 1, [null, [true]]]}, "d": [{"e": 1}, {"e": 2.5}]}'"#,
        "JSON_ARRAY(CAST(5 AS UNSIGNED), 5, CAST(5 AS DECIMAL(5,0)), 5e0, '5', X'05', CAST('05:00:00' AS TIME))",
        "JSON_OBJECT('x', JSON_ARRAY(CAST('2024-01-02' AS DATE), '2024-01-02'), 'blob', REPEAT(X'00FF', 200), 'bit', b'101')",
        "JSON_ARRAY('base64:type15:AQI=', X'0102', 'quote\"back\\\\slash\\n\\t', '\\0')",
        "JSON_ARRAY(1e300, -0.0e0, 1e-7, 123456789012345678, 0.1e0, 1e22, 5e-324)",
        "CAST(CONCAT(REPEAT('[', 99), '1', REPEAT(']', 99)) AS JSON)",
        r#"'{"a.b": 1, "$": 2, "": 3, "ключ": [4, {"😀": "😀"}]}'"#,
    ];
    for (number, document) in documents.iter().enumerate() {
        let insert = format!("INSERT INTO d VALUES ({number}, {document}, JSON_ARRAY({number}))");
        stage.run(&[&insert]).await;
    }
    assert_equal_both_ways(&mut stage, &before, "d").await;
}

#[tokio::test]
async fn generated_and_invisible_columns_and_hidden_keys_are_read() {
    let mut stage = Stage::start(&[]).await;
    let before = stage.head().await;
    stage
        .run(&[
            "SET sql_generate_invisible_primary_key = ON",
            "CREATE TABLE g (n INT, j JSON, v INT AS (n * 2) VIRTUAL, s INT AS (n * 3) STORED, \
             i INT INVISIBLE DEFAULT 7, INDEX f ((n + 1)), \
             INDEX m ((CAST(j->'$.tags' AS UNSIGNED ARRAY))))",
            "INSERT INTO g (n, j) VALUES (5, '{\"tags\": [1, 2]}'), (6, NULL)",
            // A server may keep such keys out of its catalogue; row events have them all the same.
            "SET GLOBAL show_gipk_in_create_table_and_information_schema = OFF",
        ])
        .await;
    assert_equal_both_ways(&mut stage, &before, "g").await;
}

#[tokio::test]
async fn text_of_other_character_sets_is_read_like_the_stream_reads_it() {
    let mut stage = Stage::start(&[]).await;
    let before = stage.head().await;
    let sets = [
        "latin1", "latin2", "cp1251", "koi8r", "greek", "hebrew", "sjis", "cp932", "ujis",
        "eucjpms", "gbk", "gb18030", "big5", "euckr", "utf16", "utf16le", "utf32", "ucs2",
        "utf8mb3", "ascii",
    ];
    let columns: Vec<String> = sets
        .iter()
        .map(|set| format!("c_{set} VARCHAR(40) CHARACTER SET {set}"))
        .collect();
    let create = format!(
        "CREATE TABLE c (id INT PRIMARY KEY, {})",
        columns.join(", ")
    );
    stage.run(&["SET sql_mode = ''", &create]).await;
    for (id, text) in ["plain", "äöü ß", "Привет", "日本語", "中文", "한글"]
        .iter()
        .enumerate()
    {
        let values = vec![format!("'{text}'"); sets.len()].join(", ");
        // What a character set lacks is stored as a question mark.
        stage
            .run(&[&format!("INSERT IGNORE INTO c VALUES ({id}, {values})")])
            .await;
    }
    assert_equal_both_ways(&mut stage, &before, "c").await;
}

#[tokio::test]
async fn members_of_enum_and_set_are_spelled_exactly() {
    let mut stage = Stage::start(&[]).await;
    let before = stage.head().await;
    stage
        .run(&[
            "CREATE TABLE m (id INT PRIMARY KEY, e ENUM('a\\\\b', 'c''d', 'x\\ny', 'é,ü', '\"q\"', 'cr\\r', '') \
             CHARACTER SET latin1, s SET('x''y', 'b\\\\c', '日本') CHARACTER SET utf8mb4)",
            "INSERT INTO m VALUES (1, 'x\\ny', 'x''y,日本'), (2, '', '')",
        ])
        .await;
    assert_equal_both_ways(&mut stage, &before, "m").await;
}

#[tokio::test]
async fn a_member_that_the_catalogue_cannot_spell_stops_the_table() {
    let mut database = Database::create("spelling").await;
    database
        .run("CREATE TABLE t (id INT PRIMARY KEY, e ENUM('?', '😀'), s SET('?', 'a'))")
        .await;
    // A question mark that is one is read; what only looks like one is not.
    database
        .run("INSERT INTO t VALUES (1, '?', '?,a'), (2, NULL, '')")
        .await;
    let mut reader = database.reader().await;
    let described = described(&mut reader, &database.table("t")).await;
    assert_eq!(read_whole(&mut reader, &described).await.rows.len(), 2);
    database.run("INSERT INTO t VALUES (3, '😀', 'a')").await;
    let request = ChunkRequest {
        table: described,
        extent: reconcile::Extent::Range(change::KeyRange::default()),
        after: beginning(),
        max_rows: 10,
        max_bytes: 1 << 20,
    };
    let failure = reader.read(&request).await.unwrap_err();
    assert_eq!(failure.code, "LS2507");
}
