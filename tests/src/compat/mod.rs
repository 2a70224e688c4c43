//! The topics beside what others make of the same server, and what others make of the topics.
//!
//! Debezium's own connector for MySQL reads the same binary log, and its messages are held against
//! Lockstep's field by field; where they differ on purpose, `docs/topics.md` says so, and neither a
//! difference that is not there nor an entry that is none any more is let pass. Two connectors that
//! are not ours bring the topics into MongoDB, and what they leave there is held against SQL. All of
//! them run unchanged, in Kafka's own Connect.

mod difference;
mod json_text;
mod known;
mod message;
mod neighbour;
mod sinks;

pub use difference::{Difference, differences};
pub use known::{KNOWN, entries_of_the_page, sorted};
pub use message::{Message, messages};
pub use neighbour::{Size, compared};
