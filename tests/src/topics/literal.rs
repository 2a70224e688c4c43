//! What a column's value looks like in a topic, worked out from what `mysqlbinlog` prints of it.
//!
//! The rules are written here a second time and from the documentation, so that a mistake of the
//! encoder is not repeated. Types for which `mysqlbinlog` itself prints too little have no rule.

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
    /// There is no rule for the column's type.
    Unknown,
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
        let year = Column {
            name: "v".to_owned(),
            definition: "YEAR".to_owned(),
        };
        assert_eq!(year.expected(b"2024"), Expected::Unknown);
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
