//! Keys as people write them, in JSON, to the values that rows have.
//!
//! A key of one column is its value, one of several an object by column. Values are written as MySQL
//! prints them: numbers as numbers (or in quotes), everything else in quotes, bytes as `0x` and
//! hexadecimal digits, a member of an ENUM by name or number, a SET by number. A key that is read
//! otherwise than it is meant would take another row's document away, so whatever is in doubt is
//! refused.

use change::{Column, ColumnKind, Date, DateTime, Decimal, TableKey, Text, Time, Timestamp, Value};
use serde_json::Value as Json;

/// The key's values in key order, or what is wrong with it.
pub(super) fn key_of(text: &str, key: &TableKey) -> Result<Vec<Value>, String> {
    let names = || -> Vec<&str> { key.columns.iter().map(|column| &*column.name).collect() };
    let json: Json = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let members = match (json, &key.columns[..]) {
        (_, []) => return Err("the table has no key".to_owned()),
        (Json::Object(members), _) => members,
        (json, [column]) => return Ok(vec![value_of(&json, column)?]),
        (_, _) => return Err(format!("the key has the columns {}", names().join(", "))),
    };
    if members.len() != key.columns.len() {
        return Err(format!("the key has the columns {}", names().join(", ")));
    }
    let columns = key.columns.iter();
    columns
        .map(|column| match members.get(&*column.name) {
            Some(json) => value_of(json, column),
            None => Err(format!("the key has the columns {}", names().join(", "))),
        })
        .collect()
}

fn value_of(json: &Json, column: &Column) -> Result<Value, String> {
    let text = match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    let value = text.and_then(|text| read(&text, &column.kind));
    value.ok_or_else(|| format!("this is no value of column {}", column.name))
}

fn read(text: &str, kind: &ColumnKind) -> Option<Value> {
    Some(match kind {
        ColumnKind::Integer {
            unsigned: false, ..
        } => Value::Int(text.parse().ok()?),
        ColumnKind::Integer { unsigned: true, .. } => Value::UInt(text.parse().ok()?),
        ColumnKind::Float => Value::Float(text.parse().ok().filter(|one: &f32| one.is_finite())?),
        ColumnKind::Double => Value::Double(text.parse().ok().filter(|one: &f64| one.is_finite())?),
        ColumnKind::Decimal { scale, .. } => Value::Decimal(decimal(text, *scale)?),
        ColumnKind::Bit { .. } => Value::Bit(text.parse().ok()?),
        ColumnKind::Year => Value::Year(text.parse().ok()?),
        ColumnKind::Date => Value::Date(date(text)?),
        ColumnKind::Time { .. } => Value::Time(time(text)?),
        ColumnKind::DateTime { .. } => Value::DateTime(date_time(text)?),
        ColumnKind::Timestamp { .. } => {
            let clock = date_time(text)?;
            let of_day = u32::from(clock.hour) * 3600
                + u32::from(clock.minute) * 60
                + u32::from(clock.second);
            Value::Timestamp(Timestamp {
                seconds: clock.date.days_since_epoch()? * 86_400 + i64::from(of_day),
                microsecond: clock.microsecond,
            })
        }
        ColumnKind::Text { .. } => Value::Text(Text::from(text.to_owned())),
        ColumnKind::Binary { fixed } => {
            let mut bytes = hexadecimal(text.strip_prefix("0x")?)?;
            if let Some(length) = fixed {
                bytes.resize(bytes.len().max(usize::from(*length)), 0);
            }
            Value::Bytes(bytes.into())
        }
        ColumnKind::Enum { members } => {
            let named = members.iter().position(|member| member.as_str() == text);
            match named {
                Some(place) => Value::Enum(u16::try_from(place + 1).ok()?),
                None => Value::Enum(text.parse().ok()?),
            }
        }
        ColumnKind::Set { .. } => Value::Set(text.parse().ok()?),
        ColumnKind::Json | ColumnKind::Geometry | ColumnKind::Vector => return None,
    })
}

/// With as many decimals as the column has.
fn decimal(text: &str, scale: u8) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || !plain(digits) || !plain(fraction) {
        return None;
    }
    let scale = usize::from(scale);
    if fraction.len() > scale {
        return None;
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let point = if scale > 0 { "." } else { "" };
    Decimal::parse(&format!("{sign}{digits}{point}{fraction:0<scale$}")).ok()
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let date = Date {
        year: number(parts.next()?)?,
        month: number(parts.next()?)?,
        day: number(parts.next()?)?,
    };
    (parts.next().is_none() && date.month <= 12 && date.day <= 31).then_some(date)
}

fn date_time(text: &str) -> Option<DateTime> {
    let (day, clock) = text.split_once([' ', 'T'])?;
    let clock = time(clock.strip_suffix('Z').unwrap_or(clock))?;
    (!clock.negative && clock.hours < 24).then_some(DateTime {
        date: date(day)?,
        hour: u8::try_from(clock.hours).ok()?,
        minute: clock.minute,
        second: clock.second,
        microsecond: clock.microsecond,
    })
}

fn time(text: &str) -> Option<Time> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let time = Time {
        negative,
        hours: number(parts.next()?)?,
        minute: number(parts.next()?)?,
        second: number(parts.next()?)?,
        microsecond: match fraction.len() {
            1..=6 => number(&format!("{fraction:0<6}"))?,
            _ => return None,
        },
    };
    (parts.next().is_none() && time.minute < 60 && time.second < 60).then_some(time)
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::IntegerWidth;

    fn key(kinds: &[(&str, ColumnKind)]) -> TableKey {
        let columns = kinds.iter().map(|(name, kind)| Column {
            name: (*name).into(),
            kind: kind.clone(),
            nullable: false,
        });
        TableKey {
            columns: columns.collect(),
            primary: true,
        }
    }

    fn integer(unsigned: bool) -> ColumnKind {
        ColumnKind::Integer {
            width: IntegerWidth::Big,
            unsigned,
        }
    }

    #[test]
    fn a_key_is_a_value_or_an_object_by_column() {
        let one = key(&[("id", integer(false))]);
        assert_eq!(key_of("17", &one), Ok(vec![Value::Int(17)]));
        assert_eq!(key_of("{\"id\":-1}", &one), Ok(vec![Value::Int(-1)]));
        let text = ColumnKind::Text {
            charset: "utf8mb4".into(),
        };
        let two = key(&[("b", text), ("a", integer(true))]);
        let expected = vec![Value::Text("x".into()), Value::UInt(u64::MAX)];
        let written = "{\"a\":18446744073709551615,\"b\":\"x\"}";
        assert_eq!(key_of(written, &two), Ok(expected));
        for wrong in [
            "17",
            "[1,2]",
            "{\"a\":1}",
            "{\"a\":1,\"b\":\"x\",\"c\":1}",
            "{\"a\":1,\"c\":\"x\"}",
        ] {
            assert!(key_of(wrong, &two).is_err(), "{wrong}");
        }
        assert!(key_of("1", &key(&[])).is_err());
    }

    #[test]
    fn values_are_what_the_column_holds_or_refused() {
        let read = |text: &str, kind: &ColumnKind| key_of(text, &key(&[("k", kind.clone())]));
        let decimal = ColumnKind::Decimal {
            precision: 6,
            scale: 2,
        };
        for (written, stored) in [
            ("\"1.5\"", "1.50"),
            ("-3", "-3.00"),
            ("\"007\"", "7.00"),
            ("1e3", "1000.00"),
        ] {
            let stored = Value::Decimal(Decimal::parse(stored).unwrap());
            assert_eq!(read(written, &decimal), Ok(vec![stored]));
        }
        let binary = ColumnKind::Binary { fixed: Some(4) };
        let bytes = Value::Bytes(vec![0xff, 1, 0, 0].into());
        assert_eq!(read("\"0xFF01\"", &binary), Ok(vec![bytes]));
        let members = ["new", "2"].map(Text::from).into();
        let of_enum = ColumnKind::Enum { members };
        assert_eq!(read("\"2\"", &of_enum), Ok(vec![Value::Enum(2)]));
        assert_eq!(read("\"new\"", &of_enum), Ok(vec![Value::Enum(1)]));
        let stamp = ColumnKind::Timestamp { fraction: 3 };
        let instant = Timestamp {
            seconds: 86_401,
            microsecond: 500_000,
        };
        let written = "\"1970-01-02 00:00:01.5\"";
        assert_eq!(read(written, &stamp), Ok(vec![Value::Timestamp(instant)]));
        for (wrong, kind) in [
            ("\"1.555\"", &decimal),
            ("\"FF\"", &binary),
            ("\"0xF\"", &binary),
            ("\"old\"", &of_enum),
            ("\"1970-01-02\"", &stamp),
            ("\"1970-13-02 00:00:00\"", &stamp),
            ("null", &integer(false)),
            ("1.0", &integer(false)),
            ("\"a\"", &ColumnKind::Json),
        ] {
            assert!(read(wrong, kind).is_err(), "{wrong}");
        }
    }
}
