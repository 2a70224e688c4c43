//! GTIDs on the wire: of one transaction, and of the set that a dump begins after.
//!
//! Transactions with a tag (MySQL 8.3 and later) have an event type of their own in MySQL's
//! serialization format; sets with tags have a marker in their first and last header byte.

use crate::wire::{Cursor, Malformed};
use bytes::{BufMut, Bytes};
use change::{Gtid, GtidSet, SourceId};
use std::sync::Arc;

/// What opens a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransactionStart {
    pub(crate) gtid: Gtid,
    /// When this server committed it, in milliseconds since 1970; `None` before MySQL 8.0.
    pub(crate) committed_at_ms: Option<i64>,
}

/// Reads an untagged GTID event.
pub(crate) fn read_untagged(body: Bytes) -> Result<TransactionStart, Malformed> {
    const LOGICAL_TIMESTAMPS: u8 = 2;
    let mut cursor = Cursor::new(body);
    cursor.skip(1)?;
    let source = SourceId::untagged(cursor.array()?);
    let number = cursor.u64()?;
    let mut committed_at_ms = None;
    if cursor.remaining() >= 17 && cursor.u8()? == LOGICAL_TIMESTAMPS {
        cursor.skip(16)?;
        if cursor.remaining() >= 7 {
            // The highest bit says that the original commit's time follows; only this server's counts.
            committed_at_ms = Some(milliseconds(cursor.uint(7)? & !(1 << 55)));
        }
    }
    Ok(TransactionStart {
        gtid: Gtid { source, number },
        committed_at_ms,
    })
}

/// Reads a GTID event with a tag.
pub(crate) fn read_tagged(body: Bytes) -> Result<TransactionStart, Malformed> {
    const MALFORMED: Malformed =
        Malformed("a tagged GTID has fields in an order of no known version");
    let mut cursor = Cursor::new(body);
    if cursor.serialized()? != 1 {
        return Err(Malformed(
            "a tagged GTID is of an unknown serialization version",
        ));
    }
    let _size = cursor.serialized()?;
    let _last_field_to_understand = cursor.serialized()?;
    let mut uuid = [0; 16];
    let mut number = None;
    let mut tag = Arc::from("");
    let mut committed_at_ms = None;
    // Fields come in order of their number; a field that has its default value is left out.
    while !cursor.is_empty() {
        match cursor.serialized()? {
            0 => cursor.serialized().map(drop)?,
            1 => {
                for byte in &mut uuid {
                    *byte = u8::try_from(cursor.serialized()?).map_err(|_| MALFORMED)?;
                }
            }
            // Signed: the lowest bit is the sign.
            2 => number = Some(cursor.serialized()? >> 1),
            3 => {
                let length = usize::try_from(cursor.serialized()?).map_err(|_| MALFORMED)?;
                let bytes = cursor.take(length)?;
                tag = Arc::from(std::str::from_utf8(&bytes).map_err(|_| MALFORMED)?);
            }
            4 | 5 => cursor.serialized().map(drop)?,
            6 => {
                committed_at_ms = Some(milliseconds(cursor.serialized()?));
                break;
            }
            _ => return Err(MALFORMED),
        }
    }
    let number = number.ok_or(MALFORMED)?;
    Ok(TransactionStart {
        gtid: Gtid {
            source: SourceId { uuid, tag },
            number,
        },
        committed_at_ms,
    })
}

/// The set as COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS spell it.
pub(crate) fn encode_set(set: &GtidSet) -> Vec<u8> {
    const TAGGED: u64 = 1;
    let mut sources: Vec<(&SourceId, Vec<(u64, u64)>)> = Vec::new();
    for (source, first, last) in set.iter() {
        match sources.last_mut() {
            Some((known, intervals)) if *known == source => intervals.push((first, last)),
            _ => sources.push((source, vec![(first, last)])),
        }
    }
    let tagged = sources.iter().any(|(source, _)| !source.tag.is_empty());
    let count = sources.len() as u64;
    let mut out = Vec::new();
    out.put_u64_le(if tagged {
        TAGGED << 56 | count << 8 | TAGGED
    } else {
        count
    });
    for (source, intervals) in sources {
        out.extend_from_slice(&source.uuid);
        if tagged {
            // At most 32 characters: the one-byte form of a serialized length.
            out.put_u8((source.tag.len() as u8) << 1);
            out.extend_from_slice(source.tag.as_bytes());
        }
        out.put_u64_le(intervals.len() as u64);
        for (first, last) in intervals {
            out.put_u64_le(first);
            out.put_u64_le(last + 1);
        }
    }
    out
}

fn milliseconds(microseconds: u64) -> i64 {
    (microseconds / 1000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "2c2f5bb6-e524-11f1-9244-02fc00000001";

    fn bytes(hexadecimal: &str) -> Bytes {
        let digits: Vec<u8> = hexadecimal
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect::<Vec<_>>().into()
    }

    #[test]
    fn gtid_events_of_a_real_server_are_read() {
        let untagged = "00 2c2f5bb6e52411f1924402fc00000001 0900000000000000 02 0700000000000000
            0900000000000000 48a7158 4bb6006 fc0d02 50620100";
        let start = read_untagged(bytes(untagged)).unwrap();
        assert_eq!(start.gtid.to_string(), format!("{UUID}:9"));
        assert_eq!(start.committed_at_ms, Some(1_795_208_351_426));
        let tagged =
            "02 6e 00 0000 02 58 5e b6d902 9503 48 22 c503 49 02 8804 f103 00 00 00 02 04 04
            06 08 626c7565 08 1c 0a 28 0c 7f45ac1584bb6006 10 9904 12 83120b";
        let start = read_tagged(bytes(tagged)).unwrap();
        assert_eq!(start.gtid.to_string(), format!("{UUID}:blue:1"));
        assert_eq!(start.committed_at_ms, Some(1_795_208_351_427));
    }

    #[test]
    fn sets_are_spelled_as_the_server_spells_them() {
        // The PREVIOUS_GTIDS event of the same server.
        let tagged = "0102000000000001 2c2f5bb6e52411f1924402fc00000001 00 0100000000000000
            0100000000000000 0a00000000000000 2c2f5bb6e52411f1924402fc00000001 08626c7565
            0100000000000000 0100000000000000 0200000000000000";
        let set: GtidSet = format!("{UUID}:1-9:blue:1").parse().unwrap();
        assert_eq!(Bytes::from(encode_set(&set)), bytes(tagged));
        let untagged = "0100000000000000 2c2f5bb6e52411f1924402fc00000001 0200000000000000
            0100000000000000 0300000000000000 0500000000000000 0600000000000000";
        let set: GtidSet = format!("{UUID}:1-2:5").parse().unwrap();
        assert_eq!(Bytes::from(encode_set(&set)), bytes(untagged));
        assert_eq!(encode_set(&GtidSet::default()), [0; 8]);
    }
}
