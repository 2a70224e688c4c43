//! Values to JSON, in the usual form of their column.
//!
//! Every value of every column is written: one that the usual form would change goes to
//! `exact.rs`. This function is the inner loop of the encoder; it allocates nothing.

use crate::form::Form;
use crate::number::{decimal, float, integer, padded, two_digits};
use crate::string::{base64_quoted, quoted};
use crate::{document, exact, moment};
use change::{Timestamp, Value};

/// Appends the value. `scratch` is empty before and after.
#[inline]
pub(crate) fn value(form: &Form, value: &Value, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    let written = match (form, value) {
        (_, Value::Null) => {
            out.extend_from_slice(b"null");
            true
        }
        (Form::Signed, Value::Int(number)) => {
            integer(out, *number);
            true
        }
        (Form::Text, Value::Text(text)) => {
            quoted(out, text.as_bytes());
            true
        }
        _ => usual(form, value, out, scratch),
    };
    if !written {
        exact::write(form, value, out, scratch);
    }
}

/// Whether the value has the usual form and was written.
fn usual(form: &Form, value: &Value, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> bool {
    match (form, value) {
        (Form::Unsigned, Value::UInt(number)) => integer(out, *number),
        (Form::Float, Value::Float(number)) if number.is_finite() => float(out, *number),
        (Form::Double, Value::Double(number)) if number.is_finite() => float(out, *number),
        (Form::Decimal, Value::Decimal(number)) => {
            out.push(b'"');
            decimal(out, number);
            out.push(b'"');
        }
        (Form::Boolean, Value::Bit(0)) => out.extend_from_slice(b"false"),
        (Form::Boolean, Value::Bit(1)) => out.extend_from_slice(b"true"),
        (Form::Bits { bytes }, Value::Bit(bits)) => {
            let stored = bits.to_le_bytes();
            let (low, high) = stored.split_at(*bytes);
            if high.iter().any(|&byte| byte != 0) {
                return false;
            }
            base64_quoted(out, low);
        }
        (Form::Year, Value::Year(year)) => integer(out, *year),
        (Form::Date, Value::Date(date)) => match moment::days(date) {
            Some(days) => integer(out, days),
            None => return false,
        },
        (Form::Time, Value::Time(time)) => match moment::time_microseconds(time) {
            Some(microseconds) => integer(out, microseconds),
            None => return false,
        },
        (Form::DateTime { fraction }, Value::DateTime(clock)) => {
            match moment::ticks(clock, *fraction) {
                Some(ticks) => integer(out, ticks),
                None => return false,
            }
        }
        (Form::Timestamp { fraction }, Value::Timestamp(instant)) => {
            return timestamp(out, instant, *fraction);
        }
        (Form::Bytes, Value::Bytes(bytes)) => base64_quoted(out, bytes),
        (Form::Enum(members), Value::Enum(index)) => {
            let name = match usize::from(*index).checked_sub(1) {
                Some(index) => members.name(index),
                None => members.lacks(b"").then_some(&b""[..]),
            };
            match name {
                Some(name) => {
                    out.push(b'"');
                    out.extend_from_slice(name);
                    out.push(b'"');
                }
                None => return false,
            }
        }
        (Form::Set(members), Value::Set(bits)) => {
            let start = out.len();
            out.push(b'"');
            let mut rest = *bits;
            while rest != 0 {
                let Some(name) = members.name(rest.trailing_zeros() as usize) else {
                    out.truncate(start);
                    return false;
                };
                if out.len() > start + 1 {
                    out.push(b',');
                }
                out.extend_from_slice(name);
                rest &= rest - 1;
            }
            out.push(b'"');
        }
        (Form::Json, Value::Json(json)) => document::write(json, out, scratch),
        (Form::Geometry, Value::Geometry(bytes)) => {
            let Some((srid, wkb)) = bytes.split_first_chunk() else {
                return false;
            };
            out.extend_from_slice(b"{\"wkb\":");
            base64_quoted(out, wkb);
            out.extend_from_slice(b",\"srid\":");
            match u32::from_le_bytes(*srid) {
                0 => out.extend_from_slice(b"null"),
                srid => integer(out, srid),
            }
            out.push(b'}');
        }
        (Form::Vector, Value::Vector(bytes)) => return vector(out, bytes),
        _ => return false,
    }
    true
}

/// ISO 8601 in UTC with the column's fractional digits.
pub(crate) fn timestamp(out: &mut Vec<u8>, instant: &Timestamp, fraction: u8) -> bool {
    let Some(clock) = moment::on_the_clock(instant) else {
        return false;
    };
    let digits = moment::fraction_digits(instant.microsecond, fraction);
    out.push(b'"');
    padded(out, u32::from(clock.date.year), 4);
    out.push(b'-');
    two_digits(out, clock.date.month);
    out.push(b'-');
    two_digits(out, clock.date.day);
    out.push(b'T');
    moment::write_clock(
        out,
        clock.hour,
        clock.minute,
        clock.second,
        clock.microsecond,
        digits,
    );
    out.extend_from_slice(b"Z\"");
    true
}

fn vector(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let (floats, rest) = bytes.as_chunks::<4>();
    let finite = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes).is_finite();
    if !rest.is_empty() || !floats.iter().all(finite) {
        return false;
    }
    out.push(b'[');
    for (index, bytes) in floats.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        float(out, f32::from_le_bytes(*bytes));
    }
    out.push(b']');
    true
}
