//! One column of a table map: its type and metadata become a decoder.
//!
//! The wire's type number alone says little: CHAR, ENUM and SET share one, text and bytes share
//! another, and how long a length is depends on the metadata (MySQL Source Code Documentation,
//! "Table_map_event").

use crate::charset::Decoder;
use crate::wire::{Cursor, Malformed};

pub(crate) const TINY: u8 = 1;
pub(crate) const SHORT: u8 = 2;
pub(crate) const LONG: u8 = 3;
pub(crate) const FLOAT: u8 = 4;
pub(crate) const DOUBLE: u8 = 5;
pub(crate) const TIMESTAMP: u8 = 7;
pub(crate) const LONGLONG: u8 = 8;
pub(crate) const INT24: u8 = 9;
pub(crate) const DATE: u8 = 10;
pub(crate) const TIME: u8 = 11;
pub(crate) const DATETIME: u8 = 12;
pub(crate) const YEAR: u8 = 13;
pub(crate) const VARCHAR: u8 = 15;
pub(crate) const BIT: u8 = 16;
pub(crate) const TIMESTAMP2: u8 = 17;
pub(crate) const DATETIME2: u8 = 18;
pub(crate) const TIME2: u8 = 19;
pub(crate) const TYPED_ARRAY: u8 = 20;
/// MariaDB's COMPRESSED columns.
pub(crate) const BLOB_COMPRESSED: u8 = 140;
pub(crate) const VARCHAR_COMPRESSED: u8 = 141;
pub(crate) const VECTOR: u8 = 242;
pub(crate) const JSON: u8 = 245;
pub(crate) const NEWDECIMAL: u8 = 246;
pub(crate) const ENUM: u8 = 247;
pub(crate) const SET: u8 = 248;
pub(crate) const BLOB: u8 = 252;
pub(crate) const VAR_STRING: u8 = 253;
pub(crate) const STRING: u8 = 254;
pub(crate) const GEOMETRY: u8 = 255;

/// A column's type with its metadata, CHAR, ENUM and SET told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireType {
    pub(crate) number: u8,
    /// Meaning by type: a length, a precision and scale, a count of fractional digits.
    pub(crate) meta: u16,
}

/// How a column's value is read.
#[derive(Clone, Debug)]
pub(crate) enum ValueDecoder {
    Signed {
        bytes: usize,
    },
    Unsigned {
        bytes: usize,
    },
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Bit {
        bytes: usize,
    },
    Year,
    Date,
    Time {
        fraction: u8,
    },
    DateTime {
        fraction: u8,
    },
    Timestamp {
        fraction: u8,
    },
    OldTime,
    OldDateTime,
    OldTimestamp,
    Text {
        length_bytes: usize,
        charset: Decoder,
    },
    /// COMPRESSED text or bytes; `charset` is `None` for bytes.
    Compressed {
        length_bytes: usize,
        charset: Option<Decoder>,
    },
    /// `fixed` is BINARY's length: a row event leaves its trailing zero bytes out.
    Binary {
        length_bytes: usize,
        fixed: Option<u16>,
    },
    Enum {
        bytes: usize,
    },
    Set {
        bytes: usize,
    },
    Json {
        length_bytes: usize,
    },
    Geometry {
        length_bytes: usize,
    },
    Vector {
        length_bytes: usize,
    },
}

impl WireType {
    /// Reads the metadata of a column of the given type.
    pub(crate) fn read(number: u8, metadata: &mut Cursor) -> Result<Self, Malformed> {
        let plain = |meta| Ok(Self { number, meta });
        match number {
            FLOAT | DOUBLE | BLOB | BLOB_COMPRESSED | GEOMETRY | JSON | VECTOR | TIMESTAMP2
            | DATETIME2 | TIME2 => plain(u16::from(metadata.u8()?)),
            VARCHAR | VARCHAR_COMPRESSED | VAR_STRING => plain(metadata.u16()?),
            // Precision, then scale; bits beyond whole bytes, then whole bytes.
            NEWDECIMAL | BIT => plain(u16::from_be_bytes(metadata.array()?)),
            STRING => {
                let [high, low] = metadata.array()?;
                // Lengths beyond 255 hide two bits, inverted, in the type's own byte.
                if high & 0x30 == 0x30 {
                    Ok(Self {
                        number: high,
                        meta: u16::from(low),
                    })
                } else {
                    let length = u16::from(low) | u16::from((high & 0x30) ^ 0x30) << 4;
                    Ok(Self {
                        number: high | 0x30,
                        meta: length,
                    })
                }
            }
            ENUM | SET => plain(metadata.u16()?),
            TYPED_ARRAY => {
                // The element's type with its own metadata; one byte stands for a whole type.
                let element = metadata.u8()?;
                Self::read(element, metadata)?;
                plain(0)
            }
            _ => plain(0),
        }
    }

    /// Whether the column has a place in the list of character sets. VECTOR has: it is a BLOB to
    /// the code that writes the list.
    pub(crate) fn is_character(self) -> bool {
        matches!(
            self.number,
            VARCHAR | VARCHAR_COMPRESSED | VAR_STRING | STRING | BLOB | BLOB_COMPRESSED | VECTOR
        )
    }

    pub(crate) fn is_enum_or_set(self) -> bool {
        matches!(self.number, ENUM | SET)
    }

    /// Whether the column has a place in the list of signs. YEAR has: it is an unsigned number to
    /// the code that writes the list.
    pub(crate) fn is_numeric(self) -> bool {
        matches!(
            self.number,
            TINY | SHORT | INT24 | LONG | LONGLONG | NEWDECIMAL | FLOAT | DOUBLE | YEAR
        )
    }

    /// Bytes of the length ahead of a CHAR or VARCHAR.
    pub(crate) fn string_length_bytes(self) -> usize {
        if self.meta > 255 { 2 } else { 1 }
    }
}
