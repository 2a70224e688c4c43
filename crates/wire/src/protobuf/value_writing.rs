//! Values to the fields of `Column`. The kind of value decides the field, whatever the column is.

use super::numbers::{bytes, column, number};
use super::table::Column;
use super::writing::{begin, bytes_field, bytes_unless_empty, end, varint, varint_field};
use crate::document;
use crate::number::decimal;
use change::{Date, Value};

/// Appends the value's field.
#[inline]
pub(super) fn value(of: &Column, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => plain(out, column::NULL, 1),
        Value::Int(number) => plain(out, column::INT, zigzag(*number)),
        Value::UInt(number) => plain(out, column::UINT, *number),
        Value::Float(number) => {
            varint(out, column::FLOAT.into());
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            varint(out, column::DOUBLE.into());
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Text(text) => bytes_field(out, column::TEXT, text.as_bytes()),
        Value::Bytes(stored) => bytes_field(out, column::BINARY, stored),
        Value::Malformed(stored) => bytes_field(out, column::MALFORMED_TEXT, stored),
        Value::Bit(bits) => plain(out, column::BIT, *bits),
        Value::Year(year) => plain(out, column::YEAR, (*year).into()),
        Value::Decimal(number) => message(out, column::DECIMAL, |out| decimal(out, number)),
        _ => composed(of, value, out),
    }
}

/// Values of several fields.
fn composed(of: &Column, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Date(date) => {
            message(out, column::DATE, |out| numbers(out, &date_fields(date)));
        }
        Value::Time(time) => message(out, column::TIME, |out| {
            let fields = [
                time.negative.into(),
                time.hours.into(),
                time.minute.into(),
                time.second.into(),
                time.microsecond.into(),
            ];
            numbers(out, &fields);
        }),
        Value::DateTime(clock) => message(out, column::DATETIME, |out| {
            let [year, month, day] = date_fields(&clock.date);
            let fields = [
                year,
                month,
                day,
                clock.hour.into(),
                clock.minute.into(),
                clock.second.into(),
                clock.microsecond.into(),
            ];
            numbers(out, &fields);
        }),
        Value::Timestamp(instant) => message(out, column::TIMESTAMP, |out| {
            let seconds = instant.seconds.cast_unsigned();
            numbers(out, &[seconds, instant.microsecond.into()]);
        }),
        Value::Enum(index) => message(out, column::ENUM, |out| {
            numbers(out, &[(*index).into()]);
            let member = usize::from(*index).checked_sub(1);
            let name = member.and_then(|member| of.members.get(member));
            bytes_unless_empty(out, bytes(2), name.map_or(&[], |name| name.as_bytes()));
        }),
        Value::Set(bits) => message(out, column::SET, |out| {
            numbers(out, &[*bits]);
            let mut rest = *bits;
            while rest != 0 {
                if let Some(name) = of.members.get(rest.trailing_zeros() as usize) {
                    bytes_field(out, bytes(2), name.as_bytes());
                }
                rest &= rest - 1;
            }
        }),
        Value::Json(json) => message(out, column::JSON, |out| {
            message(out, bytes(1), |out| document::text(json, out));
            if !document::is_plain(json) {
                message(out, bytes(2), |out| document::letters(json, out));
            }
        }),
        Value::Geometry(stored) => message(out, column::GEOMETRY, |out| {
            match stored.split_first_chunk() {
                Some((srid, wkb)) => {
                    numbers(out, &[u32::from_le_bytes(*srid).into()]);
                    bytes_unless_empty(out, bytes(2), wkb);
                }
                None => bytes_field(out, bytes(3), stored),
            }
        }),
        Value::Vector(stored) => message(out, column::VECTOR, |out| {
            // Packed floats are what the server stores.
            if stored.len().is_multiple_of(4) {
                bytes_unless_empty(out, bytes(1), stored);
            } else {
                bytes_field(out, bytes(2), stored);
            }
        }),
        Value::Null
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Float(_)
        | Value::Double(_)
        | Value::Decimal(_)
        | Value::Bit(_)
        | Value::Year(_)
        | Value::Text(_)
        | Value::Malformed(_)
        | Value::Bytes(_) => unreachable!("these have one field"),
    }
}

/// A number of a oneof, which is written even if it is 0.
fn plain(out: &mut Vec<u8>, tag: u32, number: u64) {
    varint(out, tag.into());
    varint(out, number);
}

/// A field with a length of its own.
fn message(out: &mut Vec<u8>, tag: u32, content: impl FnOnce(&mut Vec<u8>)) {
    varint(out, tag.into());
    let start = begin(out);
    content(out);
    end(out, start);
}

/// The fields of a message, from number 1 on.
fn numbers(out: &mut Vec<u8>, fields: &[u64]) {
    for (index, field) in (1..).zip(fields) {
        varint_field(out, number(index), *field);
    }
}

fn date_fields(date: &Date) -> [u64; 3] {
    [date.year.into(), date.month.into(), date.day.into()]
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}
