//! Barriers to messages, beside the brokers' work on the barrier before.
//!
//! A thread of its own encodes while the next one commits, with nothing in between: at most one
//! encoded barrier waits. It knows no topic and no partition, only tables and hashes of keys, so it
//! needs nothing of what the other thread knows.

use crate::error::Error;
use crate::record::{SchemaContent, SchemaRecord};
use crate::registry::Registry;
use crate::settings::Settings;
use crate::writer::named::transactions;
use change::{Barrier, Schema};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};
use wire::{AvroSchemas, Format, Messages};

/// A barrier whose changes are bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// Without its changes.
    pub(crate) barrier: Barrier,
    pub(crate) changes: u64,
    /// Their names, as the barrier's record has them.
    pub(crate) transactions: String,
    /// What the changes were written with.
    pub(crate) schemas: Vec<Arc<SchemaRecord>>,
    /// Of the tables described.
    pub(crate) descriptions: Vec<SchemaRecord>,
    pub(crate) messages: Messages,
    /// By message: the place of its schema in `schemas`.
    pub(crate) schema_of: Vec<usize>,
}

/// Encodes barriers, and remembers the schemas that it has met.
#[derive(Debug)]
pub(crate) struct Encoder {
    settings: Arc<Settings>,
    /// By the schema's address, which stays its own while the encoder holds it.
    met: HashMap<usize, Met>,
    /// Once something is written in Avro.
    registry: Option<Registry>,
    /// Barriers so far.
    barriers: u64,
    /// Buffers that the committing thread is done with. New ones would be made and given back to
    /// the system again with each barrier, page by page.
    spent: Receiver<Messages>,
}

#[derive(Debug)]
struct Met {
    encoder: wire::Encoder,
    record: Arc<SchemaRecord>,
    /// Its place among the schemas of the barrier of this number.
    place: usize,
    barrier: u64,
}

/// Schemas that are remembered; after that all are forgotten.
const MET_AT_MOST: usize = 50_000;

impl Encoder {
    /// `spent` brings messages that were sent.
    pub(crate) fn new(settings: Arc<Settings>, spent: Receiver<Messages>) -> Self {
        Self {
            settings,
            met: HashMap::new(),
            registry: None,
            barriers: 0,
            spent,
        }
    }

    pub(crate) fn encode(&mut self, mut barrier: Barrier) -> Result<Encoded, Error> {
        self.barriers += 1;
        if self.met.len() >= MET_AT_MOST {
            self.met.clear();
        }
        let changes = std::mem::take(&mut barrier.changes);
        let mut messages = self.spent.try_recv().unwrap_or_default();
        messages.begin(now_ms());
        let mut schemas = Vec::new();
        let mut schema_of = Vec::with_capacity(changes.len());
        let number = self.barriers;
        for change in &changes {
            let met = self.met(&change.schema)?;
            if met.barrier != number {
                met.barrier = number;
                met.place = schemas.len();
                schemas.push(Arc::clone(&met.record));
            }
            let encoded = met.encoder.encode(change, &mut messages);
            encoded.map_err(|problem| Error::Wire {
                place: "writing to the log".to_owned(),
                problem: Box::new(problem),
            })?;
            schema_of.resize(messages.len(), met.place);
        }
        let described = barrier.described.iter();
        let descriptions = described
            .map(|description| record(SchemaContent::Description(Arc::clone(description))))
            .collect::<Result<_, _>>()?;
        Ok(Encoded {
            changes: changes.len() as u64,
            transactions: transactions(&changes),
            schemas,
            descriptions,
            messages,
            schema_of,
            barrier,
        })
    }

    fn met(&mut self, schema: &Arc<Schema>) -> Result<&mut Met, Error> {
        let address = Arc::as_ptr(schema).addr();
        match self.met.entry(address) {
            Entry::Occupied(met) => Ok(met.into_mut()),
            Entry::Vacant(unmet) => Ok(unmet.insert(Met {
                encoder: encoder(&self.settings, &mut self.registry, schema)?,
                record: Arc::new(record(SchemaContent::Schema(Arc::clone(schema)))?),
                place: 0,
                barrier: 0,
            })),
        }
    }
}

/// An encoder in the table's format; what a registry has to know is registered first.
fn encoder(
    settings: &Settings,
    registry: &mut Option<Registry>,
    schema: &Arc<Schema>,
) -> Result<wire::Encoder, Error> {
    let format = settings.format(&schema.name);
    let wire = settings.wire(format);
    let encoder = wire::Encoder::new(schema, &wire);
    match format {
        Format::Avro => {
            let registry = match registry {
                Some(registry) => registry,
                None => registry.insert(Registry::new(settings)?),
            };
            let schemas = AvroSchemas::of(schema, &wire);
            let ids = registry.register(settings, schema, &schemas)?;
            Ok(encoder.registered_as(ids))
        }
        Format::DebeziumJson | Format::DebeziumJsonWithSchema | Format::Protobuf => Ok(encoder),
    }
}

/// When the messages are made, which they say.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn record(content: SchemaContent) -> Result<SchemaRecord, Error> {
    SchemaRecord::of(content).map_err(|error| Error::Unexpected {
        action: "writing a schema down".to_owned(),
        problem: error.to_string(),
    })
}
