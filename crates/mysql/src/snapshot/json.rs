//! JSON documents read by SELECT, with the server's own types.
//!
//! A SELECT gives a document as text, which does not tell a DOUBLE from a DECIMAL, a date from a
//! string, or a signed number from an unsigned one. A second expression of the same SELECT
//! therefore lists the type of every scalar in document order, and both are read side by side: a
//! scalar without a type, a type without a scalar or a pair that does not fit is an error, so a
//! document is either exact or refused. By the MySQL Reference Manual: "JSON Table Functions",
//! "JSON Function Attributes" (`JSON_TYPE`), and "The JSON Data Type" for how values print.

use bytes::Bytes;
use change::{Decimal, Json, Text};

/// SQL for the types of all scalars of a document, a letter each, JSON's null left out (the table
/// function gives SQL's NULL for it). `$**[0]` meets each scalar once: it stands for the element 0
/// of an array, and for any other value itself.
pub(crate) fn types_of(name: &str) -> String {
    format!(
        "(SELECT GROUP_CONCAT(CASE JSON_TYPE(x.v) \
         WHEN 'INTEGER' THEN 'i' WHEN 'STRING' THEN 's' WHEN 'DOUBLE' THEN 'f' \
         WHEN 'BOOLEAN' THEN 'b' WHEN 'DECIMAL' THEN 'd' WHEN 'UNSIGNED INTEGER' THEN 'u' \
         WHEN 'DATE' THEN 't' WHEN 'TIME' THEN 't' WHEN 'DATETIME' THEN 't' \
         WHEN 'TIMESTAMP' THEN 't' WHEN 'BLOB' THEN 'o' WHEN 'BIT' THEN 'o' \
         WHEN 'OPAQUE' THEN 'o' END ORDER BY x.o SEPARATOR '') \
         FROM JSON_TABLE({name}, '$**[0]' COLUMNS (o FOR ORDINALITY, v JSON PATH '$')) AS x)"
    )
}

/// Reads the text with the types of its scalars.
pub(crate) fn parse(text: &[u8], types: &[u8]) -> Result<Json, String> {
    let text = std::str::from_utf8(text).map_err(|_| "a JSON document is not UTF-8")?;
    let mut reader = Reader {
        text,
        at: 0,
        types: types.iter(),
    };
    let json = reader.value()?;
    if reader.at != text.len() {
        return Err(reader.broken("text after its end"));
    }
    match reader.types.next() {
        None => Ok(json),
        Some(_) => Err(reader.broken("more types than scalars")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    types: std::slice::Iter<'a, u8>,
}

impl Reader<'_> {
    // The server nests no deeper than 100, so recursion is bounded.
    fn value(&mut self) -> Result<Json, String> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let text = self.string()?;
                self.typed_string(text)
            }
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.boolean("true", true),
            Some(b'f') => self.boolean("false", false),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.broken("no value where one is due")),
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        self.expect("{")?;
        let mut members = Vec::new();
        if self.take("}") {
            return Ok(Json::Object(members));
        }
        loop {
            let name = self.string()?;
            self.expect(": ")?;
            members.push((Text::from(name), self.value()?));
            if self.take("}") {
                return Ok(Json::Object(members));
            }
            self.expect(", ")?;
        }
    }

    fn array(&mut self) -> Result<Json, String> {
        self.expect("[")?;
        let mut items = Vec::new();
        if self.take("]") {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.take("]") {
                return Ok(Json::Array(items));
            }
            self.expect(", ")?;
        }
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|character: char| !matches!(character, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let digits = &rest[..length];
        self.at += length;
        let read = match self.types.next() {
            Some(b'i') => digits.parse().ok().map(Json::Int),
            Some(b'u') => digits.parse().ok().map(Json::UInt),
            Some(b'f') => digits.parse().ok().map(Json::Double),
            Some(b'd') => Decimal::parse(digits).ok().map(Json::Decimal),
            _ => None,
        };
        read.ok_or_else(|| self.broken("a number that is not of its type"))
    }

    fn typed_string(&mut self, text: String) -> Result<Json, String> {
        match self.types.next() {
            Some(b's') => Ok(Json::String(Text::from(text))),
            Some(b't') => Ok(Json::Temporal(Text::from(text))),
            Some(b'o') => opaque(&text).ok_or_else(|| self.broken("opaque bytes not in base64")),
            _ => Err(self.broken("a string that is not of its type")),
        }
    }

    fn boolean(&mut self, word: &str, flag: bool) -> Result<Json, String> {
        match self.types.next() {
            Some(b'b') => self.word(word, Json::Bool(flag)),
            _ => Err(self.broken("a boolean that is not of its type")),
        }
    }

    fn word(&mut self, word: &str, json: Json) -> Result<Json, String> {
        self.expect(word)?;
        Ok(json)
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect("\"")?;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(['"', '\\'])
                .ok_or_else(|| self.broken("a string without an end"))?;
            text.push_str(&rest[..plain]);
            self.at += plain;
            if self.take("\"") {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        self.expect("\\")?;
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            // The server escapes control characters only; what else has a number is written itself.
            Some(b'u') => {
                let digits = self.text.get(self.at..self.at + 4);
                self.at += 4;
                digits
                    .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                    .and_then(char::from_u32)
                    .ok_or_else(|| self.broken("an escape without a character"))?
            }
            _ => return Err(self.broken("an unknown escape")),
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.broken("another form than the server prints"))
        }
    }

    fn broken(&self, what: &str) -> String {
        format!("a JSON document has {what} at byte {}", self.at)
    }
}

/// `base64:type15:AQI=`: a value of another column type, which `change::Json` keeps as bytes.
fn opaque(text: &str) -> Option<Json> {
    let (column_type, encoded) = text.strip_prefix("base64:type")?.split_once(':')?;
    Some(Json::Opaque {
        column_type: column_type.parse().ok()?,
        bytes: Bytes::from(from_base64(encoded)?),
    })
}

fn from_base64(encoded: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(encoded.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0u32);
    for letter in encoded.bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            // The server breaks long lines.
            b'\n' | b'=' => continue,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_decide_what_the_same_text_is() {
        let read = |types: &str| parse(b"[5, \"2024-01-01\", null]", types.as_bytes());
        let list = |number, text| Ok(Json::Array(vec![number, text, Json::Null]));
        let text = Text::from("2024-01-01");
        assert_eq!(read("is"), list(Json::Int(5), Json::String(text.clone())));
        assert_eq!(
            read("ut"),
            list(Json::UInt(5), Json::Temporal(text.clone()))
        );
        assert_eq!(
            read("ds"),
            list(Json::Decimal(Decimal::new(5, 0)), Json::String(text))
        );
    }

    #[test]
    fn a_type_too_few_or_too_many_is_refused() {
        for types in ["", "i", "iss", "si", "isi"] {
            assert!(parse(b"[5, \"x\"]", types.as_bytes()).is_err(), "{types}");
        }
        assert!(parse(b"[5, \"x\"]", b"is").is_ok());
    }

    #[test]
    fn escapes_and_opaque_bytes_come_back() {
        let text = br#"{"a\"\\\n\u0001": "base64:type15:AQI="}"#;
        let opaque = Json::Opaque {
            column_type: 15,
            bytes: Bytes::from_static(&[1, 2]),
        };
        let expected = Json::Object(vec![(Text::from("a\"\\\n\u{1}"), opaque)]);
        assert_eq!(parse(text, b"o"), Ok(expected));
    }
}
