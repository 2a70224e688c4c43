//! Equal rows of tables without a key: a multiset of documents `_id: {hash, n}`.
//!
//! The copies of one row are numbered from 1 without gaps, so that their count is the highest
//! number. Both the count and the change of it happen inside the barrier's transaction. Most rows
//! are there once or not at all: one query for the numbers 1 and 2 of all rows tells those apart,
//! and only rows with two copies or more are asked for one by one.

use crate::encode::{IdList, WriteCommand};
use crate::error::Error;
use crate::operation::{Operation, show};
use crate::reply::{Fault, number, written};
use bson::{Bson, Document, RawDocument, doc};
use change::{Action, Effect};
use mongodb::{ClientSession, Database};
use std::collections::HashSet;

/// Rows that are asked for in one query: the answer has to fit into one reply.
const ROWS_PER_QUERY: usize = 10_000;
const COMMAND_BYTES: usize = 12 << 20;

/// Why the copies could not be adjusted.
pub(crate) enum Setback {
    Fault(Fault),
    Failed(Error),
}

impl From<Fault> for Setback {
    fn from(fault: Fault) -> Self {
        Setback::Fault(fault)
    }
}

impl From<mongodb::error::Error> for Setback {
    fn from(error: mongodb::error::Error) -> Self {
        Setback::Fault(error.into())
    }
}

/// Adds and removes copies of rows of one collection, in the session's transaction.
pub(crate) async fn adjust(
    database: &Database,
    session: &mut ClientSession,
    operations: &[Operation<'_>],
) -> Result<(), Setback> {
    for part in operations.chunks(ROWS_PER_QUERY) {
        let Some(first) = part.first() else { continue };
        let name = &*first.effect.collection.name;
        let mut goes = IdList::new();
        let mut comes = Vec::new();
        let present = first_copies(database, session, name, part).await?;
        for operation in part {
            let Action::Adjust { delta, content } = &operation.effect.action else {
                continue;
            };
            let id = &operation.effect.id.0;
            let count = match (
                present.contains(&copy_id(id, 1)),
                present.contains(&copy_id(id, 2)),
            ) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => highest(database, session, name, operation.effect).await?,
            };
            if *delta < 0 {
                let removed = delta.unsigned_abs();
                if removed > count {
                    return Err(Setback::Failed(Error::FewerCopies {
                        collection: (*operation.effect.collection).clone(),
                        id: show(&operation.effect.id),
                        removed,
                        present: count,
                    }));
                }
                for number in count - removed + 1..=count {
                    goes.push(&copy_id(id, number));
                }
            } else {
                comes.extend(
                    (count + 1..=count + delta.unsigned_abs())
                        .map(|number| (copy_id(id, number), content)),
                );
            }
        }
        // Rows that go make room in partial unique indexes for rows that come.
        if !goes.is_empty() {
            let expected = goes.count();
            let command = goes.into_delete(name);
            let answer = database
                .run_raw_command(command)
                .session(&mut *session)
                .await?;
            written(&answer, Some(expected))?;
        }
        let mut command = WriteCommand::insert(name, 0);
        for (id, content) in comes {
            if command.len() + content.len() > COMMAND_BYTES && !command.is_empty() {
                let full = std::mem::replace(&mut command, WriteCommand::insert(name, 0));
                send(database, session, full).await?;
            }
            command.push_document_of(&id, content);
        }
        if !command.is_empty() {
            send(database, session, command).await?;
        }
    }
    Ok(())
}

async fn send(
    database: &Database,
    session: &mut ClientSession,
    command: WriteCommand,
) -> Result<(), Setback> {
    let expected = command.count();
    let answer = database
        .run_raw_command(command.finish())
        .session(session)
        .await?;
    written(&answer, Some(expected))?;
    Ok(())
}

/// Which first and second copies exist, as encoded `{_id: {hash, n}}`.
async fn first_copies(
    database: &Database,
    session: &mut ClientSession,
    collection: &str,
    operations: &[Operation<'_>],
) -> Result<HashSet<Vec<u8>>, Setback> {
    let mut ids = IdList::new();
    for operation in operations {
        ids.push(&copy_id(&operation.effect.id.0, 1));
        ids.push(&copy_id(&operation.effect.id.0, 2));
    }
    let answer = database
        .run_raw_command(ids.into_find(collection))
        .session(session)
        .await?;
    found(&answer)?
        .iter()
        .map(|document| {
            document.to_vec().map_err(|error| {
                Setback::Fault(Fault::Driver {
                    message: error.to_string(),
                })
            })
        })
        .collect()
}

/// The highest number among the copies of a row.
async fn highest(
    database: &Database,
    session: &mut ClientSession,
    collection: &str,
    effect: &Effect,
) -> Result<u64, Setback> {
    let id = RawDocument::from_bytes(&effect.id.0)
        .ok()
        .and_then(|raw| Document::try_from(raw).ok())
        .and_then(|document| document.get_document("_id").ok().cloned())
        .unwrap_or_default();
    let mut beyond = id.clone();
    beyond.insert("n", Bson::MaxKey);
    let command = doc! {
        "find": collection,
        "filter": { "_id": { "$gt": id, "$lt": beyond } },
        "projection": { "_id": 1 },
        "sort": { "_id": -1 },
        "limit": 1,
        "singleBatch": true,
    };
    let answer = database.run_command(command).session(session).await?;
    let last = found(&answer)?.pop();
    let count = last
        .as_ref()
        .and_then(|document| document.get_document("_id").ok())
        .and_then(|id| number(id.get("n")));
    count.ok_or_else(|| {
        Setback::Fault(Fault::Driver {
            message: "the copies of a row that were just seen are not found".to_owned(),
        })
    })
}

fn found(answer: &Document) -> Result<Vec<Document>, Fault> {
    let batch = answer
        .get_document("cursor")
        .and_then(|cursor| cursor.get_array("firstBatch"));
    let Ok(batch) = batch else {
        return Err(Fault::Driver {
            message: "the reply to find has no first batch".to_owned(),
        });
    };
    Ok(batch
        .iter()
        .filter_map(|value| value.as_document().cloned())
        .collect())
}

/// `{_id: {hash, n}}` from the encoded `{_id: {hash}}`.
fn copy_id(id: &[u8], number: u64) -> Vec<u8> {
    // Outer length, type, `_id` with its end; then the inner document, then the outer end.
    let (head, inner) = id.split_at(9);
    let inner = &inner[4..inner.len() - 2];
    let added = 1 + 2 + 8;
    let mut bytes = Vec::with_capacity(id.len() + added);
    bytes.extend_from_slice(&length(id.len() + added));
    bytes.extend_from_slice(&head[4..]);
    bytes.extend_from_slice(&length(4 + inner.len() + added + 1));
    bytes.extend_from_slice(inner);
    bytes.extend_from_slice(b"\x12n\0");
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes)
        .expect("an id is far shorter than 2 GiB")
        .to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copys_id_is_the_rows_id_with_a_number() {
        let id = doc! { "_id": { "hash": "abc" } }.to_vec().unwrap();
        assert_eq!(
            copy_id(&id, 3),
            doc! { "_id": { "hash": "abc", "n": 3_i64 } }
                .to_vec()
                .unwrap()
        );
    }
}
