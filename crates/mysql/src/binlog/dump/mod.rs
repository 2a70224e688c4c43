//! The dump connection: set-up, and the stream of events.
//!
//! The server sends one event a packet from the first transaction that our GTIDs lack, and
//! heartbeats when there is none. Checksums are verified here; the events of a compressed
//! transaction come out as if they had been sent one by one, and the last of them (the commit) only
//! after the checksum of the whole was right.

mod inner;
mod start;

pub(crate) use start::Beginning;

use crate::binlog::event::{self, CHECKSUM_BYTES, Event, HEADER_BYTES, Header, Place};
use crate::binlog::payload::{Inflater, PayloadHeader};
use crate::connection::Connection;
use crate::error::Error;
use crate::family::Family;
use crate::handshake::read_error;
use crate::packet::Packets;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use std::time::Duration;

/// A connection that is silent for so long is lost.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// An open dump.
pub(crate) struct Dump {
    packets: Packets,
    address: String,
    family: Family,
    server_id: u32,
    checksums: bool,
    place: Place,
    payload: Option<OpenPayload>,
}

struct OpenPayload {
    inflater: Inflater,
    /// Bytes of the payload that are still on the connection.
    left: usize,
    checksum: Option<crc32fast::Hasher>,
    /// An inner event that waits until the next one, or the checksum, is seen.
    held: Option<Event>,
}

impl Dump {
    /// Starts a dump after the transactions of `after`; consumes the connection.
    pub(crate) async fn start(
        mut connection: Connection,
        server_id: u32,
        after: Beginning<'_>,
    ) -> Result<Self, Error> {
        let checksum = connection
            .query_value("SELECT @@GLOBAL.binlog_checksum")
            .await?
            .unwrap_or_default();
        for statement in after.settings() {
            connection.query(&statement).await?;
        }
        let address = connection.address().to_owned();
        let packets = connection.into_stream(&after.command(server_id)).await?;
        Ok(Self {
            packets,
            address,
            family: after.family(),
            server_id,
            checksums: checksum.eq_ignore_ascii_case("CRC32"),
            place: Place::unknown(),
            payload: None,
        })
    }

    /// Of the server that sends.
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    /// Where the stream stands: the end of the last event, of the whole payload inside one.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether an event can be had without waiting for the network (a part of a payload may be
    /// missing).
    pub(crate) fn has_event(&self) -> bool {
        self.payload.is_some() || self.packets.has_packet()
    }

    /// Waits until something arrives, or until the given time: then false. Nothing is lost.
    pub(crate) async fn wait_until(
        &mut self,
        deadline: tokio::time::Instant,
    ) -> Result<bool, Error> {
        match tokio::time::timeout_at(deadline, self.packets.arrival()).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) => Err(self.lost(&error)),
            Err(_) => Ok(false),
        }
    }

    /// The next event, inner ones included; the payload event itself does not show.
    pub(crate) async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if self.payload.is_some() {
                match self.next_inner().await? {
                    Some(event) => return Ok(event),
                    None => self.payload = None,
                }
            }
            if let Some(event) = self.next_outer().await? {
                return Ok(event);
            }
        }
    }

    /// The next packet's event; `None` when it was a payload, which is then open.
    async fn next_outer(&mut self) -> Result<Option<Event>, Error> {
        match tokio::time::timeout(SILENCE_LIMIT, self.packets.begin()).await {
            Ok(begun) => begun.map_err(|error| self.lost(&error))?,
            Err(_) => return Err(self.lost_because(format!("it was silent for {SILENCE_LIMIT:?}"))),
        }
        let peeked = self
            .packets
            .peek(1 + HEADER_BYTES + PayloadHeader::LONGEST)
            .await;
        let peeked = match peeked {
            Ok(peeked) => peeked,
            Err(error) => return Err(self.lost(&error)),
        };
        if peeked.first() != Some(&0) {
            return Err(self.ended().await);
        }
        let head: Option<&[u8; HEADER_BYTES]> = peeked[1..].first_chunk();
        let header = match head
            .ok_or(Malformed("it ends early"))
            .and_then(Header::read)
        {
            Ok(header) => header,
            Err(error) => return Err(self.malformed(0, &error)),
        };
        if header.event_type == event::TRANSACTION_PAYLOAD {
            let payload_header = PayloadHeader::read(&peeked[1 + HEADER_BYTES..]);
            self.open_payload(header, payload_header).await?;
            return Ok(None);
        }
        let packet = self
            .packets
            .rest()
            .await
            .map_err(|error| self.lost(&error))?;
        if packet.len() != 1 + header.size {
            return Err(self.malformed(
                header.event_type,
                &Malformed("its size is not its packet's"),
            ));
        }
        let bytes = packet.slice(1..);
        if header.event_type == event::FORMAT_DESCRIPTION {
            self.checksums = format_has_checksums(&bytes);
        }
        self.move_to(header);
        let bytes = if self.checksums {
            self.verified(header, bytes)?
        } else {
            bytes
        };
        let body = bytes.slice(HEADER_BYTES..);
        self.follow(header, &body)
            .map_err(|error| self.malformed(header.event_type, &error))?;
        Ok(Some(Event { header, body }))
    }

    fn verified(&self, header: Header, bytes: Bytes) -> Result<Bytes, Error> {
        let end = bytes
            .len()
            .checked_sub(CHECKSUM_BYTES)
            .filter(|&end| end >= HEADER_BYTES)
            .ok_or_else(|| {
                self.malformed(
                    header.event_type,
                    &Malformed("it has no room for its checksum"),
                )
            })?;
        let (content, checksum) = bytes.split_at(end);
        if crc32fast::hash(content).to_le_bytes() != checksum {
            return Err(Error::Checksum {
                place: self.place.to_string(),
            });
        }
        Ok(bytes.slice(..end))
    }

    fn move_to(&mut self, header: Header) {
        if header.is_artificial()
            || matches!(header.event_type, event::HEARTBEAT | event::HEARTBEAT_V2)
        {
            return;
        }
        let marks_a_file = matches!(
            header.event_type,
            event::ROTATE | event::FORMAT_DESCRIPTION | event::GTID_LIST | event::START_ENCRYPTION
        );
        if header.end != 0 {
            self.place.advance(header.end, header.size);
        } else if self.family == Family::MariaDb && !marks_a_file {
            self.place.pass(header.size);
        }
    }

    /// Keeps file and offset by the events that tell them.
    fn follow(&mut self, header: Header, body: &Bytes) -> Result<(), Malformed> {
        const FILE_NAME: u8 = 1;
        const OFFSET: u8 = 2;
        let text = |bytes: Bytes| {
            String::from_utf8(bytes.to_vec()).map_err(|_| Malformed("a file's name is not UTF-8"))
        };
        match header.event_type {
            event::ROTATE => {
                let mut cursor = Cursor::new(body.clone());
                let offset = cursor.u64()?;
                self.place = Place::of_file(text(cursor.rest())?.into(), offset);
            }
            event::HEARTBEAT_V2 => {
                let mut cursor = Cursor::new(body.clone());
                let mut place = self.place.clone();
                while !cursor.is_empty() {
                    let field = cursor.u8()?;
                    if field == 0 {
                        break;
                    }
                    let value = cursor.length_encoded_bytes()?;
                    match field {
                        FILE_NAME => place.file = text(value)?.into(),
                        OFFSET => place.tell(Cursor::new(value).length_encoded()?),
                        _ => {}
                    }
                }
                self.place = place;
            }
            // The older heartbeat holds 32 bits, which say nothing new.
            _ => {}
        }
        Ok(())
    }

    /// The server sent no event: it ended the stream, and may say why.
    async fn ended(&mut self) -> Error {
        let packet = match self.packets.rest().await {
            Ok(packet) => packet,
            Err(error) => return self.lost(&error),
        };
        if packet.first() != Some(&0xff) {
            return self.lost_because("the server ended the stream".to_owned());
        }
        let (number, message) = read_error(packet);
        let address = self.address.clone();
        match number {
            // ER_MASTER_FATAL_ERROR_READING_BINLOG covers many things; only the text tells them apart.
            1236 if message.contains("same server_uuid/server_id")
                || message.contains("same server_id") =>
            {
                Error::Replaced {
                    address,
                    server_id: self.server_id,
                    message,
                }
            }
            1236 if message.contains("purged required binary logs")
                || message.contains("required binlog files have been purged") =>
            {
                Error::Purged {
                    address,
                    missing: message,
                }
            }
            // MariaDB's words for what was checked before: the log changed in between.
            1236 if message.contains("not in the master's binlog")
                || message.contains("is missing the GTID") =>
            {
                Error::HistoryLost {
                    address,
                    missing: message,
                }
            }
            1789 => Error::Purged {
                address,
                missing: message,
            },
            // Shutting down, killed, too many connections, out of resources.
            1053 | 1317 | 1927 | 1040 | 3169 => Error::Busy {
                address,
                number,
                message,
            },
            _ => Error::DumpRefused {
                address,
                number,
                message,
            },
        }
    }

    fn lost(&self, error: &std::io::Error) -> Error {
        self.lost_because(error.to_string())
    }

    fn lost_because(&self, reason: String) -> Error {
        Error::Lost {
            address: self.address.clone(),
            reason,
        }
    }

    fn malformed(&self, event_type: u8, error: &Malformed) -> Error {
        Error::Event {
            event_type,
            place: self.place.to_string(),
            reason: error.to_string(),
        }
    }
}

/// The last five bytes of a format description are the checksum algorithm and a checksum.
fn format_has_checksums(event: &Bytes) -> bool {
    const CRC32: u8 = 1;
    event.len() > CHECKSUM_BYTES && event[event.len() - CHECKSUM_BYTES - 1] == CRC32
}
