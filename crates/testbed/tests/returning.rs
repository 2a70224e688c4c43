//! A server that was killed comes back where it was, with what it had acknowledged.

use std::process::Command;
use std::time::Duration;

use testbed::servers::{Kafka, KafkaOptions, Mongo, MongoOptions, MySql, MySqlOptions, Product};
use testbed::waiting::until;

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn sql(server: &MySql, statement: &str) -> String {
    printed(server.client_program("mysql").args([
        "--skip-column-names",
        "--batch",
        "--execute",
        statement,
    ]))
}

#[tokio::test]
async fn a_killed_mysql_returns_with_its_data_and_its_identity() {
    let server = MySql::start(MySqlOptions {
        arguments: vec!["--server-id=77".to_owned()],
        ..MySqlOptions::default()
    })
    .await
    .unwrap();
    let identity = "SELECT @@server_id, @@server_uuid, @@port, @@gtid_mode, @@binlog_row_metadata";
    let before = sql(&server, identity);
    assert!(before.starts_with("77\t"), "{before}");
    assert!(before.trim_end().ends_with("\tON\tFULL"), "{before}");
    assert_eq!(sql(&server, "SELECT @@gtid_executed").trim(), "");

    sql(
        &server,
        "CREATE DATABASE kept; CREATE TABLE kept.t (id INT PRIMARY KEY); INSERT INTO kept.t VALUES (41)",
    );
    server.kill();
    assert_eq!(server.process_id(), None);
    server.restart().await.unwrap();
    assert_eq!(sql(&server, identity), before);
    assert_eq!(sql(&server, "SELECT id FROM kept.t").trim(), "41");

    server.stop().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(sql(&server, "SELECT id FROM kept.t").trim(), "41");
    assert!(server.authority_certificate().is_file());

    let events = printed(
        server
            .client_program("mysqlbinlog")
            .args(["--read-from-remote-server", "binlog.000001"]),
    );
    assert!(events.contains("kept"), "{events}");
}

#[tokio::test]
async fn a_killed_mariadb_of_each_version_returns_with_its_data_and_its_identity() {
    for (product, version) in [
        (Product::MariaDb1011, "10.11."),
        (Product::MariaDb118, "11.8."),
    ] {
        let server = MySql::start(MySqlOptions {
            product,
            ..MySqlOptions::default()
        })
        .await
        .unwrap();
        let identity = "SELECT @@version, @@server_id, @@server_uid, @@binlog_row_metadata";
        let before = sql(&server, identity);
        assert!(before.starts_with(version), "{before}");
        assert!(before.trim_end().ends_with("\tFULL"), "{before}");
        assert_eq!(sql(&server, "SELECT @@gtid_binlog_pos").trim(), "");

        sql(
            &server,
            "CREATE DATABASE kept; CREATE TABLE kept.t (id INT PRIMARY KEY); INSERT INTO kept.t VALUES (41)",
        );
        server.kill();
        assert_eq!(server.process_id(), None);
        server.restart().await.unwrap();
        assert_eq!(sql(&server, identity), before);
        assert_eq!(sql(&server, "SELECT id FROM kept.t").trim(), "41");

        let events = printed(
            server
                .client_program("mysqlbinlog")
                .args(["--read-from-remote-server", "binlog.000001"]),
        );
        assert!(events.contains("kept"), "{events}");
    }
}

#[tokio::test]
async fn two_mysql_servers_are_two_sources() {
    let (one, other) = tokio::join!(
        MySql::start(MySqlOptions::default()),
        MySql::start(MySqlOptions::default())
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    let uuid = "SELECT @@server_uuid";
    assert_ne!(sql(&one, uuid), sql(&other, uuid));
}

#[tokio::test]
async fn a_replica_set_elects_another_primary_when_the_first_is_killed() {
    let set = Mongo::start(MongoOptions {
        members: 3,
        ..MongoOptions::default()
    })
    .await
    .unwrap();
    let first = set.primary().unwrap();
    set.kill_member(first);
    let second = until(
        "another member takes writes",
        Duration::from_secs(60),
        async || set.primary().filter(|primary| *primary != first),
    )
    .await;
    assert_ne!(first, second);
    set.restart_member(first).await.unwrap();
    assert!(set.process_id(first).is_some());
}

#[tokio::test]
async fn a_killed_mongodb_is_primary_again_on_its_port() {
    let set = Mongo::start(MongoOptions::default()).await.unwrap();
    let url = set.url();
    set.kill();
    assert_eq!(set.primary(), None);
    set.restart().await.unwrap();
    assert_eq!(set.primary(), Some(0));
    assert_eq!(set.url(), url);
}

#[tokio::test]
async fn a_standalone_mongodb_has_no_set_to_name() {
    let standalone = Mongo::start(MongoOptions {
        members: 0,
        ..MongoOptions::default()
    })
    .await
    .unwrap();
    assert!(
        !standalone.url().contains("replicaSet"),
        "{}",
        standalone.url()
    );
    assert_eq!(standalone.primary(), Some(0));
}

#[tokio::test]
async fn a_killed_kafka_returns_on_its_port() {
    let broker = Kafka::start(KafkaOptions::default()).await.unwrap();
    let brokers = broker.brokers();
    broker.kill();
    assert!(std::net::TcpStream::connect(&brokers).is_err());
    broker.restart().await.unwrap();
    assert!(std::net::TcpStream::connect(&brokers).is_ok());
    assert_eq!(broker.brokers(), brokers);
}
