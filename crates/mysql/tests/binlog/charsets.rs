//! Every character set of the server: what it can say, read as the server reads it.

use super::{Stage, changes};
use change::Value;

#[tokio::test]
async fn text_of_every_character_set_is_what_the_server_converts_it_to() {
    let mut stage = Stage::start(&[]).await;
    let sets = stage
        .select("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME <> 'binary'")
        .await;
    assert!(sets.len() > 35, "{}", sets.len());
    stage
        .run(&[
            "SET sql_mode = ''",
            "SET SESSION cte_max_recursion_depth = 100000",
        ])
        .await;
    for set in sets.into_iter().flatten() {
        stage
            .run(&[
                "DROP TABLE IF EXISTS a",
                &format!("CREATE TABLE a (id INT PRIMARY KEY, t VARCHAR(20) CHARACTER SET {set}, e ENUM('é', 'x') CHARACTER SET {set})").replace("'é'", if set == "ascii" { "'e'" } else { "'é'" }),
            ])
            .await;
        let before = stage.head().await;
        // Every character up to U+30000 that the set has, each between two letters.
        stage
            .run(&[&format!(
                "INSERT INTO a WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 66000), \
                 c (n, t) AS (SELECT n, CONVERT(CONCAT('a', CONVERT(UNHEX(LPAD(HEX(n), 8, '0')) USING utf32), 'z') USING {set}) \
                 FROM n WHERE n NOT BETWEEN 55296 AND 57343) \
                 SELECT n, t, 1 FROM c WHERE t IS NOT NULL AND CONVERT(t USING utf8mb4) NOT LIKE 'a?z'"
            )])
            .await;
        let printed = stage
            .select("SELECT CONVERT(t USING utf8mb4) FROM a ORDER BY id")
            .await;
        let rows = changes(&stage.events(&before).await);
        assert_eq!(rows.len(), printed.len(), "{set}");
        assert!(rows.len() >= 90, "{set}: {}", rows.len());
        for (row, printed) in rows.iter().zip(printed) {
            let Value::Text(text) = &row.after().unwrap()[1] else {
                panic!("{set}: {:?} for {printed:?}", row)
            };
            assert_eq!(Some(text.as_str()), printed.as_deref(), "{set}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_invalid_in_the_columns_set_stay_bytes() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY, t VARCHAR(20) CHARACTER SET cp1250)",
            "SET sql_mode = ''",
        ])
        .await;
    let before = stage.head().await;
    // 0x81 and 0x83 have no meaning in cp1250; the server stores them without a look.
    stage.run(&["INSERT INTO a VALUES (1, CAST(X'618362' AS CHAR CHARACTER SET cp1250)), (2, CAST(X'613F62' AS CHAR CHARACTER SET cp1250))"]).await;
    let rows = changes(&stage.events(&before).await);
    assert_eq!(
        rows[0].after().unwrap()[1],
        Value::Malformed(b"a\x83b"[..].to_vec().into())
    );
    assert_eq!(rows[1].after().unwrap()[1], Value::Text("a?b".into()));
}
