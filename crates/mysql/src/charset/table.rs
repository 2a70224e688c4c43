//! A character set as a table from byte sequences to characters.
//!
//! Every set of MySQL that is not Unicode reads a text from the left: one byte decides whether it
//! stands alone or begins a sequence of two, three (EUC sets, after 0x8F) or four bytes (gb18030).
//! Which sequences mean what is data, filled from the server.

/// No character: the sequence is invalid.
const NONE: u32 = u32::MAX;

/// Sequences of one to four bytes and what they mean.
#[derive(Debug)]
pub(crate) struct ByteTable {
    one: Vec<u32>,
    /// By both bytes, the first one high; empty for a set of single bytes.
    two: Vec<u32>,
    /// By the second and third byte after 0x8F; empty for most sets.
    three: Vec<u32>,
    /// By [`four_byte_index`]; empty for all but gb18030.
    four: Vec<u32>,
    keeps_ascii: bool,
}

/// The byte ahead of three-byte sequences, in the sets that have them.
pub(crate) const THREE_BYTE_LEAD: u8 = 0x8f;
/// gb18030's four-byte sequences of the Basic Multilingual Plane begin with 0x81 to 0x84; the
/// server is asked for those. The ones of the other planes count through in order of the code point.
pub(crate) const FOUR_BYTE_ASKED: usize = 4 * 10 * 126 * 10;
const FOUR_BYTE_SUPPLEMENTARY: usize = (0x90 - 0x81) * 10 * 126 * 10;

impl ByteTable {
    pub(crate) fn new() -> Self {
        Self {
            one: vec![NONE; 256],
            two: Vec::new(),
            three: Vec::new(),
            four: Vec::new(),
            keeps_ascii: false,
        }
    }

    /// Adds what the server says of a sequence.
    pub(crate) fn insert(&mut self, sequence: &[u8], character: char) {
        let (table, index, size) = match *sequence {
            [byte] => (&mut self.one, usize::from(byte), 256),
            [first, second] => (&mut self.two, pair(first, second), 1 << 16),
            [THREE_BYTE_LEAD, second, third] => (&mut self.three, pair(second, third), 1 << 16),
            [_, _, _, _] => match four_byte_index(sequence) {
                Some(index) if index < FOUR_BYTE_ASKED => (&mut self.four, index, FOUR_BYTE_ASKED),
                _ => return,
            },
            _ => return,
        };
        if table.is_empty() {
            table.resize(size, NONE);
        }
        table[index] = u32::from(character);
        self.keeps_ascii = (0..128).all(|byte| self.one[byte] == byte as u32);
    }

    /// Whether ASCII bytes mean themselves, wherever a character begins. A text that holds nothing
    /// else is then ASCII.
    pub(crate) fn keeps_ascii(&self) -> bool {
        self.keeps_ascii
    }

    /// The text, or `None` where a sequence is invalid.
    pub(crate) fn decode(&self, mut bytes: &[u8]) -> Option<String> {
        let mut text = String::with_capacity(bytes.len() + bytes.len() / 2);
        while let Some((&first, after)) = bytes.split_first() {
            let alone = self.one[usize::from(first)];
            let (code, length) = if alone != NONE {
                (alone, 1)
            } else {
                self.sequence(first, after)?
            };
            text.push(char::from_u32(code)?);
            bytes = &bytes[length..];
        }
        Some(text)
    }

    fn sequence(&self, first: u8, after: &[u8]) -> Option<(u32, usize)> {
        let second = *after.first()?;
        if first == THREE_BYTE_LEAD && !self.three.is_empty() {
            let third = *after.get(1)?;
            return Some((self.three[pair(second, third)], 3));
        }
        if second.is_ascii_digit() && !self.four.is_empty() {
            let index = four_byte_index(&[first, second, *after.get(1)?, *after.get(2)?])?;
            let code = match self.four.get(index) {
                Some(&code) => code,
                None => {
                    0x1_0000 + u32::try_from(index.checked_sub(FOUR_BYTE_SUPPLEMENTARY)?).ok()?
                }
            };
            return Some((code, 4));
        }
        let code = *self.two.get(pair(first, second))?;
        Some((code, 2))
    }
}

/// The number of a four-byte sequence: its bytes count 0x81–0xFE, 0x30–0x39, 0x81–0xFE, 0x30–0x39.
pub(crate) fn four_byte_index(sequence: &[u8]) -> Option<usize> {
    let [a, b, c, d] = *sequence else {
        return None;
    };
    let digit = |byte: u8, low: u8, high: u8| {
        (low..=high)
            .contains(&byte)
            .then(|| usize::from(byte - low))
    };
    let (a, b) = (digit(a, 0x81, 0xfe)?, digit(b, 0x30, 0x39)?);
    let (c, d) = (digit(c, 0x81, 0xfe)?, digit(d, 0x30, 0x39)?);
    Some(((a * 10 + b) * 126 + c) * 10 + d)
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_every_length_are_found() {
        let mut table = ByteTable::new();
        for byte in 0..128_u8 {
            table.insert(&[byte], char::from(byte));
        }
        table.insert(&[0x81, 0x40], '丂');
        table.insert(&[0x8f, 0xa2, 0xaf], '˘');
        table.insert(&[0x81, 0x30, 0x81, 0x30], '\u{80}');
        assert!(table.keeps_ascii());
        let text = table.decode(b"a\x81\x40\x8f\xa2\xaf\x81\x30\x81\x30\x90\x30\x81\x30z");
        assert_eq!(text.as_deref(), Some("a丂˘\u{80}\u{10000}z"));
        for wrong in [
            &b"\x81"[..],
            b"\x81\x41",
            b"\x8f\xa2",
            b"\x81\x30\x81",
            b"\xff",
        ] {
            assert_eq!(table.decode(wrong), None, "{wrong:x?}");
        }
    }
}
