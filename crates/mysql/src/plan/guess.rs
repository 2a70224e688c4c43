//! Guesses of a key value that lies between two others.
//!
//! A guess only steers the search for a split point; the split point itself is a key that the
//! server found. A poor guess costs balance, never a row.

use crate::snapshot::is_stored_as_utf8;
use bytes::Bytes;
use change::{ColumnKind, Date, DateTime, Decimal, Text, Time, Timestamp, Value};

/// Letters that the next character of a text key may be, the most telling first: halves of the
/// digits and letters, then their quarters, then the rest.
const LETTERS: &[u8] = b"8m4czgt2ajpw60bdeqsx13579fhiklnoruvyHRMCWETFKAZ-_.";

/// How a column's values are searched.
pub(super) enum Search {
    /// The middle of two values lies between them in the server's order: halve and halve again.
    Halving,
    /// Nothing is known about the order: try these.
    Trying(Vec<Value>),
    /// No guess can be made.
    Impossible,
}

/// How to search between two values of a column.
pub(super) fn search(kind: &ColumnKind, low: &Value, high: &Value) -> Search {
    match (kind, low, high) {
        (ColumnKind::Text { charset }, Value::Text(low), Value::Text(high)) => {
            let letters =
                after_common_prefix(low.as_bytes(), high.as_bytes(), |letter| vec![letter]);
            let letters = letters
                .into_iter()
                .filter_map(|bytes| Text::from_utf8(bytes).ok());
            let candidates = between_characters(low.as_str(), high.as_str())
                .into_iter()
                .chain(letters);
            Search::Trying(
                candidates
                    .filter(|_| is_stored_as_utf8(charset))
                    .map(Value::Text)
                    .collect(),
            )
        }
        // Of what is not UTF-8 only the letters of ASCII are known to be text.
        (ColumnKind::Text { charset }, Value::Bytes(low), Value::Bytes(high)) => {
            let candidates = after_common_prefix(low, high, |letter| match &**charset {
                "utf16" | "ucs2" => vec![0, letter],
                "utf16le" => vec![letter, 0],
                "utf32" => vec![0, 0, 0, letter],
                _ => vec![letter],
            });
            Search::Trying(candidates.into_iter().map(Value::Bytes).collect())
        }
        (ColumnKind::Text { .. }, ..) => Search::Impossible,
        _ if middle(kind, low, high).is_some() => Search::Halving,
        _ => Search::Impossible,
    }
}

/// A value between two others, or equal to the lower one where there is none; `None` where the
/// middle cannot be computed.
pub(super) fn middle(kind: &ColumnKind, low: &Value, high: &Value) -> Option<Value> {
    Some(match (low, high) {
        (Value::Int(low), Value::Int(high)) => {
            Value::Int(((i128::from(*low) + i128::from(*high)).div_euclid(2)) as i64)
        }
        (Value::UInt(low), Value::UInt(high)) => Value::UInt(low.midpoint(*high)),
        (Value::Bit(low), Value::Bit(high)) => Value::Bit(low.midpoint(*high)),
        (Value::Set(low), Value::Set(high)) => Value::Set(low.midpoint(*high)),
        (Value::Year(low), Value::Year(high)) => Value::Year(low.midpoint(*high)),
        (Value::Enum(low), Value::Enum(high)) => Value::Enum(low.midpoint(*high)),
        (Value::Float(low), Value::Float(high)) => Value::Float(low / 2.0 + high / 2.0),
        (Value::Double(low), Value::Double(high)) => Value::Double(low / 2.0 + high / 2.0),
        (Value::Decimal(low), Value::Decimal(high)) if low.scale() == high.scale() => {
            let sum = low
                .unscaled()
                .zip(high.unscaled())
                .and_then(|(low, high)| low.checked_add(high));
            match sum {
                Some(sum) => Value::Decimal(Decimal::new(sum.div_euclid(2), low.scale())),
                None => middle_of_wide(low, high)?,
            }
        }
        (Value::Date(low), Value::Date(high)) => {
            let days = (low.days_since_epoch()? + high.days_since_epoch()?).div_euclid(2);
            Value::Date(Date::from_days_since_epoch(days))
        }
        (Value::DateTime(low), Value::DateTime(high)) => {
            let sum = low.microseconds_since_epoch()? + high.microseconds_since_epoch()?;
            Value::DateTime(wall_clock(sum.div_euclid(2)))
        }
        (Value::Timestamp(low), Value::Timestamp(high)) => Value::Timestamp(Timestamp {
            seconds: (low.seconds + high.seconds).div_euclid(2),
            microsecond: 0,
        }),
        (Value::Time(low), Value::Time(high)) => {
            Value::Time(time((seconds(low) + seconds(high)).div_euclid(2)))
        }
        (Value::Bytes(low), Value::Bytes(high)) => {
            let fixed = match kind {
                ColumnKind::Binary { fixed } => fixed.map(usize::from),
                _ => return None,
            };
            Value::Bytes(middle_bytes(low, high, fixed))
        }
        _ => return None,
    })
}

/// Wider numbers than two machine words are halved to the precision of a DOUBLE.
fn middle_of_wide(low: &Decimal, high: &Decimal) -> Option<Value> {
    let number = |decimal: &Decimal| decimal.to_string().parse::<f64>().ok();
    let middle = number(low)? / 2.0 + number(high)? / 2.0;
    let scale = usize::from(low.scale());
    Decimal::parse(&format!("{middle:.scale$}"))
        .ok()
        .map(Value::Decimal)
}

/// The common beginning of both, followed by each of the letters.
fn after_common_prefix(low: &[u8], high: &[u8], encode: impl Fn(u8) -> Vec<u8>) -> Vec<Bytes> {
    let unit = encode(b'a').len();
    let shared = low.iter().zip(high).take_while(|(a, b)| a == b).count();
    let mut prefix = &low[..shared / unit * unit];
    // Not in the middle of a character.
    while unit == 1
        && let Some((&last, rest)) = prefix.split_last()
        && !last.is_ascii()
    {
        prefix = rest;
    }
    let with = |&letter: &u8| Bytes::from([prefix, &encode(letter)].concat());
    LETTERS.iter().map(with).collect()
}

/// The common beginning of both, followed by characters between those that differ, where these are
/// not both of ASCII.
fn between_characters(low: &str, high: &str) -> Vec<Text> {
    let mut shared = String::new();
    for (low, high) in low.chars().zip(high.chars()) {
        if low == high {
            shared.push(low);
            continue;
        }
        if low.is_ascii() && high.is_ascii() {
            break;
        }
        let (low, high) = (u32::from(low.min(high)), u32::from(low.max(high)));
        return [4, 2, 6, 1, 3, 5, 7]
            .into_iter()
            .filter_map(|eighths| char::from_u32(low + (high - low) / 8 * eighths))
            .map(|between| Text::from(format!("{shared}{between}")))
            .collect();
    }
    Vec::new()
}

/// The middle of two byte strings as fractions, to eight bytes after what they share.
fn middle_bytes(low: &[u8], high: &[u8], fixed: Option<usize>) -> Bytes {
    let shared = low.iter().zip(high).take_while(|(a, b)| a == b).count();
    let window = |bytes: &[u8]| {
        let mut eight = [0; 8];
        let rest = &bytes[shared..];
        let length = rest.len().min(8);
        eight[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(eight)
    };
    let middle = window(low).midpoint(window(high));
    let mut bytes = low[..shared].to_vec();
    bytes.extend_from_slice(&middle.to_be_bytes());
    if let Some(length) = fixed {
        bytes.resize(length, 0);
    }
    Bytes::from(bytes)
}

fn wall_clock(microseconds: i64) -> DateTime {
    let second_of_day = microseconds.div_euclid(1_000_000).rem_euclid(86_400);
    DateTime {
        date: Date::from_days_since_epoch(microseconds.div_euclid(86_400_000_000)),
        hour: (second_of_day / 3600) as u8,
        minute: (second_of_day / 60 % 60) as u8,
        second: (second_of_day % 60) as u8,
        microsecond: microseconds.rem_euclid(1_000_000) as u32,
    }
}

fn seconds(time: &Time) -> i64 {
    let seconds =
        i64::from(time.hours) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    if time.negative { -seconds } else { seconds }
}

fn time(seconds: i64) -> Time {
    let size = seconds.unsigned_abs();
    Time {
        negative: seconds < 0,
        hours: (size / 3600) as u16,
        minute: (size / 60 % 60) as u8,
        second: (size % 60) as u8,
        microsecond: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::IntegerWidth;

    const BIG: ColumnKind = ColumnKind::Integer {
        width: IntegerWidth::Big,
        unsigned: false,
    };

    #[test]
    fn the_middle_of_the_widest_range_does_not_overflow() {
        let middle = middle(&BIG, &Value::Int(i64::MIN), &Value::Int(i64::MAX));
        assert_eq!(middle, Some(Value::Int(-1)));
    }

    #[test]
    fn the_middle_of_bytes_lies_between_them() {
        let middle = middle_bytes(&[7, 0x10], &[7, 0x20, 1], None);
        assert!(middle[..] > [7, 0x10][..] && middle[..] < [7, 0x20, 1][..]);
        assert_eq!(middle_bytes(&[0; 4], &[0xff; 4], Some(4)).len(), 4);
    }

    #[test]
    fn a_text_guess_never_splits_a_character() {
        let low = Value::Text("aé1".into());
        let high = Value::Text("aè1".into());
        let kind = ColumnKind::Text {
            charset: "utf8mb4".into(),
        };
        let Search::Trying(guesses) = search(&kind, &low, &high) else {
            panic!("text is searched by trying");
        };
        assert_eq!(guesses.len(), LETTERS.len() + 7);
        assert!(guesses.contains(&Value::Text("a8".into())));
    }
}
