//! One barrier, one transaction.
//!
//! The order inside is what makes a barrier whole. The changes are delivered first, and what the
//! brokers report is held against what the log knows: a partition that begins again at a smaller
//! offset is another topic of the same name. Then the barrier's record, which tells where the
//! changes lie, as the last record of all; then the commit. Whatever goes wrong before the commit
//! aborts the transaction. Whatever goes wrong in it is tried again while librdkafka allows it, and
//! is settled by the next writer otherwise, which reads the tail.

use super::deliveries::{Deliveries, Undelivered, Wait};
use super::encoding::{Encoded, Message};
use crate::client::Administrator;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::record::{
    BarrierRecord, FORMAT, LogRecord, PartitionRecord, ProgressRecord, RecordId, SchemaRecord,
    TopicRecord,
};
use crate::refusal;
use crate::settings::Settings;
use crate::tail::Suffix;
use crate::topics::{ControlTopics, Names, Purpose, ensure};
use change::{Ordinal, TableName};
use flow::stops;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) type Producer = ThreadedProducer<Deliveries>;

/// How long an abort may take that only makes room for others sooner.
const ABORT_WITHIN: Duration = Duration::from_secs(5);

/// Writes barriers, knowing all that was written before.
pub(crate) struct Committer {
    pub(crate) settings: Arc<Settings>,
    pub(crate) control: ControlTopics,
    /// Ids of the barriers' and the schema's topic.
    pub(crate) control_ids: [Arc<str>; 2],
    pub(crate) producer: Producer,
    pub(crate) administrator: Administrator,
    pub(crate) ledger: Ledger,
    pub(crate) names: Names,
    /// Ids that `<pipeline>.schema` holds.
    pub(crate) schemas: HashSet<RecordId>,
    pub(crate) suffix: Suffix,
}

/// A partition of a table's topic that this transaction writes to.
struct Slot {
    number: usize,
    sent: u64,
}

/// What one transaction has sent so far.
#[derive(Default)]
struct Sent {
    slots: BTreeMap<(u32, i32), Slot>,
    schemas: Vec<RecordId>,
    /// The slot of the state's records, and their bytes.
    state: Option<(usize, u64)>,
    topics: Vec<TopicRecord>,
}

impl Committer {
    /// Writes the barrier and commits it. After an error nothing more can be written.
    pub(crate) fn commit(&mut self, encoded: Encoded) -> Result<Ordinal, Error> {
        let topics = self.new_topics(&encoded)?;
        self.producer
            .begin_transaction()
            .map_err(|failure| self.refused("beginning a transaction", &failure))?;
        let deadline = Instant::now() + self.settings.transaction_timeout;
        let ordinal = encoded.barrier.checkpoint.ordinal;
        let written = self
            .write(encoded, topics, deadline)
            .and_then(|sent| {
                stops::reached_blocking("produced");
                self.end(deadline)?;
                Ok(sent)
            })
            .map_err(|error| self.abandon(error))?;
        stops::reached_blocking("logged");
        self.schemas.extend(written.schemas);
        Ok(ordinal)
    }

    /// Sends everything of the barrier, its record last.
    fn write(
        &mut self,
        encoded: Encoded,
        topics: Vec<TopicRecord>,
        deadline: Instant,
    ) -> Result<Sent, Error> {
        self.deliveries().begin();
        let mut sent = Sent {
            topics,
            ..Sent::default()
        };
        self.send_schemas(&encoded, &mut sent)?;
        for message in &encoded.messages {
            self.send_change(&encoded, message, &mut sent)?;
        }
        self.send_state(&mut sent)?;
        self.wait(deadline)?;

        let partitions = self.delivered(&sent)?;
        let record = self.record(encoded, &mut sent, partitions)?;
        self.send_barrier(record, &sent)?;
        self.wait(deadline)?;
        Ok(sent)
    }

    /// The topics of tables that have none yet, made where they are missing.
    fn new_topics(&mut self, encoded: &Encoded) -> Result<Vec<TopicRecord>, Error> {
        let described = encoded.barrier.described.iter();
        let described = described.map(|description| &description.schema.name);
        let written = encoded.schemas.iter().filter_map(|record| record.table());
        let mut new: BTreeMap<String, TableName> = BTreeMap::new();
        for table in described.chain(written) {
            if self.ledger.number(table).is_none() {
                new.insert(self.names.take(&self.settings, table)?, table.clone());
            }
        }
        let names: Vec<&str> = new.keys().map(String::as_str).collect();
        let described = ensure(&self.settings, &self.administrator, &names, Purpose::Table)?;
        let first = self.ledger.next_number();
        let records = (first..)
            .zip(new)
            .map(|(number, (name, table))| TopicRecord {
                number,
                id: described[&name].id.clone(),
                partitions: described[&name].partitions,
                name: name.into(),
                table,
            });
        Ok(records.collect())
    }

    fn send_schemas(&self, encoded: &Encoded, sent: &mut Sent) -> Result<(), Error> {
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

    fn send_change(
        &self,
        encoded: &Encoded,
        message: &Message,
        sent: &mut Sent,
    ) -> Result<(), Error> {
        let record = &encoded.schemas[message.schema];
        let table = record.table().expect("changes name schemas");
        let (number, name, count) = self.topic(table, &sent.topics);
        let partition = i32::try_from(message.hash % count.unsigned_abs()).unwrap_or(0);
        let slot = sent
            .slots
            .entry((number, partition))
            .or_insert_with(|| Slot {
                number: self.deliveries().slot(),
                sent: 0,
            });
        slot.sent += 1;
        let key = encoded.slice(&message.key);
        let value = encoded.slice(&message.value);
        let ordinal = message.ordinal.to_string();
        let headers = OwnedHeaders::new_with_capacity(4)
            .insert(Header {
                key: "lockstep.pipeline",
                value: Some(&*self.settings.pipeline),
            })
            .insert(Header {
                key: "lockstep.ordinal",
                value: Some(&ordinal),
            })
            .insert(Header {
                key: "lockstep.schema",
                value: Some(&*record.id.0),
            })
            .insert(Header {
                key: "lockstep.role",
                value: Some(&[message.role]),
            });
        let mut base: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(name, slot.number)
                .partition(partition)
                .headers(headers);
        base.key = key;
        base.payload = value;
        self.send(base)
            .map_err(|failure| match failure.rdkafka_error_code() {
                Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
                    self.too_large(record, name, message, key, value)
                }
                _ => self.refused(&format!("writing to topic {name}"), &failure),
            })
    }

    fn too_large(
        &self,
        record: &SchemaRecord,
        topic: &str,
        message: &Message,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Error {
        let schema = record.schema().expect("changes name schemas");
        let names = schema.key.iter().map(|index| &*schema.columns[*index].name);
        Error::MessageTooLarge {
            table: schema.name.clone(),
            topic: topic.to_owned(),
            ordinal: message.ordinal,
            key: match &*names.collect::<Vec<_>>().join(", ") {
                "" => "no column".to_owned(),
                names => names.to_owned(),
            },
            bytes: key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len),
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
    fn send_state(&self, sent: &mut Sent) -> Result<(), Error> {
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

    /// Where the changes lie, if they lie where they have to.
    fn delivered(&self, sent: &Sent) -> Result<Vec<PartitionRecord>, Error> {
        let mut partitions = Vec::with_capacity(sent.slots.len());
        for (&(number, partition), slot) in &sent.slots {
            let delivered = self.deliveries().delivered(slot.number);
            let known = self.ledger.topic(number);
            let filled = known.and_then(|topic| {
                topic
                    .partitions
                    .get(usize::try_from(partition).ok()?)
                    .copied()
            });
            let filled = filled.unwrap_or_default();
            let name = known.map(|topic| &topic.record).or_else(|| {
                let mut new = sent.topics.iter();
                new.find(|topic| topic.number == number)
            });
            let topic = name.map_or_else(String::new, |record| record.name.to_string());
            let delivered = delivered.filter(|delivered| delivered.records == slot.sent);
            let Some(delivered) = delivered else {
                return Err(Error::Unexpected {
                    action: format!("writing to topic {topic}"),
                    problem: format!("not all of {} records were reported", slot.sent),
                });
            };
            if delivered.first < filled.next {
                return Err(Error::TopicRecreated {
                    topic,
                    evidence: format!(
                        "partition {partition} gave the next record offset {}, records up to {} \
                         were there",
                        delivered.first,
                        filled.next - 1
                    ),
                });
            }
            partitions.push(PartitionRecord {
                topic: number,
                partition,
                first: delivered.first,
                last: delivered.last,
                records: delivered.records,
                total: filled.records + delivered.records,
            });
        }
        Ok(partitions)
    }

    fn record(
        &self,
        encoded: Encoded,
        sent: &mut Sent,
        partitions: Vec<PartitionRecord>,
    ) -> Result<BarrierRecord, Error> {
        let state_at = match sent.state {
            Some((slot, _)) => {
                let delivered = self.deliveries().delivered(slot);
                Some(delivered.map_or(0, |delivered| delivered.first))
            }
            None => self.suffix.state_at,
        };
        let described = encoded.descriptions.into_iter().map(|record| record.id);
        let transactions = Some(encoded.transactions);
        Ok(BarrierRecord {
            format: FORMAT,
            previous: self.ledger.ordinal(),
            checkpoint: encoded.barrier.checkpoint,
            chunk: encoded.barrier.chunk,
            changes: encoded.changes,
            emptied: encoded.barrier.emptied,
            described: described.collect(),
            progress_parts: 0,
            progress: encoded.barrier.progress,
            mapping: encoded.barrier.mapping,
            topics: sent.topics.clone(),
            partitions,
            transactions: transactions.filter(|set| !set.is_empty()),
            state_at,
            control: self.control_ids.clone(),
        })
    }

    /// The barrier's record, and ahead of it what would make it too long. Folds it too: what this
    /// writer knows is what a reader will.
    fn send_barrier(&mut self, mut record: BarrierRecord, sent: &Sent) -> Result<(), Error> {
        let limit = self.settings.max_control_bytes() / 2;
        let mut parts = Vec::new();
        if json(&(&record.progress, &record.topics))?.len() > limit {
            let topics = std::mem::take(&mut record.topics);
            let tables = std::mem::take(&mut record.progress);
            parts = ProgressRecord::cut(topics, tables, limit);
        }
        record.progress_parts = u32::try_from(parts.len()).expect("fewer parts than tables");
        let mut bytes = 0;
        let slot = self.deliveries().slot();
        for part in parts {
            self.ledger.pend(part.clone());
            let value = json(&LogRecord::Progress(part))?;
            bytes += value.len() as u64;
            self.send_control(&self.control.barriers, &value, slot)?;
        }
        let folded = self.ledger.fold(&record);
        folded.map_err(|mismatch| Error::Unexpected {
            action: "adding a barrier to the log".to_owned(),
            problem: mismatch.to_string(),
        })?;
        let state_at = record.state_at;
        let value = json(&LogRecord::Barrier(Box::new(record)))?;
        bytes += value.len() as u64;
        self.send_control(&self.control.barriers, &value, slot)?;
        self.suffix = match sent.state {
            Some((_, state_bytes)) => Suffix {
                state_at,
                bytes,
                state_bytes,
            },
            None => Suffix {
                bytes: self.suffix.bytes + bytes,
                ..self.suffix
            },
        };
        Ok(())
    }

    fn send_control(&self, topic: &str, value: &[u8], slot: usize) -> Result<(), Error> {
        let base: BaseRecord<'_, [u8], [u8], usize> = BaseRecord::with_opaque_to(topic, slot)
            .partition(0)
            .payload(value);
        self.send(base)
            .map_err(|failure| self.refused(&format!("writing to topic {topic}"), &failure))
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

    fn wait(&self, deadline: Instant) -> Result<(), Error> {
        self.deliveries().wait(deadline).map_err(|wait| match wait {
            Wait::TimedOut { outstanding } => Error::Interrupted {
                action: "writing a barrier".to_owned(),
                problem: format!("{outstanding} records were not taken in time"),
            },
            Wait::Undelivered(undelivered) => self.undelivered(undelivered),
        })
    }

    fn undelivered(&self, undelivered: Undelivered) -> Error {
        let Undelivered {
            topic,
            code,
            problem,
        } = undelivered;
        match code {
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::MessageBatchTooLarge
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::UnsupportedForMessageFormat
            | Code::PolicyViolation => Error::RecordRefused { topic, problem },
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                Error::TopicGone { topic }
            }
            code => {
                let action = format!("writing to topic {topic}");
                refusal::coded(&self.settings, &action, code, problem)
            }
        }
    }

    /// Commits. What was sent is delivered, so nothing but the commit itself is waited for.
    fn end(&self, deadline: Instant) -> Result<(), Error> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match self.producer.commit_transaction(left) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let retriable = match &failure {
                KafkaError::Transaction(error) => error.is_retriable(),
                _ => false,
            };
            if !retriable || Instant::now() >= deadline {
                return Err(self.refused("committing a barrier", &failure));
            }
            tracing::debug!(%failure, "committing again");
        }
    }

    /// Gives the transaction up, and tells what the failure was after all: that a successor has come
    /// shows in many guises, and the abort is told of it too.
    fn abandon(&self, error: Error) -> Error {
        if let Some(fenced) = self.fenced() {
            return fenced;
        }
        match self.producer.abort_transaction(ABORT_WITHIN) {
            Ok(()) => error,
            Err(failure) => {
                let code = failure.rdkafka_error_code();
                if code.is_some_and(refusal::is_fenced) {
                    return self.refused("aborting a transaction", &failure);
                }
                self.fenced().unwrap_or(error)
            }
        }
    }

    fn fenced(&self) -> Option<Error> {
        let (code, problem) = self.producer.client().fatal_error()?;
        refusal::is_fenced(code).then(|| refusal::coded(&self.settings, "writing", code, problem))
    }

    fn refused(&self, action: &str, failure: &KafkaError) -> Error {
        self.fenced()
            .unwrap_or_else(|| refusal::error(&self.settings, action, failure))
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer.client().context()
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Unexpected {
        action: "writing a control record".to_owned(),
        problem: error.to_string(),
    })
}
