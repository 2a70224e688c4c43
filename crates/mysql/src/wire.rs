//! Reading the wire's numbers and strings from a slice of a buffer, without ever reading past it.
//!
//! Everything the server sends is parsed through this cursor. It answers with an error instead of
//! a panic when the bytes end early, and hands out strings as slices of the same buffer.

use bytes::{Buf, Bytes};

/// The bytes do not have the form that they should have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

const ENDS_EARLY: Malformed = Malformed("it ends early");

/// A place in a buffer that moves forward.
#[derive(Clone)]
pub(crate) struct Cursor {
    bytes: Bytes,
}

impl Cursor {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// All that is left.
    pub(crate) fn rest(self) -> Bytes {
        self.bytes
    }

    /// What is left, without moving.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        if self.bytes.len() < count {
            return Err(ENDS_EARLY);
        }
        self.bytes.advance(count);
        Ok(())
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<Bytes, Malformed> {
        if self.bytes.len() < count {
            return Err(ENDS_EARLY);
        }
        Ok(self.bytes.split_to(count))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let array = *self.bytes.first_chunk::<N>().ok_or(ENDS_EARLY)?;
        self.bytes.advance(N);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// An unsigned little-endian number of 1 to 8 bytes.
    pub(crate) fn uint(&mut self, bytes: usize) -> Result<u64, Malformed> {
        if self.bytes.len() < bytes {
            return Err(ENDS_EARLY);
        }
        Ok(self.bytes.get_uint_le(bytes))
    }

    /// A signed little-endian number of 1 to 8 bytes.
    pub(crate) fn int(&mut self, bytes: usize) -> Result<i64, Malformed> {
        if self.bytes.len() < bytes {
            return Err(ENDS_EARLY);
        }
        Ok(self.bytes.get_int_le(bytes))
    }

    /// An unsigned big-endian number of 1 to 8 bytes.
    pub(crate) fn uint_be(&mut self, bytes: usize) -> Result<u64, Malformed> {
        if self.bytes.len() < bytes {
            return Err(ENDS_EARLY);
        }
        Ok(self.bytes.get_uint(bytes))
    }

    /// A length-encoded number ("Protocol Basics", "Length-Encoded Integers").
    pub(crate) fn length_encoded(&mut self) -> Result<u64, Malformed> {
        match self.u8()? {
            byte @ 0..=0xfa => Ok(u64::from(byte)),
            0xfc => self.uint(2),
            0xfd => self.uint(3),
            0xfe => self.uint(8),
            0xfb | 0xff => Err(Malformed(
                "a length begins with a byte that no length begins with",
            )),
        }
    }

    /// A string with its length-encoded length ahead.
    pub(crate) fn length_encoded_bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = self.length()?;
        self.take(length)
    }

    /// A length-encoded number that counts something in memory.
    pub(crate) fn length(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.length_encoded()?).map_err(|_| Malformed("a length is too large"))
    }

    /// A string that ends with a zero byte, or with the buffer.
    pub(crate) fn zero_ended(&mut self) -> Bytes {
        match self.bytes.iter().position(|&byte| byte == 0) {
            Some(end) => {
                let text = self.bytes.split_to(end);
                self.bytes.advance(1);
                text
            }
            None => std::mem::take(&mut self.bytes),
        }
    }

    /// A number in the variable-length form of MySQL's serialization library (tagged GTIDs): the
    /// count of trailing ones of the first byte is the count of bytes that follow it.
    pub(crate) fn serialized(&mut self) -> Result<u64, Malformed> {
        let first = *self.bytes.first().ok_or(ENDS_EARLY)?;
        let more = first.trailing_ones() as usize;
        if more == 8 {
            self.skip(1)?;
            return self.u64();
        }
        Ok(self.uint(more + 1)? >> (more + 1))
    }
}

/// Whether the bit is set, counted from the lowest of the first byte.
pub(crate) fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap[index / 8] >> (index % 8) & 1 == 1
}

/// Whether the bit is set, counted from the highest of the first byte.
pub(crate) fn bit_from_top(bitmap: &[u8], index: usize) -> bool {
    bitmap
        .get(index / 8)
        .is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialized_numbers_of_every_length_are_read() {
        // The fields of a tagged GTID event of MySQL 9.7: 0xb6, and a timestamp in microseconds.
        let read = |bytes: &'static [u8]| Cursor::new(Bytes::from_static(bytes)).serialized();
        assert_eq!(read(&[0x58]), Ok(0x2c));
        assert_eq!(read(&[0xd9, 0x02]), Ok(0xb6));
        assert_eq!(
            read(&[0x7f, 0x45, 0xac, 0x15, 0x84, 0xbb, 0x60, 0x06]),
            Ok(1_795_208_351_427_653)
        );
        assert_eq!(read(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0x80]), Ok((1 << 63) + 1));
        assert!(read(&[0xff, 1]).is_err());
    }

    #[test]
    fn a_cursor_never_reads_past_its_end() {
        let mut cursor = Cursor::new(Bytes::from_static(&[0xfc, 1]));
        assert!(cursor.clone().length_encoded().is_err());
        assert!(cursor.clone().uint(3).is_err());
        assert!(cursor.take(3).is_err());
        assert_eq!(cursor.u16(), Ok(0x01fc));
        assert!(cursor.u8().is_err());
    }
}
