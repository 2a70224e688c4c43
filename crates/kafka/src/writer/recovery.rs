//! Taking over the log: fence, then read, then check.
//!
//! The order is the guarantee. Once `init_transactions` has returned, nothing that a predecessor
//! sends can be committed any more and what it left open is aborted; only then is the tail read, so
//! that there is nothing it could miss. Read the other way round, a predecessor could commit a
//! barrier behind the tail, and the next one would be written twice. What brokers forgot to end is
//! ended in between, so that nothing of it is left to decide.

use super::committing::Committer;
use super::outlet::Outlet;
use super::unended;
use crate::client;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::refusal;
use crate::settings::Settings;
use crate::tail::{ControlReader, Suffix, ids};
use crate::topics::{ControlTopics, Names, Purpose, ensure};
use change::TableName;
use flow::ports::Tail;
use flow::stops;
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;
use wire::Messages;

/// Fences every predecessor and tells the last barrier that is durable.
///
/// `give_back` takes the buffers of messages that were sent.
pub(super) fn recover(
    settings: &Arc<Settings>,
    give_back: SyncSender<Messages>,
) -> Result<(Committer, Tail), Error> {
    let control = ControlTopics::of(&settings.pipeline);
    let administrator = client::administrator(settings)?;
    let described = ensure(settings, &administrator, &control.all(), Purpose::Control)?;
    let control_ids = [
        described[&control.barriers].id.clone(),
        described[&control.schema].id.clone(),
    ];

    tracing::debug!("control topics are there");
    let mut outlet = fence(settings)?;
    tracing::debug!("predecessors are fenced");
    let reader = ControlReader::new(settings)?;
    if unended::end(&reader)? {
        outlet = fence(settings)?;
    }
    tracing::debug!("every partition is stable up to its end");
    stops::reached_blocking("tail");

    let marks = reader.marks()?;
    let (ledger, suffix) = match reader.last(marks)? {
        Some(found) => reader.ledger_at(&found, marks)?,
        None => {
            reader.verify_new()?;
            (Ledger::default(), Suffix::default())
        }
    };
    reader.verify(&administrator, &ledger)?;
    if let Some((_, error)) = changed_formats(settings, &ledger).next() {
        return Err(error);
    }
    let (schemas, _) = reader.schemas(0)?;
    tracing::debug!("the tail is read and holds");

    let mut names = Names::new(&control);
    for topic in ledger.topics() {
        names.keep(&topic.record.name, &topic.record.table);
    }
    let last = ledger.last.as_ref();
    let tail = Tail {
        checkpoint: last.map(|last| last.checkpoint.clone()),
        tables: ledger.tables().cloned().collect(),
        mapping: last.map(|last| last.mapping.clone()),
        quarantine: Vec::new(),
    };
    let committer = Committer {
        settings: Arc::clone(settings),
        control,
        control_ids,
        outlet,
        administrator,
        ledger,
        names,
        schemas: ids(&schemas).collect(),
        suffix,
        give_back,
    };
    Ok((committer, tail))
}

/// Topics that were begun in another format than is asked for. Whoever reads one could not tell where
/// the other begins.
pub(crate) fn changed_formats<'a>(
    settings: &'a Settings,
    ledger: &'a Ledger,
) -> impl Iterator<Item = (&'a TableName, Error)> {
    ledger.topics().iter().filter_map(move |topic| {
        let recorded = &topic.record;
        let configured = settings.format(&recorded.table);
        let error = Error::FormatChanged {
            table: recorded.table.clone(),
            topic: recorded.name.to_string(),
            recorded: recorded.format,
            configured,
        };
        (configured != recorded.format).then_some((&recorded.table, error))
    })
}

/// A producer that is the only one of its id from now on.
pub(crate) fn fence(settings: &Settings) -> Result<Outlet, Error> {
    let outlet = Outlet::new(settings)?;
    let producer = outlet.producer();
    // The library asks for the coordinator once it is connected, or half a second later.
    if let Err(error) = producer.client().fetch_metadata(None, settings.patience) {
        return Err(refusal::error(settings, "looking for the brokers", &error));
    }
    let deadline = Instant::now() + settings.patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let failure = match producer.init_transactions(left) {
            Ok(()) => return Ok(outlet),
            Err(failure) => failure,
        };
        let retriable = match &failure {
            KafkaError::Transaction(error) => error.is_retriable(),
            _ => false,
        };
        if !retriable || Instant::now() >= deadline {
            return Err(refusal::error(settings, "taking over the log", &failure));
        }
    }
}
