//! Records of many partitions to the changes of one barrier.
//!
//! The records of a partition are in order; those of a barrier are put in order by the ordinals in
//! their headers. Messages of one change have the same ordinal, wherever they lie.

use crate::codec;
use crate::error::Error;
use crate::record::RecordId;
use change::{Change, Ordinal, Schema};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use std::sync::Arc;

/// A record as it came.
pub(super) struct Fetched<'a> {
    pub(super) topic: Arc<str>,
    pub(super) message: BorrowedMessage<'a>,
}

/// What a record's headers say.
struct Headed<'a> {
    fetched: Fetched<'a>,
    ordinal: Ordinal,
    role: u8,
    schema: RecordId,
}

/// The changes, in the order of their ordinals, all of which lie after `ends.0` and up to `ends.1`.
pub(super) fn changes(
    fetched: Vec<Fetched<'_>>,
    pipeline: &[u8],
    ends: (Option<Ordinal>, Ordinal),
    mut schema: impl FnMut(&RecordId) -> Result<Arc<Schema>, Error>,
) -> Result<Vec<Change>, Error> {
    let mut headed: Vec<Headed<'_>> = fetched
        .into_iter()
        .map(|fetched| head(fetched, pipeline, ends))
        .collect::<Result<_, _>>()?;
    headed.sort_by_key(|record| (record.ordinal, record.role));
    let mut changes = Vec::with_capacity(headed.len());
    let mut last: Option<(RecordId, Arc<Schema>)> = None;
    for records in headed.chunk_by(|one, other| one.ordinal == other.ordinal) {
        let first = &records[0];
        let known = match &last {
            Some((id, schema)) if *id == first.schema => Arc::clone(schema),
            _ => schema(&first.schema)?,
        };
        last = Some((first.schema.clone(), Arc::clone(&known)));
        let messages: Vec<_> = records
            .iter()
            .map(|record| {
                (
                    record.fetched.message.key(),
                    record.fetched.message.payload(),
                )
            })
            .collect();
        let decoded = codec::decode(&known, first.ordinal, &messages);
        changes.push(decoded.map_err(|problem| unreadable(&first.fetched, problem))?);
    }
    Ok(changes)
}

fn head<'a>(
    fetched: Fetched<'a>,
    pipeline: &[u8],
    (previous, last): (Option<Ordinal>, Ordinal),
) -> Result<Headed<'a>, Error> {
    let mut ordinal = None;
    let mut role = 0;
    let mut schema = None;
    let mut named = None;
    if let Some(headers) = fetched.message.headers() {
        for header in headers.iter() {
            let value = header.value.unwrap_or_default();
            match header.key {
                "lockstep.pipeline" => named = Some(value),
                "lockstep.ordinal" => ordinal = parse(value),
                "lockstep.role" => role = value.first().copied().unwrap_or_default(),
                "lockstep.schema" => schema = std::str::from_utf8(value).ok(),
                _ => {}
            }
        }
    }
    let (Some(ordinal), Some(schema), Some(named)) = (ordinal, schema, named) else {
        return Err(unreadable(
            &fetched,
            "it has not the headers of a change".to_owned(),
        ));
    };
    if named != pipeline {
        return Err(inconsistent(
            &fetched,
            "the record is another pipeline's".to_owned(),
        ));
    }
    if Some(ordinal) <= previous || ordinal > last {
        let problem = format!("the record of change {ordinal} lies in the barrier {last}");
        return Err(inconsistent(&fetched, problem));
    }
    let schema = RecordId(schema.into());
    Ok(Headed {
        ordinal,
        role,
        schema,
        fetched,
    })
}

fn parse(text: &[u8]) -> Option<Ordinal> {
    let (transaction, change) = std::str::from_utf8(text).ok()?.split_once('.')?;
    Some(Ordinal {
        transaction: transaction.parse().ok()?,
        change: change.parse().ok()?,
    })
}

fn unreadable(fetched: &Fetched<'_>, problem: String) -> Error {
    Error::RecordUnreadable {
        topic: fetched.topic.to_string(),
        partition: fetched.message.partition(),
        offset: fetched.message.offset(),
        problem,
    }
}

fn inconsistent(fetched: &Fetched<'_>, problem: String) -> Error {
    Error::Inconsistent {
        topic: fetched.topic.to_string(),
        partition: fetched.message.partition(),
        offset: fetched.message.offset(),
        problem,
    }
}
