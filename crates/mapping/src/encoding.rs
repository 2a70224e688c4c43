//! How one column's values are written: decided once from the column and its choice.
//!
//! The column decides, not the value, except where a type of BSON ends before MySQL's does: an
//! unsigned number past 2^63-1, a date that no calendar has. What a column can come out as is
//! known too, since partial indexes and uniqueness depend on it.

use crate::choice::{ColumnChoice, FormChoice, ZeroDateChoice};
use crate::decimal128::MAX_DIGITS;
use crate::element::Kind;
use crate::geometry::GeometryForm;
use crate::zone::Zone;
use change::{ColumnKind, IntegerWidth, Text};
use std::sync::Arc;

/// The way of one column's values into BSON. NULL is the caller's.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Encoding {
    Int32,
    Int64,
    /// A number, or a BIT(1), of 0 or 1.
    Boolean,
    /// Int64, or Decimal128 past its end.
    Unsigned,
    UnsignedDecimal,
    UnsignedText,
    Decimal,
    DecimalText,
    DecimalDouble,
    Float,
    /// A BIT's bytes, the highest first, as the server sends them.
    BitBytes {
        bytes: usize,
    },
    Text,
    /// The text's bytes as they are stored. Those of another character set than UTF-8 have to
    /// arrive as bytes, since nobody can tell them from the text.
    TextBytes {
        utf8: bool,
    },
    Binary,
    Uuid,
    Date(ZeroDateChoice),
    DateText(ZeroDateChoice),
    /// DATETIME and TIMESTAMP alike, here and below; only a DATETIME has a zone.
    Instant {
        fraction: u8,
        zero: ZeroDateChoice,
        zone: Option<Zone>,
    },
    InstantText {
        fraction: u8,
        zero: ZeroDateChoice,
        zone: Option<Zone>,
    },
    TimeText {
        fraction: u8,
    },
    TimeMillis {
        fraction: u8,
    },
    TimeMicros,
    EnumText(Arc<[Text]>),
    EnumNumber,
    SetArray(Arc<[Text]>),
    SetNumber,
    Json,
    JsonText,
    Geometry(GeometryForm),
    Vector,
    VectorArray,
}

/// The choice does not suit the column; these words would.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unsuitable {
    pub(crate) word: &'static str,
    pub(crate) allowed: Vec<&'static str>,
}

impl Encoding {
    /// The encoding of a column, by its choice or by default.
    pub(crate) fn of(kind: &ColumnKind, choice: &ColumnChoice) -> Result<Self, Unsuitable> {
        let zero = match choice.zero_date {
            None | Some(ZeroDateChoice::String) => ZeroDateChoice::String,
            Some(chosen) if is_dated(kind) => chosen,
            Some(chosen) => return Err(Unsuitable::new(kind, chosen.word())),
        };
        let encoding = match choice.form {
            None | Some(FormChoice::Default) => Self::by_default(kind, zero),
            Some(form) => {
                Self::chosen(kind, form, zero).ok_or_else(|| Unsuitable::new(kind, form.word()))?
            }
        };
        match &choice.zone {
            None => Ok(encoding),
            Some(name) => encoding
                .in_zone(kind, name)
                .ok_or_else(|| Unsuitable::new(kind, "zone")),
        }
    }

    /// The same with a DATETIME's wall clock read in a time zone.
    fn in_zone(self, kind: &ColumnKind, name: &str) -> Option<Self> {
        let zone = Some(Zone::named(name)?);
        match (kind, self) {
            (ColumnKind::DateTime { .. }, Encoding::Instant { fraction, zero, .. }) => {
                Some(Encoding::Instant {
                    fraction,
                    zero,
                    zone,
                })
            }
            (ColumnKind::DateTime { .. }, Encoding::InstantText { fraction, zero, .. }) => {
                Some(Encoding::InstantText {
                    fraction,
                    zero,
                    zone,
                })
            }
            _ => None,
        }
    }

    fn by_default(kind: &ColumnKind, zero: ZeroDateChoice) -> Self {
        match kind {
            ColumnKind::Integer { width, unsigned } => match (width, unsigned) {
                (IntegerWidth::Big, true) => Encoding::Unsigned,
                (IntegerWidth::Big, false) | (IntegerWidth::Int, true) => Encoding::Int64,
                (IntegerWidth::Tiny | IntegerWidth::Small | IntegerWidth::Medium, _)
                | (IntegerWidth::Int, false) => Encoding::Int32,
            },
            ColumnKind::Year => Encoding::Int32,
            ColumnKind::Float | ColumnKind::Double => Encoding::Float,
            ColumnKind::Decimal { precision, .. } if *precision <= MAX_DIGITS => Encoding::Decimal,
            ColumnKind::Decimal { .. } => Encoding::DecimalText,
            ColumnKind::Bit { width: 1 } => Encoding::Boolean,
            ColumnKind::Bit { width } if *width < 64 => Encoding::Int64,
            ColumnKind::Bit { .. } => Encoding::Unsigned,
            ColumnKind::Date => Encoding::Date(zero),
            ColumnKind::Time { fraction } => Encoding::TimeText {
                fraction: *fraction,
            },
            ColumnKind::DateTime { fraction } | ColumnKind::Timestamp { fraction } => {
                let fraction = *fraction;
                let zone = None;
                if fraction <= 3 {
                    Encoding::Instant {
                        fraction,
                        zero,
                        zone,
                    }
                } else {
                    Encoding::InstantText {
                        fraction,
                        zero,
                        zone,
                    }
                }
            }
            ColumnKind::Text { .. } => Encoding::Text,
            ColumnKind::Binary { .. } => Encoding::Binary,
            ColumnKind::Enum { members } => Encoding::EnumText(members.clone()),
            ColumnKind::Set { members } => Encoding::SetArray(members.clone()),
            ColumnKind::Json => Encoding::Json,
            ColumnKind::Geometry => Encoding::Geometry(GeometryForm::BySystem),
            ColumnKind::Vector => Encoding::Vector,
        }
    }

    fn chosen(kind: &ColumnKind, form: FormChoice, zero: ZeroDateChoice) -> Option<Self> {
        let encoding = match (kind, form) {
            (ColumnKind::Integer { width, unsigned }, form) => match (width, unsigned, form) {
                (IntegerWidth::Big, true, FormChoice::Decimal) => Encoding::UnsignedDecimal,
                (IntegerWidth::Big, true, FormChoice::String) => Encoding::UnsignedText,
                (IntegerWidth::Big, true, _) => return None,
                (IntegerWidth::Tiny, _, FormChoice::Boolean) => Encoding::Boolean,
                (_, _, FormChoice::Long) => Encoding::Int64,
                _ => return None,
            },
            (ColumnKind::Year, FormChoice::Long) => Encoding::Int64,
            (ColumnKind::Decimal { .. }, FormChoice::String) => Encoding::DecimalText,
            (ColumnKind::Decimal { .. }, FormChoice::Double) => Encoding::DecimalDouble,
            (ColumnKind::Bit { width: 64 }, FormChoice::Decimal) => Encoding::UnsignedDecimal,
            (ColumnKind::Bit { width: 64 }, FormChoice::String) => Encoding::UnsignedText,
            (ColumnKind::Bit { width }, FormChoice::Binary) => Encoding::BitBytes {
                bytes: usize::from(width.div_ceil(8)),
            },
            (ColumnKind::Text { charset }, FormChoice::Binary) => Encoding::TextBytes {
                utf8: is_utf8(charset),
            },
            (ColumnKind::Binary { fixed: Some(16) }, FormChoice::Uuid) => Encoding::Uuid,
            (ColumnKind::Date, FormChoice::String) => Encoding::DateText(zero),
            (
                ColumnKind::DateTime { fraction } | ColumnKind::Timestamp { fraction },
                FormChoice::String,
            ) => Encoding::InstantText {
                fraction: *fraction,
                zero,
                zone: None,
            },
            (
                ColumnKind::DateTime { fraction } | ColumnKind::Timestamp { fraction },
                FormChoice::Date,
            ) => Encoding::Instant {
                fraction: *fraction,
                zero,
                zone: None,
            },
            (ColumnKind::Time { fraction }, FormChoice::Millis) => Encoding::TimeMillis {
                fraction: *fraction,
            },
            (ColumnKind::Time { .. }, FormChoice::Micros) => Encoding::TimeMicros,
            (ColumnKind::Enum { .. }, FormChoice::Number) => Encoding::EnumNumber,
            (ColumnKind::Set { .. }, FormChoice::Number) => Encoding::SetNumber,
            (ColumnKind::Json, FormChoice::String) => Encoding::JsonText,
            (ColumnKind::Geometry, FormChoice::GeoJson) => {
                Encoding::Geometry(GeometryForm::GeoJson)
            }
            (ColumnKind::Geometry, FormChoice::Wkb) => Encoding::Geometry(GeometryForm::Wkb),
            (ColumnKind::Vector, FormChoice::Array) => Encoding::VectorArray,
            _ => return None,
        };
        Some(encoding)
    }

    /// The BSON types that a value other than NULL can come out as.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        match self {
            Encoding::Int32 | Encoding::EnumNumber => vec![Kind::Int32],
            Encoding::Int64 | Encoding::TimeMillis { .. } | Encoding::TimeMicros => {
                vec![Kind::Int64]
            }
            Encoding::Boolean => vec![Kind::Boolean],
            Encoding::Unsigned | Encoding::SetNumber => vec![Kind::Int64, Kind::Decimal128],
            Encoding::UnsignedDecimal | Encoding::Decimal => vec![Kind::Decimal128],
            Encoding::UnsignedText
            | Encoding::DecimalText
            | Encoding::Text
            | Encoding::TimeText { .. }
            | Encoding::JsonText
            | Encoding::EnumText(_) => vec![Kind::String],
            Encoding::DecimalDouble | Encoding::Float => vec![Kind::Double],
            Encoding::BitBytes { .. }
            | Encoding::TextBytes { .. }
            | Encoding::Binary
            | Encoding::Uuid
            | Encoding::Vector => vec![Kind::Binary],
            Encoding::Date(zero) | Encoding::Instant { zero, .. } => match zero {
                ZeroDateChoice::String => vec![Kind::Date, Kind::String],
                ZeroDateChoice::Null | ZeroDateChoice::Epoch | ZeroDateChoice::Year1 => {
                    vec![Kind::Date]
                }
            },
            Encoding::DateText(zero) | Encoding::InstantText { zero, .. } => match zero {
                ZeroDateChoice::String | ZeroDateChoice::Null => vec![Kind::String],
                ZeroDateChoice::Epoch | ZeroDateChoice::Year1 => {
                    vec![Kind::String, Kind::Date]
                }
            },
            Encoding::SetArray(_) | Encoding::VectorArray => vec![Kind::Array],
            Encoding::Json => vec![
                Kind::Double,
                Kind::String,
                Kind::Document,
                Kind::Array,
                Kind::Binary,
                Kind::Boolean,
                Kind::Int32,
                Kind::Int64,
                Kind::Decimal128,
            ],
            Encoding::Geometry(_) => vec![Kind::Document],
        }
    }

    /// Whether two values that differ in MySQL can come out equal: then neither a key nor a unique
    /// index may stand on it.
    pub(crate) fn merges(&self) -> Option<&'static str> {
        match self {
            Encoding::DecimalDouble => Some("double"),
            Encoding::Instant { fraction, .. } if *fraction > 3 => Some("date"),
            Encoding::Geometry(GeometryForm::GeoJson) => Some("geojson"),
            Encoding::Date(zero)
            | Encoding::DateText(zero)
            | Encoding::Instant { zero, .. }
            | Encoding::InstantText { zero, .. }
                if zero.lossy() =>
            {
                Some(zero.word())
            }
            // The empty string of index 0 and a member that is the empty string are two rows to
            // MySQL, which compares by index.
            Encoding::EnumText(members) if members.iter().any(|m| m.as_bytes().is_empty()) => {
                Some("the empty string as a member")
            }
            Encoding::TimeMillis { fraction } if *fraction > 3 => Some("millis"),
            Encoding::Int32
            | Encoding::Int64
            | Encoding::Boolean
            | Encoding::Unsigned
            | Encoding::UnsignedDecimal
            | Encoding::UnsignedText
            | Encoding::Decimal
            | Encoding::DecimalText
            | Encoding::Float
            | Encoding::BitBytes { .. }
            | Encoding::Text
            | Encoding::TextBytes { .. }
            | Encoding::Binary
            | Encoding::Uuid
            | Encoding::Date(_)
            | Encoding::DateText(_)
            | Encoding::Instant { .. }
            | Encoding::InstantText { .. }
            | Encoding::TimeText { .. }
            | Encoding::TimeMillis { .. }
            | Encoding::TimeMicros
            | Encoding::EnumText(_)
            | Encoding::EnumNumber
            | Encoding::SetArray(_)
            | Encoding::SetNumber
            | Encoding::Json
            | Encoding::JsonText
            | Encoding::Geometry(GeometryForm::BySystem | GeometryForm::Wkb)
            | Encoding::Vector
            | Encoding::VectorArray => None,
        }
    }

    /// Whether a value comes out as an array, which `_id` cannot be and which MongoDB indexes item
    /// by item.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Encoding::SetArray(_) | Encoding::VectorArray)
    }
}

impl Unsuitable {
    fn new(kind: &ColumnKind, word: &'static str) -> Self {
        let fits = |word: &&&'static str| {
            ColumnChoice::parse(word).is_ok_and(|choice| {
                let form = choice.form;
                form.is_none_or(|form| {
                    form == FormChoice::Default
                        || Encoding::chosen(kind, form, ZeroDateChoice::String).is_some()
                }) && (choice.zero_date.is_none() || is_dated(kind))
            })
        };
        Self {
            word,
            allowed: ColumnChoice::WORDS.iter().filter(fits).copied().collect(),
        }
    }
}

/// Whether the column holds dates, some of which no calendar may have.
pub(crate) fn is_dated(kind: &ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Date | ColumnKind::DateTime { .. } | ColumnKind::Timestamp { .. }
    )
}

/// Whether the column's own bytes are the UTF-8 that a text value holds.
fn is_utf8(charset: &str) -> bool {
    matches!(charset, "utf8mb4" | "utf8mb3" | "utf8" | "ascii")
}
