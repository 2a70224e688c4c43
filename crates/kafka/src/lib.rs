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
mod preflight;
mod reader;
mod record;
mod refusal;
mod reset;
mod settings;
mod tail;
mod topics;
mod writer;

pub use error::Error;
pub use listing::{PartitionListing, TailFrom, TopicListing, TopicTail, topics};
pub use preflight::preflight;
pub use reader::KafkaReader;
pub use reset::reset;
pub use settings::Settings;
pub use topics::{ControlTopics, topic_name};
pub use writer::KafkaWriter;
