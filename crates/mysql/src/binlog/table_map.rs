//! A table map: what a row event's rows look like, from the event ahead of them.
//!
//! Rows are read with nothing else than this, so that a change of the table between two events
//! can't be missed. What is built from a map (names, decoders, schema) is kept while the server
//! repeats the same bytes, which it does ahead of every statement.

use crate::binlog::column::{self, ValueDecoder, WireType};
use crate::binlog::metadata::Metadata;
use crate::charset::{Charsets, Decoder};
use crate::error::Error;
use crate::family::Family;
use crate::wire::{Cursor, Malformed, bit};
use bytes::Bytes;
use change::{Column, ColumnKind, IntegerWidth, Schema, TableName, Text, Value};
use std::sync::Arc;

/// The head of a table map event: enough to know whether the table is wanted.
pub(crate) struct TableMapHead {
    pub(crate) table_id: u64,
    pub(crate) name: TableName,
    /// Everything behind the names.
    pub(crate) rest: Cursor,
}

/// What rows are read with.
#[derive(Debug)]
pub(crate) struct TableMap {
    pub(crate) schema: Arc<Schema>,
    pub(crate) decoders: Vec<ValueDecoder>,
    /// Indexes of the JSON columns, which partial updates count.
    pub(crate) json_columns: Vec<usize>,
}

/// The column types that a table map can hold and that are read.
pub(crate) struct TableMapParts {
    types: Vec<WireType>,
    nullable: Bytes,
    metadata: Metadata,
}

pub(crate) fn read_head(body: Bytes) -> Result<TableMapHead, Malformed> {
    let mut cursor = Cursor::new(body);
    let table_id = cursor.uint(6)?;
    cursor.skip(2)?;
    let database = read_name(&mut cursor)?;
    let table = read_name(&mut cursor)?;
    Ok(TableMapHead {
        table_id,
        name: TableName { database, table },
        rest: cursor,
    })
}

pub(crate) fn read_parts(mut cursor: Cursor) -> Result<TableMapParts, Malformed> {
    let count = cursor.length()?;
    let numbers = cursor.take(count)?;
    let mut type_metadata = Cursor::new(cursor.length_encoded_bytes()?);
    let mut types = Vec::with_capacity(count);
    for &number in &numbers {
        types.push(WireType::read(number, &mut type_metadata)?);
    }
    let nullable = cursor.take(count.div_ceil(8))?;
    let metadata = Metadata::read(cursor, &types)?;
    Ok(TableMapParts {
        types,
        nullable,
        metadata,
    })
}

impl TableMap {
    /// Builds the decoders. `key` names the columns that identify a row where that is not the
    /// primary key. Asks the server for character sets that were not needed before.
    pub(crate) async fn build(
        name: TableName,
        parts: TableMapParts,
        key: Option<&[String]>,
        charsets: &Charsets,
        place: &str,
    ) -> Result<Self, Error> {
        let TableMapParts {
            types,
            nullable,
            metadata,
        } = parts;
        if metadata.names.len() != types.len() {
            return Err(Error::Metadata {
                table: name,
                place: place.to_owned(),
            });
        }
        let mut columns = Vec::with_capacity(types.len());
        let mut decoders = Vec::with_capacity(types.len());
        let mut json_columns = Vec::new();
        for (index, &wire_type) in types.iter().enumerate() {
            let column_name = String::from_utf8_lossy(&metadata.names[index]).into_owned();
            let charset = match metadata.collations[index] {
                None => None,
                Some(collation) => {
                    Some(charsets.of_collation(collation).ok_or_else(|| Error::Row {
                        table: name.clone(),
                        place: place.to_owned(),
                        reason: format!(
                            "its column {column_name:?} has the unknown collation {collation}"
                        ),
                    })?)
                }
            };
            if let Some(charset) = &charset {
                charsets.require(charset).await?;
            }
            let stored = charset
                .as_deref()
                .is_some_and(|charset| charsets.leaves(&name, &column_name, charset));
            let description = Description {
                wire_type,
                stored,
                unsigned: metadata.unsigned[index],
                charset,
                members: &metadata.members[index],
                charsets,
            };
            let Some((kind, decoder)) = description.kind_and_decoder() else {
                return Err(Error::ColumnType {
                    table: name,
                    column: column_name,
                    column_type: wire_type.number,
                });
            };
            if matches!(kind, ColumnKind::Json) {
                json_columns.push(index);
            }
            columns.push(Column {
                name: column_name.into(),
                kind,
                nullable: bit(&nullable, index),
            });
            decoders.push(decoder);
        }
        let mut schema = Schema {
            name,
            columns,
            key: metadata.primary_key,
        };
        // Columns that the table does not have are those of before or after an alteration: what it
        // means for the identity of rows is decided there.
        let named = key.and_then(|key| key.iter().map(|column| schema.column(column)).collect());
        if let Some(named) = named {
            schema.key = named;
        }
        Ok(Self {
            schema: Arc::new(schema),
            decoders,
            json_columns,
        })
    }
}

struct Description<'a> {
    wire_type: WireType,
    unsigned: bool,
    charset: Option<Arc<str>>,
    /// Text stays as it is stored.
    stored: bool,
    members: &'a [Bytes],
    charsets: &'a Charsets,
}

impl Description<'_> {
    fn kind_and_decoder(&self) -> Option<(ColumnKind, ValueDecoder)> {
        let WireType { number, meta } = self.wire_type;
        let [high, low] = meta.to_be_bytes();
        let length_bytes = usize::from(meta);
        let lengths_are_sound = (1..=4).contains(&length_bytes);
        let answer = match number {
            // MariaDB's older forms have fractions of which the event does not tell the length.
            column::TIME | column::DATETIME | column::TIMESTAMP
                if self.charsets.family() == Family::MariaDb =>
            {
                return None;
            }
            column::TINY => self.integer(IntegerWidth::Tiny, 1),
            column::SHORT => self.integer(IntegerWidth::Small, 2),
            column::INT24 => self.integer(IntegerWidth::Medium, 3),
            column::LONG => self.integer(IntegerWidth::Int, 4),
            column::LONGLONG => self.integer(IntegerWidth::Big, 8),
            column::FLOAT => (ColumnKind::Float, ValueDecoder::Float),
            column::DOUBLE => (ColumnKind::Double, ValueDecoder::Double),
            column::NEWDECIMAL if (1..=65).contains(&high) && low <= high => (
                ColumnKind::Decimal {
                    precision: high,
                    scale: low,
                },
                ValueDecoder::Decimal {
                    precision: high,
                    scale: low,
                },
            ),
            column::BIT => {
                // Bits beyond whole bytes in the low byte, whole bytes in the high one: the bytes
                // came in that order and were read big-endian.
                let width = low
                    .checked_mul(8)?
                    .checked_add(high)
                    .filter(|width| (1..=64).contains(width))?;
                (
                    ColumnKind::Bit { width },
                    ValueDecoder::Bit {
                        bytes: usize::from(width.div_ceil(8)),
                    },
                )
            }
            column::YEAR => (ColumnKind::Year, ValueDecoder::Year),
            column::DATE => (ColumnKind::Date, ValueDecoder::Date),
            column::TIME => (ColumnKind::Time { fraction: 0 }, ValueDecoder::OldTime),
            column::DATETIME => (
                ColumnKind::DateTime { fraction: 0 },
                ValueDecoder::OldDateTime,
            ),
            column::TIMESTAMP => (
                ColumnKind::Timestamp { fraction: 0 },
                ValueDecoder::OldTimestamp,
            ),
            column::TIME2 if low <= 6 => (
                ColumnKind::Time { fraction: low },
                ValueDecoder::Time { fraction: low },
            ),
            column::DATETIME2 if low <= 6 => (
                ColumnKind::DateTime { fraction: low },
                ValueDecoder::DateTime { fraction: low },
            ),
            column::TIMESTAMP2 if low <= 6 => (
                ColumnKind::Timestamp { fraction: low },
                ValueDecoder::Timestamp { fraction: low },
            ),
            column::STRING => {
                self.text_or_bytes(self.wire_type.string_length_bytes(), Some(meta))?
            }
            column::VARCHAR | column::VAR_STRING => {
                self.text_or_bytes(self.wire_type.string_length_bytes(), None)?
            }
            column::BLOB if lengths_are_sound => self.text_or_bytes(length_bytes, None)?,
            column::VARCHAR_COMPRESSED => {
                compressed(self.text_or_bytes(self.wire_type.string_length_bytes(), None)?)
            }
            column::BLOB_COMPRESSED if lengths_are_sound => {
                compressed(self.text_or_bytes(length_bytes, None)?)
            }
            column::ENUM if matches!(meta, 1 | 2) => (
                ColumnKind::Enum {
                    members: self.members()?,
                },
                ValueDecoder::Enum {
                    bytes: length_bytes,
                },
            ),
            column::SET if (1..=8).contains(&meta) => (
                ColumnKind::Set {
                    members: self.members()?,
                },
                ValueDecoder::Set {
                    bytes: length_bytes,
                },
            ),
            column::JSON if lengths_are_sound => {
                (ColumnKind::Json, ValueDecoder::Json { length_bytes })
            }
            column::GEOMETRY if lengths_are_sound => (
                ColumnKind::Geometry,
                ValueDecoder::Geometry { length_bytes },
            ),
            column::VECTOR if lengths_are_sound => {
                (ColumnKind::Vector, ValueDecoder::Vector { length_bytes })
            }
            _ => return None,
        };
        Some(answer)
    }

    fn integer(&self, width: IntegerWidth, bytes: usize) -> (ColumnKind, ValueDecoder) {
        let unsigned = self.unsigned;
        let decoder = if unsigned {
            ValueDecoder::Unsigned { bytes }
        } else {
            ValueDecoder::Signed { bytes }
        };
        (ColumnKind::Integer { width, unsigned }, decoder)
    }

    fn text_or_bytes(
        &self,
        length_bytes: usize,
        fixed: Option<u16>,
    ) -> Option<(ColumnKind, ValueDecoder)> {
        let charset = self.charset.clone()?;
        if &*charset == "binary" {
            return Some((
                ColumnKind::Binary { fixed },
                ValueDecoder::Binary {
                    length_bytes,
                    fixed,
                },
            ));
        }
        let decoder = if self.stored {
            Decoder::Stored
        } else {
            self.charsets.decoder(&charset)?
        };
        Some((
            ColumnKind::Text { charset },
            ValueDecoder::Text {
                length_bytes,
                charset: decoder,
            },
        ))
    }

    fn members(&self) -> Option<Arc<[Text]>> {
        let charset = self.charsets.decoder(self.charset.as_deref()?)?;
        self.members
            .iter()
            .map(|member| match charset.decode(member.clone()) {
                Value::Text(text) => Some(text),
                _ => None,
            })
            .collect()
    }
}

/// The same column, stored compressed.
fn compressed((kind, decoder): (ColumnKind, ValueDecoder)) -> (ColumnKind, ValueDecoder) {
    let decoder = match decoder {
        ValueDecoder::Text {
            length_bytes,
            charset,
        } => ValueDecoder::Compressed {
            length_bytes,
            charset: Some(charset),
        },
        ValueDecoder::Binary { length_bytes, .. } => ValueDecoder::Compressed {
            length_bytes,
            charset: None,
        },
        other => other,
    };
    (kind, decoder)
}

fn read_name(cursor: &mut Cursor) -> Result<Arc<str>, Malformed> {
    let length = cursor.length()?;
    let bytes = cursor.take(length)?;
    cursor.skip(1)?;
    std::str::from_utf8(&bytes)
        .map(Arc::from)
        .map_err(|_| Malformed("a name in it is not UTF-8"))
}
