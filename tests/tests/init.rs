//! `lockstep init` on real servers: what it writes is a configuration that `check` takes as it is and
//! that a copy by it is exact, and no password is in the file or in what is said.

use mysql_async::prelude::Queryable;
use std::fs;
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::{Identity, Pair, TableRules, compare, connect};
use tests::openim;
use tests::pipeline::{Ended, Pipeline};

const PASSWORD: &str = "correct-horse";

/// Both stores, an account with exactly the rights that the README names, and an empty folder.
struct Stand {
    pipeline: Pipeline,
    mysql: MySql,
    mongo: Mongo,
    folder: tempfile::TempDir,
}

impl Stand {
    async fn start() -> Self {
        Self {
            mysql: MySql::start(MySqlOptions::default()).await.unwrap(),
            mongo: Mongo::start(MongoOptions::default()).await.unwrap(),
            pipeline: Pipeline::new("").unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn run(&self, statements: &[&str]) {
        let mut sql = connect(&self.mysql.url()).await.unwrap();
        for statement in statements {
            if let Err(error) = sql.query_drop(*statement).await {
                panic!("{statement}: {error}");
            }
        }
    }

    async fn account(&self) -> String {
        self.run(&[
            &format!("CREATE USER lockstep IDENTIFIED BY '{PASSWORD}'"),
            "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO lockstep",
            "GRANT SELECT, LOCK TABLES ON *.* TO lockstep",
        ])
        .await;
        self.mysql.url_of("lockstep", PASSWORD)
    }

    fn file(&self) -> String {
        self.folder.path().join("made.toml").display().to_string()
    }

    async fn init(&self, source: &str, more: &[&str]) -> Ended {
        let (file, target) = (self.file(), self.mongo.url());
        let mut arguments = vec![
            "init", "--source", source, "--target", &target, "--output", &file,
        ];
        arguments.extend(more);
        let ended = self.pipeline.finish(&arguments).await.unwrap();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!said.contains(PASSWORD), "{said}");
        ended
    }

    /// The file as it was written; the pipeline has it from now on, with the password in the
    /// environment's place.
    fn take_over(&self) -> String {
        let text = fs::read_to_string(self.file()).unwrap();
        assert!(!text.contains(PASSWORD), "{text}");
        let secret = self.folder.path().join("password");
        fs::write(&secret, PASSWORD).unwrap();
        let place = "password_env = \"LOCKSTEP_MYSQL_PASSWORD\"";
        assert!(text.contains(place), "{text}");
        let file = format!("password_file = \"{}\"", secret.display());
        self.pipeline
            .configure(&text.replace(place, &file))
            .unwrap();
        text
    }

    async fn check_and_compare(&self, pair: Pair, tables: usize, rows: u64) {
        let checked = self.pipeline.finish(&["check"]).await.unwrap();
        assert_eq!(checked.code, Some(0), "{checked}");
        self.pipeline.catch_up().await.unwrap();
        let client = mongodb::Client::with_uri_str(self.mongo.url())
            .await
            .unwrap();
        let report = compare(&self.mysql.url(), &client, &[pair]).await.unwrap();
        report.require_equal(tables, rows).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_init_writes_for_a_chat_server_is_checked_and_copied_as_it_is() {
    let stand = Stand::start().await;
    let rows = openim::fill(&stand.mysql.url(), 3_000).await.unwrap();
    let source = stand.account().await;
    let ended = stand.init(&source, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(
        ended.stdout.contains("set LOCKSTEP_MYSQL_PASSWORD"),
        "{ended}"
    );
    let text = stand.take_over();
    assert!(text.contains("name = \"openim-v3\""), "{text}");
    // The table without a key, and the zero dates that the filling has.
    let keyless = format!(
        "[tables.\"{}.{}\"]",
        openim::DATABASE,
        openim::KEYLESS_TABLE
    );
    let section = text.split(&keyless).nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    assert!(section.contains("\nidentity = \"row\""), "{section}");
    assert!(text.contains("= { zero_dates = \"string\" }"), "{text}");
    let rules = TableRules {
        identity: Identity::Row,
        ..TableRules::default()
    };
    let pair = Pair::same_name(openim::DATABASE).with_rules(openim::KEYLESS_TABLE, rules);
    stand
        .check_and_compare(pair, openim::TABLES, rows / 2)
        .await;

    // A second time it writes over nothing.
    let again = stand.init(&source, &[]).await;
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.stderr.contains("[LS1021]"), "{again}");
    assert_eq!(fs::read_to_string(stand.file()).unwrap(), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_init_writes_for_awkward_names_is_checked_and_copied_as_it_is() {
    let stand = Stand::start().await;
    stand
        .run(&[
            "CREATE DATABASE `it's \"x.y\" üñ`",
            "USE `it's \"x.y\" üñ`",
            "CREATE TABLE `plain` (id INT PRIMARY KEY, label VARCHAR(20))",
            "CREATE TABLE `$odd'\"\\\\` (id INT PRIMARY KEY, v INT)",
            "INSERT INTO plain VALUES (1, 'one')",
            "CREATE DATABASE shop",
            "USE shop",
            "CREATE TABLE `o'rd\"ers.$x` (id INT PRIMARY KEY, `_id` INT, `$price` INT, price INT, `a.b` INT, `ü \"q\"` DATETIME(6))",
            "INSERT INTO `o'rd\"ers.$x` VALUES (1, 2, 3, 4, 5, '2024-01-02 03:04:05.123456')",
            "CREATE TABLE `system.log` (`_id` INT PRIMARY KEY, big BIGINT UNSIGNED, opens TIME, flag TINYINT(1))",
            "INSERT INTO `system.log` VALUES (1, 18446744073709551615, '-01:02:03', 7)",
            "CREATE TABLE tags (tag SET('a', 'b') PRIMARY KEY, kind ENUM('', 'k'))",
            "INSERT INTO tags VALUES ('a,b', 'k')",
            "CREATE TABLE `st*r` (id INT PRIMARY KEY)",
            "CREATE TABLE star (id INT PRIMARY KEY)",
            "INSERT INTO star VALUES (1)",
        ])
        .await;
    let source = stand.account().await;
    let ended = stand.init(&source, &["--json"]).await;
    assert_eq!(ended.code, Some(0), "{ended}");
    let lines: Vec<serde_json::Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["event"], "written", "{ended}");
    assert_eq!(lines[0]["variables"][0], "LOCKSTEP_MYSQL_PASSWORD");
    assert!(
        lines.iter().all(|line| line["severity"] != "forbids"),
        "{ended}"
    );
    stand.take_over();
    let checked = stand.pipeline.finish(&["check"]).await.unwrap();
    assert_eq!(checked.code, Some(0), "{checked}");
    stand.pipeline.catch_up().await.unwrap();
    let client = mongodb::Client::with_uri_str(stand.mongo.url())
        .await
        .unwrap();
    let names = client.list_database_names().await.unwrap();
    let database = names.iter().find(|name| name.contains("ñ")).unwrap();
    assert_eq!(database, "it's__x_y__üñ");
    let documents = client.database(database);
    let find = async |collection: &str| {
        let all = documents.collection::<bson::Document>(collection);
        let found = all.find_one(bson::doc! {}).await.unwrap();
        found.unwrap_or_else(|| panic!("{collection} has no document"))
    };
    assert_eq!(
        find("o'rd\"ers._x").await,
        bson::doc! { "_id": 1, "mysql_id": 2, "price_2": 3, "price": 4, "a_b": 5, "ü \"q\"": "2024-01-02T03:04:05.123456" }
    );
    assert_eq!(find("tags").await, bson::doc! { "_id": 3_i64, "kind": "k" });
    let log = find("system_log").await;
    assert_eq!(log.get_i32("flag").unwrap(), 7, "{log}");
    assert_eq!(find("star").await, bson::doc! { "_id": 1 });
    assert_eq!(find("plain").await, bson::doc! { "_id": 1, "label": "one" });
}

#[tokio::test]
async fn init_refuses_before_it_writes_and_says_what_to_do() {
    let stand = Stand::start().await;
    let source = stand.account().await;
    let nowhere = format!("mysql://lockstep:{PASSWORD}@127.0.0.1:1");
    let wrong = format!("mysql:/lockstep:{PASSWORD}@127.0.0.1");
    let refusals: [(&str, &[&str], i32, &str); 5] = [
        (&source, &[], 3, "LS1023"),
        (&nowhere, &[], 3, "LS2001"),
        (&wrong, &[], 2, "LS1020"),
        (&source, &["--tables", "mysql.user"], 2, "LS1020"),
        (&source, &["--brokers", "127.0.0.1"], 2, "LS1020"),
    ];
    for (source, more, exit, code) in refusals {
        let ended = stand.init(source, more).await;
        assert_eq!(ended.code, Some(exit), "{ended}");
        assert!(ended.stderr.contains(&format!("[{code}]")), "{ended}");
        assert!(ended.stderr.contains("remedy: "), "{ended}");
    }
    stand
        .run(&[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.t (id INT PRIMARY KEY)",
        ])
        .await;
    let ended = stand.init(&source, &["--brokers", "127.0.0.1:1"]).await;
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stderr.contains("[LS1024]"), "{ended}");
    assert!(!fs::exists(stand.file()).unwrap());
}
