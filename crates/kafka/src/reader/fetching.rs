//! Barriers in order, each with exactly the records that it counts.
//!
//! The barriers' topic leads. A barrier's record tells where its changes lie; they are fetched from
//! there, and whatever is not as the record says ends the reading: a record too few or too many, one
//! of another barrier, one that somebody else has written. Nothing is skipped and nothing guessed.

use super::Stop;
use super::barrier::{Decoding, Expected, Records};
use super::partitions::Partitions;
use super::schemas::Schemas;
use crate::client;
use crate::committed::Marks;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::record::{self, BarrierRecord, LogRecord, PartitionRecord};
use crate::settings::Settings;
use crate::tail::{ControlReader, Found, unreadable};
use change::{Barrier, Ordinal, TableProgress};
use rdkafka::message::{BorrowedMessage, Message as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::Decoder;

/// How long the thread waits before it looks whether anybody still listens.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Fetcher<'a> {
    settings: &'a Settings,
    control: ControlReader<'a>,
    barriers: Arc<str>,
    /// Where the next record of the barriers' topic is waited for.
    next: i64,
    /// Nothing comes before what is read: the pipeline's first barrier is.
    from_start: bool,
    partitions: Partitions<'a>,
    schemas: Schemas,
    decoding: Decoding,
    ledger: Ledger,
    stop: &'a Stop,
}

impl<'a> Fetcher<'a> {
    /// Begins behind the barrier that ends with `after`.
    pub(super) fn open(
        settings: &'a Settings,
        after: Option<Ordinal>,
        stop: &'a Stop,
    ) -> Result<Self, Error> {
        let control = ControlReader::new(settings)?;
        let marks = control.marks()?;
        let last = control.last(marks)?;
        // The topics are held against all that was written, not only against what was read.
        let mut known = 0;
        if let Some(last) = &last {
            let (ledger, _) = control.ledger_at(last, marks)?;
            control.verify(&client::administrator(settings)?, &ledger)?;
            let counts = ledger.topics().iter().map(|topic| topic.partitions.len());
            known = counts.sum();
        }
        let (ledger, next) = match after {
            None => (Ledger::default(), marks.low),
            Some(after) => {
                let found = locate(&control, after, last, marks)?;
                let (ledger, _) = control.ledger_at(&found, marks)?;
                (ledger, found.offset + 1)
            }
        };
        let barriers: Arc<str> = control.control.barriers.as_str().into();
        tracing::debug!(?after, next, "the place in the log is found");
        let mut partitions = Partitions::new(settings, known)?;
        partitions.add([(&barriers, 0, next)].into_iter())?;
        Ok(Self {
            settings,
            barriers,
            next,
            from_start: after.is_none(),
            partitions,
            schemas: Schemas::default(),
            decoding: Decoding::default(),
            ledger,
            control,
            stop,
        })
    }

    /// The next barrier; `None` once nobody listens any more.
    pub(super) fn next(&mut self) -> Result<Option<Barrier>, Error> {
        loop {
            let Some((offset, record)) = self.record()? else {
                return Ok(None);
            };
            match record {
                // What is read from the start, or behind a barrier, is known already.
                LogRecord::State(_) => {}
                LogRecord::Progress(progress) => self.ledger.pend(progress),
                LogRecord::Barrier(record) => return self.barrier(offset, *record),
            }
        }
    }

    /// The next record of the barriers' topic.
    fn record(&mut self) -> Result<Option<(i64, LogRecord)>, Error> {
        while !self.stop.is_set() {
            self.partitions.attend()?;
            let assigned = self.partitions.assigned(&self.barriers, 0);
            let place = (&self.barriers, 0);
            let polled = self
                .partitions
                .poll(assigned, place, self.next, LOOK_EVERY)?;
            let Some(message) = polled else {
                continue;
            };
            let offset = message.offset();
            let record = record::read(message.payload().unwrap_or_default())
                .map_err(|problem| unreadable(&self.barriers, offset, problem))?;
            self.next = offset + 1;
            return Ok(Some((offset, record)));
        }
        Ok(None)
    }

    fn barrier(&mut self, offset: i64, record: BarrierRecord) -> Result<Option<Barrier>, Error> {
        if std::mem::take(&mut self.from_start) && record.previous.is_some() {
            return Err(Error::Deleted {
                topic: self.barriers.to_string(),
                partition: 0,
                needed: 0,
                low: offset,
            });
        }
        tracing::trace!(offset, "a barrier's record is read");
        let previous = self.ledger.ordinal();
        let folded = self.ledger.fold(&record);
        let progress = folded.map_err(|mismatch| self.control.mismatch(offset, &mismatch))?;
        let ledger = &self.ledger;
        let named = record.partitions.iter().filter_map(|entry| {
            let topic = ledger.topic(entry.topic)?;
            Some((&topic.record.name, entry.partition, entry.first))
        });
        self.partitions.add(named)?;
        self.whole(previous, record, progress)
    }

    /// The barrier with its changes.
    fn whole(
        &mut self,
        previous: Option<Ordinal>,
        record: BarrierRecord,
        progress: Vec<TableProgress>,
    ) -> Result<Option<Barrier>, Error> {
        let deadline = Instant::now() + self.settings.patience;
        let expected = Expected {
            pipeline: self.settings.pipeline.as_bytes(),
            mapping: &record.mapping,
            previous,
            last: record.checkpoint.ordinal,
        };
        let mut records = Records::default();
        for entry in &record.partitions {
            let topic = self.ledger.topic(entry.topic).expect("folded with it");
            let name = &topic.record.name;
            let mut take = |message: &BorrowedMessage<'_>| records.take(message, &expected);
            if !fetch(
                &self.partitions,
                self.stop,
                name,
                entry,
                deadline,
                &mut take,
            )? {
                return Ok(None);
            }
        }
        tracing::trace!(changes = record.changes, "its changes are there");
        let (control, schemas) = (&self.control, &mut self.schemas);
        let (settings, ledger) = (self.settings, &self.ledger);
        let changes = self.decoding.changes(records, |id| {
            let schema = schemas.schema(control, id)?;
            // What its topic is written in is recorded, and no configuration has a say in it.
            let number = ledger.number(&schema.name);
            let topic = number.and_then(|number| ledger.topic(number));
            let Some(topic) = topic else {
                return Err(Error::Inconsistent {
                    topic: control.control.schema.clone(),
                    partition: 0,
                    offset: -1,
                    problem: format!(
                        "the record {} is of {}, which has no topic",
                        id.0, schema.name
                    ),
                });
            };
            Ok(Decoder::new(&schema, &settings.wire(topic.record.format)))
        })?;
        if changes.len() as u64 != record.changes {
            return Err(Error::Inconsistent {
                topic: self.barriers.to_string(),
                partition: 0,
                offset: self.next - 1,
                problem: format!(
                    "the barrier {} has {} changes, it says {}",
                    record.checkpoint.ordinal,
                    changes.len(),
                    record.changes
                ),
            });
        }
        tracing::trace!("they are decoded");
        let described = record
            .described
            .iter()
            .map(|id| schemas.description(control, id))
            .collect::<Result<_, _>>()?;
        Ok(Some(Barrier {
            kind: record.kind(),
            checkpoint: record.checkpoint,
            changes,
            emptied: record.emptied,
            loosened: record.loosened,
            described,
            progress,
            mapping: record.mapping,
        }))
    }
}

/// Exactly the records that a barrier has in one partition; false once nobody listens.
fn fetch(
    partitions: &Partitions<'_>,
    stop: &Stop,
    name: &Arc<str>,
    entry: &PartitionRecord,
    deadline: Instant,
    take: &mut dyn FnMut(&BorrowedMessage<'_>) -> Result<(), Error>,
) -> Result<bool, Error> {
    let mut needed = entry.first;
    let mut count = 0;
    let assigned = partitions.assigned(name, entry.partition);
    let place = (name, entry.partition);
    while count < entry.records {
        let polled = partitions.poll(assigned, place, needed, LOOK_EVERY)?;
        let Some(message) = polled else {
            partitions.attend()?;
            if stop.is_set() {
                return Ok(false);
            }
            if Instant::now() >= deadline {
                return Err(partitions.missing(name, entry.partition, needed));
            }
            continue;
        };
        let offset = message.offset();
        count += 1;
        let misplaced = offset > entry.last
            || (count == 1 && offset != entry.first)
            || (count == entry.records && offset != entry.last);
        if misplaced {
            return Err(Error::Inconsistent {
                topic: name.to_string(),
                partition: entry.partition,
                offset,
                problem: format!(
                    "record {count} of {} of a barrier should lie between offsets {} and {}",
                    entry.records, entry.first, entry.last
                ),
            });
        }
        needed = offset + 1;
        take(&message)?;
    }
    Ok(true)
}

/// The barrier that ends with this ordinal.
fn locate(
    control: &ControlReader<'_>,
    after: Ordinal,
    last: Option<Found>,
    marks: Marks,
) -> Result<Found, Error> {
    let unknown = |evidence: String| Error::CheckpointUnknown {
        pipeline: control.settings.pipeline.to_string(),
        checkpoint: after,
        evidence,
    };
    let Some(last) = last else {
        return Err(unknown("which is empty".to_owned()));
    };
    let end = last.record.checkpoint.ordinal;
    if end == after {
        return Ok(last);
    }
    if end < after {
        return Err(unknown(format!("which ends with {end}")));
    }
    match control.find(after, marks)? {
        Some(found) => Ok(found),
        None => match control.first_from(marks.low, marks)? {
            // What comes before the first record that is left was deleted.
            Some(first) if marks.low > 0 && first.record.checkpoint.ordinal > after => {
                Err(Error::Deleted {
                    topic: control.control.barriers.clone(),
                    partition: 0,
                    needed: 0,
                    low: marks.low,
                })
            }
            Some(_) | None => Err(unknown(format!("which has other barriers up to {end}"))),
        },
    }
}
