//! The log over Apache Kafka: topics that other programs can read too.
//!
//! A barrier is one Kafka transaction: the changes in the tables' topics, and last its record in
//! `<pipeline>.barriers`, so that data, source position and counts are committed together or not at
//! all. One transactional producer writes; `init_transactions` fences the one before it, and only
//! then is the tail read, up to a proven end. The reader takes barriers in order, and of each table's
//! topic exactly the records that the barrier counts.

mod client;
mod committed;
mod error;
mod ledger;
mod listing;
mod permissions;
mod preflight;
mod protocol;
mod reader;
mod record;
mod refusal;
mod registry;
mod reset;
mod settings;
mod tail;
mod topics;
mod writer;

pub use error::Error;
pub use listing::{PartitionListing, TailFrom, TopicListing, TopicTail, topics};
pub use permissions::Access;
pub use preflight::preflight;
pub use reader::KafkaReader;
pub use reset::reset;
pub use settings::Settings;
pub use topics::{ControlTopics, topic_name};
pub use wire::Format;
pub use writer::KafkaWriter;

/// The codes that this crate can say, in order; beside them those of [`wire::CODES`].
pub const CODES: &[&str] = &[
    "LS5501", "LS5502", "LS5503", "LS5504", "LS5505", "LS5506", "LS5507", "LS5508", "LS5509",
    "LS5510", "LS5511", "LS5512", "LS5513", "LS5514", "LS5515", "LS5516", "LS5517", "LS5518",
    "LS5519", "LS5520", "LS5521", "LS5522", "LS5523", "LS5524", "LS5525", "LS5526", "LS5527",
    "LS5528",
];
