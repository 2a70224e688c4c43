//! The records of the control topics: what a barrier is, apart from its changes.
//!
//! `<pipeline>.barriers` holds, in order, one [`BarrierRecord`] for each barrier, the last record of
//! its transaction, and now and then the whole state ahead of one, so that a restart reads a bounded
//! suffix. `<pipeline>.schema` holds what rows were written with. A record names its format; one of
//! another format is an error and never a guess.

use change::{
    BarrierKind, Checkpoint, MappingVersion, Ordinal, Schema, TableDescription, TableName,
    TableProgress,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wire::Format;

/// The layout that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// A record of `<pipeline>.barriers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum LogRecord {
    State(StateRecord),
    Progress(ProgressRecord),
    Barrier(Box<BarrierRecord>),
}

/// One barrier. Sums of records are running totals, so that a gap shows wherever one begins to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BarrierRecord {
    pub(crate) format: u32,
    /// Of the barrier before; `None` for the pipeline's first.
    pub(crate) previous: Option<Ordinal>,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) chunk: bool,
    /// Whether the changes are keys that were read anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keys: bool,
    /// Changes in the barrier; a change may take several records.
    pub(crate) changes: u64,
    pub(crate) emptied: Vec<TableName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) loosened: Vec<TableName>,
    /// Ids of records of `<pipeline>.schema`.
    pub(crate) described: Vec<RecordId>,
    /// So many progress records of the same transaction stand ahead of this one, with what did
    /// not fit into `progress`.
    pub(crate) progress_parts: u32,
    pub(crate) progress: Vec<TableProgress>,
    pub(crate) mapping: MappingVersion,
    /// Topics that are new, but for those in progress records.
    pub(crate) topics: Vec<TopicRecord>,
    pub(crate) partitions: Vec<PartitionRecord>,
    /// The transactions whose changes are here: a GTID set of MySQL, or GTIDs of MariaDB from the
    /// first to the last one that follow one another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) transactions: Option<String>,
    /// Offset of the first record of the last whole state; `None`: the state begins with the log.
    pub(crate) state_at: Option<i64>,
    /// Ids of the barriers' and the schema's topic.
    pub(crate) control: [Arc<str>; 2],
}

/// What a barrier put into one partition. Written as an array: a barrier may have thousands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "PartitionArray", from = "PartitionArray")]
pub(crate) struct PartitionRecord {
    /// Number of the topic in this log.
    pub(crate) topic: u32,
    pub(crate) partition: i32,
    /// Offsets of the first and the last record.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) records: u64,
    /// Records that the log has put there, these included.
    pub(crate) total: u64,
}

type PartitionArray = (u32, i32, i64, i64, u64, u64);

impl From<PartitionRecord> for PartitionArray {
    fn from(record: PartitionRecord) -> Self {
        let PartitionRecord {
            topic,
            partition,
            first,
            last,
            records,
            total,
        } = record;
        (topic, partition, first, last, records, total)
    }
}

impl From<PartitionArray> for PartitionRecord {
    fn from((topic, partition, first, last, records, total): PartitionArray) -> Self {
        Self {
            topic,
            partition,
            first,
            last,
            records,
            total,
        }
    }
}

/// A table's topic as it was when it was first written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct TopicRecord {
    pub(crate) number: u32,
    pub(crate) name: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) table: TableName,
    pub(crate) partitions: i32,
    /// How its messages are written. Logs of versions that knew one format do not say it.
    #[serde(default)]
    pub(crate) format: Format,
}

/// A part of the state: everything up to the barrier that comes before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StateRecord {
    pub(crate) format: u32,
    /// From 1.
    pub(crate) part: u32,
    pub(crate) of: u32,
    pub(crate) tables: Vec<TableProgress>,
    pub(crate) topics: Vec<TopicState>,
}

/// A topic's part of the state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TopicState {
    pub(crate) topic: TopicRecord,
    /// By partition: records so far, and the offset after the last of them.
    pub(crate) partitions: Vec<(u64, i64)>,
}

/// Progress and topics that did not fit into their barrier's record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ProgressRecord {
    pub(crate) format: u32,
    pub(crate) topics: Vec<TopicRecord>,
    pub(crate) tables: Vec<TableProgress>,
}

/// A record of `<pipeline>.schema`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SchemaRecord {
    pub(crate) format: u32,
    pub(crate) id: RecordId,
    #[serde(flatten)]
    pub(crate) content: SchemaContent,
}

/// What rows were written with, or what a table's collection is prepared by.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SchemaContent {
    Schema(Arc<Schema>),
    Description(Arc<TableDescription>),
}

/// Names a record of `<pipeline>.schema` by what it holds.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct RecordId(pub(crate) Arc<str>);

impl RecordId {
    fn of(content: &impl Serialize) -> Result<Self, serde_json::Error> {
        let hash = Sha256::digest(serde_json::to_vec(content)?);
        let text: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(text.into()))
    }
}

impl BarrierRecord {
    pub(crate) fn kind(&self) -> BarrierKind {
        match (self.chunk, self.keys) {
            (true, _) => BarrierKind::Chunk,
            (false, true) => BarrierKind::Keys,
            (false, false) => BarrierKind::Stream,
        }
    }
}

impl SchemaRecord {
    pub(crate) fn of(content: SchemaContent) -> Result<Self, serde_json::Error> {
        Ok(Self {
            format: FORMAT,
            id: RecordId::of(&content)?,
            content,
        })
    }
}

impl SchemaRecord {
    /// The schema that rows are written with.
    pub(crate) fn schema(&self) -> Option<&Arc<Schema>> {
        match &self.content {
            SchemaContent::Schema(schema) => Some(schema),
            SchemaContent::Description(_) => None,
        }
    }

    /// The table of such a schema.
    pub(crate) fn table(&self) -> Option<&TableName> {
        self.schema().map(|schema| &schema.name)
    }
}

impl ProgressRecord {
    /// Cuts what is too much for one record.
    pub(crate) fn cut(
        topics: Vec<TopicRecord>,
        tables: Vec<TableProgress>,
        max_bytes: usize,
    ) -> Vec<Self> {
        let empty = || Self {
            format: FORMAT,
            ..Self::default()
        };
        let mut parts = vec![empty()];
        let mut held = 0;
        let mut place = |bytes: usize, put: &mut dyn FnMut(&mut Self)| {
            if held > 0 && held + bytes > max_bytes {
                parts.push(empty());
                held = 0;
            }
            held += bytes;
            put(parts.last_mut().expect("one at least"));
        };
        for topic in topics {
            let bytes = json_bytes(&topic);
            place(bytes, &mut |part| part.topics.push(topic.clone()));
        }
        for table in tables {
            let bytes = json_bytes(&table);
            place(bytes, &mut |part| part.tables.push(table.clone()));
        }
        parts
    }
}

/// How long the value's JSON is.
pub(crate) fn json_bytes(value: &impl Serialize) -> usize {
    // What cannot be written is told where the record itself is written.
    serde_json::to_vec(value).map_or(0, |bytes| bytes.len() + 1)
}

#[derive(Deserialize)]
struct RecordFormat {
    format: Option<u32>,
}

/// Reads a record; tells what is wrong with it.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, String> {
    match serde_json::from_slice(bytes).map(|RecordFormat { format }| format) {
        Ok(Some(FORMAT)) => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        Ok(Some(other)) => Err(format!(
            "it has format {other}, this version reads {FORMAT}"
        )),
        Ok(None) | Err(_) => Err("it is none of Lockstep's".to_owned()),
    }
}
