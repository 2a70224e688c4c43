//! A place in a message that is being read, and the few steps that can be taken from it.
//!
//! The reader knows at every byte what may stand there, so there is no tree of tokens between the
//! bytes and the values: a step either takes exactly what is expected or fails with the place.
//! Nothing is skipped, and no step can run past the end.

use bytes::Bytes;

/// Where reading stopped, and what should have stood there. Gets its table and ordinal from the
/// caller, who alone knows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken {
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
    /// Index of the column that was being read.
    pub(crate) column: Option<usize>,
}

/// The bytes of one message (or of one document inside it) and how far they are read.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    whole: &'a Bytes,
    at: usize,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The index of the first byte at or after `from` that cannot stand in a JSON string as it is: a
/// quote, a backslash, a control character. The length where there is none.
pub(crate) fn special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes were taken"));
        // The lowest high bit that is set marks the first byte that is found; a borrow can only
        // set bits above a byte that was found already.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = control
            | zero(word ^ (ONES * u64::from(b'"')))
            | zero(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            return at;
        }
        at += 1;
    }
    at
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(whole: &'a Bytes) -> Self {
        Self { whole, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What is left to read.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.whole.get(self.at..).unwrap_or_default()
    }

    /// What was read since `from`.
    pub(crate) fn since(&self, from: usize) -> &'a [u8] {
        &self.whole[from..self.at]
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.whole.get(self.at).copied()
    }

    pub(crate) fn broken<T>(&self, expected: &'static str) -> Result<T, Broken> {
        self.broken_at(self.at, expected)
    }

    pub(crate) fn broken_at<T>(&self, at: usize, expected: &'static str) -> Result<T, Broken> {
        Err(Broken {
            at,
            expected,
            column: None,
        })
    }

    /// Goes on by so many bytes, which the caller has looked at.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.whole.len());
    }

    /// Takes these bytes if they come next.
    #[inline]
    pub(crate) fn take(&mut self, literal: &[u8]) -> bool {
        let found = self.rest().starts_with(literal);
        if found {
            self.at += literal.len();
        }
        found
    }

    /// Takes these bytes, which have to come next.
    #[inline]
    pub(crate) fn expect(&mut self, literal: &[u8], expected: &'static str) -> Result<(), Broken> {
        if self.take(literal) {
            Ok(())
        } else {
            self.broken(expected)
        }
    }

    pub(crate) fn end(&self) -> Result<(), Broken> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            self.broken("the end")
        }
    }

    /// A string's bytes as they stand between its quotes, escapes and all.
    pub(crate) fn raw_string(&mut self) -> Result<&'a [u8], Broken> {
        self.expect(b"\"", "a string")?;
        let start = self.at;
        let mut at = start;
        loop {
            at = special(self.whole, at);
            match self.whole.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(&self.whole[start..at]);
                }
                Some(b'\\') => at += 2,
                Some(_) | None => return self.broken_at(at, "the end of a string"),
            }
        }
    }

    /// A string. One without escapes is a slice of the message's own buffer.
    pub(crate) fn string(&mut self) -> Result<Bytes, Broken> {
        self.expect(b"\"", "a string")?;
        let start = self.at;
        let end = special(self.whole, start);
        if self.whole.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(self.whole.slice(start..end));
        }
        self.unescaped(start)
    }

    /// A string that has escapes, from the byte behind its quote on.
    fn unescaped(&mut self, start: usize) -> Result<Bytes, Broken> {
        let mut text = Vec::new();
        let mut from = start;
        loop {
            let at = special(self.whole, from);
            text.extend_from_slice(&self.whole[from..at]);
            match self.whole.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Bytes::from(text));
                }
                Some(b'\\') => {
                    let Some((byte, length)) = crate::string::unescape(&self.whole[at..]) else {
                        return self.broken_at(at, "an escape that this layout writes");
                    };
                    text.push(byte);
                    from = at + length;
                }
                Some(_) | None => return self.broken_at(at, "the end of a string"),
            }
        }
    }

    /// Digits without a sign and without leading zeros.
    #[inline]
    pub(crate) fn unsigned(&mut self) -> Result<u64, Broken> {
        let start = self.at;
        let mut number: u64 = 0;
        for &byte in self.rest() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            // Nineteen digits always fit.
            number = if self.at - start < 19 {
                number * 10 + u64::from(digit)
            } else {
                let next = number
                    .checked_mul(10)
                    .and_then(|number| number.checked_add(u64::from(digit)));
                match next {
                    Some(next) => next,
                    None => return self.broken_at(start, "a number of at most 64 bits"),
                }
            };
            self.at += 1;
        }
        let digits = self.at - start;
        if digits == 0 || (digits > 1 && self.whole[start] == b'0') {
            return self.broken_at(start, "a whole number");
        }
        Ok(number)
    }

    /// A whole number with a sign; never `-0`.
    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64, Broken> {
        let start = self.at;
        let negative = self.take(b"-");
        let number = self.unsigned()?;
        let signed = if negative {
            0i64.checked_sub_unsigned(number)
                .filter(|&number| number < 0)
        } else {
            i64::try_from(number).ok()
        };
        match signed {
            Some(number) => Ok(number),
            None => self.broken_at(start, "a signed number of at most 64 bits"),
        }
    }

    /// The characters of a number, whole or not, by JSON's grammar.
    pub(crate) fn number(&mut self) -> Result<&'a str, Broken> {
        let start = self.at;
        self.take(b"-");
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.whole[self.at - whole] == b'0') {
            return self.broken_at(start, "a number");
        }
        if self.take(b".") && self.digits() == 0 {
            return self.broken("a digit");
        }
        if self.take(b"e") {
            let _sign = self.take(b"-") || self.take(b"+");
            if self.digits() == 0 {
                return self.broken("a digit");
            }
        }
        Ok(std::str::from_utf8(self.since(start)).expect("the grammar of numbers is ASCII"))
    }

    fn digits(&mut self) -> usize {
        let count = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_byte_is_found_at_every_place_and_nothing_else_is() {
        for length in 0..40 {
            for byte in 0..=255u8 {
                for place in 0..length {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
                    let expected = if is_special { place } else { length };
                    assert_eq!(special(&text, 0), expected, "{byte} at {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_read_to_their_limits_and_not_beyond() {
        let signed = |text: &str| Cursor::new(&Bytes::from(text.to_owned())).signed();
        assert_eq!(signed("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(signed("9223372036854775807"), Ok(i64::MAX));
        for wrong in [
            "9223372036854775808",
            "-9223372036854775809",
            "-0",
            "01",
            "",
            "-",
            "x",
        ] {
            assert!(signed(wrong).is_err(), "{wrong}");
        }
        let unsigned = |text: &str| Cursor::new(&Bytes::from(text.to_owned())).unsigned();
        assert_eq!(unsigned("18446744073709551615"), Ok(u64::MAX));
        for wrong in ["18446744073709551616", "99999999999999999999", "-1", "00"] {
            assert!(unsigned(wrong).is_err(), "{wrong}");
        }
    }
}
