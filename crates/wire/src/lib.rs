//! Changes to and from bytes: messages that consumers of Debezium's JSON, of Protobuf or of Avro can
//! read, and from which Lockstep itself gets every value back as it was.
//!
//! An [`Encoder`] and a [`Decoder`] are compiled for one schema; [`headers`] are what goes with
//! each message. The law of this crate is that decoding gives back what was encoded, bit by bit,
//! whatever MySQL may hold, in each [`Format`]. `docs/topics.md` tells what every type becomes. This
//! crate is pure: it opens nothing and knows no client of Kafka, nor of a schema registry.

mod avro;
mod connect;
mod cursor;
mod decoder;
mod document;
mod encoder;
mod error;
mod event;
mod exact;
mod form;
mod format;
pub mod headers;
mod json;
mod layout;
mod messages;
mod moment;
mod murmur2;
mod number;
mod protobuf;
mod read;
mod source;
mod string;
mod write;

pub use avro::{AvroSchemas, SchemaIds};
pub use decoder::{Decoder, Received};
pub use encoder::Encoder;
pub use error::WireError;
pub use format::Format;
pub use layout::{LAYOUT, Settings};
pub use messages::{Message, Messages, Role};
pub use murmur2::{murmur2, partition_hash};

/// The codes that this crate can say.
pub const CODES: &[&str] = &["LS5401", "LS5402", "LS5403"];
