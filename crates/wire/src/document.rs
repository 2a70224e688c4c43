//! A JSON column: the document's text in a string.
//!
//! MySQL's documents know more than JSON text does: a DECIMAL, a DATETIME or a small unsigned
//! number inside one looks like a double, a string or an integer. A document that has such values
//! is written as an object of its text, as MySQL prints it, and one letter for each scalar in
//! order. Without them the text says all: a number with a point or an exponent is a double, one
//! without is signed where 64 bits hold it.

use crate::cursor::{Broken, Cursor};
use crate::number::{decimal, float, integer, read_decimal};
use crate::string::{base64_plain, escaped, from_base64, quoted};
use bytes::Bytes;
use change::{Json, Text};

/// Containers inside one another that are read; MySQL allows 100.
const MOST_LEVELS: usize = 256;

const OPAQUE: &[u8] = b"base64:type";

/// Appends the document. `scratch` is empty before and after.
pub(crate) fn write(json: &Json, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    let plain = is_plain(json);
    text(json, scratch);
    out.extend_from_slice(if plain { b"\"" } else { b"{\"json\":\"" });
    escaped(out, scratch);
    scratch.clear();
    if plain {
        out.push(b'"');
    } else {
        out.extend_from_slice(b"\",\"types\":\"");
        letters(json, out);
        out.extend_from_slice(b"\"}");
    }
}

/// Whether the text alone says what each value is.
pub(crate) fn is_plain(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::String(_) => true,
        Json::UInt(number) => i64::try_from(*number).is_err(),
        Json::Double(number) => number.is_finite(),
        Json::Decimal(_) | Json::Temporal(_) | Json::Opaque { .. } => false,
        Json::Array(items) => items.iter().all(is_plain),
        Json::Object(members) => members.iter().all(|(_, member)| is_plain(member)),
    }
}

/// Appends the document's text.
pub(crate) fn text(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Int(number) => integer(out, *number),
        Json::UInt(number) => integer(out, *number),
        Json::Double(number) if number.is_finite() => float(out, *number),
        Json::Double(number) => integer(out, number.to_bits()),
        Json::Decimal(number) => decimal(out, number),
        Json::String(text) | Json::Temporal(text) => quoted(out, text.as_bytes()),
        Json::Opaque { column_type, bytes } => {
            out.push(b'"');
            out.extend_from_slice(OPAQUE);
            integer(out, *column_type);
            out.push(b':');
            base64_plain(out, bytes);
            out.push(b'"');
        }
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                text(item, out);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            out.push(b'{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                quoted(out, name.as_bytes());
                out.push(b':');
                text(member, out);
            }
            out.push(b'}');
        }
    }
}

/// One letter for each scalar, in order.
pub(crate) fn letters(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.push(b'n'),
        Json::Bool(_) => out.push(b'b'),
        Json::Int(_) => out.push(b'i'),
        Json::UInt(_) => out.push(b'u'),
        Json::Double(number) if number.is_finite() => out.push(b'f'),
        Json::Double(_) => out.push(b'x'),
        Json::Decimal(_) => out.push(b'd'),
        Json::String(_) => out.push(b's'),
        Json::Temporal(_) => out.push(b't'),
        Json::Opaque { .. } => out.push(b'o'),
        Json::Array(items) => items.iter().for_each(|item| letters(item, out)),
        Json::Object(members) => members.iter().for_each(|(_, member)| letters(member, out)),
    }
}

/// Reads what [`write`] has written.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Json, Broken> {
    if cursor.peek() == Some(b'"') {
        return plain(&cursor.string()?, cursor.at());
    }
    cursor.expect(b"{\"json\":", "a JSON document")?;
    let text = cursor.string()?;
    cursor.expect(b",\"types\":", "the letters of a JSON document")?;
    let at = cursor.at();
    let letters = cursor.raw_string()?;
    cursor.expect(b"}", "the end of a JSON document")?;
    lettered(&text, letters, at)
}

/// The document of this text, which says itself what it holds. A fault is reported at `at`.
pub(crate) fn plain(text: &Bytes, at: usize) -> Result<Json, Broken> {
    document(text, Letters::None, at)
}

/// The document of this text and these letters.
pub(crate) fn lettered(text: &Bytes, letters: &[u8], at: usize) -> Result<Json, Broken> {
    let json = document(text, Letters::Left(letters), at)?;
    if is_plain(&json) {
        return Err(Broken {
            at,
            expected: "no letters for a plain JSON document",
            column: None,
        });
    }
    Ok(json)
}

/// What is known of the scalars that come.
enum Letters<'a> {
    None,
    Left(&'a [u8]),
}

/// The document of this text. A fault is reported at `at`, a place in the message.
fn document(text: &Bytes, letters: Letters<'_>, at: usize) -> Result<Json, Broken> {
    let mut reader = Reader {
        cursor: Cursor::new(text),
        letters,
    };
    let outcome = reader.json(0).and_then(|json| {
        reader.cursor.end()?;
        match reader.letters {
            Letters::None | Letters::Left([]) => Ok(json),
            Letters::Left(_) => reader.cursor.broken("as many values as letters"),
        }
    });
    outcome.map_err(|broken| Broken { at, ..broken })
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    letters: Letters<'a>,
}

impl Reader<'_> {
    fn json(&mut self, level: usize) -> Result<Json, Broken> {
        if level > MOST_LEVELS {
            return self.cursor.broken("fewer levels of a JSON document");
        }
        match self.cursor.peek() {
            Some(b'[') => self.array(level),
            Some(b'{') => self.object(level),
            _ => self.scalar(),
        }
    }

    fn array(&mut self, level: usize) -> Result<Json, Broken> {
        self.cursor.advance(1);
        let mut items = Vec::new();
        if self.cursor.take(b"]") {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.json(level + 1)?);
            if self.cursor.take(b"]") {
                return Ok(Json::Array(items));
            }
            self.cursor.expect(b",", "the next item of a JSON array")?;
        }
    }

    fn object(&mut self, level: usize) -> Result<Json, Broken> {
        self.cursor.advance(1);
        let mut members = Vec::new();
        if self.cursor.take(b"}") {
            return Ok(Json::Object(members));
        }
        loop {
            let name = self.text()?;
            self.cursor.expect(b":", "a colon in a JSON object")?;
            members.push((name, self.json(level + 1)?));
            if self.cursor.take(b"}") {
                return Ok(Json::Object(members));
            }
            self.cursor
                .expect(b",", "the next member of a JSON object")?;
        }
    }

    fn scalar(&mut self) -> Result<Json, Broken> {
        let letter = match &mut self.letters {
            Letters::None => return self.plain(),
            Letters::Left(left) => match left.split_first() {
                Some((letter, rest)) => {
                    *left = rest;
                    *letter
                }
                None => return self.cursor.broken("as many letters as values"),
            },
        };
        match letter {
            b'n' => self.literal(b"null", Json::Null),
            b'b' if self.cursor.take(b"true") => Ok(Json::Bool(true)),
            b'b' => self.literal(b"false", Json::Bool(false)),
            b'i' => self.cursor.signed().map(Json::Int),
            b'u' => self.cursor.unsigned().map(Json::UInt),
            b'f' => self.double(),
            b'x' => match f64::from_bits(self.cursor.unsigned()?) {
                number if number.is_finite() => self.cursor.broken("the bits of no number"),
                number => Ok(Json::Double(number)),
            },
            b'd' => match read_decimal(self.cursor.number()?.as_bytes()) {
                Some(number) => Ok(Json::Decimal(number)),
                None => self.cursor.broken("a decimal number in a JSON document"),
            },
            b's' => self.text().map(Json::String),
            b't' => self.text().map(Json::Temporal),
            b'o' => self.opaque(),
            _ => self.cursor.broken("a letter that this layout knows"),
        }
    }

    /// A scalar that says itself what it is.
    fn plain(&mut self) -> Result<Json, Broken> {
        match self.cursor.peek() {
            Some(b'"') => self.text().map(Json::String),
            Some(b'n') => self.literal(b"null", Json::Null),
            Some(b't') => self.literal(b"true", Json::Bool(true)),
            Some(b'f') => self.literal(b"false", Json::Bool(false)),
            _ => {
                let start = self.cursor;
                let digits = self.cursor.number()?;
                if digits.contains(['.', 'e']) {
                    self.cursor = start;
                    return self.double();
                }
                self.cursor = start;
                match self.cursor.signed() {
                    Ok(number) => Ok(Json::Int(number)),
                    Err(_) => {
                        self.cursor = start;
                        self.cursor.unsigned().map(Json::UInt)
                    }
                }
            }
        }
    }

    fn literal(&mut self, literal: &[u8], json: Json) -> Result<Json, Broken> {
        self.cursor
            .expect(literal, "null, true or false in a JSON document")?;
        Ok(json)
    }

    fn double(&mut self) -> Result<Json, Broken> {
        let digits = self.cursor.number()?;
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() && digits.contains(['.', 'e']) => {
                Ok(Json::Double(number))
            }
            Ok(_) | Err(_) => self.cursor.broken("a number with a point or an exponent"),
        }
    }

    fn text(&mut self) -> Result<Text, Broken> {
        let bytes = self.cursor.string()?;
        Text::from_utf8(bytes).or_else(|_| self.cursor.broken("UTF-8 in a JSON document"))
    }

    fn opaque(&mut self) -> Result<Json, Broken> {
        let content = self.cursor.raw_string()?;
        let fields = content.strip_prefix(OPAQUE).and_then(|rest| {
            let colon = rest.iter().position(|&byte| byte == b':')?;
            let (column_type, bytes) = (&rest[..colon], &rest[colon + 1..]);
            let column_type: u8 = std::str::from_utf8(column_type).ok()?.parse().ok()?;
            Some((column_type, from_base64(bytes)?))
        });
        match fields {
            Some((column_type, bytes)) => Ok(Json::Opaque { column_type, bytes }),
            None => self
                .cursor
                .broken("bytes of another type in a JSON document"),
        }
    }
}
