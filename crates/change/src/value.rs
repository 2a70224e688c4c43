//! One column's value, without loss.
//!
//! The variants follow what the server stores rather than what it prints, so that a value read by
//! SELECT and the same value read from the binlog are equal. Text is UTF-8 whatever the column's
//! character set; bytes that are invalid in that set stay bytes.

use crate::{Date, DateTime, Decimal, Json, Text, Time, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A lossless MySQL value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Value {
    Null,
    /// A signed integer of any width.
    Int(i64),
    /// An unsigned integer of any width.
    UInt(u64),
    Float(f32),
    Double(f64),
    Decimal(Decimal),
    /// BIT(n), n from 1 to 64, as a number.
    Bit(u64),
    /// YEAR: 0, or 1901 to 2155.
    Year(u16),
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    Timestamp(Timestamp),
    /// CHAR, VARCHAR and the TEXT family, converted to UTF-8.
    Text(Text),
    /// Bytes of a text column that are invalid in the column's character set.
    Malformed(Bytes),
    /// BINARY (with its trailing zero bytes), VARBINARY and the BLOB family.
    Bytes(Bytes),
    /// ENUM: the index of the member; 0 is the empty string of an invalid value.
    Enum(u16),
    /// SET: a bit per member, the first member lowest.
    Set(u64),
    Json(Json),
    /// SRID as 4 bytes little endian, then WKB: the server's own storage form.
    Geometry(Bytes),
    /// 32-bit floats, little endian.
    Vector(Bytes),
}

impl Value {
    /// Bytes that this value holds in memory beyond its own size: what barriers are limited by.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.as_bytes().len(),
            Value::Malformed(bytes)
            | Value::Bytes(bytes)
            | Value::Geometry(bytes)
            | Value::Vector(bytes) => bytes.len(),
            Value::Json(json) => json_bytes(json),
            Value::Null
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::Decimal(_)
            | Value::Bit(_)
            | Value::Year(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::DateTime(_)
            | Value::Timestamp(_)
            | Value::Enum(_)
            | Value::Set(_) => 0,
        }
    }
}

fn json_bytes(json: &Json) -> usize {
    let own = size_of::<Json>();
    match json {
        Json::String(text) | Json::Temporal(text) => own + text.as_bytes().len(),
        Json::Opaque { bytes, .. } => own + bytes.len(),
        Json::Array(items) => own + items.iter().map(json_bytes).sum::<usize>(),
        Json::Object(members) => {
            own + members
                .iter()
                .map(|(name, value)| size_of::<Text>() + name.as_bytes().len() + json_bytes(value))
                .sum::<usize>()
        }
        Json::Null
        | Json::Bool(_)
        | Json::Int(_)
        | Json::UInt(_)
        | Json::Double(_)
        | Json::Decimal(_) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_forty_bytes() {
        assert_eq!(size_of::<Value>(), 40);
    }
}
