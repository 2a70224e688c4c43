//! Taking a compressed transaction from the connection, piece by piece as its events are asked for.

use super::{Dump, OpenPayload};
use crate::binlog::event::{self, CHECKSUM_BYTES, Event, HEADER_BYTES, Header};
use crate::binlog::payload::{Inflate, Inflater, PayloadHeader};
use crate::error::Error;
use crate::wire::Malformed;

impl Dump {
    pub(super) async fn open_payload(
        &mut self,
        header: Header,
        payload_header: Result<PayloadHeader, Malformed>,
    ) -> Result<(), Error> {
        self.move_to(header);
        let opened =
            payload_header.and_then(|payload| Ok((Inflater::new(&payload)?, payload.length)));
        let (inflater, length) =
            opened.map_err(|error| self.malformed(header.event_type, &error))?;
        let mut left = header.size;
        if self.checksums {
            left -= CHECKSUM_BYTES.min(left);
        }
        let mut checksum = self.checksums.then(crc32fast::Hasher::new);
        let mut ahead = 1 + HEADER_BYTES + length;
        let mut first = true;
        while ahead > 0 {
            let piece = self
                .packets
                .piece(ahead)
                .await
                .map_err(|error| self.lost(&error))?;
            let piece = piece
                .ok_or_else(|| self.malformed(header.event_type, &Malformed("it ends early")))?;
            ahead -= piece.len();
            // The packet's status byte is not the event's.
            let content = if first { piece.slice(1..) } else { piece };
            first = false;
            left = left.saturating_sub(content.len());
            if let Some(checksum) = &mut checksum {
                checksum.update(&content);
            }
        }
        self.payload = Some(OpenPayload {
            inflater,
            left,
            checksum,
            held: None,
        });
        Ok(())
    }

    /// The next event inside the payload; `None` when it is read to its end.
    pub(super) async fn next_inner(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let Some(payload) = &mut self.payload else {
                return Ok(None);
            };
            match payload.inflater.next() {
                Ok(Inflate::Event(event)) => {
                    // The last event, which commits, waits for the checksum.
                    if let Some(held) = payload.held.replace(event) {
                        return Ok(Some(held));
                    }
                }
                Ok(Inflate::Hungry) if payload.left > 0 => {
                    let piece = match self.packets.piece(payload.left).await {
                        Ok(Some(piece)) => piece,
                        Ok(None) => {
                            let error = Malformed("it ends early");
                            return Err(self.malformed(event::TRANSACTION_PAYLOAD, &error));
                        }
                        Err(error) => return Err(self.lost(&error)),
                    };
                    payload.left -= piece.len();
                    if let Some(checksum) = &mut payload.checksum {
                        checksum.update(&piece);
                    }
                    payload.inflater.feed(piece);
                }
                Ok(Inflate::Hungry) => {
                    if let Some(held) = self.close_payload().await? {
                        return Ok(Some(held));
                    }
                    return Ok(None);
                }
                Err(error) => return Err(self.malformed(event::TRANSACTION_PAYLOAD, &error)),
            }
        }
    }

    async fn close_payload(&mut self) -> Result<Option<Event>, Error> {
        let Some(payload) = self.payload.take() else {
            return Ok(None);
        };
        if !payload.inflater.is_used_up() {
            let error = Malformed("its compressed transaction ends inside an event");
            return Err(self.malformed(event::TRANSACTION_PAYLOAD, &error));
        }
        let trailer = self
            .packets
            .rest()
            .await
            .map_err(|error| self.lost(&error))?;
        if let Some(checksum) = payload.checksum
            && checksum.finalize().to_le_bytes()[..] != trailer[..]
        {
            return Err(Error::Checksum {
                place: self.place.to_string(),
            });
        }
        Ok(payload.held)
    }
}
