//! Row images: one value per column, decoded in place.
//!
//! Strings and bytes are slices of the event's own buffer. Which columns are NULL is told by a
//! bitmap ahead of the values; every other value is as long as its type, or its length ahead of
//! it, says.

use crate::binlog::column::ValueDecoder;
use crate::binlog::mariadb::inflate_value;
use crate::binlog::number::read_decimal;
use crate::binlog::table_map::TableMap;
use crate::binlog::temporal;
use crate::json::{apply_diffs, read_document};
use crate::wire::{Cursor, Malformed, bit};
use bytes::{Bytes, BytesMut};
use change::{Json, Value};

/// A value that can't be read. Never holds the value.
#[derive(Debug, thiserror::Error)]
#[error("column {column}: {reason}")]
pub(crate) struct ImageError {
    column: String,
    reason: Malformed,
}

/// Reads an image that has all columns.
pub(crate) fn read_image(map: &TableMap, images: &mut Cursor) -> Result<Vec<Value>, ImageError> {
    let decoders = &map.decoders;
    let nulls = images
        .take(decoders.len().div_ceil(8))
        .map_err(head_error)?;
    let mut values = Vec::with_capacity(decoders.len());
    for (index, decoder) in decoders.iter().enumerate() {
        let value = if bit(&nulls, index) {
            Value::Null
        } else {
            decoder
                .read(images)
                .map_err(|reason| error(map, index, reason))?
        };
        values.push(value);
    }
    Ok(values)
}

/// Reads the image after a partial update: JSON columns may hold only what changed.
pub(crate) fn read_partial_image(
    map: &TableMap,
    before: &[Value],
    images: &mut Cursor,
) -> Result<Vec<Value>, ImageError> {
    const PARTIAL_JSON: u64 = 1;
    let decoders = &map.decoders;
    let options = images.length_encoded().map_err(head_error)?;
    let partial = if options & PARTIAL_JSON != 0 {
        images
            .take(map.json_columns.len().div_ceil(8))
            .map_err(head_error)?
    } else {
        Bytes::new()
    };
    let nulls = images
        .take(decoders.len().div_ceil(8))
        .map_err(head_error)?;
    let mut values = Vec::with_capacity(decoders.len());
    let mut json_columns_seen = 0;
    for (index, decoder) in decoders.iter().enumerate() {
        let is_json = matches!(decoder, ValueDecoder::Json { .. });
        let is_partial = is_json && !partial.is_empty() && bit(&partial, json_columns_seen);
        json_columns_seen += usize::from(is_json);
        let value = if bit(&nulls, index) {
            Ok(Value::Null)
        } else if let (ValueDecoder::Json { length_bytes }, true) = (decoder, is_partial) {
            read_diffs(images, *length_bytes, &before[index])
        } else {
            decoder.read(images)
        };
        values.push(value.map_err(|reason| error(map, index, reason))?);
    }
    Ok(values)
}

impl ValueDecoder {
    /// Reads one value that is not NULL.
    #[inline]
    pub(crate) fn read(&self, images: &mut Cursor) -> Result<Value, Malformed> {
        let value = match self {
            ValueDecoder::Signed { bytes } => Value::Int(images.int(*bytes)?),
            ValueDecoder::Unsigned { bytes } => Value::UInt(images.uint(*bytes)?),
            ValueDecoder::Float => Value::Float(f32::from_le_bytes(images.array()?)),
            ValueDecoder::Double => Value::Double(f64::from_le_bytes(images.array()?)),
            ValueDecoder::Decimal { precision, scale } => {
                Value::Decimal(read_decimal(images, *precision, *scale)?)
            }
            ValueDecoder::Bit { bytes } => Value::Bit(images.uint_be(*bytes)?),
            ValueDecoder::Year => Value::Year(match images.u8()? {
                0 => 0,
                years => 1900 + u16::from(years),
            }),
            ValueDecoder::Date => Value::Date(temporal::read_date(images)?),
            ValueDecoder::Time { fraction } => Value::Time(temporal::read_time(images, *fraction)?),
            ValueDecoder::DateTime { fraction } => {
                Value::DateTime(temporal::read_datetime(images, *fraction)?)
            }
            ValueDecoder::Timestamp { fraction } => {
                Value::Timestamp(temporal::read_timestamp(images, *fraction)?)
            }
            ValueDecoder::OldTime => Value::Time(temporal::read_old_time(images)?),
            ValueDecoder::OldDateTime => Value::DateTime(temporal::read_old_datetime(images)?),
            ValueDecoder::OldTimestamp => Value::Timestamp(temporal::read_old_timestamp(images)?),
            ValueDecoder::Text {
                length_bytes,
                charset,
            } => charset.decode(sized(images, *length_bytes)?),
            ValueDecoder::Compressed {
                length_bytes,
                charset,
            } => {
                let bytes = inflate_value(sized(images, *length_bytes)?)?;
                match charset {
                    Some(charset) => charset.decode(bytes),
                    None => Value::Bytes(bytes),
                }
            }
            ValueDecoder::Binary {
                length_bytes,
                fixed,
            } => {
                let bytes = sized(images, *length_bytes)?;
                match fixed {
                    Some(length) if bytes.len() < usize::from(*length) => {
                        let mut padded = BytesMut::zeroed(usize::from(*length));
                        padded[..bytes.len()].copy_from_slice(&bytes);
                        Value::Bytes(padded.freeze())
                    }
                    _ => Value::Bytes(bytes),
                }
            }
            ValueDecoder::Enum { bytes } => Value::Enum(images.uint(*bytes)? as u16),
            ValueDecoder::Set { bytes } => Value::Set(images.uint(*bytes)?),
            ValueDecoder::Json { length_bytes } => {
                Value::Json(read_document(sized(images, *length_bytes)?)?)
            }
            ValueDecoder::Geometry { length_bytes } => {
                Value::Geometry(sized(images, *length_bytes)?)
            }
            ValueDecoder::Vector { length_bytes } => Value::Vector(sized(images, *length_bytes)?),
        };
        Ok(value)
    }
}

pub(super) fn read_diffs(
    images: &mut Cursor,
    length_bytes: usize,
    before: &Value,
) -> Result<Value, Malformed> {
    let diffs = sized(images, length_bytes)?;
    // No difference at all is an empty list: the document is unchanged.
    if diffs.is_empty() {
        return Ok(before.clone());
    }
    let Value::Json(before) = before else {
        return Err(Malformed("a partial update of a document that was NULL"));
    };
    let mut document: Json = before.clone();
    apply_diffs(&mut document, diffs)?;
    Ok(Value::Json(document))
}

fn sized(images: &mut Cursor, length_bytes: usize) -> Result<Bytes, Malformed> {
    let length = images.uint(length_bytes)? as usize;
    images.take(length)
}

/// What stands ahead of the values can't be read.
pub(super) fn head_error(reason: Malformed) -> ImageError {
    ImageError {
        column: "(null bitmap)".to_owned(),
        reason,
    }
}

pub(super) fn error(map: &TableMap, index: usize, reason: Malformed) -> ImageError {
    ImageError {
        column: map.schema.columns[index].name.to_string(),
        reason,
    }
}
