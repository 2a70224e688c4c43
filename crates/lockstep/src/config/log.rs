//! `[log]`: what carries the barriers from capture to apply.
//! Without the section the log is `direct`; a key that only Kafka knows is refused there, since it would do nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use change::TableName;
use wire::Format;

use super::document::{Key, Section};

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// A bounded channel inside the process.
    Direct,
    Kafka(KafkaLog),
}

/// Topics that other programs can read too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaLog {
    /// `host:port`, at least one.
    pub brokers: Vec<String>,
    /// But for the tables that have one of their own.
    pub format: Format,
    /// Of each table's topic, for its whole life.
    pub partitions: u32,
    /// `None`: what the brokers do by default.
    pub replication_factor: Option<u16>,
    /// Of the tables' topics; `None`: for ever.
    pub retention: Option<Duration>,
    pub max_message_bytes: u64,
    /// Topics that `[tables]` names itself.
    pub topics: BTreeMap<TableName, String>,
    /// Formats that `[tables]` chooses itself.
    pub formats: BTreeMap<TableName, Format>,
    /// Where schemas of Avro are registered.
    pub schema_registry: Option<String>,
}

#[cfg(test)]
impl KafkaLog {
    /// Over these brokers, with what is usual else.
    pub fn over(brokers: Vec<String>) -> Self {
        Self {
            brokers,
            format: Format::DebeziumJson,
            partitions: 1,
            replication_factor: None,
            retention: None,
            max_message_bytes: 1 << 20,
            topics: BTreeMap::new(),
            formats: BTreeMap::new(),
            schema_registry: None,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Direct,
    Kafka,
}

const KIND: Key = Key {
    name: "kind",
    allowed: "direct, kafka",
    example: r#"kind = "direct""#,
};
const BROKERS: Key = Key {
    name: "brokers",
    allowed: "HOST:PORT, several separated by commas, with kind = \"kafka\"",
    example: r#"brokers = "kafka.example:9092""#,
};
const FORMAT: Key = Key {
    name: "format",
    allowed: "debezium-json (the default), protobuf, avro, with kind = \"kafka\"",
    example: r#"format = "debezium-json""#,
};
/// The words for formats, here and in a table's section.
pub(super) const FORMATS: &[(&str, Format)] = &[
    ("debezium-json", Format::DebeziumJson),
    ("protobuf", Format::Protobuf),
    ("avro", Format::Avro),
];
const SCHEMA: Key = Key {
    name: "schema",
    allowed: "true or false (the default), with format = \"debezium-json\"",
    example: "schema = true",
};
const SCHEMA_REGISTRY: Key = Key {
    name: "schema_registry",
    allowed: "http://HOST:PORT/PATH or https://…, without a password, with format = \"avro\"",
    example: r#"schema_registry = "http://registry.example:8081""#,
};
const PARTITIONS: Key = Key {
    name: "partitions",
    allowed: "1 to 10000, with kind = \"kafka\"; 1 is the default",
    example: "partitions = 4",
};
const REPLICATION_FACTOR: Key = Key {
    name: "replication_factor",
    allowed: "1 to 100, with kind = \"kafka\"; without it, what the brokers do by default",
    example: "replication_factor = 3",
};
const RETENTION: Key = Key {
    name: "retention",
    allowed: "\"unlimited\" (the default) or a span of time of 1min and more, with kind = \"kafka\"",
    example: r#"retention = "7d""#,
};
const MAX_MESSAGE_BYTES: Key = Key {
    name: "max_message_bytes",
    allowed: "a size from 64KiB to 1GiB, with kind = \"kafka\"; 1MiB is the default",
    example: r#"max_message_bytes = "8MiB""#,
};

impl KafkaLog {
    pub fn format_of(&self, table: &TableName) -> Format {
        self.formats.get(table).copied().unwrap_or(self.format)
    }

    /// Gives a table a format of its own. Whether JSON carries its schema is said for all tables.
    pub(super) fn choose_format(&mut self, table: TableName, format: Format) {
        let carried = self.format == Format::DebeziumJsonWithSchema;
        let format = match format {
            Format::DebeziumJson if carried => self.format,
            chosen => chosen,
        };
        self.formats.insert(table, format);
    }
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let kind = section.word(KIND, &[("direct", Kind::Direct), ("kafka", Kind::Kafka)]);
        let kind = section.require(KIND, kind);
        let brokers = section.parsed(BROKERS, broker_list);
        let format = section.word(FORMAT, FORMATS);
        let schema = section.boolean(SCHEMA);
        let schema_registry = section.parsed(SCHEMA_REGISTRY, registry_url);
        let partitions = section.integer(PARTITIONS, 1..=10_000);
        let replication_factor = section.integer(REPLICATION_FACTOR, 1..=100);
        let retention = section.parsed(RETENTION, retention);
        let max_message_bytes = section.bytes(MAX_MESSAGE_BYTES, 64 << 10..=1 << 30);
        let kafka = kind.as_ref().is_some_and(|kind| kind.value == Kind::Kafka);
        let brokers = if kafka {
            section.require(BROKERS, brokers)
        } else {
            brokers
        };
        if kind.as_ref().is_some_and(|kind| kind.value == Kind::Direct) {
            let spans = [
                (BROKERS, brokers.as_ref().map(|key| key.key_span.clone())),
                (FORMAT, format.as_ref().map(|key| key.key_span.clone())),
                (SCHEMA, schema.as_ref().map(|key| key.key_span.clone())),
                (
                    SCHEMA_REGISTRY,
                    schema_registry.as_ref().map(|key| key.key_span.clone()),
                ),
                (
                    PARTITIONS,
                    partitions.as_ref().map(|key| key.key_span.clone()),
                ),
                (
                    REPLICATION_FACTOR,
                    replication_factor.as_ref().map(|key| key.key_span.clone()),
                ),
                (
                    RETENTION,
                    retention.as_ref().map(|key| key.key_span.clone()),
                ),
                (
                    MAX_MESSAGE_BYTES,
                    max_message_bytes.as_ref().map(|key| key.key_span.clone()),
                ),
            ];
            for (key, span) in spans {
                if let Some(span) = span {
                    let reason =
                        "contradicts log.kind = \"direct\", which has no topics".to_string();
                    section.contradiction(key, span, reason);
                }
            }
        }
        let format = format.map_or(Format::DebeziumJson, |format| format.value);
        let schema = schema.filter(|schema| schema.value);
        if let Some(schema) = schema.as_ref().filter(|_| format != Format::DebeziumJson) {
            let reason = format!(
                "contradicts log.format = \"{format}\": only debezium-json can carry its schema"
            );
            section.contradiction(SCHEMA, schema.key_span.clone(), reason);
        }
        let schema_registry = match format {
            Format::Avro => section.require(SCHEMA_REGISTRY, schema_registry),
            Format::DebeziumJson | Format::DebeziumJsonWithSchema | Format::Protobuf => {
                schema_registry
            }
        };
        section.finish();
        match kind?.value {
            Kind::Direct => Some(Self::Direct),
            Kind::Kafka => Some(Self::Kafka(KafkaLog {
                brokers: brokers?.value,
                format: match schema {
                    Some(_) => Format::DebeziumJsonWithSchema,
                    None => format,
                },
                partitions: u32::try_from(partitions.map_or(1, |count| count.value))
                    .expect("at most 10000"),
                replication_factor: replication_factor
                    .map(|count| u16::try_from(count.value).expect("at most 100")),
                retention: retention.and_then(|retention| retention.value),
                max_message_bytes: max_message_bytes.map_or(1 << 20, |bytes| bytes.value),
                topics: BTreeMap::new(),
                formats: BTreeMap::new(),
                schema_registry: schema_registry.map(|url| url.value),
            })),
        }
    }
}

/// Takes a list of brokers apart; the error completes a sentence.
pub fn broker_list(text: &str) -> Result<Vec<String>, String> {
    let brokers: Vec<String> = text
        .split(',')
        .map(|broker| broker.trim().to_string())
        .collect();
    for broker in &brokers {
        let port = broker
            .rsplit_once(':')
            .filter(|(host, _)| !host.is_empty())
            .map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(1..))) {
            return Err(format!("{broker:?} is not of the form HOST:PORT"));
        }
    }
    Ok(brokers)
}

fn registry_url(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Err("is not of the form http://HOST:PORT/PATH".to_string());
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Err("has an account, which this version cannot use at a registry".to_string());
    }
    let spelled = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '?' | '#' | '"');
    if host.is_empty() || !rest.chars().all(spelled) {
        return Err("is not of the form http://HOST:PORT/PATH".to_string());
    }
    Ok(text.to_string())
}

fn retention(text: &str) -> Result<Option<Duration>, String> {
    const SHORTEST: Duration = Duration::from_secs(60);
    if text == "unlimited" {
        return Ok(None);
    }
    match super::quantities::parse_duration(text) {
        Some(duration) if duration >= SHORTEST => Ok(Some(duration)),
        Some(_) => Err(format!("{text:?} is shorter than a minute")),
        None => Err(format!("{text:?} is not a span of time")),
    }
}
