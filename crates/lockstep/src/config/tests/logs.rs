//! `[log]` over Kafka: its defaults, and the formats of topics.

use super::*;

#[test]
fn a_kafka_log_is_read_with_its_defaults() {
    let text = GOOD.replace(
        "kind = \"direct\"",
        "kind = \"kafka\"\nbrokers = \"a:9092, b:9092\"\nretention = \"7d\"",
    );
    let Log::Kafka(log) = parse(&text).unwrap().log else {
        panic!("a Kafka log")
    };
    assert_eq!(log.brokers, ["a:9092", "b:9092"]);
    assert_eq!(
        (
            log.partitions,
            log.replication_factor,
            log.max_message_bytes
        ),
        (1, None, 1 << 20)
    );
    assert_eq!(log.format, wire::Format::DebeziumJson);
    assert_eq!(
        log.retention,
        Some(std::time::Duration::from_secs(7 * 86_400))
    );
}

#[test]
fn messages_carry_their_schema_where_that_is_asked_for() {
    for (asked, format) in [
        ("true", wire::Format::DebeziumJsonWithSchema),
        ("false", wire::Format::DebeziumJson),
    ] {
        let keys = format!("kind = \"kafka\"\nbrokers = \"a:9092\"\nschema = {asked}");
        let Log::Kafka(log) = parse(&GOOD.replace("kind = \"direct\"", &keys))
            .unwrap()
            .log
        else {
            panic!("a Kafka log")
        };
        assert_eq!(log.format, format);
    }
    let text = GOOD.replace(
        "kind = \"direct\"",
        "kind = \"kafka\"\nbrokers = \"a:9092\"\nformat = \"protobuf\"\nschema = true",
    );
    let contradicted = refused(&text);
    let said = "log.schema: contradicts log.format = \"protobuf\"";
    assert!(contradicted.contains(said), "{contradicted}");
    let direct = refused_with("kind = \"direct\"", "kind = \"direct\"\nschema = true");
    assert!(direct.contains("log.schema: contradicts"), "{direct}");
}

#[test]
fn a_table_may_have_a_format_of_its_own() {
    use wire::Format::{DebeziumJson, DebeziumJsonWithSchema, Protobuf};
    for (of_log, of_table, expected) in [
        ("", "protobuf", (DebeziumJson, Protobuf)),
        (
            "format = \"protobuf\"",
            "debezium-json",
            (Protobuf, DebeziumJson),
        ),
        (
            "schema = true",
            "protobuf",
            (DebeziumJsonWithSchema, Protobuf),
        ),
        (
            "schema = true",
            "debezium-json",
            (DebeziumJsonWithSchema, DebeziumJsonWithSchema),
        ),
    ] {
        let of_log = format!("kind = \"kafka\"\nbrokers = \"a:9092\"\n{of_log}");
        let of_table = format!("format = \"{of_table}\"");
        let text = GOOD
            .replace("kind = \"direct\"", &of_log)
            .replace("identity = \"object_id\"", &of_table);
        let Log::Kafka(log) = parse(&text).unwrap().log else {
            panic!("a Kafka log")
        };
        let own = log.formats[&TableName::new("shop", "orders")];
        assert_eq!((log.format, own), expected);
    }
    let direct = refused_with("identity = \"object_id\"", "format = \"protobuf\"");
    let said = "tables.\"shop.orders\".format: contradicts log.kind = \"direct\"";
    assert!(direct.contains(said), "{direct}");
    let unknown = GOOD.replace("identity = \"object_id\"", "format = \"xml\"");
    assert!(refused(&unknown).contains("\"xml\" is none of its words"));
}

#[test]
fn avro_needs_a_registry() {
    let kafka = |lines: &str| {
        let lines = format!("kind = \"kafka\"\nbrokers = \"a:9092\"\n{lines}");
        GOOD.replace("kind = \"direct\"", &lines)
    };
    let of_table = |text: String| text.replace("identity = \"object_id\"", "format = \"avro\"");
    let url = "schema_registry = \"http://registry.example:8081\"";
    for (text, in_general) in [
        (kafka(&format!("format = \"avro\"\n{url}")), true),
        (of_table(kafka(url)), false),
    ] {
        let Log::Kafka(log) = parse(&text).unwrap().log else {
            panic!("a Kafka log")
        };
        assert_eq!(log.format == wire::Format::Avro, in_general);
        let own = log.format_of(&TableName::new("shop", "orders"));
        assert_eq!(own, wire::Format::Avro);
        let known = log.schema_registry.as_deref();
        assert_eq!(known, Some("http://registry.example:8081"));
    }
    let missing = refused(&kafka("format = \"avro\""));
    assert!(missing.contains("schema_registry"), "{missing}");
    let missing = refused(&of_table(kafka("")));
    let said = "contradicts log, which has no schema_registry";
    assert!(missing.contains(said), "{missing}");
    for wrong in [
        "registry:8081",
        "http://",
        "http://me:hunter2@registry:8081",
        "http://a/?b",
    ] {
        let told = refused(&kafka(&format!("schema_registry = \"{wrong}\"")));
        assert!(told.contains("log.schema_registry: "), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let direct = format!("kind = \"direct\"\n{url}");
    let direct = refused_with("kind = \"direct\"", &direct);
    assert!(
        direct.contains("log.schema_registry: contradicts"),
        "{direct}"
    );
}
