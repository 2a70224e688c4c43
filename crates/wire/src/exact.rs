//! What the usual form of a column would change, written so that nothing is lost.
//!
//! Two shapes, both of which the usual form of the column never has: what MySQL prints as a string
//! where a number would stand (a date off the calendar), or as the number of a member where its
//! name would; and, for everything else, an object of one field that names the kind of value. The
//! reader takes an exact form only where the writer would have chosen it, so a value has one
//! spelling.

use crate::cursor::{Broken, Cursor};
use crate::form::Form;
use crate::number::{decimal, integer, read_decimal};
use crate::string::{base64_quoted, from_base64, quoted};
use crate::{document, moment};
use bytes::Bytes;
use change::{Date, DateTime, Decimal, Text, Time, Timestamp, Value};

/// Appends a value that is not usual for its column.
pub(crate) fn write(form: &Form, value: &Value, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    let printed = out.len();
    out.push(b'"');
    let done = match (form, value) {
        (Form::Date, Value::Date(date)) => moment::print_date(out, date),
        (Form::DateTime { fraction }, Value::DateTime(clock)) => {
            moment::print_date_time(out, clock, *fraction)
        }
        (Form::Timestamp { fraction }, Value::Timestamp(instant)) if instant.is_zero() => {
            moment::print_date_time(out, &instant.wall_clock(), *fraction)
        }
        _ => false,
    };
    if done {
        out.push(b'"');
        return;
    }
    out.truncate(printed);
    match (form, value) {
        (Form::Enum(_), Value::Enum(index)) => integer(out, *index),
        (Form::Set(_), Value::Set(bits)) => integer(out, *bits),
        _ => named(value, out, scratch),
    }
}

/// The value as an object of one field.
fn named(value: &Value, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    let mut bytes = |name: &str, bytes: &[u8]| {
        field(out, name);
        base64_quoted(out, bytes);
    };
    match value {
        Value::Malformed(text) => bytes("malformed", text),
        Value::Bytes(blob) => bytes("bytes", blob),
        Value::Geometry(shape) => bytes("geometry", shape),
        Value::Vector(floats) => bytes("vector", floats),
        Value::Null => field_number(out, "null", 0u8),
        Value::Int(number) => field_number(out, "int", *number),
        Value::UInt(number) => field_number(out, "uint", *number),
        Value::Float(number) => field_number(out, "float_bits", number.to_bits()),
        Value::Double(number) => field_number(out, "double_bits", number.to_bits()),
        Value::Bit(bits) => field_number(out, "bit", *bits),
        Value::Year(year) => field_number(out, "year", *year),
        Value::Enum(index) => field_number(out, "enum", *index),
        Value::Set(bits) => field_number(out, "set", *bits),
        Value::Decimal(number) => {
            field(out, "decimal");
            out.push(b'"');
            decimal(out, number);
            out.push(b'"');
        }
        Value::Text(text) => {
            field(out, "text");
            quoted(out, text.as_bytes());
        }
        Value::Json(json) => {
            field(out, "json");
            document::write(json, out, scratch);
        }
        Value::Date(date) => {
            field(out, "date");
            list(out, &date_fields(date));
        }
        Value::Time(time) => {
            field(out, "time");
            let negative = i64::from(time.negative);
            let hours = i64::from(time.hours);
            let clock = clock_fields(time.minute, time.second, time.microsecond);
            list(out, &[&[negative, hours][..], &clock].concat());
        }
        Value::DateTime(clock) => {
            field(out, "datetime");
            let date = date_fields(&clock.date);
            let hour = [i64::from(clock.hour)];
            let rest = clock_fields(clock.minute, clock.second, clock.microsecond);
            list(out, &[&date[..], &hour, &rest].concat());
        }
        Value::Timestamp(instant) => {
            field(out, "timestamp");
            list(out, &[instant.seconds, i64::from(instant.microsecond)]);
        }
    }
    out.push(b'}');
}

fn field(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn field_number(out: &mut Vec<u8>, name: &str, number: impl itoa::Integer) {
    field(out, name);
    integer(out, number);
}

fn date_fields(date: &Date) -> [i64; 3] {
    [
        i64::from(date.year),
        i64::from(date.month),
        i64::from(date.day),
    ]
}

fn clock_fields(minute: u8, second: u8, microsecond: u32) -> [i64; 3] {
    [i64::from(minute), i64::from(second), i64::from(microsecond)]
}

fn list(out: &mut Vec<u8>, numbers: &[i64]) {
    for (index, number) in numbers.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        integer(out, *number);
    }
    out.push(b']');
}

/// Reads a value that [`write`] has written for this column, and refuses what it would not have.
pub(crate) fn read(form: &Form, cursor: &mut Cursor<'_>) -> Result<Value, Broken> {
    let start = cursor.at();
    let expected = "a value of the column";
    let found = match (cursor.peek(), form) {
        (Some(b'"'), Form::Date) => moment::parse_date(cursor.raw_string()?).map(Value::Date),
        (Some(b'"'), Form::DateTime { .. }) => {
            moment::parse_date_time(cursor.raw_string()?, b' ').map(Value::DateTime)
        }
        (Some(b'"'), Form::Timestamp { .. }) => {
            let zero = moment::parse_date_time(cursor.raw_string()?, b' ');
            let is_zero = |clock: &DateTime| *clock == Timestamp::ZERO.wall_clock();
            zero.filter(is_zero)
                .map(|_| Value::Timestamp(Timestamp::ZERO))
        }
        (Some(b'0'..=b'9'), Form::Enum(_)) => {
            u16::try_from(cursor.unsigned()?).ok().map(Value::Enum)
        }
        (Some(b'0'..=b'9'), Form::Set(_)) => Some(Value::Set(cursor.unsigned()?)),
        (Some(b'{'), _) => {
            cursor.advance(1);
            let name = cursor.raw_string()?;
            cursor.expect(b":", "a colon")?;
            let value = read_named(name, cursor)?;
            cursor.expect(b"}", "the end of a value in its exact form")?;
            value
        }
        _ => None,
    };
    let Some(value) = found else {
        return cursor.broken_at(start, expected);
    };
    // Usual values are not taken in an exact form, nor other spellings of one.
    let mut again = Vec::new();
    crate::write::value(form, &value, &mut again, &mut Vec::new());
    if again != cursor.since(start) {
        return cursor.broken_at(start, expected);
    }
    Ok(value)
}

/// `None` for a name that is none of ours, and for a field out of its range.
fn read_named(name: &[u8], cursor: &mut Cursor<'_>) -> Result<Option<Value>, Broken> {
    Ok(match name {
        b"int" => Some(Value::Int(cursor.signed()?)),
        b"uint" => Some(Value::UInt(cursor.unsigned()?)),
        b"float_bits" => read_u32(cursor)?.map(|bits| Value::Float(f32::from_bits(bits))),
        b"double_bits" => Some(Value::Double(f64::from_bits(cursor.unsigned()?))),
        b"decimal" => read_decimal(cursor.raw_string()?).map(Value::Decimal),
        b"bit" => Some(Value::Bit(cursor.unsigned()?)),
        b"year" => read_u16(cursor)?.map(Value::Year),
        b"enum" => read_u16(cursor)?.map(Value::Enum),
        b"set" => Some(Value::Set(cursor.unsigned()?)),
        b"text" => Text::from_utf8(cursor.string()?).ok().map(Value::Text),
        b"malformed" => read_bytes(cursor)?.map(Value::Malformed),
        b"bytes" => read_bytes(cursor)?.map(Value::Bytes),
        b"geometry" => read_bytes(cursor)?.map(Value::Geometry),
        b"vector" => read_bytes(cursor)?.map(Value::Vector),
        b"json" => Some(Value::Json(document::read(cursor)?)),
        b"date" => read_list(cursor)?.and_then(|fields| date_of(&fields).map(Value::Date)),
        b"time" => read_list(cursor)?.and_then(|fields| time_of(&fields).map(Value::Time)),
        b"datetime" => {
            read_list(cursor)?.and_then(|fields| date_time_of(&fields).map(Value::DateTime))
        }
        b"timestamp" => {
            let fields: Option<[i64; 2]> = read_list(cursor)?;
            fields.and_then(|[seconds, microsecond]| {
                let microsecond = u32::try_from(microsecond).ok()?;
                Some(Value::Timestamp(Timestamp {
                    seconds,
                    microsecond,
                }))
            })
        }
        _ => None,
    })
}

fn read_u16(cursor: &mut Cursor<'_>) -> Result<Option<u16>, Broken> {
    Ok(u16::try_from(cursor.unsigned()?).ok())
}

fn read_u32(cursor: &mut Cursor<'_>) -> Result<Option<u32>, Broken> {
    Ok(u32::try_from(cursor.unsigned()?).ok())
}

fn read_bytes(cursor: &mut Cursor<'_>) -> Result<Option<Bytes>, Broken> {
    Ok(from_base64(cursor.raw_string()?))
}

fn read_list<const FIELDS: usize>(
    cursor: &mut Cursor<'_>,
) -> Result<Option<[i64; FIELDS]>, Broken> {
    let mut fields = [0; FIELDS];
    for (index, field) in fields.iter_mut().enumerate() {
        cursor.expect(if index == 0 { b"[" } else { b"," }, "a field of a list")?;
        *field = cursor.signed()?;
    }
    cursor.expect(b"]", "the end of a list")?;
    Ok(Some(fields))
}

fn date_of(&[year, month, day]: &[i64; 3]) -> Option<Date> {
    Some(Date {
        year: u16::try_from(year).ok()?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
    })
}

fn time_of(&[negative, hours, minute, second, microsecond]: &[i64; 5]) -> Option<Time> {
    Some(Time {
        negative: negative != 0,
        hours: u16::try_from(hours).ok()?,
        minute: u8::try_from(minute).ok()?,
        second: u8::try_from(second).ok()?,
        microsecond: u32::try_from(microsecond).ok()?,
    })
}

fn date_time_of(fields: &[i64; 7]) -> Option<DateTime> {
    let &[year, month, day, hour, minute, second, microsecond] = fields;
    Some(DateTime {
        date: date_of(&[year, month, day])?,
        hour: u8::try_from(hour).ok()?,
        minute: u8::try_from(minute).ok()?,
        second: u8::try_from(second).ok()?,
        microsecond: u32::try_from(microsecond).ok()?,
    })
}

/// A decimal in quotes, as DECIMAL columns have it.
pub(crate) fn quoted_decimal(cursor: &mut Cursor<'_>) -> Result<Decimal, Broken> {
    let start = cursor.at();
    match read_decimal(cursor.raw_string()?) {
        Some(number) => Ok(number),
        None => cursor.broken_at(start, "a decimal number"),
    }
}
