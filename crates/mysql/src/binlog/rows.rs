//! Row events: which table, which columns, and the row images one by one.
//!
//! Images are decoded one at a time as they are asked for, so that an event of any size is handed
//! on in batches of a bounded one.

use crate::binlog::event;
use crate::binlog::image::{ImageError, read_image, read_partial_image};
use crate::binlog::mariadb::inflate_event;
use crate::binlog::partial::{self, PartialImage};
use crate::binlog::table_map::TableMap;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::{ChangeKind, Row};

/// A row event, taken apart but for its images.
#[derive(Clone)]
pub(crate) struct RowsEvent {
    pub(crate) table_id: u64,
    /// The statement ends here: its table maps are void afterwards.
    pub(crate) ends_statement: bool,
    kind: Kind,
    /// What follows the bitmaps is deflated.
    compressed: bool,
    rest: Cursor,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Update,
    PartialUpdate,
    Delete,
}

/// The images of a row event, with what they are read with.
pub(crate) struct RowImages<'a> {
    kind: Kind,
    map: &'a TableMap,
    before: Bytes,
    after: Bytes,
    /// Whether both images have all columns.
    whole: bool,
    images: Cursor,
}

/// A change as it is read.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    Whole(ChangeKind<Row>),
    /// Without all columns.
    Partial {
        before: Option<PartialImage>,
        after: Option<PartialImage>,
    },
}

/// Why an event's rows can't be read.
#[derive(Debug, PartialEq)]
pub(crate) enum RowsError {
    Malformed(String),
}

impl RowsEvent {
    pub(crate) fn read(event_type: u8, body: Bytes) -> Result<Self, Malformed> {
        const STATEMENT_END: u16 = 1;
        let (kind, has_extra) = match event_type {
            event::WRITE_ROWS_V1 => (Kind::Write, false),
            event::UPDATE_ROWS_V1 => (Kind::Update, false),
            event::DELETE_ROWS_V1 => (Kind::Delete, false),
            event::WRITE_ROWS => (Kind::Write, true),
            event::UPDATE_ROWS => (Kind::Update, true),
            event::DELETE_ROWS => (Kind::Delete, true),
            event::PARTIAL_UPDATE_ROWS => (Kind::PartialUpdate, true),
            event::WRITE_ROWS_COMPRESSED_V1 => (Kind::Write, false),
            event::UPDATE_ROWS_COMPRESSED_V1 => (Kind::Update, false),
            event::DELETE_ROWS_COMPRESSED_V1 => (Kind::Delete, false),
            event::WRITE_ROWS_COMPRESSED => (Kind::Write, true),
            event::UPDATE_ROWS_COMPRESSED => (Kind::Update, true),
            event::DELETE_ROWS_COMPRESSED => (Kind::Delete, true),
            _ => return Err(Malformed("it is no row event")),
        };
        let compressed =
            (event::WRITE_ROWS_COMPRESSED_V1..=event::DELETE_ROWS_COMPRESSED).contains(&event_type);
        let mut cursor = Cursor::new(body);
        let table_id = cursor.uint(6)?;
        let flags = cursor.u16()?;
        if has_extra {
            // The length counts itself.
            let extra = usize::from(cursor.u16()?);
            cursor.skip(
                extra
                    .checked_sub(2)
                    .ok_or(Malformed("its extra data is shorter than nothing"))?,
            )?;
        }
        Ok(Self {
            table_id,
            ends_statement: flags & STATEMENT_END != 0,
            kind,
            compressed,
            rest: cursor,
        })
    }

    /// Goes on to the images.
    pub(crate) fn images<'a>(self, map: &'a TableMap) -> Result<RowImages<'a>, RowsError> {
        let mut images = self.rest;
        let columns = images.length()?;
        if columns != map.decoders.len() {
            return Err(Malformed("it has another count of columns than its table map").into());
        }
        // An image of no columns takes no bytes, so there would be no end to them.
        if columns == 0 {
            return Err(Malformed("it has no columns").into());
        }
        let bitmap_bytes = columns.div_ceil(8);
        let first = images.take(bitmap_bytes)?;
        let (before, after) = match self.kind {
            Kind::Write => (Bytes::new(), first),
            Kind::Delete => (first, Bytes::new()),
            Kind::Update | Kind::PartialUpdate => (first, images.take(bitmap_bytes)?),
        };
        let is_whole = |bitmap: &Bytes| {
            bitmap.is_empty() || (0..columns).all(|column| crate::wire::bit(bitmap, column))
        };
        // Images of no columns take no bytes, so there would be no end to them.
        let is_empty = |bitmap: &Bytes| bitmap.iter().all(|byte| *byte == 0);
        if is_empty(&before) && is_empty(&after) && self.kind != Kind::Write {
            return Err(Malformed("its images have no columns").into());
        }
        let whole = is_whole(&before) && is_whole(&after);
        if self.compressed {
            images = Cursor::new(inflate_event(images.as_slice())?);
        }
        Ok(RowImages {
            kind: self.kind,
            map,
            before,
            after,
            whole,
            images,
        })
    }
}

impl RowImages<'_> {
    /// Bytes of images that are not decoded yet.
    pub(crate) fn remaining(&self) -> usize {
        self.images.remaining()
    }

    /// The next change; `None` when the event is read to its end.
    pub(crate) fn next(&mut self) -> Result<Option<Read>, RowsError> {
        debug_assert!(
            self.before.len().max(self.after.len()) >= self.map.decoders.len().div_ceil(8)
        );
        if self.images.is_empty() {
            return Ok(None);
        }
        if !self.whole {
            return self.next_partial().map(Some);
        }
        let (map, images) = (self.map, &mut self.images);
        let change = match self.kind {
            Kind::Write => ChangeKind::Insert {
                after: Row::new(read_image(map, images)?),
            },
            Kind::Delete => ChangeKind::Delete {
                before: Row::new(read_image(map, images)?),
            },
            Kind::Update => {
                let before = Row::new(read_image(map, images)?);
                ChangeKind::Update {
                    before,
                    after: Row::new(read_image(map, images)?),
                }
            }
            Kind::PartialUpdate => {
                let before = read_image(map, images)?;
                let after = read_partial_image(map, &before, images)?;
                ChangeKind::Update {
                    before: Row::new(before),
                    after: Row::new(after),
                }
            }
        };
        Ok(Some(Read::Whole(change)))
    }

    fn next_partial(&mut self) -> Result<Read, RowsError> {
        let (map, images) = (self.map, &mut self.images);
        let before = match self.kind {
            Kind::Write => None,
            Kind::Update | Kind::PartialUpdate | Kind::Delete => {
                Some(partial::read(map, &self.before, images)?)
            }
        };
        let after = match (self.kind, &before) {
            (Kind::Delete, _) => None,
            (Kind::PartialUpdate, Some(before)) => Some(partial::read_with_differences(
                map,
                &self.after,
                before,
                images,
            )?),
            (Kind::Write | Kind::Update | Kind::PartialUpdate, _) => {
                Some(partial::read(map, &self.after, images)?)
            }
        };
        Ok(partial::completed(before, after))
    }
}

impl From<Malformed> for RowsError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<ImageError> for RowsError {
    fn from(error: ImageError) -> Self {
        Self::Malformed(error.to_string())
    }
}
