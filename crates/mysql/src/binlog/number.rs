//! Numbers as row events hold them: DECIMAL's packed digits.
//!
//! DECIMAL (MySQL Source Code Documentation, `decimal2bin`): nine digits in four bytes, the rest of
//! the whole part first and of the fraction last in as few bytes as they need, big-endian; the
//! first bit is inverted, and all bits of a negative number are.

use crate::wire::{Cursor, Malformed};
use change::Decimal;

const DIGITS_PER_WORD: usize = 9;
const BYTES_OF_DIGITS: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/// Nine groups of nine, which is what the server computes with; a column has 65 at most.
pub(crate) const MOST_DIGITS: u8 = 81;
const TOO_LARGE: Malformed = Malformed("a DECIMAL has more digits than its column allows");

/// Bytes that a DECIMAL(precision, scale) takes.
pub(crate) fn decimal_bytes(precision: u8, scale: u8) -> usize {
    let part =
        |digits: usize| digits / DIGITS_PER_WORD * 4 + BYTES_OF_DIGITS[digits % DIGITS_PER_WORD];
    let scale = usize::from(scale);
    part(usize::from(precision).saturating_sub(scale)) + part(scale)
}

/// Reads a DECIMAL(precision, scale).
pub(crate) fn read_decimal(
    cursor: &mut Cursor,
    precision: u8,
    scale: u8,
) -> Result<Decimal, Malformed> {
    if precision > MOST_DIGITS || scale > precision {
        return Err(TOO_LARGE);
    }
    let mut packed = [0_u8; 40];
    let length = decimal_bytes(precision, scale);
    let packed = packed.get_mut(..length).ok_or(TOO_LARGE)?;
    packed.copy_from_slice(
        cursor
            .as_slice()
            .get(..length)
            .ok_or(Malformed("it ends early"))?,
    );
    cursor.skip(length)?;
    let first = packed
        .first_mut()
        .ok_or(Malformed("a DECIMAL has no digits"))?;
    let negative = *first & 0x80 == 0;
    *first ^= 0x80;
    if negative {
        packed.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let whole_digits = usize::from(precision).saturating_sub(usize::from(scale));
    let mut groups = Groups { bytes: packed };
    if precision <= 38 {
        let mut unscaled: i128 = 0;
        groups.each(whole_digits, usize::from(scale), |digits, number| {
            unscaled = unscaled * 10_i128.pow(digits as u32) + i128::from(number);
        })?;
        return Ok(Decimal::new(
            if negative { -unscaled } else { unscaled },
            scale,
        ));
    }
    let mut text = String::with_capacity(usize::from(precision) + 3);
    if negative {
        text.push('-');
    }
    let mut digits_written = 0;
    groups.each(whole_digits, usize::from(scale), |digits, number| {
        use std::fmt::Write;
        if digits_written == whole_digits && scale > 0 {
            text.push('.');
        }
        // Writing to a String does not fail.
        let _ = write!(text, "{number:0digits$}");
        digits_written += digits;
    })?;
    Decimal::parse(&text).map_err(|_| TOO_LARGE)
}

struct Groups<'a> {
    bytes: &'a [u8],
}

impl Groups<'_> {
    /// Gives each group's count of digits and its number, from the highest digits down.
    fn each(
        &mut self,
        whole: usize,
        fraction: usize,
        mut give: impl FnMut(usize, u32),
    ) -> Result<(), Malformed> {
        if !whole.is_multiple_of(DIGITS_PER_WORD) {
            give(
                whole % DIGITS_PER_WORD,
                self.group(whole % DIGITS_PER_WORD)?,
            );
        }
        for _ in 0..whole / DIGITS_PER_WORD + fraction / DIGITS_PER_WORD {
            give(DIGITS_PER_WORD, self.group(DIGITS_PER_WORD)?);
        }
        if !fraction.is_multiple_of(DIGITS_PER_WORD) {
            give(
                fraction % DIGITS_PER_WORD,
                self.group(fraction % DIGITS_PER_WORD)?,
            );
        }
        Ok(())
    }

    fn group(&mut self, digits: usize) -> Result<u32, Malformed> {
        let (group, rest) = self
            .bytes
            .split_at_checked(BYTES_OF_DIGITS[digits])
            .ok_or(Malformed("it ends early"))?;
        self.bytes = rest;
        let number = group
            .iter()
            .fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
        if number >= 10_u32.pow(digits as u32) {
            return Err(TOO_LARGE);
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn decimal(bytes: &'static [u8], precision: u8, scale: u8) -> String {
        let mut cursor = Cursor::new(Bytes::from_static(bytes));
        let decimal = read_decimal(&mut cursor, precision, scale).unwrap();
        assert!(cursor.is_empty());
        decimal.to_string()
    }

    #[test]
    fn decimals_are_read_with_sign_and_scale() {
        // The manual's own example: 1234567890.1234 as DECIMAL(14,4).
        assert_eq!(
            decimal(b"\x81\x0d\xfb\x38\xd2\x04\xd2", 14, 4),
            "1234567890.1234"
        );
        assert_eq!(
            decimal(b"\x7e\xf2\x04\xc7\x2d\xfb\x2d", 14, 4),
            "-1234567890.1234"
        );
        assert_eq!(decimal(b"\x82\x05", 2, 1), "2.5");
        assert_eq!(decimal(b"\x80\x00", 2, 1), "0.0");
        assert_eq!(decimal(b"\x81", 2, 0), "1");
        assert_eq!(decimal(b"\x8b", 2, 2), "0.11");
    }

    #[test]
    fn digits_beyond_the_column_are_an_error() {
        let mut cursor = Cursor::new(Bytes::from_static(&[0x80 | 100]));
        assert!(read_decimal(&mut cursor, 2, 0).is_err());
    }
}
