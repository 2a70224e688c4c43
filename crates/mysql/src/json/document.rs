//! A document in MySQL's binary JSON form.
//!
//! Objects and arrays begin with a table of offsets, of two or four bytes, to their members; small
//! numbers and literals stand in the table itself (MySQL Source Code Documentation,
//! `json_binary.h`). Strings are slices of the buffer. Values of SQL types are kept as such: a
//! DECIMAL is not a DOUBLE, and dates are marked as what they are.

use crate::binlog::column;
use crate::binlog::number::{decimal_bytes, read_decimal};
use crate::binlog::temporal::{datetime_from_packed, time_from_packed};
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::{Date, DateTime, Json, Text, Time};

/// MySQL itself refuses documents that are deeper than 100.
const DEEPEST: usize = 120;

const SMALL_OBJECT: u8 = 0;
const LARGE_OBJECT: u8 = 1;
const SMALL_ARRAY: u8 = 2;
const LARGE_ARRAY: u8 = 3;
const LITERAL: u8 = 4;
const INT16: u8 = 5;
const UINT16: u8 = 6;
const INT32: u8 = 7;
const UINT32: u8 = 8;
const INT64: u8 = 9;
const UINT64: u8 = 10;
const DOUBLE: u8 = 11;
const STRING: u8 = 12;
const OPAQUE: u8 = 15;

/// How many of a document's bytes are not read yet. The parts of a document do not overlap, so no
/// byte is read twice; in a broken one, offsets that meet could multiply what little there is.
struct Unread(usize);

impl Unread {
    fn read(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.0 = self
            .0
            .checked_sub(bytes)
            .ok_or(Malformed("the parts of a JSON document overlap"))?;
        Ok(())
    }
}

/// Reads a whole document. No bytes at all are the JSON null, which the server stores for NULL in
/// a column that may not be.
pub(crate) fn read_document(mut bytes: Bytes) -> Result<Json, Malformed> {
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    let value_type = bytes.split_to(1)[0];
    let mut unread = Unread(bytes.len());
    read_value(value_type, &bytes, 0, &mut unread)
}

fn read_value(
    value_type: u8,
    bytes: &Bytes,
    depth: usize,
    unread: &mut Unread,
) -> Result<Json, Malformed> {
    if depth > DEEPEST {
        return Err(Malformed("a JSON document is too deep"));
    }
    let mut cursor = Cursor::new(bytes.clone());
    match value_type {
        SMALL_OBJECT => read_container(bytes, 2, true, depth, unread),
        LARGE_OBJECT => read_container(bytes, 4, true, depth, unread),
        SMALL_ARRAY => read_container(bytes, 2, false, depth, unread),
        LARGE_ARRAY => read_container(bytes, 4, false, depth, unread),
        LITERAL => read_literal(cursor.u8()?),
        INT16 => Ok(Json::Int(cursor.int(2)?)),
        UINT16 => Ok(Json::UInt(cursor.uint(2)?)),
        INT32 => Ok(Json::Int(cursor.int(4)?)),
        UINT32 => Ok(Json::UInt(cursor.uint(4)?)),
        INT64 => Ok(Json::Int(cursor.int(8)?)),
        UINT64 => Ok(Json::UInt(cursor.u64()?)),
        DOUBLE => Ok(Json::Double(f64::from_le_bytes(cursor.array()?))),
        STRING => {
            let length = read_length(&mut cursor)?;
            unread.read(length)?;
            Ok(Json::String(read_text(cursor.take(length)?)?))
        }
        OPAQUE => {
            let column_type = cursor.u8()?;
            let length = read_length(&mut cursor)?;
            unread.read(length)?;
            read_opaque(column_type, cursor.take(length)?)
        }
        _ => Err(Malformed(
            "a JSON document holds a value of an unknown type",
        )),
    }
}

fn read_container(
    bytes: &Bytes,
    offset_bytes: usize,
    is_object: bool,
    depth: usize,
    unread: &mut Unread,
) -> Result<Json, Malformed> {
    const BEYOND: Malformed = Malformed("a JSON document points beyond its end");
    let mut table = Cursor::new(bytes.clone());
    let count = table.uint(offset_bytes)? as usize;
    let size = table.uint(offset_bytes)? as usize;
    if size > bytes.len() {
        return Err(BEYOND);
    }
    let entry_bytes = 1 + offset_bytes + if is_object { offset_bytes + 2 } else { 0 };
    if count > table.remaining() / entry_bytes {
        return Err(BEYOND);
    }
    unread.read(2 * offset_bytes + count * entry_bytes)?;
    let mut keys = Vec::new();
    if is_object {
        keys.reserve(count);
        for _ in 0..count {
            let offset = table.uint(offset_bytes)? as usize;
            let length = usize::from(table.u16()?);
            if offset > size || length > size - offset {
                return Err(BEYOND);
            }
            unread.read(length)?;
            keys.push(read_text(bytes.slice(offset..offset + length))?);
        }
    }
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let value_type = table.u8()?;
        let inline = table.take(offset_bytes)?;
        let is_inline = match value_type {
            LITERAL | INT16 | UINT16 => true,
            INT32 | UINT32 => offset_bytes == 4,
            _ => false,
        };
        let value = if is_inline {
            read_value(value_type, &inline, depth + 1, unread)?
        } else {
            let offset = Cursor::new(inline).uint(offset_bytes)? as usize;
            if offset > size {
                return Err(BEYOND);
            }
            read_value(value_type, &bytes.slice(offset..size), depth + 1, unread)?
        };
        values.push(value);
    }
    Ok(if is_object {
        Json::Object(keys.into_iter().zip(values).collect())
    } else {
        Json::Array(values)
    })
}

fn read_literal(byte: u8) -> Result<Json, Malformed> {
    match byte {
        0 => Ok(Json::Null),
        1 => Ok(Json::Bool(true)),
        2 => Ok(Json::Bool(false)),
        _ => Err(Malformed("a JSON document holds an unknown literal")),
    }
}

/// A length in groups of seven bits, the lowest first.
fn read_length(cursor: &mut Cursor) -> Result<usize, Malformed> {
    let mut length = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = cursor.u8()?;
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(length).map_err(|_| Malformed("a length is too large"));
        }
    }
    Err(Malformed("a length in a JSON document has no end"))
}

fn read_text(bytes: Bytes) -> Result<Text, Malformed> {
    Text::from_utf8(bytes).map_err(|_| Malformed("a string in a JSON document is not UTF-8"))
}

fn read_opaque(column_type: u8, bytes: Bytes) -> Result<Json, Malformed> {
    let packed = || -> Result<i64, Malformed> { Cursor::new(bytes.clone()).int(8) };
    let temporal = |text: String| Ok(Json::Temporal(Text::from(text)));
    match column_type {
        column::NEWDECIMAL => {
            let mut cursor = Cursor::new(bytes);
            let (precision, scale) = (cursor.u8()?, cursor.u8()?);
            // The precision counts whole groups of nine digits, so it goes past a column's 65.
            if cursor.remaining() != decimal_bytes(precision, scale) {
                return Err(Malformed("a DECIMAL in a JSON document is malformed"));
            }
            Ok(Json::Decimal(read_decimal(&mut cursor, precision, scale)?))
        }
        column::DATE => temporal(print_date(datetime_from_packed(packed()?).date)),
        column::DATETIME | column::TIMESTAMP => {
            temporal(print_datetime(datetime_from_packed(packed()?)))
        }
        column::TIME => temporal(print_time(time_from_packed(packed()?))),
        _ => Ok(Json::Opaque { column_type, bytes }),
    }
}

fn print_date(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

fn print_datetime(clock: DateTime) -> String {
    let DateTime {
        date,
        hour,
        minute,
        second,
        microsecond,
    } = clock;
    format!(
        "{} {hour:02}:{minute:02}:{second:02}.{microsecond:06}",
        print_date(date)
    )
}

fn print_time(time: Time) -> String {
    let Time {
        negative,
        hours,
        minute,
        second,
        microsecond,
    } = time;
    let sign = if negative { "-" } else { "" };
    format!("{sign}{hours:02}:{minute:02}:{second:02}.{microsecond:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_a_real_server_is_read() {
        // {"d": 1.5, "tags": [1, 2]} of MySQL 9.7.
        let bytes: &[u8] = &[
            0x00, 0x02, 0x00, 0x29, 0x00, 0x12, 0x00, 0x01, 0x00, 0x13, 0x00, 0x04, 0x00, 0x0b,
            0x17, 0x00, 0x02, 0x1f, 0x00, 0x64, 0x74, 0x61, 0x67, 0x73, 0, 0, 0, 0, 0, 0, 0xf8,
            0x3f, 0x02, 0x00, 0x0a, 0x00, 0x05, 0x01, 0x00, 0x05, 0x02, 0x00,
        ];
        let document = read_document(Bytes::from_static(bytes)).unwrap();
        let expected = Json::Object(vec![
            ("d".into(), Json::Double(1.5)),
            ("tags".into(), Json::Array(vec![Json::Int(1), Json::Int(2)])),
        ]);
        assert_eq!(document, expected);
        for end in 1..bytes.len() {
            assert!(
                read_document(Bytes::from_static(&bytes[..end])).is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn a_decimal_of_more_places_than_a_column_has_is_read() {
        // [99…99] of 65 digits: the server counts whole groups, 72 places.
        let mut bytes = vec![
            0x02, 0x01, 0x00, 0x2b, 0x00, 0x0f, 0x07, 0x00, 0xf6, 0x22, 0x48, 0x00, 0x80, 0x00,
            0x00, 0x63,
        ];
        bytes.extend([0x3b, 0x9a, 0xc9, 0xff].repeat(7));
        let document = read_document(Bytes::from(bytes)).unwrap();
        let digits = change::Decimal::parse(&"9".repeat(65)).unwrap();
        assert_eq!(document, Json::Array(vec![Json::Decimal(digits)]));
    }

    #[test]
    fn offsets_that_meet_do_not_multiply_a_document() {
        // Each array's two elements are one and the same array behind its table.
        let mut bytes = vec![SMALL_ARRAY];
        for level in (0..60_u16).rev() {
            let size = 10 * (level + 1) + 4;
            bytes.extend(2_u16.to_le_bytes());
            bytes.extend(size.to_le_bytes());
            for _ in 0..2 {
                bytes.push(SMALL_ARRAY);
                bytes.extend(10_u16.to_le_bytes());
            }
        }
        bytes.extend([0, 0, 4, 0]);
        assert_eq!(
            read_document(Bytes::from(bytes)),
            Err(Malformed("the parts of a JSON document overlap"))
        );
    }
}
