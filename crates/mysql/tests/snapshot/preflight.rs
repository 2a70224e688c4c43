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
    let mut database = Database::on_a_server_of_its_own("spoilt", &arguments).await;
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
async fn what_a_server_may_forget_in_a_crash_is_found_and_each_remedy_mends_it() {
    let arguments = [
        "--binlog-order-commits=OFF",
        "--sync-binlog=0",
        "--innodb-flush-log-at-trx-commit=2",
    ];
    let mut database = Database::on_a_server_of_its_own("forgetful", &arguments).await;
    database
        .run("CREATE TABLE forgetful.t (a INT PRIMARY KEY)")
        .await;
    let wishes = wishes(&database);
    let mut reader = database.reader().await;
    let findings = reader.preflight(&wishes).await;
    let found: Vec<_> = findings
        .iter()
        .map(|finding| (finding.code, finding.severity))
        .collect();
    assert_eq!(
        found,
        [
            ("LS2536", Severity::Info),
            ("LS2537", Severity::Warns),
            ("LS2538", Severity::Warns)
        ]
    );
    // Without GTIDs there is nothing else to go by.
    for mode in ["ON_PERMISSIVE", "OFF_PERMISSIVE"] {
        database
            .run(&format!("SET GLOBAL gtid_mode = {mode}"))
            .await;
    }
    let severity = |findings: &[Finding]| {
        let order = findings.iter().find(|finding| finding.code == "LS2536");
        order.map(|finding| finding.severity)
    };
    let without = reader.preflight(&wishes).await;
    assert_eq!(severity(&without), Some(Severity::Forbids));
    for mode in ["ON_PERMISSIVE", "ON"] {
        database
            .run(&format!("SET GLOBAL gtid_mode = {mode}"))
            .await;
    }
    for finding in &findings {
        database.run(&finding.remedy).await;
    }
    assert_eq!(reader.preflight(&wishes).await, []);
}

#[tokio::test]
async fn a_look_at_values_sees_what_no_calendar_has_and_says_how_far_it_looked() {
    let mut database = Database::create("looked_at").await;
    database
        .run("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'")
        .await;
    database
        .run("CREATE TABLE t (id INT PRIMARY KEY, a DATE, b DATETIME(6), c TIMESTAMP NULL, d DATE, e DATE, f TINYINT, g TINYINT, h LONGTEXT, i LONGBLOB)")
        .await;
    let suspects = |rows_estimated| {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        mysql::Suspects {
            dates: named(&["a", "b", "c", "d", "e"]),
            booleans: named(&["f", "g"]),
            large: named(&["h", "i"]),
            rows_estimated,
        }
    };
    let table = database.table("t");
    let limit = Duration::from_secs(20);
    let mut reader = database.reader().await;
    let empty = reader.look_at_values(&table, &suspects(0), limit).await;
    assert_eq!(
        empty.unwrap(),
        mysql::Seen {
            complete: true,
            ..mysql::Seen::default()
        }
    );
    database
        .run("INSERT INTO t VALUES (1, '0000-00-00', '2024-02-31 10:00:00', '0000-00-00', '2024-02-29', '0000-05-05', 0, 2, 'four', NULL)")
        .await;
    database
        .run("INSERT INTO t VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'x', 'yyy')")
        .await;
    for (rows, complete) in [(2, true), (u64::MAX, false)] {
        let seen = reader.look_at_values(&table, &suspects(rows), limit).await;
        let seen = seen.unwrap();
        assert_eq!(seen.zero_dates, ["a", "b", "c", "e"]);
        assert_eq!(seen.not_booleans, ["g"]);
        assert_eq!((seen.largest_bytes, seen.complete), (4, complete));
    }
}

#[tokio::test]
async fn a_look_at_values_ends_in_time_and_says_that_it_saw_nothing_for_certain() {
    let mut database = Database::create("too_long").await;
    database.numbers(200_000).await;
    let suspects = mysql::Suspects {
        booleans: vec!["n".to_owned()],
        ..mysql::Suspects::default()
    };
    let mut reader = database.reader().await;
    let limit = Duration::from_millis(1);
    let seen = reader
        .look_at_values(&database.table("numbers"), &suspects, limit)
        .await;
    assert!(!seen.unwrap().complete);
    // The session is as good as before.
    let seen = reader
        .look_at_values(
            &database.table("numbers"),
            &suspects,
            Duration::from_secs(60),
        )
        .await;
    let seen = seen.unwrap();
    assert!(seen.complete && seen.not_booleans == ["n"], "{seen:?}");
}

#[tokio::test]
async fn a_refused_account_is_a_finding() {
    let database = Database::create("refused").await;
    let mut reader = database.reader_as("nobody", "wrong").await;
    let findings = reader.preflight(&wishes(&database)).await;
    assert_eq!(codes(&findings), ["LS2502"]);
    assert!(!findings[0].message.contains("wrong"));
}
