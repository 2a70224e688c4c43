//! From the JSON text that MySQL prints to the BSON value that it must become.
//!
//! The text alone is not enough: `1.5` may be a DOUBLE or a DECIMAL, and opaque bytes print like a
//! string. The server is therefore also asked for `JSON_TYPE` at every path of the value, and each
//! number and string is read as the type it named. The parser is our own because others turn
//! numbers into doubles or sort the members.

use super::expected::Expected;
use std::collections::HashMap;

/// What went wrong in reading the server's JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonTrouble {
    #[error("the server's JSON text cannot be read at its byte {offset}")]
    Unreadable { offset: usize },
    #[error("the server named no type for the path {path}")]
    NoType { path: String },
    #[error("the server calls {printed:?} at {path} a {kind}, which is not understood")]
    Unexpected {
        path: String,
        kind: String,
        printed: String,
    },
}

/// JSON as text has it: numbers stay as printed, members keep their order.
#[derive(Debug, PartialEq)]
enum Node {
    Null,
    Boolean(bool),
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// The value for `text`, with `kinds` the server's object of path and `JSON_TYPE`.
pub fn expectation(text: &str, kinds: &str) -> Result<Expected, JsonTrouble> {
    let Node::Object(kinds) = parse(kinds)? else {
        return Err(JsonTrouble::Unreadable { offset: 0 });
    };
    let kinds: HashMap<String, String> = kinds
        .into_iter()
        .filter_map(|(path, kind)| match kind {
            Node::String(kind) => Some((path, kind)),
            _ => None,
        })
        .collect();
    convert("$", parse(text)?, &kinds)
}

fn convert(
    path: &str,
    node: Node,
    kinds: &HashMap<String, String>,
) -> Result<Expected, JsonTrouble> {
    let kind = || {
        kinds.get(path).ok_or_else(|| JsonTrouble::NoType {
            path: path.to_owned(),
        })
    };
    Ok(match node {
        Node::Null => Expected::Null,
        Node::Boolean(value) => Expected::Boolean(value),
        Node::Number(printed) => number(path, kind()?, &printed)?,
        Node::String(text) => match kind()?.as_str() {
            "STRING" | "DATE" | "TIME" | "DATETIME" => Expected::String(text),
            "BLOB" | "BIT" | "OPAQUE" => Expected::Binary {
                subtype: 0,
                bytes: opaque(&text).ok_or_else(|| JsonTrouble::Unexpected {
                    path: path.to_owned(),
                    kind: "BLOB".to_owned(),
                    printed: text.clone(),
                })?,
            },
            other => {
                return Err(JsonTrouble::Unexpected {
                    path: path.to_owned(),
                    kind: other.to_owned(),
                    printed: text,
                });
            }
        },
        Node::Array(items) => {
            let items = items.into_iter().enumerate();
            let items: Result<Vec<_>, _> = items
                .map(|(index, item)| convert(&format!("{path}[{index}]"), item, kinds))
                .collect();
            Expected::Array(items?)
        }
        Node::Object(members) => {
            let members: Result<Vec<_>, _> = members
                .into_iter()
                .map(|(name, member)| {
                    let step = format!("{path}.{}", quoted(&name));
                    Ok((name, convert(&step, member, kinds)?))
                })
                .collect();
            Expected::Document(members?)
        }
    })
}

fn number(path: &str, kind: &str, printed: &str) -> Result<Expected, JsonTrouble> {
    let refuse = || JsonTrouble::Unexpected {
        path: path.to_owned(),
        kind: kind.to_owned(),
        printed: printed.to_owned(),
    };
    match kind {
        "INTEGER" | "UNSIGNED INTEGER" => Ok(smallest_integer(printed).ok_or_else(refuse)?),
        "DOUBLE" => printed.parse().map(Expected::Double).map_err(|_| refuse()),
        "DECIMAL" => {
            let significant: String = printed.chars().filter(char::is_ascii_digit).collect();
            if significant.trim_start_matches('0').len() <= 34 {
                Ok(Expected::Decimal128(printed.to_owned()))
            } else {
                Ok(Expected::String(printed.to_owned()))
            }
        }
        _ => Err(refuse()),
    }
}

fn smallest_integer(printed: &str) -> Option<Expected> {
    if let Ok(small) = printed.parse::<i32>() {
        return Some(Expected::Int32(small));
    }
    if let Ok(large) = printed.parse::<i64>() {
        return Some(Expected::Int64(large));
    }
    let huge: u64 = printed.parse().ok()?;
    Some(Expected::Decimal128(huge.to_string()))
}

/// A member name as the server quotes it in a path.
fn quoted(name: &str) -> String {
    let mut out = String::from("\"");
    for character in name.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// The bytes behind `base64:typeN:…`.
fn opaque(printed: &str) -> Option<Vec<u8>> {
    let (_, encoded) = printed.strip_prefix("base64:type")?.split_once(':')?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let (mut pending, mut bits) = (0_u32, 0_u32);
    for character in encoded.bytes() {
        let digit = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' | b'\n' | b'\r' => continue,
            _ => return None,
        };
        pending = (pending << 6) | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((pending >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn parse(text: &str) -> Result<Node, JsonTrouble> {
    let mut parser = Parser {
        text: text.as_bytes(),
        offset: 0,
    };
    let node = parser.node()?;
    parser.blank();
    if parser.offset == text.len() {
        Ok(node)
    } else {
        Err(parser.refuse())
    }
}

struct Parser<'a> {
    text: &'a [u8],
    offset: usize,
}

impl Parser<'_> {
    fn refuse(&self) -> JsonTrouble {
        JsonTrouble::Unreadable {
            offset: self.offset,
        }
    }

    fn blank(&mut self) {
        while self
            .text
            .get(self.offset)
            .is_some_and(u8::is_ascii_whitespace)
        {
            self.offset += 1;
        }
    }

    fn next_is(&mut self, wanted: u8) -> bool {
        self.blank();
        let found = self.text.get(self.offset) == Some(&wanted);
        self.offset += usize::from(found);
        found
    }

    fn demand(&mut self, wanted: u8) -> Result<(), JsonTrouble> {
        if self.next_is(wanted) {
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    fn word(&mut self, word: &str, node: Node) -> Result<Node, JsonTrouble> {
        if self.text[self.offset..].starts_with(word.as_bytes()) {
            self.offset += word.len();
            Ok(node)
        } else {
            Err(self.refuse())
        }
    }

    fn node(&mut self) -> Result<Node, JsonTrouble> {
        self.blank();
        match self.text.get(self.offset).copied() {
            Some(b'n') => self.word("null", Node::Null),
            Some(b't') => self.word("true", Node::Boolean(true)),
            Some(b'f') => self.word("false", Node::Boolean(false)),
            Some(b'"') => Ok(Node::String(self.string()?)),
            Some(b'[') => {
                self.offset += 1;
                let mut items = Vec::new();
                if !self.next_is(b']') {
                    loop {
                        items.push(self.node()?);
                        if !self.next_is(b',') {
                            break;
                        }
                    }
                    self.demand(b']')?;
                }
                Ok(Node::Array(items))
            }
            Some(b'{') => {
                self.offset += 1;
                let mut members = Vec::new();
                if !self.next_is(b'}') {
                    loop {
                        self.blank();
                        let name = self.string()?;
                        self.demand(b':')?;
                        members.push((name, self.node()?));
                        if !self.next_is(b',') {
                            break;
                        }
                    }
                    self.demand(b'}')?;
                }
                Ok(Node::Object(members))
            }
            _ => {
                let start = self.offset;
                while self.text.get(self.offset).is_some_and(|byte| {
                    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
                }) {
                    self.offset += 1;
                }
                if start == self.offset {
                    return Err(self.refuse());
                }
                let digits = String::from_utf8_lossy(&self.text[start..self.offset]);
                Ok(Node::Number(digits.into_owned()))
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonTrouble> {
        self.demand(b'"')?;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.text.get(self.offset).ok_or_else(|| self.refuse())?;
            self.offset += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let escape = *self.text.get(self.offset).ok_or_else(|| self.refuse())?;
                    self.offset += 1;
                    let character = match escape {
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        b'u' => self.unicode()?,
                        other => char::from(other),
                    };
                    let mut buffer = [0; 4];
                    bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                }
                plain => bytes.push(plain),
            }
        }
        String::from_utf8(bytes).map_err(|_| self.refuse())
    }

    /// MySQL prints `\u` only for control characters, so surrogates do not occur.
    fn unicode(&mut self) -> Result<char, JsonTrouble> {
        let digits = self.text.get(self.offset..self.offset + 4);
        let character = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32)
            .ok_or_else(|| self.refuse())?;
        self.offset += 4;
        Ok(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_type_that_the_server_named() {
        let kinds = r#"{"$": "ARRAY", "$[0]": "DOUBLE", "$[1]": "DECIMAL", "$[2]": "INTEGER",
            "$[3]": "UNSIGNED INTEGER", "$[4]": "DECIMAL", "$[5]": "INTEGER"}"#;
        let found = expectation(
            "[1.5, 1.50, -7, 18446744073709551615, 15, 3000000000]",
            kinds,
        );
        assert_eq!(
            found.unwrap(),
            Expected::Array(vec![
                Expected::Double(1.5),
                Expected::Decimal128("1.50".into()),
                Expected::Int32(-7),
                Expected::Decimal128("18446744073709551615".into()),
                Expected::Decimal128("15".into()),
                Expected::Int64(3_000_000_000),
            ])
        );
    }

    #[test]
    fn opaque_bytes_are_told_from_a_string_that_looks_like_them() {
        let text = r#"{"b": "base64:type15:YWJj", "s": "base64:type15:YWJj"}"#;
        let kinds = r#"{"$": "OBJECT", "$.\"b\"": "BLOB", "$.\"s\"": "STRING"}"#;
        let Expected::Document(members) = expectation(text, kinds).unwrap() else {
            panic!("an object");
        };
        let bytes = b"abc".to_vec();
        assert_eq!(members[0].1, Expected::Binary { subtype: 0, bytes });
        assert_eq!(members[1].1, Expected::String("base64:type15:YWJj".into()));
    }

    #[test]
    fn a_number_whose_type_is_unknown_is_an_error_and_not_a_guess() {
        assert!(expectation("[1]", r#"{"$": "ARRAY"}"#).is_err());
        assert!(expectation("[1", r#"{"$": "ARRAY"}"#).is_err());
    }
}
