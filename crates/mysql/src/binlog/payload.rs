//! Compressed transactions: events inside an event, inflated piece by piece.
//!
//! With `binlog_transaction_compression` a whole transaction is one event, as large as the
//! transaction. It is taken from the socket in pieces and inflated as far as the next inner event
//! needs, so that memory holds one event, the decoder's window and one piece, whatever the size.

use crate::binlog::event::{Event, HEADER_BYTES, Header};
use crate::wire::{Cursor, Malformed};
use bytes::{Bytes, BytesMut};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// How much is inflated at once.
const INFLATE_BYTES: usize = 128 * 1024;

/// What the event says about its payload, ahead of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PayloadHeader {
    compression: u64,
    /// Bytes of this header.
    pub(crate) length: usize,
}

const COMPRESSION_ZSTD: u64 = 0;
const COMPRESSION_NONE: u64 = 255;

impl PayloadHeader {
    /// The longest that the header can be: four fields of type, length and a number.
    pub(crate) const LONGEST: usize = 64;

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        const END: u64 = 0;
        const COMPRESSION_TYPE: u64 = 2;
        let mut cursor = Cursor::new(Bytes::copy_from_slice(bytes));
        let mut compression = COMPRESSION_NONE;
        loop {
            let field = cursor.length_encoded()?;
            if field == END {
                let length = bytes.len() - cursor.remaining();
                return Ok(Self {
                    compression,
                    length,
                });
            }
            let mut value = Cursor::new(cursor.length_encoded_bytes()?);
            // The sizes, compressed and not, are told by the event itself and by its contents.
            if field == COMPRESSION_TYPE {
                compression = value.length_encoded()?;
            }
        }
    }
}

/// The inflated side of one payload.
pub(crate) struct Inflater {
    decoder: Option<Decoder<'static>>,
    compressed: Bytes,
    inflated: BytesMut,
    /// Whether the decoder may hold more output for the input it has.
    pending: bool,
}

/// Why no event came.
#[derive(Debug)]
pub(crate) enum Inflate {
    Event(Event),
    /// More of the payload is needed.
    Hungry,
}

impl Inflater {
    pub(crate) fn new(header: &PayloadHeader) -> Result<Self, Malformed> {
        let decoder = match header.compression {
            COMPRESSION_ZSTD => Some(
                Decoder::new()
                    .map_err(|_| Malformed("no memory for inflating a compressed transaction"))?,
            ),
            COMPRESSION_NONE => None,
            _ => return Err(Malformed("its compression is unknown")),
        };
        Ok(Self {
            decoder,
            compressed: Bytes::new(),
            inflated: BytesMut::new(),
            pending: false,
        })
    }

    /// Gives the next piece of the payload; the last one must be used up.
    pub(crate) fn feed(&mut self, piece: Bytes) {
        debug_assert!(
            self.compressed.is_empty(),
            "a piece is used up before the next one"
        );
        match self.decoder {
            Some(_) => self.compressed = piece,
            None => self.inflated.extend_from_slice(&piece),
        }
    }

    /// The next inner event, or the wish for more.
    pub(crate) fn next(&mut self) -> Result<Inflate, Malformed> {
        let Some(bytes) = self.prefix(HEADER_BYTES)? else {
            return Ok(Inflate::Hungry);
        };
        let header = bytes.first_chunk().ok_or(Malformed("it ends early"))?;
        let header = Header::read(header)?;
        if self.prefix(header.size)?.is_none() {
            return Ok(Inflate::Hungry);
        }
        let body = self
            .inflated
            .split_to(header.size)
            .freeze()
            .slice(HEADER_BYTES..);
        Ok(Inflate::Event(Event { header, body }))
    }

    /// Whether everything that was inflated has been taken.
    pub(crate) fn is_used_up(&self) -> bool {
        self.inflated.is_empty() && self.compressed.is_empty()
    }

    fn prefix(&mut self, count: usize) -> Result<Option<&[u8]>, Malformed> {
        while self.inflated.len() < count {
            let Some(decoder) = &mut self.decoder else {
                return Ok(None);
            };
            if self.compressed.is_empty() && !self.pending {
                return Ok(None);
            }
            let start = self.inflated.len();
            self.inflated.resize(start + INFLATE_BYTES, 0);
            let mut input = InBuffer::around(&self.compressed);
            let (written, full) = {
                let mut output = OutBuffer::around(&mut self.inflated[start..]);
                decoder
                    .run(&mut input, &mut output)
                    .map_err(|_| Malformed("its compressed transaction can't be inflated"))?;
                (output.pos(), output.pos() == INFLATE_BYTES)
            };
            let read = input.pos();
            if written == 0 && read == 0 && !self.compressed.is_empty() {
                return Err(Malformed("its compressed transaction can't be inflated"));
            }
            self.inflated.truncate(start + written);
            self.compressed = self.compressed.slice(read..);
            self.pending = full;
        }
        Ok(Some(&self.inflated[..count]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner_event(event_type: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 0, 0, 0, event_type, 1, 0, 0, 0];
        out.extend_from_slice(&((HEADER_BYTES + body.len()) as u32).to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(body);
        out
    }

    fn read_all(compression: u64, payload: &[u8], piece: usize) -> Vec<(u8, Bytes)> {
        let mut inflater = Inflater::new(&PayloadHeader {
            compression,
            length: 0,
        })
        .unwrap();
        let mut pieces = payload.chunks(piece);
        let mut events = Vec::new();
        loop {
            match inflater.next().unwrap() {
                Inflate::Event(event) => events.push((event.header.event_type, event.body)),
                Inflate::Hungry => match pieces.next() {
                    Some(piece) => inflater.feed(Bytes::copy_from_slice(piece)),
                    None => break,
                },
            }
        }
        assert!(inflater.is_used_up());
        events
    }

    #[test]
    fn inner_events_are_the_same_whatever_the_pieces() {
        let bodies: Vec<Vec<u8>> = (0..200_usize)
            .map(|index| vec![index as u8; index * 37])
            .collect();
        let plain: Vec<u8> = bodies
            .iter()
            .flat_map(|body| inner_event(30, body))
            .collect();
        let packed = zstd::bulk::compress(&plain, 3).unwrap();
        let expected: Vec<(u8, Bytes)> = bodies
            .iter()
            .map(|body| (30, Bytes::copy_from_slice(body)))
            .collect();
        for piece in [1, 7, 1000, 1 << 20] {
            assert_eq!(read_all(COMPRESSION_ZSTD, &packed, piece), expected);
            assert_eq!(read_all(COMPRESSION_NONE, &plain, piece), expected);
        }
    }

    #[test]
    fn a_payload_that_is_no_zstandard_is_an_error() {
        let mut inflater = Inflater::new(&PayloadHeader {
            compression: COMPRESSION_ZSTD,
            length: 0,
        })
        .unwrap();
        inflater.feed(Bytes::from_static(b"this is not a zstandard frame"));
        assert!(inflater.next().is_err());
    }

    #[test]
    fn the_header_of_a_payload_is_read_to_its_end_mark() {
        let header =
            PayloadHeader::read(&[2, 1, 0, 3, 3, 0xfc, 0x9e, 1, 1, 2, 0xfb - 1, 0, 0, 0x28])
                .unwrap();
        assert_eq!(
            header,
            PayloadHeader {
                compression: 0,
                length: 13
            }
        );
    }
}
