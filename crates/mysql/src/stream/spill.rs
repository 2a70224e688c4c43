//! Events that have to wait, on disk: the rows of XA transactions that are not decided yet.
//!
//! One file takes all of them. The server logs a transaction's events in one piece, so whatever was
//! written between two marks is one transaction's, and a place in the file is all that has to be
//! remembered of it. The events are kept in the server's own bytes, behind a head of fixed size: they
//! are decoded when they become valid, as if they had come then.
//!
//! The file has no name from its beginning on (O_TMPFILE), so that nobody finds it and the kernel
//! removes it with the process, however that ends. It is a cache: after a restart the server sends
//! the events again. Space is given back by transaction, and altogether once none is kept.
//!
//! Reads and writes block their thread for as long as it takes to copy into the kernel's cache.

use crate::error::Error;
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Events are written together until they have so many bytes.
const WRITTEN_BYTES: usize = 256 << 10;
/// Type, timestamp, offset in the binlog, length of what follows.
const HEAD_BYTES: usize = 1 + 4 + 8 + 4;

/// One event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptEvent {
    pub(super) event_type: u8,
    pub(super) timestamp: u32,
    /// Where it starts in its binlog file.
    pub(super) start: u64,
    pub(super) body: Bytes,
}

/// A piece of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    start: u64,
    end: u64,
}

/// The file, which is made when the first event comes.
pub(super) struct Spill {
    folder: PathBuf,
    file: Option<File>,
    /// What is in the file, and what is to be written behind it.
    written: u64,
    unwritten: Vec<u8>,
    /// Bytes of the file that somebody will still read.
    kept: u64,
}

impl Spill {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            file: None,
            written: 0,
            unwritten: Vec::new(),
            kept: 0,
        }
    }

    /// Where the next event will stand.
    pub(super) fn mark(&self) -> u64 {
        self.written + self.unwritten.len() as u64
    }

    pub(super) fn write(&mut self, event: &KeptEvent) -> Result<(), Error> {
        self.unwritten.push(event.event_type);
        self.unwritten
            .extend_from_slice(&event.timestamp.to_le_bytes());
        self.unwritten.extend_from_slice(&event.start.to_le_bytes());
        let length = u32::try_from(event.body.len()).expect("no event is larger than 4 GiB");
        self.unwritten.extend_from_slice(&length.to_le_bytes());
        self.unwritten.extend_from_slice(&event.body);
        if self.unwritten.len() >= WRITTEN_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// What was written since the mark belongs together.
    pub(super) fn piece(&mut self, mark: u64) -> Result<Piece, Error> {
        self.flush()?;
        let end = self.mark();
        self.kept += end - mark;
        Ok(Piece { start: mark, end })
    }

    /// Reads the event at the start of what is left of a piece.
    pub(super) fn read(&self, piece: &mut Piece) -> Result<Option<KeptEvent>, Error> {
        if piece.start >= piece.end {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.read_exactly(&mut head, piece.start)?;
        let [event_type, t0, t1, t2, t3, rest @ ..] = head;
        let [s0, s1, s2, s3, s4, s5, s6, s7, l0, l1, l2, l3] = rest;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let mut body = vec![0; length as usize];
        self.read_exactly(&mut body, piece.start + HEAD_BYTES as u64)?;
        piece.start += HEAD_BYTES as u64 + u64::from(length);
        Ok(Some(KeptEvent {
            event_type,
            timestamp: u32::from_le_bytes([t0, t1, t2, t3]),
            start: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            body: body.into(),
        }))
    }

    /// Nobody will read the piece any more.
    pub(super) fn forget(&mut self, piece: Piece) -> Result<(), Error> {
        self.kept -= piece.end - piece.start;
        let Some(file) = &self.file else {
            return Ok(());
        };
        if self.kept == 0 && self.unwritten.is_empty() {
            self.written = 0;
            return file.set_len(0).map_err(|error| self.failed(&error));
        }
        if piece.end > piece.start {
            give_back(file, piece);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => std::fs::create_dir_all(&self.folder)
                .and_then(|()| tempfile::tempfile_in(&self.folder))
                .map_err(|error| self.failed(&error))?,
        };
        let outcome = file.write_all_at(&self.unwritten, self.written);
        self.file = Some(file);
        outcome.map_err(|error| self.failed(&error))?;
        self.written += self.unwritten.len() as u64;
        self.unwritten.clear();
        self.unwritten.shrink_to(2 * WRITTEN_BYTES);
        Ok(())
    }

    fn read_exactly(&self, bytes: &mut [u8], at: u64) -> Result<(), Error> {
        let file = self
            .file
            .as_ref()
            .expect("a piece that is not empty was written to the file");
        file.read_exact_at(bytes, at)
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::Spill {
            folder: self.folder.display().to_string(),
            reason: error.to_string(),
        }
    }
}

/// Where the file system can't do it, the space comes back once nothing is kept.
#[cfg(target_os = "linux")]
fn give_back(file: &File, piece: Piece) {
    use rustix::fs::{FallocateFlags, fallocate};
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if let Err(error) = fallocate(file, hole, piece.start, piece.end - piece.start) {
        tracing::debug!(%error, "the space of a decided XA transaction is not given back yet");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_back(_: &File, _: Piece) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn event(number: u64, bytes: usize) -> KeptEvent {
        KeptEvent {
            event_type: number as u8,
            timestamp: 7,
            start: number << 32,
            body: vec![number as u8; bytes].into(),
        }
    }

    fn all(spill: &Spill, piece: Piece) -> Vec<KeptEvent> {
        let mut left = piece;
        std::iter::from_fn(|| spill.read(&mut left).unwrap()).collect()
    }

    #[test]
    fn events_come_back_as_they_were_whatever_was_written_after_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(folder.path().join("made"));
        let mut pieces = Vec::new();
        for number in 0..20_u64 {
            let mark = spill.mark();
            // Around the size that is written at once, and none at all.
            let events: Vec<KeptEvent> = (0..number % 4)
                .map(|index| event(number, index as usize * 200_000))
                .collect();
            for event in &events {
                spill.write(event).unwrap();
            }
            pieces.push((spill.piece(mark).unwrap(), events));
        }
        for (piece, events) in &pieces {
            assert_eq!(all(&spill, *piece), *events);
        }
        // No name was left in the folder.
        assert_eq!(
            std::fs::read_dir(folder.path().join("made"))
                .unwrap()
                .count(),
            0
        );
    }

    #[test]
    fn space_is_given_back_for_each_piece_and_all_of_it_with_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(folder.path().to_owned());
        let pieces: Vec<Piece> = (0..2)
            .map(|number| {
                let mark = spill.mark();
                spill.write(&event(number, 4 << 20)).unwrap();
                spill.piece(mark).unwrap()
            })
            .collect();
        let blocks = |spill: &Spill| spill.file.as_ref().unwrap().metadata().unwrap().blocks();
        let both = blocks(&spill);
        spill.forget(pieces[0]).unwrap();
        assert!(
            blocks(&spill) < both * 2 / 3,
            "{} of {both}",
            blocks(&spill)
        );
        assert_eq!(all(&spill, pieces[1]), [event(1, 4 << 20)]);
        spill.forget(pieces[1]).unwrap();
        assert_eq!((blocks(&spill), spill.mark()), (0, 0));
    }

    #[test]
    fn a_folder_that_takes_no_file_is_named() {
        let mut spill = Spill::new("/proc/nowhere".into());
        spill.write(&event(1, 10)).unwrap();
        let error = spill.piece(0).unwrap_err();
        assert_eq!(error.code(), "LS2026");
        assert!(error.to_string().contains("/proc/nowhere"), "{error}");
    }
}
