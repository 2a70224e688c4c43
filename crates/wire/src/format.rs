//! The formats that a topic's messages can have.
//!
//! A topic has one for its whole life, and the log records which: the names below are what it
//! records, so they stay as they are.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How changes are written in a topic.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON as Debezium writes it, without a schema.
    #[default]
    DebeziumJson,
    /// The same as payload, beside its schema, as Kafka Connect's JsonConverter writes it.
    DebeziumJsonWithSchema,
    /// `proto/lockstep/change/v1/change.proto`.
    Protobuf,
    /// With the framing of a schema registry.
    Avro,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Format::DebeziumJson => "debezium-json",
            Format::DebeziumJsonWithSchema => "debezium-json with schema",
            Format::Protobuf => "protobuf",
            Format::Avro => "avro",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logs name them so.
    #[test]
    fn recorded_names_stay_as_they_are() {
        for (format, name) in [
            (Format::DebeziumJson, "debezium-json"),
            (Format::DebeziumJsonWithSchema, "debezium-json-with-schema"),
            (Format::Protobuf, "protobuf"),
            (Format::Avro, "avro"),
        ] {
            let recorded = serde_json::json!(name);
            assert_eq!(serde_json::to_value(format).unwrap(), recorded);
            assert_eq!(serde_json::from_value::<Format>(recorded).unwrap(), format);
        }
        assert!(serde_json::from_value::<Format>(serde_json::json!("xml")).is_err());
    }
}
