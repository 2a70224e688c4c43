//! A message that is being read, field by field.
//!
//! As in JSON, the reader knows what may come next and takes nothing else: fields in the order of
//! their numbers, no default that is spelled out, no number longer than it has to be. No step runs
//! past the end of the message that it is in.

use crate::cursor::Broken;
use bytes::Bytes;

/// The fields of one message that are left.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    whole: &'a Bytes,
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(whole: &'a Bytes) -> Self {
        Self {
            whole,
            at: 0,
            end: whole.len(),
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.whole[self.at..self.end]
    }

    /// What was read since `from`.
    pub(super) fn since(&self, from: usize) -> &'a [u8] {
        &self.whole[from..self.at]
    }

    pub(super) fn broken<T>(&self, expected: &'static str) -> Result<T, Broken> {
        Err(Broken {
            at: self.at,
            expected,
            column: None,
        })
    }

    /// Goes on by so many bytes, which the caller has looked at.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.end);
    }

    /// Takes these bytes if they come next.
    #[inline]
    pub(super) fn take_bytes(&mut self, expected: &[u8]) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    /// Takes a field's tag if it comes next. Tags of numbers from 16 on have a second byte.
    #[inline]
    pub(super) fn take(&mut self, tag: u32) -> bool {
        if tag < 0x80 {
            return self.take_bytes(&[tag as u8]);
        }
        self.take_bytes(&[tag as u8 | 0x80, (tag >> 7) as u8])
    }

    pub(super) fn expect(&mut self, tag: u32, expected: &'static str) -> Result<(), Broken> {
        if self.take(tag) {
            Ok(())
        } else {
            self.broken(expected)
        }
    }

    /// The end of the message.
    pub(super) fn end(&self) -> Result<(), Broken> {
        if self.at == self.end {
            Ok(())
        } else {
            self.broken("the end of a message")
        }
    }

    /// A number in as few bytes as it takes.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Broken> {
        let mut number: u64 = 0;
        for (index, &byte) in self.rest().iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte has one bit left; a last byte of 0 says nothing.
                if (index == 9 && byte > 1) || (index > 0 && byte == 0) {
                    break;
                }
                self.at += index + 1;
                return Ok(number);
            }
        }
        self.broken("a number")
    }

    /// A number that is left out where it is 0.
    #[inline]
    pub(super) fn number(&mut self, tag: u32) -> Result<u64, Broken> {
        if !self.take(tag) {
            return Ok(0);
        }
        let at = *self;
        match self.varint()? {
            0 => at.broken("a number other than 0"),
            number => Ok(number),
        }
    }

    /// As [`Fields::number`], of a narrower type.
    pub(super) fn narrow<T: TryFrom<u64>>(&mut self, tag: u32) -> Result<T, Broken> {
        let at = *self;
        match T::try_from(self.number(tag)?) {
            Ok(number) => Ok(number),
            Err(_) => at.broken("a smaller number"),
        }
    }

    pub(super) fn flag(&mut self, tag: u32) -> Result<bool, Broken> {
        let at = *self;
        match self.number(tag)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => at.broken("true"),
        }
    }

    pub(super) fn fixed<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Broken> {
        match self.rest().first_chunk() {
            Some(bytes) => {
                self.at += LENGTH;
                Ok(*bytes)
            }
            None => self.broken("a number of a fixed length"),
        }
    }

    /// The message, text or bytes whose length comes next.
    #[inline]
    pub(super) fn nested(&mut self) -> Result<Fields<'a>, Broken> {
        let at = *self;
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if length > self.end - self.at {
            return at.broken("as many bytes as are left");
        }
        let nested = Fields {
            end: self.at + length,
            ..*self
        };
        self.at += length;
        Ok(nested)
    }

    /// All that is left, as a slice of the message's own buffer.
    #[inline]
    pub(super) fn content(&self) -> Bytes {
        self.whole.slice(self.at..self.end)
    }

    /// Bytes that are left out where there are none.
    pub(super) fn bytes(&mut self, tag: u32) -> Result<Fields<'a>, Broken> {
        if !self.take(tag) {
            return Ok(Fields {
                end: self.at,
                ..*self
            });
        }
        let nested = self.nested()?;
        if nested.rest().is_empty() {
            return nested.broken("bytes");
        }
        Ok(nested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        let read = |bytes: &[u8]| {
            let whole = Bytes::copy_from_slice(bytes);
            let mut fields = Fields::new(&whole);
            let number = fields.varint()?;
            fields.end()?;
            Ok::<u64, Broken>(number)
        };
        for number in [0, 1, 127, 128, 300, 16_384, u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            super::super::writing::varint(&mut bytes, number);
            assert_eq!(read(&bytes), Ok(number));
            assert!(read(&bytes[..bytes.len() - 1]).is_err());
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push(0);
            assert!(read(&bytes).is_err(), "{number}");
        }
        let eleven_bits_too_many = [[0xff; 9].as_slice(), &[2]].concat();
        assert!(read(&eleven_bits_too_many).is_err());
    }
}
