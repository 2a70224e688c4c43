//! Rows without a key: documents are numbered copies of equal content.
//!
//! `_id` is `{hash, n}`: `hash` is Binary (subtype 0) with the first 16 bytes of the SHA-256 of the
//! document's encoded content, `n` an Int64 that numbers the copies of that content from 1
//! without gaps, so that the highest number is their count. Which of several equal rows is which
//! nobody can tell, MySQL included, so nothing is lost by numbering them. The hash covers the document rather than the row: rows that a chosen mapping makes equal
//! are copies of one another.

use crate::element::{self, subtype};
use crate::problem::Refusal;
use bytes::Bytes;
use change::DocumentId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

const HASH_BYTES: usize = 16;

/// Of a document's content, without its `_id`.
pub(crate) type ContentHash = [u8; HASH_BYTES];

/// Numbers the equal rows of one table that a snapshot reads. One counter serves one table and
/// one barrier: a keyless table is read whole, so its rows are numbered from 1 in it.
#[derive(Debug, Default)]
pub struct RowCounter {
    seen: HashMap<ContentHash, i64>,
}

impl RowCounter {
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the next row with this content: 1 for the first.
    pub(crate) fn next(&mut self, hash: &ContentHash) -> i64 {
        let count = self.seen.entry(*hash).or_insert(0);
        *count += 1;
        *count
    }
}

pub(crate) fn hash_of(content: &[u8]) -> ContentHash {
    let digest = Sha256::digest(content);
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&digest[..HASH_BYTES]);
    hash
}

/// Appends the element `_id: {hash}`, or `_id: {hash, n}` with a number.
pub(crate) fn write_id(
    out: &mut Vec<u8>,
    hash: &ContentHash,
    number: Option<i64>,
) -> Result<(), Refusal> {
    element::element(out, b"_id\0", |out| {
        let start = element::open(out);
        element::element(out, b"hash\0", |out| {
            element::binary(out, subtype::GENERIC, hash)
        })?;
        if let Some(number) = number {
            element::element(out, b"n\0", |out| Ok(element::int64(out, number)))?;
        }
        element::close(out, start)?;
        Ok(element::Kind::Document)
    })
}

/// The identity `{_id: {hash, n}}` of one copy, from the identity `{_id: {hash}}` that an
/// [`change::Action::Adjust`] carries. `None` when `adjusted` is no such identity.
pub fn numbered_id(adjusted: &DocumentId, number: i64) -> Option<DocumentId> {
    let hash = hash_in(adjusted)?;
    let mut out = Vec::with_capacity(64);
    let start = element::open(&mut out);
    write_id(&mut out, &hash, Some(number)).ok()?;
    element::close(&mut out, start).ok()?;
    Some(DocumentId(Bytes::from(out)))
}

/// The document of one copy: its content with `_id: {hash, n}` in front. `None` when `adjusted` is
/// no identity of a row without a key, or the document would be too large.
pub fn numbered_document(adjusted: &DocumentId, content: &[u8], number: i64) -> Option<Bytes> {
    let hash = hash_in(adjusted)?;
    let mut out = Vec::with_capacity(64 + content.len());
    let start = element::open(&mut out);
    write_id(&mut out, &hash, Some(number)).ok()?;
    out.extend_from_slice(content.get(4..content.len().checked_sub(1)?)?);
    element::close(&mut out, start).ok()?;
    Some(Bytes::from(out))
}

/// Reads the hash out of `{_id: {hash}}`, whose layout is fixed: the very bytes before and after
/// it are compared.
fn hash_in(adjusted: &DocumentId) -> Option<ContentHash> {
    const HASH_AT: usize = 4 + 5 + 4 + 6 + 5;
    let hash: ContentHash = adjusted
        .0
        .get(HASH_AT..HASH_AT + HASH_BYTES)?
        .try_into()
        .ok()?;
    let mut expected = Vec::with_capacity(64);
    let start = element::open(&mut expected);
    write_id(&mut expected, &hash, None).ok()?;
    element::close(&mut expected, start).ok()?;
    (expected == adjusted.0).then_some(hash)
}
