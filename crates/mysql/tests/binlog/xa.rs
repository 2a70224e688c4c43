//! XA transactions: told when they are committed, as one transaction, wherever a stream was opened.

use super::{Stage, words};
use change::{GtidSet, Position};
use flow::ports::{ChangeStream, SourceEvent};
use mysql_async::prelude::Queryable;

/// A stage with a table `a`, and a table of a database that is not selected.
async fn stage() -> Stage {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "CREATE TABLE a (id INT PRIMARY KEY, t LONGTEXT)",
            "CREATE DATABASE other",
            "CREATE TABLE other.b (id INT PRIMARY KEY)",
        ])
        .await;
    stage
}

/// The statements of a transaction up to its PREPARE.
fn prepare(xid: &str, statements: &[&str]) -> Vec<String> {
    let mut all = vec![format!("XA START {xid}")];
    all.extend(statements.iter().map(|&statement| statement.to_owned()));
    all.push(format!("XA END {xid}"));
    all.push(format!("XA PREPARE {xid}"));
    all
}

impl Stage {
    async fn prepare(&mut self, xid: &str, statements: &[&str]) {
        for statement in prepare(xid, statements) {
            self.run(&[&statement]).await;
        }
    }

    /// Another session; a transaction that the former one prepared is detached from it.
    async fn reconnect(&mut self) {
        let options = self.options.connect.to_mysql_async(true);
        let session = mysql_async::Conn::new(options).await.unwrap();
        let former = std::mem::replace(&mut self.session, session);
        former.disconnect().await.unwrap();
        self.run(&["USE shop"]).await;
    }

    async fn told_after(&mut self, after: &Position) -> Vec<String> {
        self.events(after).await.iter().flat_map(words).collect()
    }
}

/// What a new stream tells up to its first commit, and the position of that.
async fn first_commit(stage: &Stage, after: &Position) -> (Vec<String>, Position) {
    let mut stream = stage.open(after).await.unwrap();
    let mut told = Vec::new();
    loop {
        let event = stream.next().await.unwrap();
        if !matches!(event, SourceEvent::Heartbeat { .. }) {
            told.extend(words(&event));
        }
        if let SourceEvent::Commit { position } = event {
            return (told, position);
        }
    }
}

fn set(position: &Position) -> GtidSet {
    position.gtids().parse().unwrap()
}

fn holes(position: &Position, head: &Position) -> u64 {
    set(head).without(&set(position)).count()
}

#[tokio::test]
async fn an_xa_transaction_is_told_at_its_commit_and_not_at_its_prepare() {
    let mut stage = stage().await;
    let before = stage.head().await;
    stage
        .prepare("'x'", &["INSERT INTO a VALUES (1, 'x'), (2, 'x')"])
        .await;
    stage.reconnect().await;
    stage.run(&["INSERT INTO a VALUES (3, 'y')"]).await;
    stage
        .prepare("'z', 'branch', 7", &["INSERT INTO a VALUES (4, 'z')"])
        .await;
    stage.reconnect().await;
    stage
        .run(&[
            "XA COMMIT 'x'",
            "INSERT INTO a VALUES (5, 'y')",
            "XA ROLLBACK 'z', 'branch', 7",
            "XA START 'one'",
            "UPDATE a SET id = 6 WHERE id = 5",
            "XA END 'one'",
            "XA COMMIT 'one' ONE PHASE",
            "XA START 'never'",
            "DELETE FROM a",
            "XA END 'never'",
            "XA ROLLBACK 'never'",
        ])
        .await;
    // An empty transaction, one of another database, and one that undid a part of itself.
    stage.prepare("'empty'", &[]).await;
    stage.run(&["XA COMMIT 'empty'"]).await;
    stage
        .prepare("'other'", &["INSERT INTO other.b VALUES (1)"])
        .await;
    stage.run(&["XA COMMIT 'other'"]).await;
    let partly = [
        "INSERT INTO a VALUES (7, 'w')",
        "SAVEPOINT s",
        "DELETE FROM a",
        "ROLLBACK TO s",
        "INSERT INTO other.b VALUES (2)",
        "INSERT INTO a VALUES (8, 'w')",
    ];
    stage.prepare("'partly'", &partly).await;
    stage.run(&["XA COMMIT 'partly'"]).await;
    let told = stage.told_after(&before).await;
    let expected = [
        "begin", "a +3", "commit", "begin", "a +1", "a +2", "commit", "begin", "a +5", "commit",
        "begin", "a 5>6", "commit", "begin", "a +7", "a +8", "commit",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_position_leaves_a_prepare_out_until_it_is_decided_and_a_stream_from_there_has_it() {
    let mut stage = stage().await;
    let before = stage.head().await;
    stage
        .prepare("'x'", &["INSERT INTO a VALUES (1, 'x')"])
        .await;
    stage.reconnect().await;
    stage
        .prepare("'y'", &["INSERT INTO a VALUES (2, 'y')"])
        .await;
    stage.reconnect().await;
    stage
        .run(&["FLUSH BINARY LOGS", "INSERT INTO a VALUES (3, 'z')"])
        .await;
    let (told, between) = first_commit(&stage, &before).await;
    assert_eq!(told, ["begin", "a +3", "commit"]);
    assert_eq!(holes(&between, &stage.head().await), 2);
    // In doubt over a restart of the server, once in order and once as in a power failure.
    for kill in [false, true] {
        if kill {
            stage.server.kill();
            stage.server.restart().await.unwrap();
        } else {
            stage.server.stop().await.unwrap();
            stage.server.restart().await.unwrap();
        }
        let options = stage.options.connect.to_mysql_async(true);
        stage.session = mysql_async::Conn::new(options).await.unwrap();
        stage.run(&["USE shop"]).await;
    }
    stage
        .run(&["XA ROLLBACK 'y'", "XA COMMIT 'x'", "FLUSH BINARY LOGS"])
        .await;
    let (told, after) = first_commit(&stage, &between).await;
    assert_eq!(told, ["begin", "a +1", "commit"]);
    assert_eq!(holes(&after, &stage.head().await), 0);
    // From the beginning it is the same, in the same order.
    let told = stage.told_after(&before).await;
    let expected = ["begin", "a +3", "commit", "begin", "a +1", "commit"];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_was_prepared_before_the_first_position_is_looked_up_once_it_is_committed() {
    let mut stage = stage().await;
    for id in 1..=3 {
        let insert = format!("INSERT INTO a VALUES ({id}, 'x')");
        stage.prepare(&format!("'{id}'"), &[&insert]).await;
        stage.reconnect().await;
    }
    // The same name, decided and prepared again.
    stage
        .prepare("'again'", &["INSERT INTO a VALUES (8, 'x')"])
        .await;
    stage.run(&["XA COMMIT 'again'"]).await;
    stage
        .prepare("'again'", &["INSERT INTO a VALUES (9, 'x')"])
        .await;
    stage.reconnect().await;
    stage.run(&["FLUSH BINARY LOGS"]).await;
    let start = stage.head().await;
    assert_eq!(holes(&start, &start), 0);
    stage
        .prepare("'later'", &["INSERT INTO a VALUES (10, 'x')"])
        .await;
    stage.reconnect().await;
    stage
        .run(&[
            "XA COMMIT '2'",
            "XA ROLLBACK '1'",
            "XA COMMIT 'again'",
            "XA COMMIT 'later'",
            "XA COMMIT '3'",
        ])
        .await;
    let told = stage.told_after(&start).await;
    let expected = [
        "begin", "a +2", "commit", "begin", "a +9", "commit", "begin", "a +10", "commit", "begin",
        "a +3", "commit",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_prepare_that_was_purged_is_an_error_with_a_code() {
    let mut stage = stage().await;
    let before = stage.head().await;
    stage
        .prepare("'x'", &["INSERT INTO a VALUES (1, 'x')"])
        .await;
    stage.reconnect().await;
    stage.run(&["INSERT INTO a VALUES (2, 'y')"]).await;
    let (_, open) = first_commit(&stage, &before).await;
    stage.run(&["FLUSH BINARY LOGS"]).await;
    let after_it = stage.head().await;
    let purge = format!("PURGE BINARY LOGS TO '{}'", after_it.log().file);
    stage.run(&[&purge]).await;
    // A checkpoint that lacks it can't be gone on from.
    let refused = match stage.open(&open).await {
        Err(refused) => refused,
        Ok(_) => panic!("the PREPARE is gone"),
    };
    assert_eq!(refused.code, "LS2020");
    // One that never knew of it goes on until the transaction is committed.
    stage.run(&["XA COMMIT 'x'"]).await;
    let mut stream = stage.open(&after_it).await.unwrap();
    let error = loop {
        match stream.next().await {
            Ok(SourceEvent::Heartbeat { .. }) => {}
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.code, error.disposition.clone()),
        ("LS2053", flow::Disposition::Halt)
    );
}

#[tokio::test]
async fn a_large_xa_transaction_is_kept_on_disk_and_every_byte_of_it_comes_back() {
    let mut stage = stage().await;
    let folder = tempfile::tempdir().unwrap();
    stage.options.spill_folder = folder.path().join("spill");
    stage
        .run(&[
            "SET SESSION cte_max_recursion_depth = 100000",
            "SET SESSION binlog_transaction_compression = ON",
        ])
        .await;
    let before = stage.head().await;
    let fill = "INSERT INTO a WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k \
                WHERE i < 3000) SELECT i, REPEAT(SHA2(i, 512), 40) FROM k";
    stage.prepare("'large'", &[fill]).await;
    stage.reconnect().await;
    stage.run(&["XA COMMIT 'large'"]).await;
    let digest = "SELECT COALESCE(SUM(CRC32(CONCAT(id, t))), 0) FROM a";
    let expected: Option<u64> = stage.session.query_first(digest).await.unwrap();
    let events = stage.events(&before).await;
    let mut sum = 0_u64;
    for change in super::changes(&events) {
        let row = change.after().expect("rows were inserted");
        let (change::Value::Int(id), change::Value::Text(text)) = (&row[0], &row[1]) else {
            panic!("{row:?}");
        };
        sum += u64::from(crc32fast::hash(format!("{id}{text}").as_bytes()));
    }
    assert_eq!(Some(sum), expected);
    assert_eq!(
        std::fs::read_dir(folder.path().join("spill"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn many_transactions_may_be_open_at_once_and_are_told_in_the_order_of_their_commits() {
    const OPEN: usize = 300;
    let mut stage = stage().await;
    let before = stage.head().await;
    for id in 0..OPEN {
        let insert = format!("INSERT INTO a VALUES ({id}, 'x')");
        stage.prepare(&format!("'{id}'"), &[&insert]).await;
        stage.reconnect().await;
    }
    let mut expected = Vec::new();
    for id in (0..OPEN).rev() {
        if id % 3 == 0 {
            stage.run(&[&format!("XA ROLLBACK '{id}'")]).await;
        } else {
            stage.run(&[&format!("XA COMMIT '{id}'")]).await;
            expected.extend(["begin".to_owned(), format!("a +{id}"), "commit".to_owned()]);
        }
    }
    assert_eq!(stage.told_after(&before).await, expected);
    // All are decided, so nothing is left out any more.
    let mut stream = stage.open(&before).await.unwrap();
    let head = stage.head().await;
    loop {
        match stream.next().await.unwrap() {
            SourceEvent::Heartbeat { position } | SourceEvent::Commit { position }
                if position.log().has_reached(head.log()) =>
            {
                assert_eq!(position.gtids(), head.gtids());
                return;
            }
            _ => {}
        }
    }
}
