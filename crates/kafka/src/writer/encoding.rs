//! Barriers to messages, beside the brokers' work on the barrier before.
//!
//! A thread of its own encodes while the next one commits, with nothing in between: at most one
//! encoded barrier waits. It knows no topic and no partition, only tables and hashes of keys, so it
//! needs nothing of what the other thread knows.

use crate::codec;
use crate::error::Error;
use crate::record::{RecordId, SchemaContent, SchemaRecord};
use change::{Barrier, Change, Gtid, GtidSet, Ordinal, Schema};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A barrier whose changes are bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// Without its changes.
    pub(crate) barrier: Barrier,
    pub(crate) changes: u64,
    pub(crate) transactions: GtidSet,
    /// What the changes were written with; a message names one by its place here.
    pub(crate) schemas: Vec<Arc<SchemaRecord>>,
    /// Of the tables described.
    pub(crate) descriptions: Vec<SchemaRecord>,
    pub(crate) messages: Vec<Message>,
    /// Keys and values of all messages.
    pub(crate) bytes: Vec<u8>,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Place in [`Encoded::schemas`].
    pub(crate) schema: usize,
    pub(crate) ordinal: Ordinal,
    pub(crate) role: u8,
    pub(crate) hash: u32,
    pub(crate) key: Option<Range<usize>>,
    pub(crate) value: Option<Range<usize>>,
}

/// Encodes barriers, and remembers the schemas that it has met.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    /// By the schema's address, which stays its own while it is held here.
    met: HashMap<usize, (Arc<Schema>, Arc<SchemaRecord>)>,
}

// The addresses are compared, never followed.
const SCHEMAS_HELD: usize = 100_000;

impl Encoder {
    pub(crate) fn encode(&mut self, mut barrier: Barrier) -> Result<Encoded, Error> {
        let changes = std::mem::take(&mut barrier.changes);
        let mut encoded = Encoded {
            changes: changes.len() as u64,
            transactions: transactions(&changes),
            schemas: Vec::new(),
            descriptions: Vec::new(),
            messages: Vec::with_capacity(changes.len()),
            bytes: Vec::with_capacity(changes.len() * 512),
            barrier,
        };
        for description in &encoded.barrier.described {
            let content = SchemaContent::Description(description.clone());
            encoded.descriptions.push(record(content)?);
        }
        // Changes of a table mostly stand together.
        let mut places: HashMap<usize, usize> = HashMap::new();
        let mut last: Option<(usize, usize)> = None;
        let mut written = Vec::new();
        for change in &changes {
            let address = Arc::as_ptr(&change.schema).addr();
            let schema = match last {
                Some((known, place)) if known == address => place,
                _ => match places.get(&address) {
                    Some(place) => *place,
                    None => {
                        encoded.schemas.push(self.record_of(&change.schema)?);
                        places.insert(address, encoded.schemas.len() - 1);
                        encoded.schemas.len() - 1
                    }
                },
            };
            last = Some((address, schema));
            codec::encode(change, &mut encoded.bytes, &mut written);
            encoded
                .messages
                .extend(written.drain(..).map(|message| Message {
                    schema,
                    ordinal: change.ordinal,
                    role: message.role,
                    hash: message.hash,
                    key: message.key,
                    value: message.value,
                }));
        }
        Ok(encoded)
    }

    fn record_of(&mut self, schema: &Arc<Schema>) -> Result<Arc<SchemaRecord>, Error> {
        let address = Arc::as_ptr(schema).addr();
        if let Some((_, record)) = self.met.get(&address) {
            return Ok(record.clone());
        }
        if self.met.len() >= SCHEMAS_HELD {
            self.met.clear();
        }
        let record = Arc::new(record(SchemaContent::Schema(schema.clone()))?);
        self.met.insert(address, (schema.clone(), record.clone()));
        Ok(record)
    }
}

impl Encoded {
    /// The id that a message names its schema by.
    pub(crate) fn schema_id(&self, message: &Message) -> &RecordId {
        &self.schemas[message.schema].id
    }

    pub(crate) fn slice(&self, range: &Option<Range<usize>>) -> Option<&[u8]> {
        range.clone().map(|range| &self.bytes[range])
    }
}

fn record(content: SchemaContent) -> Result<SchemaRecord, Error> {
    SchemaRecord::of(content).map_err(|error| Error::Unexpected {
        action: "writing a schema down".to_owned(),
        problem: error.to_string(),
    })
}

/// The transactions that the changes belong to. Names that are no GTIDs are left out.
fn transactions(changes: &[Change]) -> GtidSet {
    let mut set = GtidSet::default();
    let mut last: Option<&Arc<str>> = None;
    for change in changes {
        let Some(name) = &change.origin.transaction else {
            continue;
        };
        if last.is_some_and(|last| Arc::ptr_eq(last, name)) {
            continue;
        }
        last = Some(name);
        if let Ok(gtid) = name.parse::<Gtid>() {
            set.insert(&gtid);
        }
    }
    set
}
