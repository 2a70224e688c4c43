//! Values from Avro: the inverse of `value_writing.rs`.

use super::table::{Column, Scratch};
use super::taking::Binary;
use super::value_writing::{self, EXACT, NULL, USUAL};
use crate::cursor::{Broken, Cursor};
use crate::form::{Form, Members};
use crate::number::read_decimal;
use crate::string::escaped;
use crate::{document, moment, read};
use bytes::Bytes;
use change::{Text, Value};

/// The value of a column.
#[inline]
pub(super) fn value(
    column: &Column,
    binary: &mut Binary<'_>,
    scratch: &mut Scratch,
) -> Result<Value, Broken> {
    let start = *binary;
    match binary.long()? {
        NULL => Ok(Value::Null),
        USUAL => match usual(column, binary, scratch)? {
            Some(value) => Ok(value),
            None => start.broken("a value of the column"),
        },
        EXACT => {
            let text = binary.bytes()?;
            let mut cursor = Cursor::new(&text);
            let in_message = |broken: Broken| Broken {
                at: start.at(),
                ..broken
            };
            let value = read::value(&column.form, &mut cursor).map_err(in_message)?;
            cursor.end().map_err(in_message)?;
            // What the usual type holds is not taken in another one.
            let mut again = Vec::new();
            value_writing::value(column, &value, &mut again, scratch);
            if again != binary.since(start.at()) {
                return start.broken("a value that the column's type would change");
            }
            Ok(value)
        }
        _ => start.broken("null, a value or lockstep.Exact"),
    }
}

/// A value of the usual type; `None` where the bytes are none that is written.
fn usual(
    column: &Column,
    binary: &mut Binary<'_>,
    scratch: &mut Scratch,
) -> Result<Option<Value>, Broken> {
    Ok(match &column.form {
        Form::Signed => integer(column, binary)?.map(Value::Int),
        Form::Unsigned => integer(column, binary)?
            .and_then(|number| u64::try_from(number).ok())
            .map(Value::UInt),
        Form::Float => Some(Value::Float(f32::from_le_bytes(binary.chunk()?))),
        Form::Double => Some(Value::Double(f64::from_le_bytes(binary.chunk()?))),
        Form::Text => Text::from_utf8(binary.bytes()?).ok().map(Value::Text),
        Form::Bytes => Some(Value::Bytes(binary.bytes()?)),
        Form::Decimal => read_decimal(&binary.bytes()?).map(Value::Decimal),
        Form::Boolean => match binary.chunk()? {
            [bit @ (0 | 1)] => Some(Value::Bit(bit.into())),
            [_] => None,
        },
        Form::Bits { bytes } => {
            let low = binary.bytes()?;
            (low.len() == *bytes).then(|| {
                let mut stored = [0; 8];
                stored[..low.len()].copy_from_slice(&low);
                Value::Bit(u64::from_le_bytes(stored))
            })
        }
        Form::Year => u16::try_from(binary.long()?).ok().map(Value::Year),
        Form::Date => moment::from_days(binary.long()?).map(Value::Date),
        Form::Time => moment::from_time_microseconds(binary.long()?).map(Value::Time),
        Form::DateTime { fraction } => {
            moment::from_ticks(binary.long()?, *fraction).map(Value::DateTime)
        }
        Form::Timestamp { fraction } => read::timestamp(&binary.bytes()?, *fraction),
        Form::Enum(known) => {
            let name = binary.bytes()?;
            let member = index(known, &name, scratch).map(|index| index + 1);
            let found = member.or(name.is_empty().then_some(0));
            found
                .and_then(|index| u16::try_from(index).ok())
                .map(Value::Enum)
        }
        Form::Set(known) => {
            let names = binary.bytes()?;
            read::set(&names, |name| index(known, name, scratch))
        }
        Form::Json => {
            let at = binary.at();
            Some(Value::Json(document::plain(&binary.bytes()?, at)?))
        }
        Form::Geometry => {
            let wkb = binary.bytes()?;
            let srid = match binary.is_there()? {
                true => u32::try_from(binary.long()?).ok().filter(|srid| *srid != 0),
                false => Some(0),
            };
            srid.map(|srid| {
                let stored = [&srid.to_le_bytes()[..], &wkb].concat();
                Value::Geometry(Bytes::from(stored))
            })
        }
        Form::Vector => vector(binary)?,
    })
}

fn integer(column: &Column, binary: &mut Binary<'_>) -> Result<Option<i64>, Broken> {
    let number = binary.long()?;
    let fits = !column.is_int || i32::try_from(number).is_ok();
    Ok(fits.then_some(number))
}

/// The index of the member of this name, counted from 0.
fn index(known: &Members, name: &[u8], scratch: &mut Scratch) -> Option<usize> {
    escaped(&mut scratch.text, name);
    let index = known.index(&scratch.text);
    scratch.text.clear();
    index
}

/// One block of all floats.
fn vector(binary: &mut Binary<'_>) -> Result<Option<Value>, Broken> {
    let start = *binary;
    let count = usize::try_from(binary.long()?).unwrap_or(usize::MAX);
    if count == 0 {
        return Ok(Some(Value::Vector(Bytes::new())));
    }
    let stored = binary.slice(start, count.saturating_mul(4))?;
    Ok((binary.long()? == 0).then_some(Value::Vector(stored)))
}
