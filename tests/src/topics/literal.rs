//! What a column's value looks like in a topic, worked out from what `mysqlbinlog` prints of it.
//!
//! The rules are written here a second time and from the documentation, so that a mistake of the
//! encoder is not repeated. Types for which `mysqlbinlog` itself prints too little have no rule.

use crate::comparer::calendar;
use serde_json::{Number, Value};

/// A column as `mysqlbinlog --print-table-metadata` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// In capitals, with its sizes and attributes: `BIGINT NOT NULL`.
    pub definition: String,
}

/// How a value stands in a topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    Exactly(Value),
    /// The text of this document, or an object of it and the types of its scalars.
    Document(Value),
    /// There is no rule for the column's type.
    Unknown,
}

impl Expected {
    /// Whether the topic's value is as expected; always where there is no rule.
    #[must_use]
    pub fn is_met(&self, seen: Option<&Value>) -> bool {
        match self {
            Expected::Unknown => true,
            Expected::Exactly(expected) => seen == Some(expected),
            Expected::Document(expected) => {
                let text = seen.and_then(|seen| seen.get("json").unwrap_or(seen).as_str());
                let document = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
                document.as_ref() == Some(expected)
            }
        }
    }
}

impl Column {
    /// What the topic must hold where `mysqlbinlog` prints `literal`.
    #[must_use]
    pub fn expected(&self, literal: &[u8]) -> Expected {
        if literal == b"NULL" {
            return Expected::Exactly(Value::Null);
        }
        let kind: String = self
            .definition
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        let value = match kind.as_str() {
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => self.integer(literal),
            "DECIMAL" => Some(Value::from(String::from_utf8_lossy(literal).into_owned())),
            "CHAR" | "VARCHAR" | "TEXT" if self.definition.contains("CHARSET utf8mb4") => {
                unquoted(literal)
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .map(Value::from)
            }
            "BINARY" | "VARBINARY" | "BLOB" => {
                unquoted(literal).map(|bytes| Value::from(base64(&self.padded(bytes))))
            }
            // The year 0000 is stored as 0, which is printed as if it counted from 1900.
            "YEAR" if literal == b"1900" => Some(Value::from(0)),
            "YEAR" => self.integer(literal),
            "BIT" => self.bits(literal),
            // %.20g; a FLOAT has six digits only, which is too little.
            "DOUBLE" => number_of(literal),
            "DATE" | "DATETIME" => self.moment(literal, kind == "DATE"),
            "TIME" => text_of(literal)
                .and_then(|text| calendar::duration_micros(&text))
                .map(Value::from),
            "TIMESTAMP" => self.timestamp(literal),
            "ENUM" => self.member(literal),
            "SET" => self.members_of(literal),
            "JSON" => {
                let document = text_of(literal).and_then(|text| serde_json::from_str(&text).ok());
                let document = document.map(in_one_line);
                return document.map_or(Expected::Unknown, Expected::Document);
            }
            _ => None,
        };
        value.map_or(Expected::Unknown, Expected::Exactly)
    }

    /// `-1 (255)` stands for either, by the column's sign.
    fn integer(&self, literal: &[u8]) -> Option<Value> {
        let text = std::str::from_utf8(literal).ok()?;
        let (signed, unsigned) = match text.split_once(" (") {
            Some((signed, rest)) => (signed, rest.trim_end_matches(')')),
            None => (text, text),
        };
        let number: Number = if self.definition.contains("UNSIGNED") {
            unsigned.parse::<u64>().ok()?.into()
        } else {
            signed.parse::<i64>().ok()?.into()
        };
        Some(Value::Number(number))
    }

    /// `b'0101'`: true or false for one bit, else bytes with the lowest first.
    fn bits(&self, literal: &[u8]) -> Option<Value> {
        let digits = binary(literal)?;
        if self.definition.starts_with("BIT(1)") {
            return Some(Value::from(digits == 1));
        }
        let width: usize = self.definition[4..].split(')').next()?.parse().ok()?;
        Some(Value::from(base64(
            &digits.to_le_bytes()[..width.div_ceil(8)],
        )))
    }

    /// Digits behind the second.
    fn fraction(&self) -> usize {
        let inner = self.definition.split_once('(').map(|(_, rest)| rest);
        let digits = inner.and_then(|rest| rest.split(')').next()?.parse().ok());
        digits.unwrap_or(0)
    }

    /// Days, milliseconds or microseconds since 1970; off the calendar, what MySQL prints.
    fn moment(&self, literal: &[u8], is_date: bool) -> Option<Value> {
        // A DATE is printed with colons.
        let text = text_of(literal)?;
        let text = if is_date {
            text.replace(':', "-")
        } else {
            text
        };
        let Some(milliseconds) = calendar::milliseconds(&text) else {
            return Some(Value::from(text));
        };
        if is_date {
            return Some(Value::from(milliseconds / 86_400_000));
        }
        if self.fraction() <= 3 {
            return Some(Value::from(milliseconds));
        }
        let below: i64 = text.split_once('.').map_or(0, |(_, digits)| {
            format!("{digits:0<6}")[3..].parse().unwrap_or(0)
        });
        Some(Value::from(milliseconds * 1000 + below))
    }

    /// Seconds since 1970, and a fraction of the column's digits.
    fn timestamp(&self, literal: &[u8]) -> Option<Value> {
        let text = std::str::from_utf8(literal).ok()?;
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = seconds.parse().ok()?;
        if seconds == 0 && fraction.bytes().all(|digit| digit == b'0') {
            let point = if fraction.is_empty() { "" } else { "." };
            return Some(Value::from(format!("0000-00-00 00:00:00{point}{fraction}")));
        }
        let date = calendar::date_of(seconds.div_euclid(86_400));
        let (minutes, second) = (seconds.rem_euclid(86_400) / 60, seconds % 60);
        let point = if fraction.is_empty() { "" } else { "." };
        Some(Value::from(format!(
            "{date}T{:02}:{:02}:{second:02}{point}{fraction}Z",
            minutes / 60,
            minutes % 60
        )))
    }

    /// The names between quotes, where none is empty, has a comma or stands twice.
    fn names(&self) -> Option<Vec<&str>> {
        let inner = self.definition.split_once('(')?.1.split_once(')')?.0;
        let names: Vec<&str> = inner
            .split(", ")
            .map(|name| name.strip_prefix('\'')?.strip_suffix('\''))
            .collect::<Option<_>>()?;
        let plain = names.iter().all(|name| !name.is_empty() && name.is_ascii());
        plain.then_some(names)
    }

    fn member(&self, literal: &[u8]) -> Option<Value> {
        let index: usize = std::str::from_utf8(literal).ok()?.parse().ok()?;
        match index.checked_sub(1) {
            None => Some(Value::from("")).filter(|_| self.names().is_some()),
            Some(index) => self.names()?.get(index).map(|name| Value::from(*name)),
        }
    }

    fn members_of(&self, literal: &[u8]) -> Option<Value> {
        // Byte by byte as they are stored, the lowest first.
        let stored = literal.strip_prefix(b"b'")?.strip_suffix(b"'")?.chunks(8);
        let mut bits = 0;
        for (place, byte) in stored.enumerate() {
            let digits = std::str::from_utf8(byte).ok()?;
            bits |= u64::from_str_radix(digits, 2).ok()? << (8 * place);
        }
        let names = self.names()?;
        let chosen = names.iter().enumerate();
        let chosen: Vec<&str> = chosen
            .filter(|(bit, _)| bits >> bit & 1 == 1)
            .map(|(_, name)| *name)
            .collect();
        Some(Value::from(chosen.join(",")))
    }

    /// The log leaves out the zeros at the end of a BINARY.
    fn padded(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let size = self.definition.strip_prefix("BINARY(");
        let size = size.and_then(|rest| rest.split(')').next()?.parse::<usize>().ok());
        if let Some(size) = size
            && bytes.len() < size
        {
            bytes.resize(size, 0);
        }
        bytes
    }
}

fn text_of(literal: &[u8]) -> Option<String> {
    unquoted(literal).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// `b'0101'`
fn binary(literal: &[u8]) -> Option<u64> {
    let digits = literal.strip_prefix(b"b'")?.strip_suffix(b"'")?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 2).ok()
}

/// The server breaks the text of bytes of other types into lines.
fn in_one_line(document: Value) -> Value {
    match document {
        Value::String(text) if text.starts_with("base64:type") => text.replace('\n', "").into(),
        Value::Array(items) => items.into_iter().map(in_one_line).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, in_one_line(value)))
            .collect(),
        other => other,
    }
}

fn number_of(literal: &[u8]) -> Option<Value> {
    let number: f64 = std::str::from_utf8(literal).ok()?.trim().parse().ok()?;
    Number::from_f64(number).map(Value::Number)
}

/// The bytes of a quoted literal.
fn unquoted(literal: &[u8]) -> Option<Vec<u8>> {
    let inner = literal.strip_prefix(b"'")?.strip_suffix(b"'")?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'a' => 7,
            b'x' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            escaped => escaped,
        });
    }
    Some(bytes)
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                let digit = word >> (18 - 6 * place) & 63;
                text.push(char::from(ALPHABET[digit as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn literals_of_the_log_become_what_a_topic_holds() {
        let cases: &[(&str, &[u8], Value)] = &[
            ("BIGINT NOT NULL", b"-2 (18446744073709551614)", json!(-2)),
            ("INT UNSIGNED", b"-1 (4294967295)", json!(4_294_967_295_u32)),
            (
                "BIGINT UNSIGNED",
                b"-1 (18446744073709551615)",
                json!(u64::MAX),
            ),
            ("INT", b"NULL", json!(null)),
            ("DECIMAL(12,2)", b"-0.01", json!("-0.01")),
            (
                "VARCHAR(60) CHARSET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
                "'it\\'s\\n \\\\ é\\x00'".as_bytes(),
                json!("it's\n \\ é\0"),
            ),
            ("VARBINARY(16)", b"'\\x00\xff'", json!("AP8=")),
            ("BINARY(8)", b"'\\x01\\x02'", json!("AQIAAAAAAAA=")),
            ("BLOB", b"''", json!("")),
            ("YEAR", b"2024", json!(2024)),
            ("YEAR NOT NULL", b"1900", json!(0)),
            ("BIT(1)", b"b'1'", json!(true)),
            ("BIT(9)", b"b'100000001'", json!("AQE=")),
            ("DATE NOT NULL", b"'1970:01:02'", json!(1)),
            ("DATE", b"'2024:00:10'", json!("2024-00-10")),
            ("DATETIME(3)", b"'1970-01-01 00:00:01.500'", json!(1_500)),
            ("DATETIME(6)", b"'1969-12-31 23:59:59.999999'", json!(-1)),
            ("TIME(1)", b"'-00:00:00.5'", json!(-500_000)),
            (
                "TIMESTAMP(2)",
                b"1704067260.12",
                json!("2024-01-01T00:01:00.12Z"),
            ),
            ("TIMESTAMP(2)", b"0.00", json!("0000-00-00 00:00:00.00")),
            ("TIMESTAMP", b"0", json!("0000-00-00 00:00:00")),
            ("ENUM('a', 'b') CHARSET utf8mb4", b"2", json!("b")),
            ("SET('a', 'b', 'c')", b"b'00000101'", json!("a,c")),
            (
                "SET('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i')",
                b"b'0000001000000001'",
                json!("b,i"),
            ),
            ("DOUBLE", b"0.33329999999999998517", json!(0.3333)),
        ];
        for (definition, literal, expected) in cases {
            let column = Column {
                name: "v".to_owned(),
                definition: (*definition).to_owned(),
            };
            assert_eq!(
                column.expected(literal),
                Expected::Exactly(expected.clone()),
                "{definition}"
            );
        }
        let float = Column {
            name: "v".to_owned(),
            definition: "FLOAT".to_owned(),
        };
        assert_eq!(float.expected(b"0.1111  "), Expected::Unknown);
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
