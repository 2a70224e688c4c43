//! What is found of a MariaDB server before a start, and that its remedy mends it.

use super::*;
use change::TableName;
use flow::ports::ChangeSource;
use flow::{Finding, Severity};
use mysql::{ConnectOptions, Reader, ReaderOptions, Source, SourceOptions, Wishes};
use std::sync::Arc;
use std::time::Duration;

fn reader(stage: &Stage, connect: &ConnectOptions) -> Reader {
    let options = ReaderOptions {
        connect: connect.to_mysql_async(false).into(),
        selected: stage.options.selected.clone(),
        identity_columns: Arc::default(),
        keys: stage.options.keys.clone(),
        readings: mysql::Readings::default(),
        visible_within: Duration::from_secs(10),
    };
    Reader::new(options, stage.options.charsets.clone())
}

async fn findings(stage: &Stage, connect: &ConnectOptions) -> Vec<Finding> {
    let wishes = Wishes {
        databases: vec!["shop".to_owned()],
        server_id: 0x4000_0001,
        ..Wishes::default()
    };
    reader(stage, connect).preflight(&wishes).await
}

fn of_severity(findings: &[Finding], severity: Severity) -> Vec<&str> {
    let mut codes: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.code)
        .collect();
    codes.sort_unstable();
    codes
}

#[tokio::test]
async fn the_rights_that_are_asked_for_are_enough() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE t (id INT PRIMARY KEY)",
                "CREATE USER 'l'@'127.0.0.1' IDENTIFIED BY 'k'",
            ])
            .await;
        let connect = ConnectOptions::from_url(&stage.server.url_of("l", "k")).unwrap();
        let mut rounds = 0;
        loop {
            let findings = findings(stage, &connect).await;
            let forbidding = findings
                .iter()
                .filter(|finding| finding.severity == Severity::Forbids);
            let remedies: Vec<String> = forbidding
                .map(|finding| {
                    assert_eq!(finding.code, "LS2525", "{finding:?}");
                    finding.remedy.clone()
                })
                .collect();
            if remedies.is_empty() {
                break;
            }
            rounds += 1;
            assert!(rounds < 4, "the remedies do not mend: {findings:?}");
            for remedy in &remedies {
                stage.run(&[remedy]).await;
            }
        }
        assert!(rounds > 0);
        let mut source = Source::new(SourceOptions {
            connect: connect.clone(),
            ..stage.options.clone()
        });
        let head = source.head().await.unwrap();
        source.open(&checkpoint(&head)).await.unwrap();
        source.log_sizes().await.unwrap();
        let mut reader = reader(stage, &connect);
        let table = TableName::new("shop", "t");
        let described = crate::snapshot::described(&mut reader, &table).await;
        crate::snapshot::read_whole_after(&mut reader, &described, head).await;
    })
    .await;
}

#[tokio::test]
async fn what_the_log_does_not_show_is_named() {
    on_each_version(&[], async |stage| {
        stage
            .run(&[
                "CREATE TABLE parent (id INT PRIMARY KEY)",
                "CREATE TABLE child (id INT PRIMARY KEY, parent INT, \
                 FOREIGN KEY goes_along (parent) REFERENCES parent (id) ON DELETE CASCADE)",
                "CREATE TABLE held (id INT PRIMARY KEY, parent INT, \
                 FOREIGN KEY (parent) REFERENCES parent (id))",
                "CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING",
                "CREATE SEQUENCE s",
                "CREATE VIEW v AS SELECT * FROM parent",
            ])
            .await;
        let found = findings(stage, &stage.options.connect).await;
        assert_eq!(of_severity(&found, Severity::Forbids), ["LS2533", "LS2540"]);
        assert_eq!(of_severity(&found, Severity::Warns), ["LS2537", "LS2539"]);
        assert_eq!(of_severity(&found, Severity::Info), ["LS2534", "LS2541"]);
        let cascade = found
            .iter()
            .find(|finding| finding.code == "LS2533")
            .unwrap();
        assert!(
            cascade.message.contains("shop.child: the foreign key"),
            "{cascade:?}"
        );
        assert!(!cascade.remedy.contains("9.6"), "{cascade:?}");
        // One that comes while the pipeline runs stops by itself.
        let mut reader = reader(stage, &stage.options.connect);
        use flow::ports::SnapshotReader;
        let failure = reader
            .describe(&TableName::new("shop", "versioned"))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.code, failure.disposition),
            ("LS2540", flow::Disposition::Table)
        );
    })
    .await;
}

#[tokio::test]
async fn settings_that_leave_rows_out_forbid_the_start() {
    let options = [
        "--binlog-format=MIXED",
        "--binlog-row-image=MINIMAL",
        "--binlog-row-metadata=NO_LOG",
        "--gtid-strict-mode=ON",
        "--sync-binlog=1",
        "--binlog-expire-logs-seconds=60",
    ];
    on_each_version(&options, async |stage| {
        stage.run(&["CREATE TABLE t (id INT PRIMARY KEY)"]).await;
        let found = findings(stage, &stage.options.connect).await;
        assert_eq!(
            of_severity(&found, Severity::Forbids),
            ["LS2520", "LS2521", "LS2522"]
        );
        assert_eq!(of_severity(&found, Severity::Warns), ["LS2524"]);
    })
    .await;
    on_each_version(&["--skip-log-bin"], async |stage| {
        stage.run(&["CREATE TABLE t (id INT PRIMARY KEY)"]).await;
        let found = findings(stage, &stage.options.connect).await;
        assert_eq!(of_severity(&found, Severity::Forbids), ["LS2011"]);
    })
    .await;
}
