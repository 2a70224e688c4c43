//! Images that lack columns, as `binlog_row_image` MINIMAL and NOBLOB write them.
//!
//! Ahead of an event's rows a bitmap tells which columns their images have. The bitmap of NULLs has
//! a bit for each of those, the one of partial JSON a bit for each JSON column of the table. In the
//! image after an update, a column that is not there is as it was: where the image before has it,
//! the row after is known all the same.

use crate::binlog::column::ValueDecoder;
use crate::binlog::image::{ImageError, error, head_error, read_diffs};
use crate::binlog::rows::Read;
use crate::binlog::table_map::TableMap;
use crate::wire::{Cursor, bit};
use bytes::Bytes;
use change::{ChangeKind, Row, Value};

/// `None` for the columns that are not there.
pub(crate) type PartialImage = Box<[Option<Value>]>;

/// Reads an image that has the columns of the bitmap.
pub(crate) fn read(
    map: &TableMap,
    columns: &Bytes,
    images: &mut Cursor,
) -> Result<PartialImage, ImageError> {
    values(map, columns, images, |_, decoder, images| {
        decoder.read(images).map(Some)
    })
}

/// Reads the image after a partial update: JSON columns may hold only what changed.
pub(crate) fn read_with_differences(
    map: &TableMap,
    columns: &Bytes,
    before: &PartialImage,
    images: &mut Cursor,
) -> Result<PartialImage, ImageError> {
    const PARTIAL_JSON: u64 = 1;
    let options = images.length_encoded().map_err(head_error)?;
    let partial = if options & PARTIAL_JSON != 0 {
        let length = map.json_columns.len().div_ceil(8);
        images.take(length).map_err(head_error)?
    } else {
        Bytes::new()
    };
    values(map, columns, images, |index, decoder, images| {
        let place = map.json_columns.iter().position(|json| *json == index);
        let is_partial = place.is_some_and(|place| !partial.is_empty() && bit(&partial, place));
        let ValueDecoder::Json { length_bytes } = decoder else {
            return decoder.read(images).map(Some);
        };
        match (is_partial, &before[index]) {
            (false, _) => decoder.read(images).map(Some),
            (true, Some(document)) => read_diffs(images, *length_bytes, document).map(Some),
            // The differences are there and what they are to is not.
            (true, None) => {
                let length = images.uint(*length_bytes)? as usize;
                images.take(length).map(|_| None)
            }
        }
    })
}

fn values(
    map: &TableMap,
    columns: &Bytes,
    images: &mut Cursor,
    mut read: impl FnMut(
        usize,
        &ValueDecoder,
        &mut Cursor,
    ) -> Result<Option<Value>, crate::wire::Malformed>,
) -> Result<PartialImage, ImageError> {
    let count = map.decoders.len();
    let there = (0..count).filter(|&column| bit(columns, column)).count();
    let nulls = images.take(there.div_ceil(8)).map_err(head_error)?;
    let mut values = Vec::with_capacity(count);
    let mut seen = 0;
    for (index, decoder) in map.decoders.iter().enumerate() {
        if !bit(columns, index) {
            values.push(None);
            continue;
        }
        let is_null = bit(&nulls, seen);
        seen += 1;
        let value = match is_null {
            true => Ok(Some(Value::Null)),
            false => read(index, decoder, images),
        };
        values.push(value.map_err(|reason| error(map, index, reason))?);
    }
    Ok(values.into())
}

/// The change, with its rows where they are known.
pub(crate) fn completed(before: Option<PartialImage>, after: Option<PartialImage>) -> Read {
    let whole = |image: &PartialImage| -> Option<Row> {
        let values: Option<Vec<Value>> = image.iter().cloned().collect();
        values.map(Row::new)
    };
    let row_before = before.as_ref().and_then(whole);
    let row_after = after.as_ref().and_then(|after| {
        let values = after.iter().enumerate().map(|(index, value)| {
            let was = before.as_ref().and_then(|before| before[index].clone());
            value.clone().or(was)
        });
        values.collect::<Option<Vec<Value>>>().map(Row::new)
    });
    match (&before, &after, row_before, row_after) {
        (Some(_), Some(_), Some(before), Some(after)) => {
            Read::Whole(ChangeKind::Update { before, after })
        }
        (Some(_), None, Some(before), _) => Read::Whole(ChangeKind::Delete { before }),
        (None, Some(_), _, Some(after)) => Read::Whole(ChangeKind::Insert { after }),
        _ => Read::Partial { before, after },
    }
}
