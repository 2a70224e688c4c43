//! JSON strings, written as Jackson writes them: short escapes where JSON has them, `\u00XX` for
//! the other control characters, everything else as it is.
//!
//! Each character has one spelling, so that equal texts are equal bytes; the reader takes no other.

use crate::cursor::special;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The letter behind the backslash, for the characters that have one.
const SHORT: [(u8, u8); 7] = [
    (b'"', b'"'),
    (b'\\', b'\\'),
    (0x08, b'b'),
    (b'\t', b't'),
    (b'\n', b'n'),
    (0x0c, b'f'),
    (b'\r', b'r'),
];

/// The text in quotes. `text` is UTF-8.
#[inline]
pub(crate) fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// The text without quotes.
pub(crate) fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut from = 0;
    loop {
        let at = special(text, from);
        out.extend_from_slice(&text[from..at]);
        let Some(&byte) = text.get(at) else {
            return;
        };
        match SHORT.iter().find(|(special, _)| *special == byte) {
            Some((_, letter)) => out.extend_from_slice(&[b'\\', *letter]),
            None => {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[high], HEX[low]]);
            }
        }
        from = at + 1;
    }
}

/// The character of the escape that these bytes begin with, and the escape's length. `None` for
/// one that [`escaped`] does not write.
pub(crate) fn unescape(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [b'\\', b'u', b'0', b'0', high, low, ..] => {
            let digit = |byte: &u8| HEX.iter().position(|digit| digit == byte);
            let byte = (digit(high)? * 16 + digit(low)?) as u8;
            let plain = byte < 0x20 && SHORT.iter().all(|(special, _)| *special != byte);
            plain.then_some((byte, 6))
        }
        [b'\\', letter, ..] => {
            let (byte, _) = SHORT.iter().find(|(_, short)| short == letter)?;
            Some((*byte, 2))
        }
        _ => None,
    }
}

/// Bytes in base64 with padding, in quotes.
pub(crate) fn base64_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    base64_plain(out, bytes);
    out.push(b'"');
}

pub(crate) fn base64_plain(out: &mut Vec<u8>, bytes: &[u8]) {
    let from = out.len();
    out.resize(from + bytes.len().div_ceil(3) * 4, 0);
    STANDARD
        .encode_slice(bytes, &mut out[from..])
        .expect("base64 takes four bytes for three");
}

/// What these base64 characters stand for; `None` where they are not exactly what
/// [`base64_plain`] writes.
pub(crate) fn from_base64(text: &[u8]) -> Option<Bytes> {
    STANDARD.decode(text).ok().map(Bytes::from)
}
