//! Good and bad configurations, seen from outside.

use std::fs;

use crate::run::{lockstep, lockstep_in, lockstep_with};

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

const TWO_MACHINES: &str = r#"[pipeline]
name = "shop"

[source]
url = "mysql://lockstep@127.0.0.1:1"
password_env = "LOCKSTEP_MYSQL_PASSWORD"
tables = ["shop.*"]

[log]
kind = "kafka"
brokers = "127.0.0.1:1"

[target]
url = "mongodb://lockstep@127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=100"
password_env = "LOCKSTEP_MONGODB_PASSWORD"
"#;

/// The lines of a mistake, a refusal or a warning that say what is missing, without what surrounds them.
fn lacking(told: &str) -> Vec<&'static str> {
    let known = ["source.password_env", "target.password_env"];
    let lacks = |key: &&str| told.contains(&format!("{key}: the environment variable"));
    known.into_iter().filter(lacks).collect()
}

#[test]
fn each_half_asks_for_its_own_password_only() {
    let both = ["source.password_env", "target.password_env"];
    for (command, expected) in [
        (&["sink"][..], &both[1..]),
        (&["capture"], &both[..1]),
        (&["run"], &both),
        (&["check"], &both),
        (&["status"], &both[1..]),
        (&["reset"], &both[1..]),
    ] {
        let told = with_configuration(TWO_MACHINES, command);
        assert!(told.starts_with("exit: 2\n"), "{command:?}: {told}");
        assert_eq!(lacking(&told), expected, "{command:?}: {told}");
    }
}

#[test]
fn each_half_goes_on_to_its_servers_without_the_password_of_the_other() {
    let with = |half: &str, variable: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("lockstep.toml"), TWO_MACHINES).unwrap();
        lockstep_with(folder.path(), &[half], &[(variable, "hunter2")])
    };
    let sink = with("sink", "LOCKSTEP_MONGODB_PASSWORD");
    assert!(
        sink.starts_with("exit: 3\n") && sink.contains("[LS3002]"),
        "{sink}"
    );
    // Nothing listens there, so it gets no further than to MySQL; that it got there is the point.
    let capture = with("capture", "LOCKSTEP_MYSQL_PASSWORD");
    assert!(
        capture.starts_with("exit: 3\n") && capture.contains("[LS2001]"),
        "{capture}"
    );
    assert_eq!(lacking(&capture), ["target.password_env"], "{capture}");
    assert!(capture.contains("LS4014"), "{capture}");
    assert!(!(sink + &capture).contains("hunter2"));
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
