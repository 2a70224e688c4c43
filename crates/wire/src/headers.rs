//! The headers of a message: names, and values as short texts.
//!
//! Text, because tools print headers as text, and because it is parsed in a few steps all the same.

use crate::error::WireError;
use crate::messages::Role;
use change::Ordinal;

/// The pipeline's name.
pub const PIPELINE: &str = "lockstep.pipeline";
/// The change's ordinal, as `12.3`: see [`write_ordinal`].
pub const ORDINAL: &str = "lockstep.ordinal";
/// The version of the mapping that was in force, as a decimal number.
pub const MAPPING: &str = "lockstep.mapping";
/// The id of the schema record that describes the row: 16 hexadecimal digits.
pub const SCHEMA: &str = "lockstep.schema";
/// [`crate::LAYOUT`] as a decimal number.
pub const LAYOUT: &str = "lockstep.layout";
/// See [`Role`]; left out for [`Role::Whole`].
pub const ROLE: &str = "lockstep.role";

/// Appends the value of [`ORDINAL`], which is the ordinal's `Display`.
pub fn write_ordinal(ordinal: Ordinal, out: &mut Vec<u8>) {
    crate::number::integer(out, ordinal.transaction);
    out.push(b'.');
    crate::number::integer(out, ordinal.change);
}

/// The ordinal that [`write_ordinal`] has written.
pub fn ordinal(value: &[u8]) -> Result<Ordinal, WireError> {
    let point = value.iter().position(|&byte| byte == b'.');
    let found = point.and_then(|point| {
        Some(Ordinal {
            transaction: number(&value[..point])?,
            change: number(&value[point + 1..])?,
        })
    });
    found.ok_or(WireError::Header {
        name: ORDINAL,
        expected: "an ordinal such as 12.3",
    })
}

/// The version of a mapping that [`MAPPING`] says.
pub fn mapping(value: &[u8]) -> Result<u32, WireError> {
    let version = number(value).and_then(|number| u32::try_from(number).ok());
    version.ok_or(WireError::Header {
        name: MAPPING,
        expected: "the version of a mapping",
    })
}

/// Fails unless [`LAYOUT`] says this version's layout.
pub fn check_layout(value: &[u8]) -> Result<(), WireError> {
    if number(value) == Some(u64::from(crate::LAYOUT)) {
        return Ok(());
    }
    Err(WireError::Header {
        name: LAYOUT,
        expected: "the layout that this version reads",
    })
}

/// The value of [`ROLE`]; `None` where the header is left out.
pub fn role_text(role: Role) -> Option<&'static str> {
    match role {
        Role::Whole => None,
        Role::Before => Some("before"),
        Role::Tombstone => Some("tombstone"),
        Role::After => Some("after"),
    }
}

/// The role that a message's headers say.
pub fn role(value: Option<&[u8]>) -> Result<Role, WireError> {
    match value {
        None => Ok(Role::Whole),
        Some(b"before") => Ok(Role::Before),
        Some(b"tombstone") => Ok(Role::Tombstone),
        Some(b"after") => Ok(Role::After),
        Some(_) => Err(WireError::Header {
            name: ROLE,
            expected: "the role of a message",
        }),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let spelled =
        digits.first().is_some_and(u8::is_ascii_digit) && (digits.len() == 1 || digits[0] != b'0');
    if !spelled {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_are_written() {
        for ordinal_ in [
            Ordinal::default(),
            Ordinal {
                transaction: u64::MAX,
                change: u64::MAX,
            },
        ] {
            let mut text = Vec::new();
            write_ordinal(ordinal_, &mut text);
            assert_eq!(text, ordinal_.to_string().into_bytes());
            assert_eq!(ordinal(&text), Ok(ordinal_));
        }
        for role_ in [Role::Whole, Role::Before, Role::Tombstone, Role::After] {
            assert_eq!(role(role_text(role_).map(str::as_bytes)), Ok(role_));
        }
    }

    #[test]
    fn other_headers_are_refused() {
        for text in [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "01.1",
            "1.+1",
            "1.1.1",
            "18446744073709551616.0",
        ] {
            assert!(ordinal(text.as_bytes()).is_err(), "{text}");
        }
        assert!(role(Some(b"whole")).is_err());
        assert!(check_layout(b"2").is_err());
        assert!(mapping(b"4294967296").is_err());
    }
}
