//! What can go wrong at the log, as one enum, and what the loops are told to do about it.
//!
//! Every variant names the thing a person has to mend and has a code with a page of its own. What
//! becomes of a failure is decided in one exhaustive function, [`Error::disposition`]: what the
//! brokers may get over is tried again from the log's proven tail, everything else halts. A log
//! that might have lost something is never gone on with.

use change::{Ordinal, TableName};
use flow::{Disposition, Failure};
use wire::Format;

/// Why the log could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A client could not be made from the settings.
    #[error("a Kafka client cannot be made: {problem}")]
    Client { problem: String },
    /// No broker answered in time.
    #[error("Kafka at {brokers} cannot be reached: {problem}")]
    Unreachable { brokers: String, problem: String },
    /// The brokers do not let this account do it.
    #[error("Kafka does not allow {action}: {problem}")]
    NotAllowed { action: String, problem: String },
    /// A successor has taken over, or the brokers gave up an open transaction.
    #[error(
        "pipeline {pipeline}: another writer has taken over the log ({problem}); nothing more is written"
    )]
    Fenced { pipeline: String, problem: String },
    /// Did not succeed, and what is in the log is settled by reading its tail.
    #[error("{action} did not succeed: {problem}")]
    Interrupted { action: String, problem: String },
    /// A change is longer than a message may be.
    #[error(
        "{table}: the change {ordinal} takes a message of {bytes} bytes in topic {topic}, the limit is {limit} (the row's key is in {key})"
    )]
    MessageTooLarge {
        table: TableName,
        topic: String,
        ordinal: Ordinal,
        /// The names of the key's columns; never their values.
        key: String,
        bytes: usize,
        limit: u64,
    },
    /// The brokers refuse a record for good.
    #[error("topic {topic}: the brokers refused a record: {problem}")]
    RecordRefused { topic: String, problem: String },
    /// A topic that is known to hold records is not there.
    #[error("topic {topic} is gone")]
    TopicGone { topic: String },
    /// The name belongs to another topic now.
    #[error("topic {topic} was deleted and made anew: {evidence}")]
    TopicRecreated { topic: String, evidence: String },
    /// The topic ends before records that are known to be there.
    #[error(
        "topic {topic}, partition {partition} ends at offset {found}, records up to offset {expected} were written"
    )]
    TopicTruncated {
        topic: String,
        partition: i32,
        expected: i64,
        found: i64,
    },
    /// Keys would move between partitions.
    #[error("topic {topic} has {found} partitions, {recorded} when it was first written")]
    PartitionsChanged {
        topic: String,
        recorded: i32,
        found: i32,
    },
    /// Messages of two formats would lie in one topic.
    #[error(
        "{table}: topic {topic} is written as {recorded}, the configuration asks for {configured}"
    )]
    FormatChanged {
        table: TableName,
        topic: String,
        recorded: Format,
        configured: Format,
    },
    /// No answer, or none of a registry.
    #[error("the schema registry at {registry} cannot be used: {problem}")]
    RegistryUnreachable { registry: String, problem: String },
    /// The registry does not take a table's schema.
    #[error("the schema registry at {registry} refuses the schema of {subject}: {problem}")]
    SchemaRefused {
        registry: String,
        subject: String,
        problem: String,
    },
    /// What is needed was deleted.
    #[error(
        "topic {topic}, partition {partition} begins at offset {low}, the records from offset {needed} on are needed and were deleted"
    )]
    Deleted {
        topic: String,
        partition: i32,
        needed: i64,
        low: i64,
    },
    /// The barriers' topic is empty, the others are not.
    #[error("topic {topic} holds no barrier, although the pipeline has written before: {evidence}")]
    BarriersLost { topic: String, evidence: String },
    /// The end of the log cannot be told.
    #[error(
        "topic {topic}: what is committed could be read up to offset {reached} only, the topic ends at {mark}: a transaction there is still open"
    )]
    TailUnproven {
        topic: String,
        reached: i64,
        mark: i64,
    },
    /// The target's checkpoint is none of the log's.
    #[error(
        "the target's checkpoint {checkpoint} is not in the log of pipeline {pipeline}, {evidence}"
    )]
    CheckpointUnknown {
        pipeline: String,
        checkpoint: Ordinal,
        evidence: String,
    },
    /// A record is not what this version writes.
    #[error(
        "topic {topic}, partition {partition}, offset {offset}: the record cannot be read: {problem}"
    )]
    RecordUnreadable {
        topic: String,
        partition: i32,
        offset: i64,
        problem: String,
    },
    /// A change cannot be written as messages, or read from them.
    #[error("{place}: {problem}")]
    Wire {
        place: String,
        problem: Box<wire::WireError>,
    },
    /// Records contradict the barrier that they belong to.
    #[error("topic {topic}, partition {partition}, offset {offset}: {problem}")]
    Inconsistent {
        topic: String,
        partition: i32,
        offset: i64,
        problem: String,
    },
    /// No topic can have the name that the table gets.
    #[error("{table}: the topic name {topic:?} {problem}")]
    TopicName {
        table: TableName,
        topic: String,
        problem: String,
    },
    /// The brokers would not make the topic.
    #[error("topic {topic} cannot be created: {problem}")]
    TopicRefused { topic: String, problem: String },
    /// Longer than the brokers allow.
    #[error("a transaction timeout of {millis} ms is refused by the brokers: {problem}")]
    TransactionTimeout { millis: u128, problem: String },
    /// An answer that nothing here knows how to mend.
    #[error("{action} failed: {problem}")]
    Unexpected { action: String, problem: String },
}

impl Error {
    /// The code whose page says what to do.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Client { .. } => "LS5501",
            Error::Unreachable { .. } => "LS5502",
            Error::NotAllowed { .. } => "LS5503",
            Error::Fenced { .. } => "LS5504",
            Error::Interrupted { .. } => "LS5505",
            Error::MessageTooLarge { .. } => "LS5506",
            Error::RecordRefused { .. } => "LS5507",
            Error::TopicGone { .. } => "LS5508",
            Error::TopicRecreated { .. } => "LS5509",
            Error::TopicTruncated { .. } => "LS5510",
            Error::PartitionsChanged { .. } => "LS5511",
            Error::Deleted { .. } => "LS5512",
            Error::BarriersLost { .. } => "LS5513",
            Error::TailUnproven { .. } => "LS5514",
            Error::CheckpointUnknown { .. } => "LS5515",
            Error::RecordUnreadable { .. } => "LS5516",
            Error::Wire { problem, .. } => problem.code(),
            Error::Inconsistent { .. } => "LS5517",
            Error::TopicName { .. } => "LS5518",
            Error::TopicRefused { .. } => "LS5519",
            Error::TransactionTimeout { .. } => "LS5520",
            Error::Unexpected { .. } => "LS5521",
            Error::FormatChanged { .. } => "LS5526",
            Error::RegistryUnreachable { .. } => "LS5527",
            Error::SchemaRefused { .. } => "LS5528",
        }
    }

    /// What the loops do with it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Error::Unreachable { .. }
            | Error::RegistryUnreachable { .. }
            | Error::Interrupted { .. }
            | Error::TailUnproven { .. } => Disposition::Transient,
            Error::Fenced { .. } => Disposition::Fenced,
            Error::Client { .. }
            | Error::NotAllowed { .. }
            | Error::MessageTooLarge { .. }
            | Error::RecordRefused { .. }
            | Error::TopicGone { .. }
            | Error::TopicRecreated { .. }
            | Error::TopicTruncated { .. }
            | Error::PartitionsChanged { .. }
            | Error::FormatChanged { .. }
            | Error::SchemaRefused { .. }
            | Error::Deleted { .. }
            | Error::BarriersLost { .. }
            | Error::CheckpointUnknown { .. }
            | Error::RecordUnreadable { .. }
            | Error::Wire { .. }
            | Error::Inconsistent { .. }
            | Error::TopicName { .. }
            | Error::TopicRefused { .. }
            | Error::TransactionTimeout { .. }
            | Error::Unexpected { .. } => Disposition::Halt,
        }
    }

    /// What the operator can do.
    pub fn remedy(&self) -> String {
        let remedy = match self {
            Error::Client { .. } => "correct log.brokers in the configuration",
            Error::Unreachable { .. } => {
                "check that the brokers run, that this machine reaches their advertised listeners, and that log.brokers is right"
            }
            Error::NotAllowed { .. } => {
                "grant the account WRITE, READ, DESCRIBE and CREATE on the topics that begin with the pipeline's name, and WRITE on its transactional id (`kafka-acls --add`)"
            }
            Error::Fenced { .. } => {
                "let the successor run; if there is none, the brokers aborted a transaction that was open for too long: start again, nothing is lost"
            }
            Error::Interrupted { .. } => {
                "see that the brokers run and that enough replicas are in sync (`kafka-topics --describe --under-min-isr-partitions`), then start again: nothing is lost"
            }
            Error::MessageTooLarge { .. } => {
                "raise log.max_message_bytes, and max.message.bytes of the topic beyond it, or exclude the table"
            }
            Error::RecordRefused { .. } => {
                "make the topic's settings (max.message.bytes, message.timestamp.*) those that Lockstep creates topics with"
            }
            Error::TopicGone { .. }
            | Error::TopicRecreated { .. }
            | Error::TopicTruncated { .. }
            | Error::BarriersLost { .. } => {
                "the log has lost records: run `lockstep reset --yes --drop-target` and copy again, and see who may delete topics"
            }
            Error::PartitionsChanged { .. } => {
                "a topic's partitions stay as they are for its life: run `lockstep reset --yes --drop-target` and copy again"
            }
            Error::FormatChanged { .. } => {
                "set log.format, log.schema or the table's own format back to what the topic has; for another one give the pipeline another name, or run `lockstep reset --yes --drop-target` and copy again"
            }
            Error::RegistryUnreachable { .. } => {
                "see that the registry runs and that log.schema_registry is the address of Confluent's interface (Apicurio: …/apis/ccompat/v7)"
            }
            Error::SchemaRefused { .. } => {
                "let the subject take the schema (its compatibility level, the account's rights), or give the table another format in a log that is begun anew"
            }
            Error::Deleted { .. } => {
                "run `lockstep reset --yes --drop-target` and copy again; give the topics a longer retention (log.retention) than the sink is ever away"
            }
            Error::TailUnproven { .. } => {
                "start capture again, which ends what this pipeline left open; nobody else may write to its topics (`kafka-transactions find-hanging` names who does)"
            }
            Error::CheckpointUnknown { .. } => {
                "use the brokers and the pipeline's name that the target was written from; where that log is lost, run `lockstep reset --yes --drop-target` and copy again"
            }
            Error::RecordUnreadable { .. } | Error::Wire { .. } => {
                "run the version of Lockstep that wrote it; nobody else may write to the pipeline's topics"
            }
            Error::Inconsistent { .. } => {
                "nobody else may write to the pipeline's topics; run `lockstep reset --yes --drop-target` and copy again"
            }
            Error::TopicName { .. } => {
                "give the table a topic of its own name: [tables.\"DB.TABLE\"] topic = \"…\""
            }
            Error::TopicRefused { .. } => {
                "correct log.partitions, log.replication_factor or the brokers' policy, or create the topic yourself"
            }
            Error::TransactionTimeout { .. } => {
                "raise transaction.max.timeout.ms of the brokers to a minute or more"
            }
            Error::Unexpected { .. } => {
                "look up the brokers' error; start again once its cause is gone: nothing is lost"
            }
        };
        remedy.to_owned()
    }

    fn table(&self) -> Option<&TableName> {
        match self {
            Error::MessageTooLarge { table, .. }
            | Error::TopicName { table, .. }
            | Error::FormatChanged { table, .. } => Some(table),
            Error::Client { .. }
            | Error::Unreachable { .. }
            | Error::NotAllowed { .. }
            | Error::Fenced { .. }
            | Error::Interrupted { .. }
            | Error::RecordRefused { .. }
            | Error::TopicGone { .. }
            | Error::TopicRecreated { .. }
            | Error::TopicTruncated { .. }
            | Error::PartitionsChanged { .. }
            | Error::RegistryUnreachable { .. }
            | Error::SchemaRefused { .. }
            | Error::Deleted { .. }
            | Error::BarriersLost { .. }
            | Error::TailUnproven { .. }
            | Error::CheckpointUnknown { .. }
            | Error::RecordUnreadable { .. }
            | Error::Wire { .. }
            | Error::Inconsistent { .. }
            | Error::TopicRefused { .. }
            | Error::TransactionTimeout { .. }
            | Error::Unexpected { .. } => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure {
            code: error.code(),
            disposition: error.disposition(),
            table: error.table().cloned(),
            message: error.to_string(),
            remedy: error.remedy(),
        }
    }
}
