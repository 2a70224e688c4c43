//! The messages of one barrier, all in one buffer.
//!
//! Messages are ranges of the buffer, and the buffer is used again for the next barrier: encoding
//! a change allocates nothing once the buffer has its size.

use change::Ordinal;
use std::ops::Range;

/// What a message is to its change. Goes with the message as the header `lockstep.role`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// It is the whole change; the header is left out.
    Whole,
    /// The first half of a change that moves a row to another key: `d` of the old key.
    Before,
    /// No value: tells compaction that the key is gone. Behind `d`, in the same partition.
    Tombstone,
    /// The second half: `c` of the new key.
    After,
}

/// One message of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// `None` for a table without a key.
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub role: Role,
    pub ordinal: Ordinal,
    /// Of the key, or of the row where there is none; 31 bits, as the Java client takes them.
    pub hash: u32,
}

impl Message<'_> {
    /// The partition among so many, counted from 0. Messages of one key (of equal rows, where there
    /// is none) have the same.
    pub fn partition(&self, partitions: u32) -> u32 {
        self.hash % partitions
    }
}

/// Messages in order, in one buffer.
#[derive(Debug, Default)]
pub struct Messages {
    pub(crate) buffer: Vec<u8>,
    parts: Vec<Part>,
    processed_at_ms: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) key: Option<Range<usize>>,
    pub(crate) value: Option<Range<usize>>,
    pub(crate) hash: u32,
    pub(crate) role: Role,
    pub(crate) ordinal: Ordinal,
}

impl Messages {
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all messages and keeps the buffer. `processed_at_ms` is the messages' `ts_ms`: now,
    /// by the caller's clock, in milliseconds since 1970.
    pub fn begin(&mut self, processed_at_ms: i64) {
        self.buffer.clear();
        self.parts.clear();
        self.processed_at_ms = processed_at_ms;
    }

    /// Messages so far.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes of keys and values so far.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The message of that index.
    pub fn get(&self, index: usize) -> Option<Message<'_>> {
        self.parts.get(index).map(|part| self.message(part))
    }

    /// In the order in which they were encoded.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        self.parts.iter().map(|part| self.message(part))
    }

    pub(crate) fn processed_at_ms(&self) -> i64 {
        self.processed_at_ms
    }

    pub(crate) fn push(&mut self, part: Part) {
        self.parts.push(part);
    }

    fn message(&self, part: &Part) -> Message<'_> {
        let slice = |range: &Range<usize>| &self.buffer[range.clone()];
        Message {
            key: part.key.as_ref().map(slice),
            value: part.value.as_ref().map(slice),
            role: part.role,
            ordinal: part.ordinal,
            hash: part.hash,
        }
    }
}
