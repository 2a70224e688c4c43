//! Events: their header, their types, and where they stand in the binlog.
//!
//! By the MySQL Source Code Documentation, "Binlog Event". An event's header tells where the event
//! ends, but only in 32 bits; [`Place`] keeps the whole number.

use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::LogPosition;
use std::sync::Arc;

pub(crate) const HEADER_BYTES: usize = 19;
pub(crate) const CHECKSUM_BYTES: usize = 4;

pub(crate) const QUERY: u8 = 2;
pub(crate) const STOP: u8 = 3;
pub(crate) const ROTATE: u8 = 4;
pub(crate) const INTVAR: u8 = 5;
pub(crate) const RAND: u8 = 13;
pub(crate) const USER_VAR: u8 = 14;
pub(crate) const FORMAT_DESCRIPTION: u8 = 15;
pub(crate) const XID: u8 = 16;
pub(crate) const BEGIN_LOAD_QUERY: u8 = 17;
pub(crate) const EXECUTE_LOAD_QUERY: u8 = 18;
pub(crate) const TABLE_MAP: u8 = 19;
pub(crate) const WRITE_ROWS_V1: u8 = 23;
pub(crate) const UPDATE_ROWS_V1: u8 = 24;
pub(crate) const DELETE_ROWS_V1: u8 = 25;
pub(crate) const INCIDENT: u8 = 26;
pub(crate) const HEARTBEAT: u8 = 27;
pub(crate) const IGNORABLE: u8 = 28;
pub(crate) const ROWS_QUERY: u8 = 29;
pub(crate) const WRITE_ROWS: u8 = 30;
pub(crate) const UPDATE_ROWS: u8 = 31;
pub(crate) const DELETE_ROWS: u8 = 32;
pub(crate) const GTID: u8 = 33;
pub(crate) const ANONYMOUS_GTID: u8 = 34;
pub(crate) const PREVIOUS_GTIDS: u8 = 35;
pub(crate) const TRANSACTION_CONTEXT: u8 = 36;
pub(crate) const VIEW_CHANGE: u8 = 37;
pub(crate) const XA_PREPARE: u8 = 38;
pub(crate) const PARTIAL_UPDATE_ROWS: u8 = 39;
pub(crate) const TRANSACTION_PAYLOAD: u8 = 40;
pub(crate) const HEARTBEAT_V2: u8 = 41;
pub(crate) const TAGGED_GTID: u8 = 42;
// MariaDB's own.
pub(crate) const ANNOTATE_ROWS: u8 = 160;
pub(crate) const BINLOG_CHECKPOINT: u8 = 161;
pub(crate) const MARIADB_GTID: u8 = 162;
pub(crate) const GTID_LIST: u8 = 163;
pub(crate) const START_ENCRYPTION: u8 = 164;
pub(crate) const QUERY_COMPRESSED: u8 = 165;
pub(crate) const WRITE_ROWS_COMPRESSED_V1: u8 = 166;
pub(crate) const UPDATE_ROWS_COMPRESSED_V1: u8 = 167;
pub(crate) const DELETE_ROWS_COMPRESSED_V1: u8 = 168;
pub(crate) const WRITE_ROWS_COMPRESSED: u8 = 169;
pub(crate) const UPDATE_ROWS_COMPRESSED: u8 = 170;
pub(crate) const DELETE_ROWS_COMPRESSED: u8 = 171;

/// Whether an event tells what a transaction does to tables, as opposed to its marks and seeds.
pub(crate) fn is_content(event_type: u8) -> bool {
    matches!(
        event_type,
        TABLE_MAP
            | WRITE_ROWS
            | UPDATE_ROWS
            | DELETE_ROWS
            | PARTIAL_UPDATE_ROWS
            | WRITE_ROWS_V1
            | UPDATE_ROWS_V1
            | DELETE_ROWS_V1
            | EXECUTE_LOAD_QUERY
    )
}

const ARTIFICIAL_FLAG: u16 = 0x20;
const IGNORABLE_FLAG: u16 = 0x80;

/// The common header of all events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Seconds since 1970.
    pub(crate) timestamp: u32,
    pub(crate) event_type: u8,
    /// `server_id` of the server that wrote it.
    pub(crate) server_id: u32,
    /// Bytes of the whole event.
    pub(crate) size: usize,
    /// The lower 32 bits of the offset of its end; 0 for events that stand in no file.
    pub(crate) end: u32,
    pub(crate) flags: u16,
}

/// An event without its header and checksum.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) header: Header,
    pub(crate) body: Bytes,
}

impl Header {
    pub(crate) fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(Bytes::copy_from_slice(bytes));
        let timestamp = cursor.u32()?;
        let event_type = cursor.u8()?;
        let server_id = cursor.u32()?;
        let size = cursor.u32()? as usize;
        let end = cursor.u32()?;
        let flags = cursor.u16()?;
        if size < HEADER_BYTES {
            return Err(Malformed("its size is smaller than its header"));
        }
        Ok(Self {
            timestamp,
            event_type,
            server_id,
            size,
            end,
            flags,
        })
    }

    /// Made by the server for this stream, without a place in a file.
    pub(crate) fn is_artificial(&self) -> bool {
        self.flags & ARTIFICIAL_FLAG != 0
    }

    /// A reader that does not know the type may skip the event.
    pub(crate) fn is_ignorable(&self) -> bool {
        self.flags & IGNORABLE_FLAG != 0
    }
}

/// Where the stream stands: the end of the last event, with all 64 bits of its offset.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    /// Of the last event, or of the payload that it is in.
    pub(crate) start: u64,
    pub(crate) offset: u64,
    /// The last offset that the server told, which the next one it tells is compared with.
    told: u64,
}

impl Place {
    pub(crate) fn unknown() -> Self {
        Self::of_file("".into(), 0)
    }

    pub(crate) fn of_file(file: Arc<str>, offset: u64) -> Self {
        Self {
            file,
            start: offset,
            offset,
            told: offset,
        }
    }

    /// The server tells an offset whole.
    pub(crate) fn tell(&mut self, offset: u64) {
        self.offset = offset;
        self.told = offset;
    }

    /// Moves to the end of an event, of whose offset the lower 32 bits are known. Offsets only grow
    /// within a file, and two events that the server sends lie less than 4 GiB apart (over what it
    /// skips it sends heartbeats, which hold all 64 bits).
    pub(crate) fn advance(&mut self, end: u32, size: usize) {
        const WRAP: u64 = 1 << 32;
        let candidate = self.told & !(WRAP - 1) | u64::from(end);
        self.tell(if candidate < self.told {
            candidate + WRAP
        } else {
            candidate
        });
        self.start = self.offset.saturating_sub(size as u64);
    }

    /// Moves over an event that does not tell where it ends. Newer versions of MariaDB write the
    /// events inside a transaction so; its last one tells the truth again.
    pub(crate) fn pass(&mut self, size: usize) {
        self.start = self.offset;
        self.offset += size as u64;
    }

    pub(crate) fn position(&self) -> LogPosition {
        LogPosition::new(Arc::clone(&self.file), self.offset)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_tell_no_end_move_the_place_until_one_does() {
        let mut place = Place::of_file("binlog.000001".into(), 4_294_967_000);
        place.pass(100);
        place.pass(500);
        assert_eq!((place.start, place.offset), (4_294_967_100, 4_294_967_600));
        place.advance(350, 50);
        assert_eq!((place.start, place.offset), (4_294_967_596, 4_294_967_646));
        // Whatever was added up, what is told counts.
        place.pass(1_000);
        place.advance(360, 10);
        assert_eq!((place.start, place.offset), (4_294_967_646, 4_294_967_656));
    }

    #[test]
    fn offsets_past_four_gigabytes_are_followed() {
        let mut place = Place::of_file("binlog.000001".into(), 4);
        let mut expected = 4_u64;
        for step in [
            100,
            4_000_000_000,
            500_000_000,
            1,
            4_200_000_000,
            94_967_296,
        ] {
            expected += step;
            place.advance(expected as u32, 30);
            assert_eq!(place.offset, expected);
            assert_eq!(place.start, expected - 30);
        }
    }
}
