//! A JSON value with the types that MySQL's binary JSON knows, which are more than JSON text has.
//!
//! The text `1.5` does not say whether the server holds a DOUBLE or a DECIMAL, and a date looks
//! like a string. Both the binlog and the snapshot reader therefore fill this tree with the
//! server's own types. Object members keep the server's order (by length, then bytes).

use crate::{Decimal, Text};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A JSON value as the server stores it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Json {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Double(f64),
    Decimal(Decimal),
    String(Text),
    /// DATE, DATETIME, TIMESTAMP or TIME inside a document, as MySQL prints it.
    Temporal(Text),
    /// A value of another column type inside a document (`column_type` is the protocol's field
    /// type number) with its bytes.
    Opaque {
        column_type: u8,
        bytes: Bytes,
    },
    Array(Vec<Json>),
    Object(Vec<(Text, Json)>),
}
