//! A barrier's records, handed to the library one by one.
//!
//! Whether they have arrived is another question; nothing here waits but for room in the library's
//! queue.

use super::committing::{Committer, Sent, Slot};
use super::encoding::Encoded;
use crate::error::Error;
use crate::record::{LogRecord, SchemaRecord, TopicRecord};
use change::TableName;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::types::RDKafkaErrorCode as Code;
use wire::{Message, headers};

impl Committer {
    pub(super) fn send_schemas(&self, encoded: &Encoded, sent: &mut Sent) -> Result<(), Error> {
        let schemas = encoded.schemas.iter().map(|record| &**record);
        for record in schemas.chain(&encoded.descriptions) {
            if self.schemas.contains(&record.id) || sent.schemas.contains(&record.id) {
                continue;
            }
            let slot = self.deliveries().slot();
            let value = json(record)?;
            self.send_control(&self.control.schema, &value, slot)?;
            sent.schemas.push(record.id.clone());
        }
        Ok(())
    }

    /// All changes, each to the partition of its key.
    pub(super) fn send_changes(&self, encoded: &Encoded, sent: &mut Sent) -> Result<(), Error> {
        let mapping = encoded.barrier.mapping.version.to_string();
        let layout = wire::LAYOUT.to_string();
        let mut topics = Vec::with_capacity(encoded.schemas.len());
        for record in &encoded.schemas {
            let table = record.table().expect("changes name schemas");
            let (number, name, partitions) = self.topic(table, &sent.topics);
            topics.push((number, name.to_owned(), partitions.unsigned_abs()));
        }
        for (message, schema) in encoded.messages.iter().zip(&encoded.schema_of) {
            let record = &encoded.schemas[*schema];
            let (number, topic, partitions) = &topics[*schema];
            let partition = message.partition(*partitions);
            let partition = i32::try_from(partition).expect("fewer than the partitions");
            let slot = sent
                .slots
                .entry((*number, partition))
                .or_insert_with(|| Slot {
                    number: self.deliveries().slot(),
                    sent: 0,
                });
            slot.sent += 1;
            let ordinal = headers::ordinal_text(message.ordinal);
            let header = |key, value| Header {
                key,
                value: Some(value),
            };
            let mut head = OwnedHeaders::new_with_capacity(6)
                .insert(header(headers::PIPELINE, self.settings.pipeline.as_bytes()))
                .insert(header(headers::ORDINAL, &ordinal))
                .insert(header(headers::MAPPING, mapping.as_bytes()))
                .insert(header(headers::SCHEMA, record.id.0.as_bytes()))
                .insert(header(headers::LAYOUT, layout.as_bytes()));
            if let Some(role) = headers::role_text(message.role) {
                head = head.insert(header(headers::ROLE, role.as_bytes()));
            }
            let mut base: BaseRecord<'_, [u8], [u8], usize> =
                BaseRecord::with_opaque_to(topic, slot.number)
                    .partition(partition)
                    .headers(head);
            base.key = message.key;
            base.payload = message.value;
            self.send(base)
                .map_err(|failure| match failure.rdkafka_error_code() {
                    Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
                        self.too_large(record, topic, &message)
                    }
                    _ => self.refused(&format!("writing to topic {topic}"), &failure),
                })?;
        }
        Ok(())
    }

    fn too_large(&self, record: &SchemaRecord, topic: &str, message: &Message<'_>) -> Error {
        let schema = record.schema().expect("changes name schemas");
        let names = schema.key.iter().map(|index| &*schema.columns[*index].name);
        let bytes = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        Error::MessageTooLarge {
            table: schema.name.clone(),
            topic: topic.to_owned(),
            ordinal: message.ordinal,
            key: match &*names.collect::<Vec<_>>().join(", ") {
                "" => "no column".to_owned(),
                names => names.to_owned(),
            },
            bytes: bytes(message.key) + bytes(message.value),
            limit: self.settings.max_message_bytes,
        }
    }

    /// Number, name and count of partitions of a table's topic.
    fn topic<'a>(&'a self, table: &TableName, new: &'a [TopicRecord]) -> (u32, &'a str, i32) {
        let known = self
            .ledger
            .number(table)
            .and_then(|number| self.ledger.topic(number));
        let record = known
            .map(|topic| &topic.record)
            .or_else(|| new.iter().find(|record| record.table == *table))
            .expect("every table of the barrier has its topic");
        (record.number, &record.name, record.partitions)
    }

    /// The whole state, when enough was written since it was last.
    pub(super) fn send_state(&self, sent: &mut Sent) -> Result<(), Error> {
        let due = self
            .settings
            .state_every_bytes
            .max(2 * self.suffix.state_bytes);
        if self.suffix.bytes < due {
            return Ok(());
        }
        let slot = self.deliveries().slot();
        let mut bytes = 0;
        for record in self.ledger.state(self.settings.max_control_bytes() / 2) {
            let value = json(&LogRecord::State(record))?;
            bytes += value.len() as u64;
            self.send_control(&self.control.barriers, &value, slot)?;
        }
        sent.state = Some((slot, bytes));
        Ok(())
    }

    pub(super) fn send_control(&self, topic: &str, value: &[u8], slot: usize) -> Result<(), Error> {
        let base: BaseRecord<'_, [u8], [u8], usize> = BaseRecord::with_opaque_to(topic, slot)
            .partition(0)
            .payload(value);
        self.send(base)
            .map_err(|failure| match failure.rdkafka_error_code() {
                Some(Code::MessageSizeTooLarge) => Error::RecordRefused {
                    topic: topic.to_owned(),
                    problem: format!(
                        "a control record of {} bytes is longer than log.max_message_bytes",
                        value.len()
                    ),
                },
                _ => self.refused(&format!("writing to topic {topic}"), &failure),
            })
    }

    fn send(&self, mut record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), KafkaError> {
        loop {
            self.deliveries().sending();
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((failure, again)) => {
                    self.deliveries().not_sent();
                    if failure.rdkafka_error_code() != Some(Code::QueueFull) {
                        return Err(failure);
                    }
                    record = again;
                    self.deliveries().wait_for_room();
                }
            }
        }
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Unexpected {
        action: "writing a control record".to_owned(),
        problem: error.to_string(),
    })
}
