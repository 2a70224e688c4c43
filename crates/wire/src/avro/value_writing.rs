//! Values to Avro: null, the column's usual type, or the JSON of what that type would change.

use super::table::{Column, Scratch};
use super::writing::{bytes, long};
use crate::form::{Form, Members};
use crate::number::decimal;
use crate::{document, moment, write};
use change::{Text, Value};

/// Places in a column's union.
pub(super) const NULL: i64 = 0;
pub(super) const USUAL: i64 = 1;
pub(super) const EXACT: i64 = 2;

/// Appends the value.
#[inline]
pub(super) fn value(column: &Column, value: &Value, out: &mut Vec<u8>, scratch: &mut Scratch) {
    if *value == Value::Null {
        return long(out, NULL);
    }
    let start = out.len();
    long(out, USUAL);
    if !usual(column, value, out, scratch) {
        out.truncate(start);
        long(out, EXACT);
        write::value(
            &column.form,
            value,
            &mut scratch.text,
            &mut scratch.document,
        );
        bytes(out, &scratch.text);
    }
    scratch.text.clear();
}

/// Whether the usual type holds the value and it was written; what was written otherwise is taken
/// back.
fn usual(column: &Column, value: &Value, out: &mut Vec<u8>, scratch: &mut Scratch) -> bool {
    let text = &mut scratch.text;
    match (&column.form, value) {
        (Form::Signed, Value::Int(number)) => return integer(column, *number, out),
        (Form::Unsigned, Value::UInt(number)) => {
            return i64::try_from(*number).is_ok_and(|number| integer(column, number, out));
        }
        (Form::Float, Value::Float(number)) => out.extend_from_slice(&number.to_le_bytes()),
        (Form::Double, Value::Double(number)) => out.extend_from_slice(&number.to_le_bytes()),
        (Form::Text, Value::Text(text)) => bytes(out, text.as_bytes()),
        (Form::Bytes, Value::Bytes(stored)) => bytes(out, stored),
        (Form::Decimal, Value::Decimal(number)) => {
            decimal(text, number);
            bytes(out, text);
        }
        (Form::Boolean, Value::Bit(bit @ (0 | 1))) => out.push(*bit as u8),
        (Form::Bits { bytes: width }, Value::Bit(bits)) => {
            let stored = bits.to_le_bytes();
            let (low, high) = stored.split_at(*width);
            if high.iter().any(|&byte| byte != 0) {
                return false;
            }
            bytes(out, low);
        }
        (Form::Year, Value::Year(year)) => long(out, (*year).into()),
        (Form::Date, Value::Date(date)) => return counted(moment::days(date), out),
        (Form::Time, Value::Time(time)) => {
            return counted(moment::time_microseconds(time), out);
        }
        (Form::DateTime { fraction }, Value::DateTime(clock)) => {
            return counted(moment::ticks(clock, *fraction), out);
        }
        (Form::Timestamp { fraction }, Value::Timestamp(instant)) => {
            if !write::timestamp(text, instant, *fraction) {
                return false;
            }
            // Without the quotes, between which nothing is escaped.
            bytes(out, &text[1..text.len() - 1]);
        }
        (Form::Enum(known), Value::Enum(index)) => match named(column, known, *index) {
            Some(name) => bytes(out, name),
            None => return false,
        },
        (Form::Set(known), Value::Set(bits)) => {
            let mut rest = *bits;
            while rest != 0 {
                let index = rest.trailing_zeros() as usize;
                let name = known.name(index).and(column.members.get(index));
                let Some(name) = name else {
                    text.clear();
                    return false;
                };
                if rest != *bits {
                    text.push(b',');
                }
                text.extend_from_slice(name.as_bytes());
                rest &= rest - 1;
            }
            bytes(out, text);
        }
        (Form::Json, Value::Json(json)) if document::is_plain(json) => {
            document::text(json, text);
            bytes(out, text);
        }
        (Form::Geometry, Value::Geometry(stored)) => {
            let Some((srid, wkb)) = stored.split_first_chunk() else {
                return false;
            };
            let Ok(srid) = i32::try_from(u32::from_le_bytes(*srid)) else {
                return false;
            };
            bytes(out, wkb);
            long(out, (srid != 0).into());
            if srid != 0 {
                long(out, srid.into());
            }
        }
        (Form::Vector, Value::Vector(stored)) if stored.len().is_multiple_of(4) => {
            if !stored.is_empty() {
                long(out, i64::try_from(stored.len() / 4).unwrap_or(i64::MAX));
                out.extend_from_slice(stored);
            }
            long(out, 0);
        }
        _ => return false,
    }
    true
}

fn integer(column: &Column, number: i64, out: &mut Vec<u8>) -> bool {
    let fits = !column.is_int || i32::try_from(number).is_ok();
    if fits {
        long(out, number);
    }
    fits
}

/// A moment that a calendar and a clock have.
fn counted(number: Option<i64>, out: &mut Vec<u8>) -> bool {
    number.inspect(|number| long(out, *number)).is_some()
}

/// The name that stands for this index of an ENUM, if one does.
pub(super) fn named<'a>(column: &'a Column, known: &Members, index: u16) -> Option<&'a [u8]> {
    match usize::from(index).checked_sub(1) {
        Some(index) => known
            .name(index)
            .and(column.members.get(index))
            .map(Text::as_bytes),
        None => known.lacks(b"").then_some(b""),
    }
}
