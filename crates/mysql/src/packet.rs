//! MySQL's packet framing over a socket.
//!
//! A logical packet is a run of frames, each with a 3-byte length and a sequence number; a frame of
//! 2^24-1 bytes is continued by the next one (MySQL Source Code Documentation, "Protocol Basics",
//! "MySQL Packets"). A packet can be taken whole, or piece by piece, so that one of many megabytes
//! need not be held in memory. Whole packets are slices of the receive buffer, not copies.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const FRAME_HEADER_BYTES: usize = 4;
const LONGEST_FRAME_BYTES: usize = (1 << 24) - 1;
/// Bytes asked from the socket at once. Rows keep the buffer that they were decoded from alive, so
/// that it must not be much larger than a batch of rows.
const RECEIVE_BYTES: usize = 128 * 1024;

/// A socket, encrypted or not.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Socket for T {}

/// Packets over a socket.
pub(crate) struct Packets {
    socket: Box<dyn Socket>,
    received: BytesMut,
    sequence: u8,
    /// Bytes of the current frame that were not taken yet.
    frame_left: usize,
    /// Whether another frame of the same packet follows.
    continued: bool,
}

impl Packets {
    pub(crate) fn new(socket: Box<dyn Socket>) -> Self {
        Self {
            socket,
            received: BytesMut::new(),
            sequence: 0,
            frame_left: 0,
            continued: false,
        }
    }

    /// Gives the bare socket back, to put encryption around it. Nothing may have been received
    /// beyond the last packet: a server says nothing before the TLS handshake, but an attacker may.
    pub(crate) fn into_socket(self) -> std::io::Result<(Box<dyn Socket>, u8)> {
        if self.received.is_empty() {
            Ok((self.socket, self.sequence))
        } else {
            Err(invalid(
                "there is unencrypted data ahead of the TLS handshake",
            ))
        }
    }

    pub(crate) fn with_sequence(mut self, sequence: u8) -> Self {
        self.sequence = sequence;
        self
    }

    /// A command begins: its packets count from 0 again.
    pub(crate) fn begin_command(&mut self) {
        self.sequence = 0;
    }

    pub(crate) async fn write(&mut self, payload: &[u8]) -> std::io::Result<()> {
        let mut rest = payload;
        loop {
            let (frame, after) = rest.split_at(rest.len().min(LONGEST_FRAME_BYTES));
            let mut out = Vec::with_capacity(FRAME_HEADER_BYTES + frame.len());
            out.extend_from_slice(&(frame.len() as u32).to_le_bytes()[..3]);
            out.push(self.sequence);
            out.extend_from_slice(frame);
            self.sequence = self.sequence.wrapping_add(1);
            self.socket.write_all(&out).await?;
            if frame.len() < LONGEST_FRAME_BYTES {
                return self.socket.flush().await;
            }
            rest = after;
        }
    }

    /// The next packet, whole.
    pub(crate) async fn read(&mut self) -> std::io::Result<Bytes> {
        self.begin().await?;
        self.rest().await
    }

    /// Whether a whole frame has been received.
    pub(crate) fn has_packet(&self) -> bool {
        let length = |header: &[u8; FRAME_HEADER_BYTES]| {
            usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16
        };
        self.received
            .first_chunk()
            .is_some_and(|header| self.received.len() >= FRAME_HEADER_BYTES + length(header))
    }

    /// Waits for the header of the next packet. Cancel safe.
    pub(crate) async fn arrival(&mut self) -> std::io::Result<()> {
        self.fill(FRAME_HEADER_BYTES).await
    }

    /// Begins the next packet; what is left of the current one must have been taken.
    pub(crate) async fn begin(&mut self) -> std::io::Result<()> {
        debug_assert!(
            self.frame_left == 0 && !self.continued,
            "a packet is taken to its end"
        );
        self.begin_frame().await
    }

    /// The first bytes of the current packet, without taking them. Fewer than `count` where the
    /// first frame is shorter.
    pub(crate) async fn peek(&mut self, count: usize) -> std::io::Result<&[u8]> {
        let count = count.min(self.frame_left);
        self.fill(count).await?;
        Ok(&self.received[..count])
    }

    /// All that is left of the current packet.
    pub(crate) async fn rest(&mut self) -> std::io::Result<Bytes> {
        if !self.continued {
            self.fill(self.frame_left).await?;
            let frame = self.received.split_to(self.frame_left).freeze();
            self.frame_left = 0;
            return Ok(frame);
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece(usize::MAX).await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The next piece of the current packet, at most `limit` bytes; `None` at its end.
    pub(crate) async fn piece(&mut self, limit: usize) -> std::io::Result<Option<Bytes>> {
        while self.frame_left == 0 {
            if !self.continued {
                return Ok(None);
            }
            self.begin_frame().await?;
        }
        self.fill(1).await?;
        let count = self.frame_left.min(self.received.len()).min(limit);
        self.frame_left -= count;
        Ok(Some(self.received.split_to(count).freeze()))
    }

    async fn begin_frame(&mut self) -> std::io::Result<()> {
        self.fill(FRAME_HEADER_BYTES).await?;
        let length = self.received.get_uint_le(3) as usize;
        let sequence = self.received.get_u8();
        if sequence != self.sequence {
            return Err(invalid("a packet is out of sequence"));
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.frame_left = length;
        self.continued = length == LONGEST_FRAME_BYTES;
        Ok(())
    }

    async fn fill(&mut self, count: usize) -> std::io::Result<()> {
        while self.received.len() < count {
            let missing = count - self.received.len();
            self.received.reserve(missing.max(RECEIVE_BYTES));
            if self.socket.read_buf(&mut self.received).await? == 0 {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    "the server closed the connection",
                ));
            }
        }
        Ok(())
    }
}

fn invalid(reason: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, frame) in payload.chunks(LONGEST_FRAME_BYTES).enumerate() {
            out.extend_from_slice(&(frame.len() as u32).to_le_bytes()[..3]);
            out.push(index as u8);
            out.extend_from_slice(frame);
        }
        if payload.len().is_multiple_of(LONGEST_FRAME_BYTES) {
            out.extend_from_slice(&[0, 0, 0, (payload.len() / LONGEST_FRAME_BYTES) as u8]);
        }
        out
    }

    fn packets(bytes: Vec<u8>) -> Packets {
        let reader = std::io::Cursor::new(bytes);
        Packets::new(Box::new(tokio::io::join(reader, tokio::io::sink())))
    }

    #[tokio::test]
    async fn a_continued_packet_is_read_whole_and_in_pieces() {
        for length in [
            0,
            1,
            LONGEST_FRAME_BYTES - 1,
            LONGEST_FRAME_BYTES,
            LONGEST_FRAME_BYTES + 1,
        ] {
            let payload: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let whole = packets(frames(&payload)).read().await.unwrap();
            assert!(whole == payload, "{length} bytes");
            let mut reader = packets(frames(&payload));
            reader.begin().await.unwrap();
            let mut pieces = Vec::new();
            while let Some(piece) = reader.piece(1 << 20).await.unwrap() {
                assert!(piece.len() <= 1 << 20);
                pieces.extend_from_slice(&piece);
            }
            assert!(pieces == payload, "{length} bytes");
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_inside_a_packet_is_an_error() {
        let error = packets(vec![5, 0, 0, 0, 1, 2]).read().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_packet_out_of_sequence_is_an_error() {
        assert!(packets(vec![1, 0, 0, 7, 1]).read().await.is_err());
    }
}
