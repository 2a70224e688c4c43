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
    let direct = refused_with("kind = \"direct\"", "kind = \"direct\"\nschema = true");
    assert!(direct.contains("log.schema: contradicts"), "{direct}");
}
