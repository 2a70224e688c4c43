//! A barrier's records, handed to the library one by one.
//!
//! Whether they have arrived is another question; nothing here waits but for room in the library's
//! queue.

use super::committing::{Committer, Sent, Slot};
use super::encoding::Encoded;
use super::outlet::{Handed, Place};
use crate::error::Error;
use crate::record::{LogRecord, SchemaRecord, TopicRecord};
use change::TableName;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::Arc;
use std::time::Instant;
use wire::{Message, headers};

/// A control topic that is written to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Control {
    Barriers,
    Schema,
}

impl Committer {
    pub(super) fn send_schemas(
        &mut self,
        encoded: &Encoded,
        sent: &mut Sent,
        deadline: Instant,
    ) -> Result<(), Error> {
        let schemas = encoded.schemas.iter().map(|record| &**record);
        for record in schemas.chain(&encoded.descriptions) {
            if self.schemas.contains(&record.id) || sent.schemas.contains(&record.id) {
                continue;
            }
            let slot = self.deliveries().slot();
            let value = json(record)?;
            self.send_control(Control::Schema, &value, slot, deadline)?;
            sent.schemas.push(record.id.clone());
        }
        Ok(())
    }

    /// All changes, each to the partition of its key.
    pub(super) fn send_changes(
        &mut self,
        encoded: &Encoded,
        sent: &mut Sent,
        deadline: Instant,
    ) -> Result<(), Error> {
        let pipeline = Arc::clone(&self.settings.pipeline);
        let mapping = encoded.barrier.mapping.version.to_string();
        let layout = wire::LAYOUT.to_string();
        let mut topics = Vec::with_capacity(encoded.schemas.len());
        for record in &encoded.schemas {
            let table = record.table().expect("changes name schemas");
            let (number, name, partitions) = self.topic(table, &sent.topics);
            let (name, partitions) = (name.to_owned(), partitions.unsigned_abs());
            let place = self.place(&name)?;
            topics.push((number, name, partitions, place));
        }
        let mut ordinal = Vec::new();
        for (message, schema) in encoded.messages.iter().zip(&encoded.schema_of) {
            let record = &encoded.schemas[*schema];
            let (number, topic, partitions, place) = &topics[*schema];
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
            ordinal.clear();
            headers::write_ordinal(message.ordinal, &mut ordinal);
            let role = headers::role_text(message.role);
            let all: [(&str, &[u8]); 6] = [
                (headers::PIPELINE, pipeline.as_bytes()),
                (headers::ORDINAL, &ordinal),
                (headers::MAPPING, mapping.as_bytes()),
                (headers::SCHEMA, record.id.0.as_bytes()),
                (headers::LAYOUT, layout.as_bytes()),
                (headers::ROLE, role.unwrap_or_default().as_bytes()),
            ];
            // The role of a whole change is left out.
            let headers = &all[..all.len() - usize::from(role.is_none())];
            let handed = Handed {
                partition,
                slot: slot.number,
                key: message.key,
                value: message.value,
                headers,
            };
            self.outlet
                .hand(*place, &handed, deadline)
                .map_err(|code| match code {
                    Code::MessageSizeTooLarge | Code::InvalidMessageSize => {
                        self.too_large(record, topic, &message)
                    }
                    code => self.not_taken(topic, code),
                })?;
        }
        Ok(())
    }

    fn place(&mut self, topic: &str) -> Result<Place, Error> {
        let place = self.outlet.place(topic);
        place.map_err(|code| self.not_taken(topic, code))
    }

    fn not_taken(&self, topic: &str, code: Code) -> Error {
        let failure = KafkaError::MessageProduction(code);
        self.refused(&format!("writing to topic {topic}"), &failure)
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
    pub(super) fn send_state(&mut self, sent: &mut Sent, deadline: Instant) -> Result<(), Error> {
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
            self.send_control(Control::Barriers, &value, slot, deadline)?;
        }
        sent.state = Some((slot, bytes));
        Ok(())
    }

    pub(super) fn send_control(
        &mut self,
        control: Control,
        value: &[u8],
        slot: usize,
        deadline: Instant,
    ) -> Result<(), Error> {
        let topic = match control {
            Control::Barriers => self.control.barriers.clone(),
            Control::Schema => self.control.schema.clone(),
        };
        let place = self.place(&topic)?;
        let handed = Handed {
            partition: 0,
            slot,
            key: None,
            value: Some(value),
            headers: &[],
        };
        let taken = self.outlet.hand(place, &handed, deadline);
        taken.map_err(|code| match code {
            Code::MessageSizeTooLarge => Error::RecordRefused {
                problem: format!(
                    "a control record of {} bytes is longer than log.max_message_bytes",
                    value.len()
                ),
                topic,
            },
            code => self.not_taken(&topic, code),
        })
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Unexpected {
        action: "writing a control record".to_owned(),
        problem: error.to_string(),
    })
}
