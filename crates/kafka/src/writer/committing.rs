//! One barrier, one transaction.
//!
//! The order inside is what makes a barrier whole. The changes are delivered first, and what the
//! brokers report is held against what the log knows: a partition that begins again at a smaller
//! offset is another topic of the same name. Then the barrier's record, which tells where the
//! changes lie, as the last record of all; then the commit. Whatever goes wrong before the commit
//! aborts the transaction. Whatever goes wrong in it is tried again while librdkafka allows it, and
//! is settled by the next writer otherwise, which reads the tail.

use super::encoding::Encoded;
use super::outlet::Outlet;
use super::sending::{Control, json};
use crate::client::Administrator;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::record::{
    BarrierRecord, FORMAT, LogRecord, PartitionRecord, ProgressRecord, RecordId, TopicRecord,
};
use crate::settings::Settings;
use crate::tail::Suffix;
use crate::topics::{ControlTopics, Names, Purpose, ensure};
use change::{BarrierKind, Ordinal, TableName};
use flow::stops;
use rdkafka::producer::Producer as _;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;
use wire::Messages;

/// Writes barriers, knowing all that was written before.
pub(crate) struct Committer {
    pub(crate) settings: Arc<Settings>,
    pub(crate) control: ControlTopics,
    /// Ids of the barriers' and the schema's topic.
    pub(crate) control_ids: [Arc<str>; 2],
    pub(crate) outlet: Outlet,
    pub(crate) administrator: Administrator,
    pub(crate) ledger: Ledger,
    pub(crate) names: Names,
    /// Ids that `<pipeline>.schema` holds.
    pub(crate) schemas: HashSet<RecordId>,
    pub(crate) suffix: Suffix,
    /// Takes the buffers of messages that were sent.
    pub(crate) give_back: SyncSender<Messages>,
}

/// A partition of a table's topic that this transaction writes to.
pub(super) struct Slot {
    pub(super) number: usize,
    pub(super) sent: u64,
}

/// What one transaction has sent so far.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) slots: BTreeMap<(u32, i32), Slot>,
    pub(super) schemas: Vec<RecordId>,
    /// The slot of the state's records, and their bytes.
    pub(super) state: Option<(usize, u64)>,
    pub(super) topics: Vec<TopicRecord>,
}

impl Committer {
    /// Writes the barrier and commits it. After an error nothing more can be written.
    pub(crate) fn commit(&mut self, encoded: Encoded) -> Result<Ordinal, Error> {
        if self.deliveries().take_outage() {
            self.ended()?;
        }
        let topics = self.new_topics(&encoded)?;
        self.outlet
            .producer()
            .begin_transaction()
            .map_err(|failure| self.refused("beginning a transaction", &failure))?;
        let deadline = Instant::now() + self.settings.transaction_timeout;
        let ordinal = encoded.barrier.checkpoint.ordinal;
        tracing::trace!(%ordinal, "a transaction begins");
        let written = self
            .write(encoded, topics, deadline)
            .and_then(|sent| {
                stops::reached_blocking("produced");
                tracing::trace!("its record is delivered");
                self.end(deadline)?;
                Ok(sent)
            })
            .map_err(|error| self.abandon(error))?;
        tracing::trace!("it is committed");
        stops::reached_blocking("logged");
        self.schemas.extend(written.schemas);
        Ok(ordinal)
    }

    /// Sends everything of the barrier, its record last.
    fn write(
        &mut self,
        mut encoded: Encoded,
        topics: Vec<TopicRecord>,
        deadline: Instant,
    ) -> Result<Sent, Error> {
        self.deliveries().begin();
        let mut sent = Sent {
            topics,
            ..Sent::default()
        };
        self.send_schemas(&encoded, &mut sent, deadline)?;
        self.send_changes(&encoded, &mut sent, deadline)?;
        // The library has copied them. Where one waits already, this one is let go.
        let _ = self
            .give_back
            .try_send(std::mem::take(&mut encoded.messages));
        self.send_state(&mut sent, deadline)?;
        self.wait(deadline)?;
        tracing::trace!("its changes are delivered");

        let partitions = self.delivered(&sent)?;
        let record = self.record(encoded, &mut sent, partitions)?;
        self.send_barrier(record, &sent, deadline)?;
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
                format: self.settings.format(&table),
                table,
            });
        Ok(records.collect())
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
            chunk: encoded.barrier.kind == BarrierKind::Chunk,
            keys: encoded.barrier.kind == BarrierKind::Keys,
            changes: encoded.changes,
            emptied: encoded.barrier.emptied,
            loosened: encoded.barrier.loosened,
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
    fn send_barrier(
        &mut self,
        mut record: BarrierRecord,
        sent: &Sent,
        deadline: Instant,
    ) -> Result<(), Error> {
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
            self.send_control(Control::Barriers, &value, slot, deadline)?;
        }
        let folded = self.ledger.fold(&record);
        folded.map_err(|mismatch| Error::Unexpected {
            action: "adding a barrier to the log".to_owned(),
            problem: mismatch.to_string(),
        })?;
        let state_at = record.state_at;
        let value = json(&LogRecord::Barrier(Box::new(record)))?;
        bytes += value.len() as u64;
        self.send_control(Control::Barriers, &value, slot, deadline)?;
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

    fn wait(&mut self, deadline: Instant) -> Result<(), Error> {
        let settled = self.outlet.settle(deadline);
        match self.deliveries().failure() {
            Some(undelivered) => Err(self.undelivered(undelivered)),
            None if settled => Ok(()),
            None => Err(Error::Interrupted {
                action: "writing a barrier".to_owned(),
                problem: "not all records were taken in time".to_owned(),
            }),
        }
    }
}
