//! Changes to messages and back: where the log meets the format of its topics.

use change::{Change, ChangeKind, Ordinal, Origin, Place, Row, Schema};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

pub(crate) struct Message {
    pub(crate) key: Option<Range<usize>>,
    pub(crate) value: Option<Range<usize>>,
    pub(crate) role: u8,
    pub(crate) hash: u32,
}

#[derive(Serialize, Deserialize)]
struct Body {
    op: char,
    before: Option<Row>,
    after: Option<Row>,
    origin: Arc<Origin>,
    place: Place,
}

pub(crate) fn encode(change: &Change, buffer: &mut Vec<u8>, messages: &mut Vec<Message>) {
    let (op, before, after) = match &change.kind {
        ChangeKind::Insert { after } => ('c', None, Some(after.clone())),
        ChangeKind::Update { before, after } => ('u', Some(before.clone()), Some(after.clone())),
        ChangeKind::Delete { before } => ('d', Some(before.clone()), None),
        ChangeKind::Read { row } => ('r', None, Some(row.clone())),
    };
    let row = after.as_ref().or(before.as_ref()).expect("an image");
    let start = buffer.len();
    buffer.extend_from_slice(format!("{:?}", change.schema.identity(row)).as_bytes());
    let key = start..buffer.len();
    let hash = key.clone().fold(17u32, |hash, index| {
        hash.wrapping_mul(31).wrapping_add(u32::from(buffer[index]))
    }) & 0x7fff_ffff;
    let body = Body {
        op,
        before,
        after,
        origin: change.origin.clone(),
        place: change.place,
    };
    let start = buffer.len();
    buffer.extend(serde_json::to_vec(&body).expect("writable"));
    messages.push(Message {
        key: Some(key.clone()),
        value: Some(start..buffer.len()),
        role: 0,
        hash,
    });
    if op == 'd' {
        messages.push(Message {
            key: Some(key),
            value: None,
            role: 1,
            hash,
        });
    }
}

pub(crate) fn decode(
    schema: &Arc<Schema>,
    ordinal: Ordinal,
    messages: &[(Option<&[u8]>, Option<&[u8]>)],
) -> Result<Change, String> {
    let (_, value) = messages.first().ok_or("nothing")?;
    let body: Body =
        serde_json::from_slice(value.ok_or("a tombstone first")?).map_err(|e| e.to_string())?;
    let kind = match (body.op, body.before, body.after) {
        ('c', None, Some(after)) => ChangeKind::Insert { after },
        ('u', Some(before), Some(after)) => ChangeKind::Update { before, after },
        ('d', Some(before), None) => ChangeKind::Delete { before },
        ('r', None, Some(row)) => ChangeKind::Read { row },
        _ => return Err("an unknown operation".to_owned()),
    };
    Ok(Change {
        schema: schema.clone(),
        ordinal,
        kind,
        origin: body.origin,
        place: body.place,
    })
}
