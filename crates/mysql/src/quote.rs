//! The one place where names and literals become SQL.
//!
//! Everything that is put into a statement goes through here: identifiers in backticks with
//! backticks doubled, strings with quotes and backslashes escaped, bytes as hexadecimal literals,
//! which no SQL mode and no character set can read as anything else.

use change::TableName;
use std::fmt::Write;

/// A name as an SQL identifier.
pub fn identifier(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('`');
    for character in name.chars() {
        if character == '`' {
            quoted.push('`');
        }
        quoted.push(character);
    }
    quoted.push('`');
    quoted
}

/// A table's qualified name as SQL.
pub fn table(name: &TableName) -> String {
    format!("{}.{}", identifier(&name.database), identifier(&name.table))
}

/// A string literal that holds under every SQL mode: quotes are doubled, and where there is a
/// backslash the literal is written as bytes, since a mode decides whether a backslash escapes.
pub fn string(text: &str) -> String {
    if text.contains('\\') {
        return format!("_utf8mb4 {}", bytes(text.as_bytes()));
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        if character == '\'' {
            quoted.push('\'');
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

/// A literal of exactly these bytes.
pub fn bytes(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() * 2 + 3);
    quoted.push_str("X'");
    for byte in bytes {
        write!(quoted, "{byte:02X}").expect("a String takes every write");
    }
    quoted.push('\'');
    quoted
}

/// A text literal of exactly these bytes in a character set, compared by a collation of it.
pub fn text(charset: &str, collation: &str, encoded: &[u8]) -> String {
    let plain = |name: &str| -> String {
        name.chars()
            .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
            .collect()
    };
    format!(
        "_{} {} COLLATE {}",
        plain(charset),
        bytes(encoded),
        plain(collation)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtick_in_a_name_cannot_end_the_name() {
        let name = TableName::new("a`b", "c``; DROP TABLE d");
        assert_eq!(table(&name), "`a``b`.`c````; DROP TABLE d`");
    }

    #[test]
    fn a_quote_or_a_backslash_cannot_end_a_string() {
        assert_eq!(string("it's"), "'it''s'");
        assert_eq!(string("\\'"), "_utf8mb4 X'5C27'");
    }

    #[test]
    fn bytes_are_written_as_they_are() {
        assert_eq!(bytes(&[0, 0x27, 0xff]), "X'0027FF'");
        assert_eq!(
            text("latin1", "latin1_swedish_ci", b"a"),
            "_latin1 X'61' COLLATE latin1_swedish_ci"
        );
    }
}
