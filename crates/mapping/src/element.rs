//! BSON's bytes, written by hand.
//!
//! A row becomes a document without any tree in between: each value is appended to the buffer and
//! answers with its element type, which is then put in front of its name. Layout after the BSON
//! specification, version 1.1 (bsonspec.org): everything is little endian, a document's length
//! counts itself and the closing zero.

use crate::problem::Refusal;

/// The largest document that MongoDB stores (`maxBsonObjectSize`), in bytes.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// What `_id: {hash, n}` of a row without a key takes, in bytes.
pub(crate) const NUMBERED_ID_BYTES: usize = 52;

/// Containers inside one another below the document itself. The manual's "MongoDB Limits and
/// Thresholds" names 100; MySQL's own limit for JSON is the same.
pub(crate) const MAX_DEPTH: usize = 100;

/// An element's type, as BSON numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Double = 0x01,
    String = 0x02,
    Document = 0x03,
    Array = 0x04,
    Binary = 0x05,
    ObjectId = 0x07,
    Boolean = 0x08,
    Date = 0x09,
    Null = 0x0a,
    Int32 = 0x10,
    Int64 = 0x12,
    Decimal128 = 0x13,
}

impl Kind {
    /// The name that `$type` knows it by.
    pub(crate) fn alias(self) -> &'static str {
        match self {
            Kind::Double => "double",
            Kind::String => "string",
            Kind::Document => "object",
            Kind::Array => "array",
            Kind::Binary => "binData",
            Kind::ObjectId => "objectId",
            Kind::Boolean => "bool",
            Kind::Date => "date",
            Kind::Null => "null",
            Kind::Int32 => "int",
            Kind::Int64 => "long",
            Kind::Decimal128 => "decimal",
        }
    }
}

/// Subtypes of binary data.
pub(crate) mod subtype {
    pub(crate) const GENERIC: u8 = 0;
    pub(crate) const UUID: u8 = 4;
    pub(crate) const VECTOR: u8 = 9;
}

/// Appends an element: its type, its name (`name` ends with a zero byte), and what `value` writes.
pub(crate) fn element(
    out: &mut Vec<u8>,
    name: &[u8],
    value: impl FnOnce(&mut Vec<u8>) -> Result<Kind, Refusal>,
) -> Result<(), Refusal> {
    let at = out.len();
    out.push(0);
    out.extend_from_slice(name);
    out[at] = value(out)? as u8;
    Ok(())
}

/// Appends an element of an array.
pub(crate) fn item(
    out: &mut Vec<u8>,
    index: usize,
    value: impl FnOnce(&mut Vec<u8>) -> Result<Kind, Refusal>,
) -> Result<(), Refusal> {
    let mut name = [0u8; 21];
    let mut start = name.len() - 1;
    let mut rest = index;
    loop {
        start -= 1;
        name[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    element(out, &name[start..], value)
}

/// Opens a document or array; `close` takes what this returns.
pub(crate) fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    start
}

/// Closes the document that began at `start`.
pub(crate) fn close(out: &mut Vec<u8>, start: usize) -> Result<(), Refusal> {
    out.push(0);
    let bytes = out.len() - start;
    if bytes > MAX_DOCUMENT_BYTES {
        return Err(Refusal::TooLarge {
            bytes,
            limit: MAX_DOCUMENT_BYTES,
        });
    }
    out[start..start + 4].copy_from_slice(&(bytes as u32).to_le_bytes());
    Ok(())
}

pub(crate) fn string(out: &mut Vec<u8>, utf8: &[u8]) -> Result<Kind, Refusal> {
    let length = checked_length(utf8.len(), 1)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(utf8);
    out.push(0);
    Ok(Kind::String)
}

pub(crate) fn binary(out: &mut Vec<u8>, subtype: u8, bytes: &[u8]) -> Result<Kind, Refusal> {
    let length = checked_length(bytes.len(), 0)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.push(subtype);
    out.extend_from_slice(bytes);
    Ok(Kind::Binary)
}

pub(crate) fn int32(out: &mut Vec<u8>, number: i32) -> Kind {
    out.extend_from_slice(&number.to_le_bytes());
    Kind::Int32
}

pub(crate) fn int64(out: &mut Vec<u8>, number: i64) -> Kind {
    out.extend_from_slice(&number.to_le_bytes());
    Kind::Int64
}

pub(crate) fn double(out: &mut Vec<u8>, number: f64) -> Kind {
    out.extend_from_slice(&number.to_le_bytes());
    Kind::Double
}

pub(crate) fn boolean(out: &mut Vec<u8>, flag: bool) -> Kind {
    out.push(u8::from(flag));
    Kind::Boolean
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn date(out: &mut Vec<u8>, milliseconds: i64) -> Kind {
    out.extend_from_slice(&milliseconds.to_le_bytes());
    Kind::Date
}

/// A length that fits its field; a value past the limit is refused before it is copied.
fn checked_length(bytes: usize, closing: usize) -> Result<u32, Refusal> {
    if bytes > MAX_DOCUMENT_BYTES {
        return Err(Refusal::TooLarge {
            bytes,
            limit: MAX_DOCUMENT_BYTES,
        });
    }
    Ok((bytes + closing) as u32)
}
