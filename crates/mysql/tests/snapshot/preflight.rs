//! What is found before a start, and that its remedy mends it.

use super::*;
use flow::{Finding, Severity};
use mysql::Wishes;

fn codes(findings: &[Finding]) -> Vec<&str> {
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes
}

fn wishes(database: &Database) -> Wishes {
    Wishes {
        databases: vec![database.name.to_owned()],
        server_id: 0x4000_0001,
        ..Wishes::default()
    }
}

#[tokio::test]
async fn each_missing_right_is_named_with_the_grant_that_mends_it() {
    let mut database = Database::create("granted").await;
    database
        .run("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
        .await;
    database.run("CREATE TABLE n (a INT)").await;
    database
        .run("CREATE USER 'it''s'@'127.0.0.1' IDENTIFIED BY 'k'")
        .await;
    let mut wishes = wishes(&database);
    wishes.keyless.insert(database.table("n"));
    // Every round mends what the round before found, as a person would.
    let mut rounds = Vec::new();
    loop {
        let mut reader = database.reader_as("it's", "k").await;
        let findings = reader.preflight(&wishes).await;
        let forbidding: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Forbids)
            .collect();
        if forbidding.is_empty() {
            break;
        }
        assert!(rounds.len() < 6, "the remedies do not mend: {findings:?}");
        for finding in forbidding {
            assert_eq!(finding.code, "LS2525", "{finding:?}");
            database.run(&finding.remedy).await;
        }
        rounds.push(findings.len());
    }
    assert!(!rounds.is_empty());
    let described = {
        let mut reader = database.reader_as("it's", "k").await;
        let described = described(&mut reader, &database.table("n")).await;
        read_whole(&mut reader, &described).await;
        described
    };
    assert!(described.schema.key.is_empty());
}

#[tokio::test]
async fn a_right_on_single_columns_is_not_enough() {
    let mut database = Database::create("columns_only").await;
    database
        .run("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
        .await;
    database
        .run("CREATE USER columns_only IDENTIFIED BY 'k'")
        .await;
    database
        .run("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO columns_only")
        .await;
    database
        .run("GRANT SELECT (id) ON columns_only.t TO columns_only")
        .await;
    let mut reader = database.reader_as("columns_only", "k").await;
    // The catalogue hides the other column, which row events would have.
    let found = described(&mut reader, &database.table("t")).await;
    assert_eq!(found.schema.columns.len(), 1);
    let findings = reader.preflight(&wishes(&database)).await;
    assert_eq!(codes(&findings), ["LS2525"]);
}

#[tokio::test]
async fn tables_that_need_a_decision_are_found() {
    let mut database = Database::create("decided").await;
    database.run("CREATE TABLE keyless (a INT)").await;
    database
        .run("CREATE TABLE floating (a DOUBLE PRIMARY KEY)")
        .await;
    database
        .run("CREATE TABLE memory (a INT PRIMARY KEY) ENGINE = MEMORY")
        .await;
    database
        .run("CREATE TABLE spelled (a INT PRIMARY KEY, e ENUM('😀', 'b'))")
        .await;
    database.run("CREATE TABLE named (a INT)").await;
    database.run("CREATE VIEW seen AS SELECT 1").await;
    let configured = BTreeMap::from([(database.table("named"), vec!["a".to_owned()])]);
    let mut reader = database.reader_with_identity(configured).await;
    let findings = reader.preflight(&wishes(&database)).await;
    assert_eq!(
        codes(&findings),
        ["LS2526", "LS2527", "LS2528", "LS2532", "LS2534", "LS2535"],
        "{findings:?}"
    );
    let keyless = findings.iter().find(|finding| finding.code == "LS2526");
    assert_eq!(keyless.unwrap().table, Some(database.table("keyless")));
}

#[tokio::test]
async fn each_setting_that_spoils_the_binlog_is_found() {
    let arguments = [
        "--binlog-row-metadata=MINIMAL",
        "--binlog-row-image=MINIMAL",
        "--binlog-expire-logs-seconds=3600",
        "--gtid-mode=OFF",
        "--enforce-gtid-consistency=OFF",
        "--server-id=77",
        "--innodb-native-foreign-keys=ON",
    ];
    let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
    let server = MySql::start(MySqlOptions { arguments }).await.unwrap();
    let options = ConnectOptions::from_url(&server.url()).unwrap();
    let connection = Conn::new(options.to_mysql_async(false)).await.unwrap();
    let mut database = Database {
        name: "spoilt",
        connection,
        options,
    };
    database.run("CREATE DATABASE spoilt").await;
    database
        .run("CREATE TABLE spoilt.parent (a INT PRIMARY KEY)")
        .await;
    database
        .run("CREATE TABLE spoilt.child (a INT PRIMARY KEY, FOREIGN KEY (a) REFERENCES spoilt.parent (a) ON DELETE CASCADE)")
        .await;
    let mut wishes = wishes(&database);
    wishes.server_id = 77;
    let mut reader = database.reader().await;
    let findings = reader.preflight(&wishes).await;
    assert_eq!(
        codes(&findings),
        ["LS2008", "LS2521", "LS2522", "LS2524", "LS2531", "LS2533"],
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_refused_account_is_a_finding() {
    let database = Database::create("refused").await;
    let mut reader = database.reader_as("nobody", "wrong").await;
    let findings = reader.preflight(&wishes(&database)).await;
    assert_eq!(codes(&findings), ["LS2502"]);
    assert!(!findings[0].message.contains("wrong"));
}
