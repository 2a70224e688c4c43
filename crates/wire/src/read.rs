//! Values from JSON: the inverse of `write.rs`, byte by byte.
//!
//! What the first byte rules out as the usual form is left to `exact.rs`. Strings without escapes
//! stay slices of the message.

use crate::cursor::{Broken, Cursor};
use crate::form::Form;
use crate::string::from_base64;
use crate::{document, exact, moment};
use bytes::Bytes;
use change::{Text, Value};

/// The value that comes next.
#[inline]
pub(crate) fn value(form: &Form, cursor: &mut Cursor<'_>) -> Result<Value, Broken> {
    match (cursor.peek(), form) {
        (Some(b'n'), _) => {
            cursor.expect(b"null", "null")?;
            Ok(Value::Null)
        }
        (Some(b'0'..=b'9' | b'-'), Form::Signed) => cursor.signed().map(Value::Int),
        (Some(b'"'), Form::Text) => {
            let at = cursor.at();
            let bytes = cursor.string()?;
            Text::from_utf8(bytes)
                .map(Value::Text)
                .or_else(|_| cursor.broken_at(at, "UTF-8"))
        }
        _ => usual(form, cursor),
    }
}

fn usual(form: &Form, cursor: &mut Cursor<'_>) -> Result<Value, Broken> {
    let at = cursor.at();
    let found = match (cursor.peek(), form) {
        (Some(b'0'..=b'9'), Form::Unsigned) => Some(Value::UInt(cursor.unsigned()?)),
        (Some(b'0'..=b'9' | b'-'), Form::Float) => finite(cursor)?.map(Value::Float),
        (Some(b'0'..=b'9' | b'-'), Form::Double) => {
            let number = cursor.number()?.parse::<f64>();
            number
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::Double)
        }
        (Some(b'"'), Form::Decimal) => Some(Value::Decimal(exact::quoted_decimal(cursor)?)),
        (Some(b'f'), Form::Boolean) => cursor.take(b"false").then_some(Value::Bit(0)),
        (Some(b't'), Form::Boolean) => cursor.take(b"true").then_some(Value::Bit(1)),
        (Some(b'"'), Form::Bits { bytes }) => {
            let low = base64(cursor)?.filter(|low| low.len() == *bytes);
            low.map(|low| {
                let mut stored = [0; 8];
                stored[..low.len()].copy_from_slice(&low);
                Value::Bit(u64::from_le_bytes(stored))
            })
        }
        (Some(b'0'..=b'9'), Form::Year) => u16::try_from(cursor.unsigned()?).ok().map(Value::Year),
        (Some(b'0'..=b'9' | b'-'), Form::Date) => {
            moment::from_days(cursor.signed()?).map(Value::Date)
        }
        (Some(b'0'..=b'9' | b'-'), Form::Time) => {
            moment::from_time_microseconds(cursor.signed()?).map(Value::Time)
        }
        (Some(b'0'..=b'9' | b'-'), Form::DateTime { fraction }) => {
            moment::from_ticks(cursor.signed()?, *fraction).map(Value::DateTime)
        }
        (Some(b'"'), Form::Timestamp { fraction }) if is_iso(cursor.rest()) => {
            timestamp(cursor.raw_string()?, *fraction)
        }
        (Some(b'"'), Form::Bytes) => base64(cursor)?.map(Value::Bytes),
        (Some(b'"'), Form::Enum(members)) => {
            let name = cursor.raw_string()?;
            let member = members.index(name).map(|index| index + 1);
            let index = member.or(name.is_empty().then_some(0));
            index.and_then(|index| Some(Value::Enum(u16::try_from(index).ok()?)))
        }
        (Some(b'"'), Form::Set(members)) => set(cursor.raw_string()?, |name| members.index(name)),
        (Some(b'"'), Form::Json) => Some(Value::Json(document::read(cursor)?)),
        (Some(b'{'), Form::Json) if cursor.rest().starts_with(b"{\"json\":\"") => {
            Some(Value::Json(document::read(cursor)?))
        }
        (Some(b'{'), Form::Geometry) if cursor.rest().starts_with(b"{\"wkb\"") => geometry(cursor)?,
        (Some(b'['), Form::Vector) => Some(vector(cursor)?),
        _ => return exact::read(form, cursor),
    };
    match found {
        Some(value) => Ok(value),
        None => cursor.broken_at(at, "a value of the column"),
    }
}

fn finite(cursor: &mut Cursor<'_>) -> Result<Option<f32>, Broken> {
    let number = cursor.number()?.parse::<f32>();
    Ok(number.ok().filter(|number| number.is_finite()))
}

fn base64(cursor: &mut Cursor<'_>) -> Result<Option<Bytes>, Broken> {
    Ok(from_base64(cursor.raw_string()?))
}

/// Whether a string is ISO 8601 rather than what MySQL prints: by the letter between date and time.
fn is_iso(text: &[u8]) -> bool {
    text.get(11) == Some(&b'T')
}

#[inline]
pub(crate) fn timestamp(text: &[u8], fraction: u8) -> Option<Value> {
    let text = text.strip_suffix(b"Z")?;
    let instant = moment::from_the_clock(&moment::parse_date_time(text, b'T')?)?;
    let digits = moment::fraction_digits(instant.microsecond, fraction);
    let length = "YYYY-MM-DDTHH:MM:SS".len() + if digits > 0 { digits + 1 } else { 0 };
    (text.len() == length).then_some(Value::Timestamp(instant))
}

/// The bits of the members that are named, in order.
pub(crate) fn set(names: &[u8], mut index: impl FnMut(&[u8]) -> Option<usize>) -> Option<Value> {
    let mut bits: u64 = 0;
    if !names.is_empty() {
        for name in names.split(|&byte| byte == b',') {
            let bit = 1u64.checked_shl(u32::try_from(index(name)?).ok()?)?;
            if bit <= bits {
                return None;
            }
            bits |= bit;
        }
    }
    Some(Value::Set(bits))
}

fn geometry(cursor: &mut Cursor<'_>) -> Result<Option<Value>, Broken> {
    cursor.expect(b"{\"wkb\":", "a geometry")?;
    let wkb = base64(cursor)?;
    cursor.expect(b",\"srid\":", "a geometry's srid")?;
    let srid = if cursor.take(b"null") {
        Some(0)
    } else {
        let srid = u32::try_from(cursor.unsigned()?).ok();
        srid.filter(|&srid| srid != 0)
    };
    cursor.expect(b"}", "the end of a geometry")?;
    Ok(wkb.zip(srid).map(|(wkb, srid)| {
        let stored = [&srid.to_le_bytes()[..], &wkb].concat();
        Value::Geometry(Bytes::from(stored))
    }))
}

fn vector(cursor: &mut Cursor<'_>) -> Result<Value, Broken> {
    cursor.expect(b"[", "a vector")?;
    let mut stored = Vec::new();
    if !cursor.take(b"]") {
        loop {
            let at = cursor.at();
            match finite(cursor)? {
                Some(number) => stored.extend_from_slice(&number.to_le_bytes()),
                None => return cursor.broken_at(at, "a 32-bit number"),
            }
            if cursor.take(b"]") {
                break;
            }
            cursor.expect(b",", "the next number of a vector")?;
        }
    }
    Ok(Value::Vector(Bytes::from(stored)))
}
