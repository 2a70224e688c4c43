//! One value into BSON, by its column's encoding.
//!
//! This is where a row's time goes, so nothing is allocated for a value of a common type. A value
//! of another kind than its column says is refused rather than guessed at: it means that the row
//! was read with the wrong schema.

use crate::choice::ZeroDateChoice;
use crate::clock::{self, ClockText};
use crate::decimal128;
use crate::element::{self, Kind, subtype};
use crate::encoding::Encoding;
use crate::problem::Refusal;
use crate::zone::Zone;
use crate::{geometry, json, json_text};
use change::{DateTime, Text, Value};

const MILLISECONDS_PER_DAY: i64 = 86_400_000;
/// 0001-01-01T00:00:00Z.
const YEAR_1_MS: i64 = -719_162 * MILLISECONDS_PER_DAY;
/// The vector header of BSON's binary subtype 9: 32-bit floats, no padding.
const FLOAT32_VECTOR: [u8; 2] = [0x27, 0x00];

impl Encoding {
    /// Appends a value other than NULL and tells its type.
    pub(crate) fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<Kind, Refusal> {
        match self {
            Encoding::Int32 => match i32::try_from(signed(value)?) {
                Ok(number) => Ok(element::int32(out, number)),
                Err(_) => Err(mismatch("a number of 32 bits")),
            },
            Encoding::Int64 => Ok(element::int64(out, signed(value)?)),
            Encoding::Boolean => match signed(value)? {
                0 => Ok(element::boolean(out, false)),
                1 => Ok(element::boolean(out, true)),
                _ => Err(Refusal::NotABoolean),
            },
            Encoding::Unsigned => Ok(decimal128::write_unsigned(out, unsigned(value)?)),
            Encoding::UnsignedDecimal => {
                decimal128::write(out, i128::from(unsigned(value)?), 0).ok_or(mismatch("a number"))
            }
            Encoding::UnsignedText => element::string(out, unsigned(value)?.to_string().as_bytes()),
            Encoding::Decimal => match value {
                Value::Decimal(number) => number
                    .unscaled()
                    .and_then(|unscaled| decimal128::write(out, unscaled, number.scale()))
                    .ok_or(mismatch("a decimal of at most 34 digits")),
                _ => Err(mismatch("a decimal")),
            },
            Encoding::DecimalText => match value {
                Value::Decimal(number) => element::string(out, number.to_string().as_bytes()),
                _ => Err(mismatch("a decimal")),
            },
            Encoding::DecimalDouble => match value {
                Value::Decimal(number) => number
                    .to_string()
                    .parse()
                    .map(|number| element::double(out, number))
                    .map_err(|_| mismatch("a decimal")),
                _ => Err(mismatch("a decimal")),
            },
            Encoding::Float => match value {
                Value::Double(number) => Ok(element::double(out, *number)),
                Value::Float(number) => Ok(element::double(out, f64::from(*number))),
                _ => Err(mismatch("a floating-point number")),
            },
            Encoding::BitBytes { bytes } => {
                let number = unsigned(value)?.to_be_bytes();
                element::binary(out, subtype::GENERIC, &number[number.len() - bytes..])
            }
            Encoding::Text => element::string(out, text(value)?.as_bytes()),
            Encoding::TextBytes { utf8 } => match value {
                Value::Malformed(bytes) => element::binary(out, subtype::GENERIC, bytes),
                Value::Text(text) if *utf8 => {
                    element::binary(out, subtype::GENERIC, text.as_bytes())
                }
                _ => Err(mismatch("the stored bytes of text")),
            },
            Encoding::Binary => element::binary(out, subtype::GENERIC, bytes(value)?),
            Encoding::Uuid => match bytes(value)? {
                uuid if uuid.len() == 16 => element::binary(out, subtype::UUID, uuid),
                _ => Err(mismatch("16 bytes")),
            },
            Encoding::Date(zero) => match value {
                Value::Date(date) => match date.days_since_epoch() {
                    Some(days) => Ok(element::date(out, days * MILLISECONDS_PER_DAY)),
                    None => write_zero_date(out, *zero, &ClockText::date(date)),
                },
                _ => Err(mismatch("a date")),
            },
            Encoding::DateText(zero) => match value {
                Value::Date(date) if date.is_on_the_calendar() => {
                    element::string(out, ClockText::date(date).as_bytes())
                }
                Value::Date(date) => write_zero_date(out, *zero, &ClockText::date(date)),
                _ => Err(mismatch("a date")),
            },
            Encoding::Instant {
                fraction,
                zero,
                zone,
            } => write_instant(out, value, *fraction, *zero, zone.as_ref()),
            Encoding::InstantText {
                fraction,
                zero,
                zone,
            } => {
                let (mut clock, mut zulu) = wall_clock(value)?;
                if let Some(zone) = zone
                    && clock.date.is_on_the_calendar()
                {
                    (clock, zulu) = (zone.in_utc(&clock)?, true);
                }
                let text = ClockText::date_time(&clock, *fraction, zulu);
                if clock.date.is_on_the_calendar() {
                    element::string(out, text.as_bytes())
                } else {
                    write_zero_date(out, *zero, &text)
                }
            }
            Encoding::TimeText { fraction } => {
                element::string(out, ClockText::time(time(value)?, *fraction).as_bytes())
            }
            Encoding::TimeMillis { .. } => {
                let microseconds = clock::microseconds_of(time(value)?);
                Ok(element::int64(out, microseconds.div_euclid(1000)))
            }
            Encoding::TimeMicros => Ok(element::int64(out, clock::microseconds_of(time(value)?))),
            Encoding::EnumText(members) => match value {
                Value::Enum(0) => element::string(out, b""),
                Value::Enum(index) => match members.get(usize::from(*index) - 1) {
                    Some(member) => element::string(out, member.as_bytes()),
                    None => Err(mismatch("a member of the ENUM")),
                },
                _ => Err(mismatch("an ENUM")),
            },
            Encoding::EnumNumber => match value {
                Value::Enum(index) => Ok(element::int32(out, i32::from(*index))),
                _ => Err(mismatch("an ENUM")),
            },
            Encoding::SetArray(members) => match value {
                Value::Set(bits) => write_set(out, *bits, members),
                _ => Err(mismatch("a SET")),
            },
            Encoding::SetNumber => match value {
                Value::Set(bits) => Ok(decimal128::write_unsigned(out, *bits)),
                _ => Err(mismatch("a SET")),
            },
            Encoding::Json => match value {
                Value::Json(tree) => json::write(out, tree, 0),
                _ => Err(mismatch("a JSON value")),
            },
            Encoding::JsonText => match value {
                Value::Json(tree) => {
                    let mut text = Vec::new();
                    json_text::print(tree, &mut text);
                    element::string(out, &text)
                }
                _ => Err(mismatch("a JSON value")),
            },
            Encoding::Geometry(form) => match value {
                Value::Geometry(stored) => geometry::write(out, stored, *form),
                _ => Err(mismatch("a geometry")),
            },
            Encoding::Vector => {
                let floats = vector(value)?;
                let mut framed = Vec::with_capacity(FLOAT32_VECTOR.len() + floats.len());
                framed.extend_from_slice(&FLOAT32_VECTOR);
                framed.extend_from_slice(floats);
                element::binary(out, subtype::VECTOR, &framed)
            }
            Encoding::VectorArray => {
                let start = element::open(out);
                for (index, float) in vector(value)?.as_chunks::<4>().0.iter().enumerate() {
                    element::item(out, index, |out| {
                        Ok(element::double(out, f64::from(f32::from_le_bytes(*float))))
                    })?;
                }
                element::close(out, start)?;
                Ok(Kind::Array)
            }
        }
    }
}

fn write_instant(
    out: &mut Vec<u8>,
    value: &Value,
    fraction: u8,
    zero: ZeroDateChoice,
    zone: Option<&Zone>,
) -> Result<Kind, Refusal> {
    let microseconds = match value {
        Value::DateTime(clock) => match (clock.microseconds_since_epoch(), zone) {
            (Some(wall), Some(zone)) => Some(wall - zone.offset_of(clock)? * 1_000_000),
            (wall, _) => wall,
        },
        Value::Timestamp(instant) if instant.is_zero() => None,
        Value::Timestamp(instant) => {
            Some(instant.seconds * 1_000_000 + i64::from(instant.microsecond))
        }
        _ => return Err(mismatch("a date with time")),
    };
    match microseconds {
        Some(microseconds) => Ok(element::date(out, microseconds.div_euclid(1000))),
        None => {
            let (clock, zulu) = wall_clock(value)?;
            write_zero_date(out, zero, &ClockText::date_time(&clock, fraction, zulu))
        }
    }
}

fn write_zero_date(
    out: &mut Vec<u8>,
    zero: ZeroDateChoice,
    printed: &ClockText,
) -> Result<Kind, Refusal> {
    match zero {
        ZeroDateChoice::String => element::string(out, printed.as_bytes()),
        ZeroDateChoice::Null => Ok(Kind::Null),
        ZeroDateChoice::Epoch => Ok(element::date(out, 0)),
        ZeroDateChoice::Year1 => Ok(element::date(out, YEAR_1_MS)),
    }
}

fn write_set(out: &mut Vec<u8>, bits: u64, members: &[Text]) -> Result<Kind, Refusal> {
    let described = u64::MAX
        .checked_shr(64 - members.len().min(64) as u32)
        .unwrap_or(0);
    if bits & !described != 0 {
        return Err(mismatch("members of the SET"));
    }
    let start = element::open(out);
    let chosen = (0..members.len()).filter(|bit| bits >> bit & 1 == 1);
    for (index, bit) in chosen.enumerate() {
        element::item(out, index, |out| {
            element::string(out, members[bit].as_bytes())
        })?;
    }
    element::close(out, start)?;
    Ok(Kind::Array)
}

fn wall_clock(value: &Value) -> Result<(DateTime, bool), Refusal> {
    match value {
        Value::DateTime(clock) => Ok((*clock, false)),
        Value::Timestamp(instant) => Ok((instant.wall_clock(), true)),
        _ => Err(mismatch("a date with time")),
    }
}

fn signed(value: &Value) -> Result<i64, Refusal> {
    let number = match value {
        Value::Int(number) => return Ok(*number),
        Value::Year(year) => return Ok(i64::from(*year)),
        Value::UInt(number) | Value::Bit(number) => i64::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or(mismatch("an integer that fits the column"))
}

fn unsigned(value: &Value) -> Result<u64, Refusal> {
    match value {
        Value::UInt(number) | Value::Bit(number) => Ok(*number),
        _ => Err(mismatch("an unsigned integer")),
    }
}

fn text(value: &Value) -> Result<&Text, Refusal> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Malformed(_) => Err(Refusal::InvalidText),
        _ => Err(mismatch("text")),
    }
}

fn bytes(value: &Value) -> Result<&[u8], Refusal> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(mismatch("bytes")),
    }
}

fn time(value: &Value) -> Result<&change::Time, Refusal> {
    match value {
        Value::Time(time) => Ok(time),
        _ => Err(mismatch("a time")),
    }
}

fn vector(value: &Value) -> Result<&[u8], Refusal> {
    match value {
        Value::Vector(floats) if floats.len().is_multiple_of(4) => Ok(floats),
        Value::Vector(_) => Err(Refusal::BrokenBytes { what: "vector" }),
        _ => Err(mismatch("a vector")),
    }
}

fn mismatch(expected: &'static str) -> Refusal {
    Refusal::Mismatch { expected }
}
