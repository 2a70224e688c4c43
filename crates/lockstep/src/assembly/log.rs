//! The log over Kafka, from the configuration to the adapter's two ends.

use kafka::{KafkaReader, KafkaWriter, Settings};

use crate::config::{Configuration, KafkaLog};

/// What every client of the pipeline's log is told.
pub(super) fn settings(configuration: &Configuration, kafka: &KafkaLog) -> Settings {
    let topics = kafka.topics.iter();
    Settings {
        partitions: kafka.partitions,
        replication_factor: kafka.replication_factor,
        retention: kafka.retention,
        max_message_bytes: kafka.max_message_bytes,
        topics: topics
            .map(|(table, topic)| (table.clone(), topic.as_str().into()))
            .collect(),
        format: kafka.format,
        formats: kafka.formats.clone(),
        schema_registry: kafka.schema_registry.as_deref().map(Into::into),
        ..Settings::new(configuration.pipeline.as_str(), kafka.brokers.clone())
    }
}

/// A writing end that has opened nothing yet.
pub(super) fn writer(configuration: &Configuration, kafka: &KafkaLog) -> KafkaWriter {
    KafkaWriter::new(settings(configuration, kafka))
}

/// A reading end that has opened nothing yet.
pub(super) fn reader(configuration: &Configuration, kafka: &KafkaLog) -> KafkaReader {
    KafkaReader::new(settings(configuration, kafka))
}
