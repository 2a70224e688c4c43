//! Messages in Avro, with the framing that schema registries of Confluent's kind ask for: a zero
//! byte, the schema's id in four bytes, then Avro's binary encoding.
//!
//! The schemas follow from the table alone, with Debezium's names of types. A column is a union of
//! null, its usual type, and `lockstep.Exact`, which holds the JSON of a value that the usual type
//! would change: so every value survives. What reads here knows the schema from the log, so it needs
//! no registry and takes any id. Numbers take as few bytes as they can: a value has one spelling.

mod reading;
mod schema;
mod source;
mod table;
mod taking;
mod value_reading;
mod value_writing;
mod writing;

pub(crate) use reading::AvroReader;
pub use schema::AvroSchemas;
pub(crate) use writing::AvroWriter;
pub use writing::SchemaIds;
