//! The configuration as a whole: what a good file becomes, and what each kind of bad one is told.

use std::io;
use std::path::Path;

use change::TableName;

use super::*;

mod choices;
mod logs;

const GOOD: &str = r#"
[pipeline]
name = "shop"

[source]
url = "mysql://lockstep@db.example:3306"
password_env = "SHOP_PASSWORD"
tables = ["shop.*", "!shop.scratch_*"]
tls = "verify-ca"
tls_ca = "ca.pem"

[log]
kind = "direct"

[target]
url = "mongodb://writer@mongo.example:27017/?replicaSet=rs0"
password_file = "mongo-password"
database = "store"

[tables."shop.orders"]
collection = "purchases"
identity = "object_id"
columns.created = { type = "date", zero_dates = "null", null = "absent" }
columns._id = { rename = "legacy_id" }

[capture]
heartbeat_interval = "2s"
chunk_bytes = "1MiB"

[apply]
lanes = 2

[quarantine]
max_entries = 7
"#;

fn parse(text: &str) -> Result<Configuration, ConfigurationError> {
    parse_for(Needs::BOTH, text)
}

fn parse_for(needs: Needs, text: &str) -> Result<Configuration, ConfigurationError> {
    let surroundings = Surroundings {
        variable: &|name| match name {
            "SHOP_PASSWORD" => Some("hunter2".into()),
            "EMPTY" => Some(String::new()),
            "UNUSED" => panic!("a password that is not needed was looked at"),
            _ => None,
        },
        file: &|path| match path.to_str() {
            Some("/etc/shop/mongo-password") => Ok("correct horse\n".into()),
            Some("/etc/shop/empty") => Ok("\n".into()),
            Some("/etc/shop/forbidden") => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        },
        folder: "/etc/shop".into(),
    };
    Configuration::parse(text, Path::new("shop.toml"), needs, &surroundings)
}

/// All that a person sees of the mistakes.
#[track_caller]
fn refused(text: &str) -> String {
    refused_for(Needs::BOTH, text)
}

#[track_caller]
fn refused_for(needs: Needs, text: &str) -> String {
    match parse_for(needs, text).unwrap_err() {
        ConfigurationError::Mistaken { mistakes, .. } => mistakes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
        other @ ConfigurationError::Unreadable { .. } => panic!("{other}"),
    }
}

/// The good file with one text replaced.
#[track_caller]
fn refused_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    refused(&GOOD.replacen(from, to, 1))
}

#[test]
fn a_good_file_becomes_what_it_says() {
    let configuration = parse(GOOD).unwrap();
    let Configuration {
        pipeline,
        source,
        log,
        target,
        mapping,
        capture,
        apply,
        quarantine: QuarantineTuning { max_entries: 7 },
    } = &configuration
    else {
        panic!("{configuration:?}")
    };
    assert_eq!(pipeline, "shop");
    let Source {
        address,
        absent_password: None,
        tables,
        tls,
        tls_authority_file,
    } = source
    else {
        panic!("{source:?}")
    };
    assert_eq!(address.password.as_ref().unwrap().reveal(), "hunter2");
    assert!(tables.takes("shop", "orders") && !tables.takes("shop", "scratch_1"));
    assert_eq!(
        (*tls, tls_authority_file.as_deref()),
        (Tls::VerifyAuthority, Some(Path::new("/etc/shop/ca.pem")))
    );
    assert_eq!(*log, Log::Direct);
    let Target {
        address,
        absent_password: None,
        database,
        control_database,
    } = target
    else {
        panic!("{target:?}")
    };
    assert_eq!(
        address.connection_string().reveal(),
        "mongodb://writer:correct%20horse@mongo.example:27017/?replicaSet=rs0"
    );
    assert_eq!(
        (database.as_deref(), control_database.as_str()),
        (Some("store"), "lockstep")
    );
    let choices = &mapping.tables[&TableName::new("shop", "orders")];
    assert_eq!(choices.collection.as_deref(), Some("purchases"));
    assert_eq!(choices.identity, mapping::IdentityChoice::ObjectId);
    let created = &choices.columns["created"];
    assert_eq!(
        (created.form, created.zero_date, created.absent),
        (
            Some(mapping::FormChoice::Date),
            Some(mapping::ZeroDateChoice::Null),
            Some(true)
        )
    );
    assert_eq!(choices.columns["_id"].rename.as_deref(), Some("legacy_id"));
    assert_eq!(mapping.database.as_deref(), Some("store"));
    assert_eq!(
        (
            capture.heartbeat_interval.as_secs(),
            capture.chunk_bytes,
            capture.chunk_rows
        ),
        (2, 1 << 20, 10_000)
    );
    assert_eq!(apply.lanes, 2);
    let shown = format!("{configuration:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("horse"),
        "{shown}"
    );
}

#[test]
fn every_choice_that_the_mapping_knows_is_a_word_of_the_configuration() {
    for word in mapping::ColumnChoice::WORDS {
        let text = GOOD.replace(
            "type = \"date\", zero_dates = \"null\", null = \"absent\"",
            &format!("type = \"{word}\""),
        );
        let configuration = parse(&text).unwrap();
        let choices = &configuration.mapping.tables[&TableName::new("shop", "orders")];
        assert_eq!(
            choices.columns["created"],
            mapping::ColumnChoice::parse(word).unwrap()
        );
    }
}

#[test]
fn without_a_log_the_log_is_direct() {
    assert_eq!(
        parse(&GOOD.replace("[log]\nkind = \"direct\"\n", ""))
            .unwrap()
            .log,
        Log::Direct
    );
}

#[test]
fn contradictions_name_both_keys() {
    insta::assert_snapshot!(refused_with(
        "kind = \"direct\"",
        "kind = \"direct\"\nbrokers = \"a:9092\""
    ));
    insta::assert_snapshot!(refused_with(
        "password_env = \"SHOP_PASSWORD\"",
        "password_env = \"SHOP_PASSWORD\"\npassword_file = \"x\""
    ));
    insta::assert_snapshot!(refused_with("lockstep@db", "lockstep:hunter2@db"));
    insta::assert_snapshot!(refused_with("writer@mongo", "mongo"));
    insta::assert_snapshot!(refused_with("\"verify-ca\"", "\"required\""));
    insta::assert_snapshot!(refused_with(
        "database = \"store\"",
        "database = \"lockstep\""
    ));
    insta::assert_snapshot!(refused_with(
        "identity = \"object_id\"",
        "identity = \"row\"\nidentity_columns = [\"a\", \"a\"]\nkeep_key_columns = true"
    ));
    insta::assert_snapshot!(refused_with(
        "[capture]",
        "[tables.\"shop.returns\"]\ncollection = \"purchases\"\n[tables.\"blog.posts\"]\n[capture]"
    ));
    insta::assert_snapshot!(refused_with("type = \"date\"", "type = \"string\""));
    insta::assert_snapshot!(refused_with(
        "identity = \"object_id\"",
        "topic = \"shop.orders\""
    ));
}

#[test]
fn topics_are_named_by_kafkas_rules_and_each_by_one_table() {
    let kafka = GOOD.replace(
        "kind = \"direct\"",
        "kind = \"kafka\"\nbrokers = \"a:9092, b:9093\"",
    );
    let named = kafka.replace("identity = \"object_id\"", "topic = \"orders-v2\"");
    let Log::Kafka(log) = parse(&named).unwrap().log else {
        panic!("a Kafka log is read as one");
    };
    assert_eq!(log.brokers, ["a:9092", "b:9093"]);
    assert_eq!(
        log.topics[&TableName::new("shop", "orders")],
        "orders-v2".to_owned()
    );
    let wrong = kafka.replace("identity = \"object_id\"", "topic = \"bestellungen/ö\"");
    insta::assert_snapshot!(refused(&wrong));
    let shared = named.replace(
        "[capture]",
        "[tables.\"shop.returns\"]\ntopic = \"orders-v2\"\n[capture]",
    );
    insta::assert_snapshot!(refused(&shared));
}

#[test]
fn a_password_that_is_not_where_it_should_be_is_named_by_its_place() {
    insta::assert_snapshot!(refused_with("SHOP_PASSWORD", "OTHER_PASSWORD"));
    insta::assert_snapshot!(refused_with("SHOP_PASSWORD", "EMPTY"));
    insta::assert_snapshot!(refused_with("SHOP_PASSWORD", "hunter2"));
    insta::assert_snapshot!(refused_with("mongo-password", "gone"));
}

#[test]
fn a_password_that_a_command_does_not_use_is_not_looked_at() {
    let text = GOOD.replace("SHOP_PASSWORD", "UNUSED");
    let configuration = parse_for(Needs::TARGET, &text).unwrap();
    assert_eq!(configuration.source.address.password, None);
    assert_eq!(configuration.source.absent_password, None);
    let target = configuration.target.address.connection_string();
    assert!(target.reveal().contains("correct%20horse"));
}

#[test]
fn a_password_that_a_command_can_do_without_may_be_absent_but_not_damaged() {
    let capture = parse_for(Needs::CAPTURE, &GOOD.replace("mongo-password", "gone")).unwrap();
    insta::assert_snapshot!(capture.target.absent_password.unwrap());
    let status = parse_for(Needs::STATUS, &GOOD.replace("SHOP_PASSWORD", "OTHER")).unwrap();
    insta::assert_snapshot!(status.source.absent_password.unwrap());
    let there = parse_for(Needs::STATUS, GOOD).unwrap().source;
    assert_eq!(there.address.password.unwrap().reveal(), "hunter2");
    for (needs, from, to) in [
        (Needs::CAPTURE, "mongo-password", "empty"),
        (Needs::CAPTURE, "mongo-password", "forbidden"),
        (Needs::STATUS, "SHOP_PASSWORD", "EMPTY"),
    ] {
        insta::assert_snapshot!(refused_for(needs, &GOOD.replace(from, to)));
    }
}

#[test]
fn what_is_wrong_with_a_password_s_place_is_told_whoever_needs_it() {
    let twice = "password_env = \"SHOP_PASSWORD\"\npassword_file = \"x\"";
    let text = GOOD.replace("password_env = \"SHOP_PASSWORD\"", twice);
    let text = text.replace("mongo-password", "gone");
    assert_eq!(
        refused_for(Needs::TARGET, &text),
        refused_for(Needs::BOTH, &text)
    );
    insta::assert_snapshot!(refused_for(Needs::TARGET, &text));
}

#[test]
fn no_mistake_shows_a_password() {
    for (from, to) in [
        (
            "mysql://lockstep@db.example:3306",
            "mysql:/lockstep:hunter2@db.example",
        ),
        (
            "mysql://lockstep@db.example:3306",
            "mysql://lockstep:hunter2@db.example:x",
        ),
        (
            "mysql://lockstep@db.example:3306",
            "mysql://lockstep:hunter2",
        ),
        (
            "mysql://lockstep@db.example:3306",
            "mysql://lockstep:a@hunter2@db.example",
        ),
        ("password_env = \"SHOP_PASSWORD\"", "password = \"hunter2\""),
        ("password_env = \"SHOP_PASSWORD\"", "passwort = \"hunter2\""),
        ("password_env = \"SHOP_PASSWORD\"", "password = \"hunter2"),
        ("password_env = \"SHOP_PASSWORD\"", "password_env = hunter2"),
        (
            "password_env = \"SHOP_PASSWORD\"",
            "password_env = \"hunter2\"",
        ),
        (
            "password_env = \"SHOP_PASSWORD\"",
            "password_env = \"\"\"\nhunter2\\q\"\"\"",
        ),
        (
            "password_env = \"SHOP_PASSWORD\"",
            "url = \"mysql://lockstep:hunter2@db\"",
        ),
        (
            "mongodb://writer@mongo.example",
            "mongo://writer:hunter2@mongo.example",
        ),
        (
            "?replicaSet=rs0",
            "?replicaSet=rs0&tlsCertificateKeyFilePassword=hunter2@",
        ),
        (
            "[pipeline]\nname = \"shop\"",
            "pipeline = { name = \"Shop\", password = \"hunter2\" }",
        ),
    ] {
        let shown = refused_with(from, to);
        assert!(!shown.contains("hunter2"), "{to}\n{shown}");
        assert!(shown.contains("shop.toml:"), "{shown}");
    }
}

#[test]
fn a_broken_line_hides_neither_other_mistakes_nor_invents_any() {
    insta::assert_snapshot!(refused(
        &GOOD
            .replace("name = \"shop\"", "name = shop")
            .replace("lanes = 2", "lanes = 0")
    ));
    insta::assert_snapshot!(refused_with(
        "kind = \"direct\"",
        "kind = \"direct\"\nkind = \"direct\""
    ));
}

#[test]
fn an_empty_file_is_told_what_it_needs() {
    insta::assert_snapshot!(refused(""));
}
