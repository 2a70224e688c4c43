//! What is MariaDB's own in a binlog: the event that begins a transaction, and how single events
//! are compressed.
//!
//! By the MariaDB documentation, "GTID_EVENT" and "Query compressed event", and by what servers
//! write: what an event does not need is left out, and zeros fill the shortest ones. A GTID event is
//! the transaction's BEGIN too; one that stands alone is followed by a single statement and no COMMIT.
//! A compressed event has its own head in clear; what follows it is deflated, behind a byte that
//! names the way and a length that is written highest byte first.

use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::MariaDbGtid;
use flate2::read::{DeflateDecoder, ZlibDecoder};
use std::io::Read;

/// What opens a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupStart {
    pub(crate) gtid: MariaDbGtid,
    /// One statement follows, which is the whole of it.
    pub(crate) stands_alone: bool,
    /// The XA transaction that is prepared here, as statements spell its name.
    pub(crate) prepares: Option<String>,
    /// The statement only announces an ALTER, or takes the announcement back: with
    /// `binlog_alter_two_phase`, the table is altered where the statement comes again.
    pub(crate) announces: bool,
}

/// Reads a GTID event; the number of the server stands in the event's header.
pub(crate) fn read_gtid(body: Bytes, server_id: u32) -> Result<GroupStart, Malformed> {
    const STANDS_ALONE: u8 = 1;
    const GROUP_COMMIT: u8 = 1 << 1;
    const PREPARES_XA: u8 = 1 << 6;
    const DECIDES_XA: u8 = 1 << 7;
    let mut cursor = Cursor::new(body);
    let sequence = cursor.u64()?;
    let domain = cursor.u32()?;
    let flags = cursor.u8()?;
    if flags & GROUP_COMMIT != 0 {
        cursor.skip(8)?;
    }
    let xid = if flags & (PREPARES_XA | DECIDES_XA) != 0 {
        Some(read_xid(&mut cursor)?)
    } else {
        None
    };
    Ok(GroupStart {
        gtid: MariaDbGtid {
            domain,
            server_id,
            sequence,
        },
        stands_alone: flags & STANDS_ALONE != 0,
        prepares: xid.filter(|_| flags & PREPARES_XA != 0),
        announces: read_announces(&mut cursor)?,
    })
}

/// `X'…',X'…',format`.
fn read_xid(cursor: &mut Cursor) -> Result<String, Malformed> {
    let format = cursor.u32()?;
    let global = usize::from(cursor.u8()?);
    let branch = usize::from(cursor.u8()?);
    let hexadecimal = |bytes: Bytes| -> String {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    };
    let global = hexadecimal(cursor.take(global)?);
    let branch = hexadecimal(cursor.take(branch)?);
    Ok(format!("X'{global}',X'{branch}',{format}"))
}

fn read_announces(cursor: &mut Cursor) -> Result<bool, Malformed> {
    const STARTS_ALTER: u8 = 1 << 1;
    const ROLLS_ALTER_BACK: u8 = 1 << 3;
    if cursor.is_empty() {
        return Ok(false);
    }
    let more = cursor.u8()?;
    Ok(more & (STARTS_ALTER | ROLLS_ALTER_BACK) != 0)
}

/// What a compressed event holds behind its head.
pub(crate) fn inflate_event(bytes: &[u8]) -> Result<Bytes, Malformed> {
    const ZLIB: u8 = 0x80;
    let (&mark, rest) = bytes.split_first().ok_or(Malformed("it ends early"))?;
    if mark & 0xf0 != ZLIB {
        return Err(Malformed("it is compressed in a way that is not known"));
    }
    let (length, compressed) = read_length(rest, usize::from(mark & 0x07))?;
    inflate(ZlibDecoder::new(compressed), length)
}

/// The value of a COMPRESSED column, which a row event has as it is stored.
pub(crate) fn inflate_value(bytes: Bytes) -> Result<Bytes, Malformed> {
    const NOT_COMPRESSED: u8 = 0;
    const DEFLATED: u8 = 8;
    const WITHOUT_WRAPPING: u8 = 8;
    let Some(&mark) = bytes.first() else {
        return Ok(bytes);
    };
    match mark >> 4 {
        NOT_COMPRESSED => Ok(bytes.slice(1..)),
        DEFLATED => {
            let (length, compressed) = read_length(&bytes[1..], usize::from(mark & 0x07))?;
            if mark & WITHOUT_WRAPPING != 0 {
                inflate(DeflateDecoder::new(compressed), length)
            } else {
                inflate(ZlibDecoder::new(compressed), length)
            }
        }
        _ => Err(Malformed("it is compressed in a way that is not known")),
    }
}

/// The length of what was compressed, highest byte first.
fn read_length(bytes: &[u8], length_bytes: usize) -> Result<(usize, &[u8]), Malformed> {
    if !(1..=4).contains(&length_bytes) {
        return Err(Malformed("the length of what is compressed has no length"));
    }
    let (length, rest) = bytes
        .split_at_checked(length_bytes)
        .ok_or(Malformed("it ends early"))?;
    let length = length
        .iter()
        .fold(0, |length, &byte| length << 8 | usize::from(byte));
    Ok((length, rest))
}

/// Memory grows with what really comes out, whatever the length that was told.
fn inflate(decoder: impl Read, length: usize) -> Result<Bytes, Malformed> {
    let mut inflated = Vec::new();
    decoder
        .take(length as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|_| Malformed("what is compressed in it can't be inflated"))?;
    if inflated.len() != length {
        return Err(Malformed(
            "what is compressed in it has another length than it tells",
        ));
    }
    Ok(inflated.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};
    use std::io::Write;

    fn gtid(flags: u8, rest: &[u8]) -> Result<GroupStart, Malformed> {
        let mut body = 42_u64.to_le_bytes().to_vec();
        body.extend(7_u32.to_le_bytes());
        body.push(flags);
        body.extend(rest);
        read_gtid(body.into(), 3)
    }

    #[test]
    fn gtid_events_tell_what_follows_them() {
        let plain = gtid(0, &[0; 6]).unwrap();
        assert_eq!(plain.gtid.to_string(), "7-3-42");
        assert!(!plain.stands_alone && plain.prepares.is_none() && !plain.announces);
        assert!(gtid(1 | 32, &[0; 6]).unwrap().stands_alone);
        assert!(!gtid(2 | 4, &[9; 8]).unwrap().stands_alone);
        let xid = [1, 0, 0, 0, 1, 2, 0x78, 0x0a, 0xff];
        // As a server wrote them, marks of a second engine behind the name.
        let with_xid = [&xid[..], &[1, 1]].concat();
        let prepared = gtid(64, &with_xid).unwrap();
        assert_eq!(prepared.prepares.as_deref(), Some("X'78',X'0aff',1"));
        assert_eq!(gtid(128 | 1, &with_xid).unwrap().prepares, None);
        for (more, announces) in [(2, true), (4, false), (8, true), (16, false)] {
            let rest = [&[more][..], &[0; 8]].concat();
            assert_eq!(gtid(1, &rest).unwrap().announces, announces);
        }
        assert!(gtid(64, &[0; 6]).is_err());
        assert!(gtid(2, &[0; 7]).is_err());
    }

    fn zlib(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lengths_of_compressed_events_begin_with_the_highest_byte() {
        let content = vec![7; 70_000];
        let compressed = [&[0x83, 0x01, 0x11, 0x70][..], &zlib(&content)].concat();
        assert_eq!(inflate_event(&compressed).unwrap(), content);
        let another = [&[0x82, 0x11, 0x70][..], &zlib(&content)].concat();
        assert!(inflate_event(&another).is_err());
        for broken in [
            &[][..],
            &[0x83, 1],
            &[0x93, 1, 17, 112, 0],
            &[0x80],
            &[0x81, 5, 1, 2],
        ] {
            assert!(inflate_event(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn values_of_compressed_columns_are_read_in_every_form() {
        let content = b"so so so so so so so so".repeat(20);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&content).unwrap();
        let bare = [&[0x8a, 0x01, 0xcc][..], &encoder.finish().unwrap()].concat();
        let wrapped = [&[0x82, 0x01, 0xcc][..], &zlib(&content)].concat();
        let stored = [&[0][..], &content].concat();
        for value in [bare, wrapped, stored] {
            assert_eq!(inflate_value(value.into()).unwrap(), content);
        }
        assert!(inflate_value(Bytes::new()).unwrap().is_empty());
        assert!(inflate_value(Bytes::from_static(&[0x70, 1, 2])).is_err());
    }
}
