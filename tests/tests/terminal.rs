//! What `run` shows: bars that are painted over on a terminal, plain lines in a pipe.

use mysql_async::prelude::Queryable;
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::pipeline::Pipeline;
use tests::pipeline_scene::configuration;

const ERASE_LINE: &str = "\u{1b}[2K";
const ROWS: u32 = 60_000;

async fn copied_table() -> (Pipeline, MySql, Mongo) {
    let mysql = MySql::start(MySqlOptions::default()).await.unwrap();
    let mongo = Mongo::start(MongoOptions::default()).await.unwrap();
    let mut connection = mysql_async::Conn::from_url(mysql.url()).await.unwrap();
    let fill = format!(
        "INSERT INTO shop.orders WITH RECURSIVE numbers (n) AS \
         (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS}) \
         SELECT n, REPEAT('x', 100) FROM numbers"
    );
    for statement in [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(200))",
        "SET SESSION cte_max_recursion_depth = 1000000",
        &fill,
    ] {
        connection.query_drop(statement).await.unwrap();
    }
    connection.disconnect().await.unwrap();
    // Small chunks, so that the copy is seen while it moves.
    let sections = "[capture]\nchunk_rows = 200\nsnapshot_readers = 1\n";
    let text = configuration(&mysql.url(), &mongo.url(), "shop", sections);
    (Pipeline::new(&text).unwrap(), mysql, mongo)
}

#[tokio::test]
async fn a_terminal_sees_bars_with_rows_rate_and_time_left_and_a_pipe_sees_plain_lines() {
    let (pipeline, _mysql, _mongo) = copied_table().await;
    let arguments = ["run", "--until", "caught-up"];

    let painted = pipeline.finish_on_a_terminal(&arguments).await.unwrap();
    assert_eq!(painted.code, Some(0), "{painted}");
    for part in [
        ERASE_LINE,
        "shop.orders",
        "=>",
        "of about",
        "rows/s, about",
        " left",
        "1 following",
    ] {
        assert!(
            painted.stdout.contains(part),
            "{part:?} is not in {painted}"
        );
    }

    pipeline
        .finish(&["reset", "--yes", "--drop-target"])
        .await
        .unwrap();
    let piped = pipeline.finish(&arguments).await.unwrap();
    assert_eq!(piped.code, Some(0), "{piped}");
    assert!(!piped.stdout.contains('\u{1b}'), "{piped}");
    let lines: Vec<&str> = piped.stdout.lines().collect();
    let last = format!("shop.orders: following, {} rows copied", "60,000");
    assert!(lines.contains(&last.as_str()), "{piped}");
}
