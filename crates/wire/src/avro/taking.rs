//! A message that is being read, piece by piece. No step runs past its end.

use crate::cursor::Broken;
use bytes::Bytes;

/// What is left of a message.
#[derive(Clone, Copy)]
pub(super) struct Binary<'a> {
    whole: &'a Bytes,
    at: usize,
}

impl<'a> Binary<'a> {
    pub(super) fn new(whole: &'a Bytes) -> Self {
        Self { whole, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.whole[self.at..]
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

    pub(super) fn end(&self) -> Result<(), Broken> {
        match self.rest() {
            [] => Ok(()),
            _ => self.broken("the end"),
        }
    }

    /// Takes these bytes if they come next.
    pub(super) fn take(&mut self, expected: &[u8]) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    /// So many bytes.
    pub(super) fn chunk<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Broken> {
        match self.rest().first_chunk() {
            Some(chunk) => {
                self.at += LENGTH;
                Ok(*chunk)
            }
            None => self.broken("as many bytes as are left"),
        }
    }

    /// A number in as few bytes as it takes.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Broken> {
        let mut number: u64 = 0;
        for (index, &byte) in self.rest().iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte has one bit left; a last byte of 0 says nothing.
                if (index == 9 && byte > 1) || (index > 0 && byte == 0) {
                    break;
                }
                self.at += index + 1;
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        self.broken("a number")
    }

    /// Bytes or a text, as a slice of the message's own buffer.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<Bytes, Broken> {
        let start = *self;
        let length = usize::try_from(self.long()?).unwrap_or(usize::MAX);
        self.slice(start, length)
    }

    /// So many bytes; a length that is wrong is told at `start`.
    pub(super) fn slice(&mut self, start: Self, length: usize) -> Result<Bytes, Broken> {
        if length > self.rest().len() {
            return start.broken("as many bytes as are left");
        }
        let slice = self.whole.slice(self.at..self.at + length);
        self.at += length;
        Ok(slice)
    }

    /// A place in a union of null and one more.
    pub(super) fn is_there(&mut self) -> Result<bool, Broken> {
        let start = *self;
        match self.long()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => start.broken("null or a value"),
        }
    }
}
