//! Values of the binary protocol as lossless values.
//!
//! The column's kind decides, never the shape of what arrived: a value of another shape than its
//! kind allows is refused. Formats by the MySQL documentation, "Binary Protocol Resultset Row".

use super::json;
use crate::charset::Charsets;
use bytes::Bytes;
use change::{ColumnKind, Date, DateTime, Decimal, Text, Time, Timestamp, Value};
use mysql_async::Value as Sent;

/// The exact value, or why it cannot be told. `json_types` is what [`json::types_of`] selects for
/// a JSON column.
pub(crate) fn value_of(
    kind: &ColumnKind,
    sent: Sent,
    json_types: Option<Sent>,
    charsets: &Charsets,
) -> Result<Value, String> {
    if sent == Sent::NULL {
        return Ok(Value::Null);
    }
    Ok(match (kind, sent) {
        (
            ColumnKind::Integer {
                unsigned: false, ..
            },
            Sent::Int(number),
        ) => Value::Int(number),
        (ColumnKind::Integer { unsigned: true, .. }, Sent::UInt(number)) => Value::UInt(number),
        (ColumnKind::Integer { unsigned: true, .. }, Sent::Int(number)) => {
            Value::UInt(u64::try_from(number).map_err(|_| "a negative unsigned number")?)
        }
        (ColumnKind::Year, Sent::Int(year)) => {
            Value::Year(u16::try_from(year).map_err(|_| "a year out of range")?)
        }
        (ColumnKind::Year, Sent::UInt(year)) => {
            Value::Year(u16::try_from(year).map_err(|_| "a year out of range")?)
        }
        (ColumnKind::Float, Sent::Float(number)) => Value::Float(number),
        (ColumnKind::Double, Sent::Double(number)) => Value::Double(number),
        (ColumnKind::Decimal { .. }, Sent::Bytes(text)) => std::str::from_utf8(&text)
            .ok()
            .and_then(|text| Decimal::parse(text).ok())
            .map(Value::Decimal)
            .ok_or("not a decimal number")?,
        (ColumnKind::Bit { .. }, Sent::Bytes(bytes)) if bytes.len() <= 8 => Value::Bit(
            bytes
                .iter()
                .fold(0, |bits, &byte| (bits << 8) | u64::from(byte)),
        ),
        (ColumnKind::Enum { .. }, Sent::UInt(index)) => {
            Value::Enum(u16::try_from(index).map_err(|_| "an ENUM index out of range")?)
        }
        (ColumnKind::Set { .. }, Sent::UInt(bits)) => Value::Set(bits),
        (ColumnKind::Enum { .. }, Sent::Int(index)) => {
            Value::Enum(u16::try_from(index).map_err(|_| "an ENUM index out of range")?)
        }
        // A SET of 64 members may arrive with the sign bit as its last member.
        (ColumnKind::Set { .. }, Sent::Int(bits)) => Value::Set(bits as u64),
        (ColumnKind::Date, Sent::Date(year, month, day, ..)) => {
            Value::Date(Date { year, month, day })
        }
        (
            ColumnKind::DateTime { .. },
            Sent::Date(year, month, day, hour, minute, second, microsecond),
        ) => Value::DateTime(DateTime {
            date: Date { year, month, day },
            hour,
            minute,
            second,
            microsecond,
        }),
        (
            ColumnKind::Timestamp { .. },
            Sent::Date(year, month, day, hour, minute, second, microsecond),
        ) => Value::Timestamp(timestamp(DateTime {
            date: Date { year, month, day },
            hour,
            minute,
            second,
            microsecond,
        })?),
        (
            ColumnKind::Time { .. },
            Sent::Time(negative, days, hours, minute, second, microsecond),
        ) => Value::Time(Time {
            negative,
            hours: u16::try_from(days * 24 + u32::from(hours))
                .map_err(|_| "a time out of range")?,
            minute,
            second,
            microsecond,
        }),
        (ColumnKind::Text { charset }, Sent::Bytes(bytes)) if charset.starts_with("utf8") => {
            match Text::from_utf8(Bytes::from(bytes)) {
                Ok(text) => Value::Text(text),
                Err(bytes) => Value::Malformed(bytes),
            }
        }
        (ColumnKind::Text { charset }, Sent::Bytes(bytes)) => {
            charsets.decode(charset, Bytes::from(bytes))
        }
        (ColumnKind::Binary { .. }, Sent::Bytes(bytes)) => Value::Bytes(Bytes::from(bytes)),
        (ColumnKind::Json, Sent::Bytes(text)) => {
            // NULL: a document without a scalar other than null has no types to list.
            let types = match json_types {
                Some(Sent::Bytes(types)) => types,
                Some(Sent::NULL) => Vec::new(),
                _ => return Err("the types inside the JSON document did not arrive".to_owned()),
            };
            Value::Json(json::parse(&text, &types)?)
        }
        (ColumnKind::Geometry, Sent::Bytes(bytes)) => Value::Geometry(Bytes::from(bytes)),
        (ColumnKind::Vector, Sent::Bytes(bytes)) => Value::Vector(Bytes::from(bytes)),
        (kind, _) => return Err(format!("the server sent another type than {kind:?}")),
    })
}

/// The session's time zone is +00:00, so the wall clock is UTC.
fn timestamp(clock: DateTime) -> Result<Timestamp, String> {
    let zero = Date {
        year: 0,
        month: 0,
        day: 0,
    };
    if clock.date == zero {
        return Ok(Timestamp::ZERO);
    }
    let microseconds = clock
        .microseconds_since_epoch()
        .ok_or("a TIMESTAMP off the calendar")?;
    Ok(Timestamp {
        seconds: microseconds.div_euclid(1_000_000),
        microsecond: clock.microsecond,
    })
}
