//! Values from the fields of `Column`: the inverse of `value_writing.rs`.
//!
//! Texts and bytes stay slices of the message. What is said twice (the names beside the numbers of
//! an ENUM or SET) is compared.

use super::numbers::{bytes, column, number};
use super::table::Column;
use super::taking::Fields;
use crate::cursor::Broken;
use crate::document;
use crate::number::read_decimal;
use bytes::Bytes;
use change::{Date, DateTime, Text, Time, Timestamp, Value};

/// The value of a column whose name was read: all that is left of it.
#[inline]
pub(super) fn value(of: &Column, mut fields: Fields<'_>) -> Result<Value, Broken> {
    let start = fields;
    let tag = u32::try_from(fields.varint()?).unwrap_or(0);
    let value = match tag {
        column::NULL => match fields.varint()? {
            1 => Value::Null,
            _ => return start.broken("NULL"),
        },
        column::INT => Value::Int(signed(fields.varint()?)),
        column::UINT => Value::UInt(fields.varint()?),
        column::FLOAT => Value::Float(f32::from_le_bytes(fields.fixed()?)),
        column::DOUBLE => Value::Double(f64::from_le_bytes(fields.fixed()?)),
        column::BIT => Value::Bit(fields.varint()?),
        column::YEAR => match u16::try_from(fields.varint()?) {
            Ok(year) => Value::Year(year),
            Err(_) => return start.broken("a year"),
        },
        column::TEXT => Value::Text(text(fields.nested()?)?),
        column::BINARY => Value::Bytes(fields.nested()?.content()),
        column::MALFORMED_TEXT => Value::Malformed(fields.nested()?.content()),
        column::DECIMAL => match read_decimal(fields.nested()?.rest()) {
            Some(number) => Value::Decimal(number),
            None => return start.broken("a decimal number"),
        },
        _ => composed(of, tag, &mut fields)?,
    };
    fields.end()?;
    Ok(value)
}

/// Values of several fields.
fn composed(of: &Column, tag: u32, column: &mut Fields<'_>) -> Result<Value, Broken> {
    let start = *column;
    let mut fields = match tag {
        column::DATE
        | column::TIME
        | column::DATETIME
        | column::TIMESTAMP
        | column::ENUM
        | column::JSON
        | column::SET
        | column::GEOMETRY
        | column::VECTOR => column.nested()?,
        _ => return start.broken("a value of a kind that this version knows"),
    };
    let value = match tag {
        column::DATE => Value::Date(date(&mut fields)?),
        column::TIME => Value::Time(Time {
            negative: fields.flag(number(1))?,
            hours: fields.narrow(number(2))?,
            minute: fields.narrow(number(3))?,
            second: fields.narrow(number(4))?,
            microsecond: fields.narrow(number(5))?,
        }),
        column::DATETIME => Value::DateTime(DateTime {
            date: date(&mut fields)?,
            hour: fields.narrow(number(4))?,
            minute: fields.narrow(number(5))?,
            second: fields.narrow(number(6))?,
            microsecond: fields.narrow(number(7))?,
        }),
        column::TIMESTAMP => Value::Timestamp(Timestamp {
            seconds: fields.number(number(1))?.cast_signed(),
            microsecond: fields.narrow(number(2))?,
        }),
        column::ENUM => member(of, &mut fields)?,
        column::SET => members(of, &mut fields)?,
        column::JSON => {
            let text = fields.bytes(bytes(1))?;
            let letters = fields.bytes(bytes(2))?;
            let (at, text) = (text.at(), text.content());
            Value::Json(match letters.rest() {
                [] => document::plain(&text, at)?,
                letters => document::lettered(&text, letters, at)?,
            })
        }
        column::GEOMETRY => geometry(&mut fields)?,
        _ => vector(&mut fields)?,
    };
    fields.end()?;
    Ok(value)
}

fn text(content: Fields<'_>) -> Result<Text, Broken> {
    Text::from_utf8(content.content()).or_else(|_| content.broken("UTF-8"))
}

fn signed(zigzag: u64) -> i64 {
    (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()
}

fn date(fields: &mut Fields<'_>) -> Result<Date, Broken> {
    Ok(Date {
        year: fields.narrow(number(1))?,
        month: fields.narrow(number(2))?,
        day: fields.narrow(number(3))?,
    })
}

fn member(of: &Column, fields: &mut Fields<'_>) -> Result<Value, Broken> {
    let index: u16 = fields.narrow(number(1))?;
    let member = usize::from(index).checked_sub(1);
    let name = member.and_then(|member| of.members.get(member));
    let found = fields.bytes(bytes(2))?;
    if found.rest() != name.map_or(&b""[..], Text::as_bytes) {
        return found.broken("the name of the member of this index");
    }
    Ok(Value::Enum(index))
}

fn members(of: &Column, fields: &mut Fields<'_>) -> Result<Value, Broken> {
    let bits = fields.number(number(1))?;
    let mut rest = bits;
    while rest != 0 {
        if let Some(name) = of.members.get(rest.trailing_zeros() as usize) {
            fields.expect(bytes(2), "the name of a member")?;
            let found = fields.nested()?;
            if found.rest() != name.as_bytes() {
                return found.broken("the name of the member of this bit");
            }
        }
        rest &= rest - 1;
    }
    Ok(Value::Set(bits))
}

fn geometry(fields: &mut Fields<'_>) -> Result<Value, Broken> {
    if fields.take(bytes(3)) {
        let stored = fields.nested()?;
        if stored.rest().len() >= 4 {
            return stored.broken("fewer bytes than a geometry has");
        }
        return Ok(Value::Geometry(stored.content()));
    }
    let srid: u32 = fields.narrow(number(1))?;
    let wkb = fields.bytes(bytes(2))?;
    let stored = [&srid.to_le_bytes()[..], wkb.rest()].concat();
    Ok(Value::Geometry(Bytes::from(stored)))
}

fn vector(fields: &mut Fields<'_>) -> Result<Value, Broken> {
    let odd = fields.take(bytes(2));
    let stored = match odd {
        true => fields.nested()?,
        false => fields.bytes(bytes(1))?,
    };
    if odd == stored.rest().len().is_multiple_of(4) {
        return stored.broken("floats");
    }
    Ok(Value::Vector(stored.content()))
}
