//! What a server logs of rows in sessions that do not want whole rows logged.

use super::Stage;

async fn told(stage: &mut Stage, image: &str, statements: &[&str]) -> Vec<String> {
    let set = format!("SET binlog_row_image = {image}");
    let mut all = vec![&*set];
    all.extend(statements);
    all.push("SET binlog_row_image = FULL");
    let mut told = stage.told(&all).await;
    told.retain(|word| !["begin", "commit"].contains(&&**word));
    told
}

#[tokio::test]
async fn minimal_images_tell_the_key_and_what_was_given_a_value() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&["CREATE TABLE a (id INT PRIMARY KEY, n INT DEFAULT 5, t TEXT)"])
        .await;
    let told = told(
        &mut stage,
        "MINIMAL",
        &[
            "INSERT INTO a VALUES (1, 1, 'x')",
            "INSERT INTO a (id) VALUES (2)",
            "UPDATE a SET n = 7 WHERE id = 1",
            "UPDATE a SET id = 3 WHERE id = 1",
            "UPDATE a SET id = 4, n = 1, t = 'y' WHERE id = 3",
            "DELETE FROM a WHERE id = 4",
        ],
    )
    .await;
    assert_eq!(
        told,
        [
            "a +1",
            "a - > 2,_,_",
            "a 1,_,_ > _,7,_",
            "a 1,_,_ > 3,_,_",
            "a 3,_,_ > 4,1,y",
            "a 4,_,_ > -",
        ]
    );
}

#[tokio::test]
async fn a_row_after_is_whole_where_the_row_before_has_what_it_lacks() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (n INT, t TEXT)",
            "INSERT INTO a VALUES (1, 'x')",
        ])
        .await;
    let told = told(
        &mut stage,
        "MINIMAL",
        &["UPDATE a SET n = 2", "DELETE FROM a WHERE n = 2"],
    )
    .await;
    assert_eq!(told, ["a 1>2", "a -2"]);
}

#[tokio::test]
async fn images_without_blobs_lack_those_that_stay_alone() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY, n INT, t TEXT)",
            "INSERT INTO a VALUES (1, 1, 'x')",
        ])
        .await;
    let told = told(
        &mut stage,
        "NOBLOB",
        &[
            "UPDATE a SET n = 2",
            "UPDATE a SET t = 'y'",
            "INSERT INTO a (id, n) VALUES (2, 2)",
            "DELETE FROM a WHERE id = 1",
        ],
    )
    .await;
    assert_eq!(
        told,
        [
            "a 1,1,_ > 1,2,_",
            "a 1,2,_ > 1,2,y",
            "a - > 2,2,_",
            "a 1,2,_ > -"
        ]
    );
}

#[tokio::test]
async fn differences_of_documents_beside_columns_that_are_not_there_are_read_to_their_end() {
    let mut stage = Stage::start(&["--binlog-row-value-options=PARTIAL_JSON"]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY, j JSON, k JSON, n INT)",
            "INSERT INTO a SELECT 1, d, d, 1 FROM (SELECT JSON_OBJECT('a', REPEAT('x', 90)) d) s",
            "INSERT INTO a SELECT 2, j, k, 2 FROM a",
        ])
        .await;
    let told = told(
        &mut stage,
        "MINIMAL",
        &["UPDATE a SET k = JSON_SET(k, '$.a', 'y'), n = n + 10"],
    )
    .await;
    assert_eq!(told, ["a 1,_,_,_ > _,_,_,11", "a 2,_,_,_ > _,_,_,12"]);
}
