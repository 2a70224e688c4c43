//! Text of every character set of the server to UTF-8, by the server's own tables.
//!
//! Programs disagree about what a byte means in `latin1`, `cp932` or `big5`; the server that holds
//! the column is the only judge. A set is therefore asked from it once, sequence by sequence, when
//! a column first needs it, and kept. Unicode's own encodings are read here. A byte sequence that
//! the server holds for invalid stays bytes ([`Value::Malformed`]), never a question mark.

mod load;
mod table;

use crate::connect::{ConnectOptions, Password};
use crate::connection::Connection;
use crate::error::Error;
use crate::family::Family;
use bytes::Bytes;
use change::{TableName, Text, Value};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use table::ByteTable;

/// How the text of one character set is read.
#[derive(Clone, Debug)]
pub(crate) enum Decoder {
    Utf8,
    Ascii,
    /// Two or four bytes, surrogate pairs included.
    Utf16 {
        little_endian: bool,
    },
    /// Two bytes, no surrogates.
    Ucs2,
    Utf32,
    Table(Arc<ByteTable>),
    /// Nothing is decoded: whoever takes the rows wants the bytes that are stored.
    Stored,
}

/// Tells whether text of a column is wanted as it is stored.
type Wanted = Arc<dyn Fn(&TableName, &str) -> bool + Send + Sync>;

/// The character sets that are in use. One value serves the whole process.
pub struct Charsets {
    options: ConnectOptions,
    family: Family,
    /// Names by the collation's number, as row metadata has it.
    collations: HashMap<u64, Arc<str>>,
    decoders: RwLock<HashMap<Arc<str>, Decoder>>,
    stored: Wanted,
}

impl Charsets {
    /// Reads the server's list of collations; `options` also serves to ask for tables later.
    pub async fn connect(options: &ConnectOptions) -> Result<Arc<Self>, Error> {
        Self::connect_leaving(options, |_, _| false).await
    }

    /// The same, with columns (by table and name) whose text stays as it is stored where that is
    /// not UTF-8: it becomes [`Value::Malformed`].
    pub async fn connect_leaving(
        options: &ConnectOptions,
        stored: impl Fn(&TableName, &str) -> bool + Send + Sync + 'static,
    ) -> Result<Arc<Self>, Error> {
        let mut connection = Connection::connect(options).await?;
        let family = Family::of(connection.server_version(), "");
        // MariaDB's newer collations are of several character sets, and have a number in each.
        let table = match family {
            Family::MariaDb if family.version(connection.server_version()) >= (10, 10, 0) => {
                "COLLATION_CHARACTER_SET_APPLICABILITY"
            }
            Family::MySql | Family::MariaDb => "COLLATIONS",
        };
        let statement = format!(
            "SELECT ID, CHARACTER_SET_NAME FROM information_schema.{table} WHERE ID IS NOT NULL"
        );
        let rows = connection.query(&statement).await?;
        let mut collations = HashMap::new();
        for row in rows {
            if let [Some(id), Some(name)] = row.as_slice()
                && let (Ok(id), Ok(name)) = (std::str::from_utf8(id), std::str::from_utf8(name))
                && let Ok(id) = id.parse()
            {
                collations.insert(id, Arc::from(name));
            }
        }
        Ok(Arc::new(Self {
            options: options.clone(),
            family,
            collations,
            decoders: RwLock::default(),
            stored: Arc::new(stored),
        }))
    }

    /// Unicode's own encodings under the numbers of their commonest collations; no server is asked.
    pub(crate) fn of_unicode() -> Self {
        const COLLATIONS: &[(u64, &str)] = &[
            (11, "ascii"),
            (33, "utf8mb3"),
            (35, "ucs2"),
            (45, "utf8mb4"),
            (46, "utf8mb4"),
            (54, "utf16"),
            (56, "utf16le"),
            (60, "utf32"),
            (63, "binary"),
            (255, "utf8mb4"),
        ];
        let nobody = ConnectOptions::new("", 0, "", Password::new(""));
        Self {
            options: nobody,
            family: Family::MySql,
            collations: COLLATIONS
                .iter()
                .map(|&(id, name)| (id, Arc::from(name)))
                .collect(),
            decoders: RwLock::default(),
            stored: Arc::new(|_, _| false),
        }
    }

    /// The family of the server that the sets are of.
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    /// The character set of a collation, by its number.
    pub fn of_collation(&self, id: u64) -> Option<Arc<str>> {
        self.collations.get(&id).cloned()
    }

    /// Makes sure that text of this set can be decoded; asks the server the first time.
    pub async fn require(&self, charset: &str) -> Result<(), Error> {
        if self.decoder(charset).is_some() {
            return Ok(());
        }
        let mut connection = Connection::connect(&self.options).await?;
        let table = load::table(&mut connection, charset).await?;
        self.decoders
            .write()
            .expect("no thread panics while it holds the lock")
            .insert(Arc::from(charset), Decoder::Table(Arc::new(table)));
        Ok(())
    }

    /// Text of a column in UTF-8. Valid UTF-8 (and ASCII in most sets) is not copied. A set that was
    /// never required reads as malformed.
    pub fn decode(&self, charset: &str, bytes: Bytes) -> Value {
        match self.decoder(charset) {
            Some(decoder) => decoder.decode(bytes),
            None => Value::Malformed(bytes),
        }
    }

    /// Whether a column's text stays as it is stored.
    pub(crate) fn leaves(&self, table: &TableName, column: &str, charset: &str) -> bool {
        !matches!(
            Decoder::built_in(charset),
            Some(Decoder::Utf8 | Decoder::Ascii)
        ) && (self.stored)(table, column)
    }

    pub(crate) fn decoder(&self, charset: &str) -> Option<Decoder> {
        Decoder::built_in(charset).or_else(|| {
            self.decoders
                .read()
                .expect("no thread panics while it holds the lock")
                .get(charset)
                .cloned()
        })
    }
}

impl std::fmt::Debug for Charsets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Charsets")
            .field("options", &self.options)
            .field("decoders", &self.decoders)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    fn built_in(charset: &str) -> Option<Self> {
        match charset {
            "utf8mb4" | "utf8mb3" | "utf8" | "binary" => Some(Self::Utf8),
            "ascii" => Some(Self::Ascii),
            "utf16" => Some(Self::Utf16 {
                little_endian: false,
            }),
            "utf16le" => Some(Self::Utf16 {
                little_endian: true,
            }),
            "ucs2" => Some(Self::Ucs2),
            "utf32" => Some(Self::Utf32),
            _ => None,
        }
    }

    pub(crate) fn decode(&self, bytes: Bytes) -> Value {
        let converted = match self {
            Decoder::Utf8 => return from_utf8(bytes),
            Decoder::Stored => None,
            Decoder::Ascii if bytes.is_ascii() => return from_utf8(bytes),
            Decoder::Ascii => None,
            Decoder::Table(table) if table.keeps_ascii() && bytes.is_ascii() => {
                return from_utf8(bytes);
            }
            Decoder::Table(table) => table.decode(&bytes),
            Decoder::Utf16 { little_endian } => decode_utf16(&bytes, *little_endian),
            Decoder::Ucs2 => decode_units(&bytes, |unit: [u8; 2]| {
                char::from_u32(u32::from(u16::from_be_bytes(unit)))
            }),
            Decoder::Utf32 => decode_units(&bytes, |unit: [u8; 4]| {
                char::from_u32(u32::from_be_bytes(unit))
            }),
        };
        match converted {
            Some(text) => Value::Text(Text::from(text)),
            None => Value::Malformed(bytes),
        }
    }
}

fn from_utf8(bytes: Bytes) -> Value {
    match Text::from_utf8(bytes) {
        Ok(text) => Value::Text(text),
        Err(bytes) => Value::Malformed(bytes),
    }
}

fn decode_utf16(bytes: &[u8], little_endian: bool) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let unit = |&unit: &[u8; 2]| {
        if little_endian {
            u16::from_le_bytes(unit)
        } else {
            u16::from_be_bytes(unit)
        }
    };
    char::decode_utf16(units.iter().map(unit))
        .collect::<Result<_, _>>()
        .ok()
}

fn decode_units<const N: usize>(
    bytes: &[u8],
    character: impl Fn([u8; N]) -> Option<char>,
) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return None;
    }
    units.iter().map(|&unit| character(unit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(charset: &str, bytes: &'static [u8]) -> Value {
        Decoder::built_in(charset)
            .unwrap()
            .decode(Bytes::from_static(bytes))
    }

    #[test]
    fn unicode_encodings_are_read_and_invalid_bytes_stay_bytes() {
        let good: [(&str, &'static [u8], &str); 6] = [
            ("utf8mb4", "é😀".as_bytes(), "é😀"),
            ("ascii", b"abc", "abc"),
            ("utf16", b"\0a\xd8\x3d\xde\x00", "a😀"),
            ("utf16le", b"a\0\x3d\xd8\x00\xde", "a😀"),
            ("ucs2", b"\0a\x20\xac", "a€"),
            ("utf32", b"\0\0\0a\0\x01\xf6\x00", "a😀"),
        ];
        for (charset, bytes, expected) in good {
            assert_eq!(
                decode(charset, bytes),
                Value::Text(expected.into()),
                "{charset}"
            );
        }
        let bad: [(&str, &'static [u8]); 6] = [
            ("utf8mb4", b"\xe9"),
            ("ascii", b"\x80"),
            ("utf16", b"\xd8\x3d"),
            ("utf16", b"\0"),
            ("ucs2", b"\xd8\x3d\xde\x00"),
            ("utf32", b"\0\x11\0\0"),
        ];
        for (charset, bytes) in bad {
            assert_eq!(
                decode(charset, bytes),
                Value::Malformed(Bytes::from_static(bytes)),
                "{charset}"
            );
        }
    }
}
