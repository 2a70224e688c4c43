//! The exact identity of a row: its key's bytes, comparable and hashable.
//!
//! MySQL compares keys by collation, where `'a'` may equal `'A'`; Lockstep compares by bytes. That
//! is enough, since two keys which the server holds equal are never both in the table, and an
//! update that changes only the case of a key is seen as a change from one identity to another.
//! The encoding is injective: every value is written with a tag and, where its length varies, its
//! length. It is never decoded.

use crate::{Json, Value};
use serde::{Deserialize, Serialize};

/// The canonical bytes of a key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity(Box<[u8]>);

impl Identity {
    /// The identity made of these values, in this order.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut bytes = Vec::with_capacity(24);
        for value in values {
            write_value(&mut bytes, value);
        }
        Self(bytes.into_boxed_slice())
    }

    /// The identity that was kept as these bytes.
    pub fn from_kept(bytes: Vec<u8>) -> Self {
        Self(bytes.into_boxed_slice())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(")?;
        for byte in self.0.iter().take(32) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Int(number) => fixed(out, 1, &number.to_le_bytes()),
        Value::UInt(number) => fixed(out, 2, &number.to_le_bytes()),
        Value::Float(number) => fixed(out, 3, &number.to_bits().to_le_bytes()),
        Value::Double(number) => fixed(out, 4, &number.to_bits().to_le_bytes()),
        Value::Decimal(number) => variable(out, 5, number.to_string().as_bytes()),
        Value::Bit(bits) => fixed(out, 6, &bits.to_le_bytes()),
        Value::Year(year) => fixed(out, 7, &year.to_le_bytes()),
        Value::Date(date) => fixed(out, 8, &date_bytes(date)),
        Value::Time(time) => {
            fixed(out, 9, &[u8::from(time.negative), time.minute, time.second]);
            out.extend_from_slice(&time.hours.to_le_bytes());
            out.extend_from_slice(&time.microsecond.to_le_bytes());
        }
        Value::DateTime(clock) => {
            fixed(out, 10, &date_bytes(&clock.date));
            out.extend_from_slice(&[clock.hour, clock.minute, clock.second]);
            out.extend_from_slice(&clock.microsecond.to_le_bytes());
        }
        Value::Timestamp(instant) => {
            fixed(out, 11, &instant.seconds.to_le_bytes());
            out.extend_from_slice(&instant.microsecond.to_le_bytes());
        }
        Value::Text(text) => variable(out, 12, text.as_bytes()),
        Value::Malformed(bytes) => variable(out, 13, bytes),
        Value::Bytes(bytes) => variable(out, 14, bytes),
        Value::Enum(index) => fixed(out, 15, &index.to_le_bytes()),
        Value::Set(bits) => fixed(out, 16, &bits.to_le_bytes()),
        Value::Json(json) => {
            out.push(17);
            write_json(out, json);
        }
        Value::Geometry(bytes) => variable(out, 18, bytes),
        Value::Vector(bytes) => variable(out, 19, bytes),
    }
}

fn write_json(out: &mut Vec<u8>, json: &Json) {
    match json {
        Json::Null => out.push(0),
        Json::Bool(flag) => fixed(out, 1, &[u8::from(*flag)]),
        Json::Int(number) => fixed(out, 2, &number.to_le_bytes()),
        Json::UInt(number) => fixed(out, 3, &number.to_le_bytes()),
        Json::Double(number) => fixed(out, 4, &number.to_bits().to_le_bytes()),
        Json::Decimal(number) => variable(out, 5, number.to_string().as_bytes()),
        Json::String(text) => variable(out, 6, text.as_bytes()),
        Json::Temporal(text) => variable(out, 7, text.as_bytes()),
        Json::Opaque { column_type, bytes } => {
            out.push(8);
            variable(out, *column_type, bytes);
        }
        Json::Array(items) => {
            fixed(out, 9, &(items.len() as u64).to_le_bytes());
            for item in items {
                write_json(out, item);
            }
        }
        Json::Object(members) => {
            fixed(out, 10, &(members.len() as u64).to_le_bytes());
            for (name, member) in members {
                variable(out, 0, name.as_bytes());
                write_json(out, member);
            }
        }
    }
}

fn date_bytes(date: &crate::Date) -> [u8; 4] {
    let [low, high] = date.year.to_le_bytes();
    [low, high, date.month, date.day]
}

fn fixed(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn variable(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}
