//! Good and bad configurations, seen from outside.

use std::fs;

use crate::run::{lockstep, lockstep_in};

fn with_configuration(text: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lockstep.toml"), text).unwrap();
    lockstep_in(folder.path(), arguments)
}

const TEN_MISTAKES: &str = r#"[pipeline]
name = "Shop!"
nmae = "shop"

[source]
url = "mysql://lockstep:hunter2@db.example:port"
password = "hunter2"
tables = ["shop", "mysql.user"]
tls = "yes"

[log]
kind = "direct"
brokers = "kafka.example:9092"

[target]
url = "mongodb://mongo.example:27017/?replicaSet=rs0"
database = "local"
control_database = 7

[tables."shop.orders"]
identity = "uuid"
columns.created = { type = "datum" }

[apply]
lanes = 1000
"#;

#[test]
fn ten_mistakes_are_told_at_once() {
    let told = with_configuration(TEN_MISTAKES, &["run"]);
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn ten_mistakes_as_json_are_one_object() {
    let told = with_configuration(TEN_MISTAKES, &["check", "--json"]);
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn a_missing_file_is_named() {
    insta::assert_snapshot!(lockstep(&["run"]));
    insta::assert_snapshot!(lockstep(&["status", "--config", "elsewhere/shop.toml"]));
}

const KAFKA: &str = r#"[pipeline]
name = "shop"

[source]
url = "mysql://lockstep@db.example:3306"
tables = ["shop.*"]

[log]
kind = "kafka"
brokers = "kafka.example:9092"
format = "debezium-json"

[target]
url = "mongodb://mongo.example:27017/?replicaSet=rs0"
"#;

fn direct() -> String {
    KAFKA.replace(
        "kind = \"kafka\"\nbrokers = \"kafka.example:9092\"\nformat = \"debezium-json\"\n",
        "kind = \"direct\"\n",
    )
}

#[test]
fn a_half_of_a_direct_log_is_refused() {
    let direct = direct();
    insta::assert_snapshot!(with_configuration(&direct, &["capture"]));
    insta::assert_snapshot!(with_configuration(&direct, &["sink", "--json"]));
}

#[test]
fn reset_asks_for_a_yes() {
    let direct = direct();
    insta::assert_snapshot!(with_configuration(&direct, &["reset"]));
    insta::assert_snapshot!(with_configuration(
        &direct,
        &["reset", "--drop-target", "--json"]
    ));
}
