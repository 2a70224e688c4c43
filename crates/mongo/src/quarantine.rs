//! Rows in quarantine, as the control database holds them.
//!
//! One document for each row, made to be read by people too: which row, why, since when, and what
//! its newest change was. They are written in the transaction of the batch that keeps the row back,
//! with the checkpoint, and read back by a takeover; nobody else writes them. The identity is kept as
//! bytes, since equal bytes are what makes two rows one. Values of the key and of a small row are
//! JSON text, because they may hold what BSON does not.

use crate::closing::upserts;
use crate::connect::Target;
use crate::error::Error;
use crate::field::Reader;
use crate::operation::show;
use crate::retry::repeat;
use crate::transaction::ControlWrite;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use change::{
    Collection, DocumentId, Identity, QuarantineChange, QuarantineKey, QuarantineRecord,
    QuarantinedId, RowState, Sighting, TableName, Trouble, Value,
};
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const QUARANTINE: &str = "quarantine";
/// A record holds a few KiB at most, so that a command of so many stays far below 16 MB.
const RECORDS_PER_COMMAND: usize = 1_000;

/// The writes that bring about these changes, given in order.
pub(crate) fn writes(target: &Target, changes: &[QuarantineChange]) -> Vec<ControlWrite> {
    let mut cleared: Vec<&Arc<Collection>> = Vec::new();
    let mut newest: BTreeMap<&QuarantineKey, Option<&QuarantineRecord>> = BTreeMap::new();
    for change in changes {
        match change {
            QuarantineChange::Kept(record) => {
                newest.insert(&record.key, Some(record));
            }
            QuarantineChange::Lifted(key) => {
                newest.insert(key, None);
            }
            QuarantineChange::Cleared(collection) => {
                newest.retain(|key, _| key.collection != *collection);
                cleared.push(collection);
            }
        }
    }
    let mut deletes: Vec<Document> = cleared
        .into_iter()
        .map(|collection| {
            let all = doc! {
                "_id.pipeline": &*target.pipeline,
                "_id.collection": collection.to_string(),
            };
            doc! { "q": all, "limit": 0 }
        })
        .collect();
    let mut kept = Vec::new();
    for (key, record) in newest {
        match record {
            Some(record) => kept.push((id(target, key).into(), encode(record).into())),
            None => deletes.push(doc! { "q": { "_id": id(target, key) }, "limit": 1 }),
        }
    }
    let deletes = deletes.chunks(RECORDS_PER_COMMAND).map(|deletes| {
        ControlWrite {
            command: doc! { "delete": QUARANTINE, "deletes": deletes.to_vec() },
            // One that is not there is gone.
            statements: None,
        }
    });
    let kept = kept.chunks(RECORDS_PER_COMMAND);
    let kept = kept.map(|documents| upserts(QUARANTINE, documents.to_vec()));
    deletes.chain(kept).collect()
}

impl Target {
    /// The rows in quarantine, whether the pipeline runs or not.
    ///
    /// # Errors
    /// That the target cannot be read within the retry limit, or holds what this version does not
    /// understand.
    pub async fn quarantine(&self) -> Result<Vec<Arc<QuarantineRecord>>, Error> {
        read(self).await
    }
}

/// All records of the pipeline. There are no more than its limit let in.
pub(crate) async fn read(target: &Target) -> Result<Vec<Arc<QuarantineRecord>>, Error> {
    let documents: Vec<Document> = repeat(target, "reading the quarantine", || async {
        let filter = doc! { "_id.pipeline": &*target.pipeline };
        let found = target
            .collection(QUARANTINE)
            .find(filter)
            .sort(doc! { "_id": 1 })
            .await?;
        Ok(found.try_collect().await?)
    })
    .await?;
    let records = documents.iter().map(|one| Ok(Arc::new(decode(one)?)));
    records.collect()
}

fn id(target: &Target, key: &QuarantineKey) -> Document {
    let (kind, bytes) = match &key.id {
        QuarantinedId::Document(id) => ("document", id.0.to_vec()),
        QuarantinedId::Key(identity) => ("key", identity.as_bytes().to_vec()),
    };
    let subtype = BinarySubtype::Generic;
    doc! {
        "pipeline": &*target.pipeline,
        "collection": key.collection.to_string(),
        kind: Binary { subtype, bytes },
    }
}

/// The fields of a record, without its `_id`.
fn encode(record: &QuarantineRecord) -> Document {
    let text = |text: &Option<Arc<str>>| text.as_deref().map_or(Bson::Null, Bson::from);
    let values = record.row_key_values.as_ref().map_or(Bson::Null, |values| {
        let text = serde_json::to_string(&**values);
        text.expect("a key is made of values, all of which JSON can hold")
            .into()
    });
    let document = match &record.key.id {
        QuarantinedId::Document(id) => show(id).into(),
        QuarantinedId::Key(_) => Bson::Null,
    };
    doc! {
        "database": &*record.table.database,
        "table": &*record.table.table,
        "into": {
            "database": &*record.key.collection.database,
            "collection": &*record.key.collection.name,
            "document": document,
        },
        "key": &*record.row_key,
        "key_values": values,
        "column": text(&record.column),
        "code": &*record.trouble.code,
        "reason": &*record.trouble.message,
        "remedy": &*record.trouble.remedy,
        "first": encode_sighting(&record.first),
        "newest": encode_sighting(&record.newest),
        "state": state_word(record.state),
        "waiting": signed(record.waiting),
        "row": text(&record.row),
        "stored_at": bson::DateTime::now(),
    }
}

fn decode(document: &Document) -> Result<QuarantineRecord, Error> {
    let unreadable = |problem: String| Error::ControlUnreadable {
        document: format!(
            "{QUARANTINE} {}",
            document.get("_id").unwrap_or(&Bson::Null)
        ),
        problem,
    };
    let read = Reader {
        document,
        unreadable: &unreadable,
    };
    let own = read.inner("_id")?;
    let id = match (own.bytes("document"), own.bytes("key")) {
        (Ok(document), _) => QuarantinedId::Document(DocumentId(document.to_vec().into())),
        (Err(_), Ok(key)) => QuarantinedId::Key(Identity::from_kept(key.to_vec())),
        (Err(_), Err(problem)) => return Err(problem),
    };
    let into = read.inner("into")?;
    let values: Option<Vec<Value>> = match read.optional_text("key_values")? {
        Some(text) => Some(
            serde_json::from_str(text)
                .map_err(|error| unreadable(format!("key_values: {error}")))?,
        ),
        None => None,
    };
    let state = read.text("state")?;
    Ok(QuarantineRecord {
        key: QuarantineKey {
            collection: Arc::new(Collection {
                database: into.text("database")?.into(),
                name: into.text("collection")?.into(),
            }),
            id,
        },
        table: TableName::new(read.text("database")?, read.text("table")?),
        row_key: read.text("key")?.into(),
        row_key_values: values.map(Into::into),
        column: read.optional_text("column")?.map(Into::into),
        trouble: Trouble {
            code: read.text("code")?.into(),
            message: read.text("reason")?.into(),
            remedy: read.text("remedy")?.into(),
        },
        first: decode_sighting(&read.inner("first")?)?,
        newest: decode_sighting(&read.inner("newest")?)?,
        state: [RowState::Present, RowState::Gone]
            .into_iter()
            .find(|known| state_word(*known) == state)
            .ok_or_else(|| unreadable(format!("state is {state:?}")))?,
        waiting: read.unsigned("waiting")?,
        row: read.optional_text("row")?.map(Into::into),
    })
}

fn encode_sighting(sighting: &Sighting) -> Document {
    let transaction = sighting.transaction.as_deref();
    doc! {
        "transaction": signed(sighting.ordinal.transaction),
        "change": signed(sighting.ordinal.change),
        "gtid": transaction.map_or(Bson::Null, Bson::from),
        "file": &*sighting.file,
        "offset": signed(sighting.offset),
        "committed_at_ms": sighting.committed_at_ms,
    }
}

fn decode_sighting(read: &Reader<'_>) -> Result<Sighting, Error> {
    Ok(Sighting {
        ordinal: read.ordinal()?,
        transaction: read.optional_text("gtid")?.map(Into::into),
        file: read.text("file")?.into(),
        offset: read.unsigned("offset")?,
        committed_at_ms: read.signed("committed_at_ms")?,
    })
}

fn state_word(state: RowState) -> &'static str {
    match state {
        RowState::Present => "present",
        RowState::Gone => "gone",
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("counters and offsets stay below 2^63")
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::Ordinal;

    fn record(id: QuarantinedId) -> QuarantineRecord {
        let sighting = |change| Sighting {
            ordinal: Ordinal {
                transaction: 17,
                change,
            },
            transaction: (change > 0).then(|| "x:9".into()),
            file: "binlog.000002".into(),
            offset: 5_000_000_000,
            committed_at_ms: 1_700_000_000_123,
        };
        let malformed = Value::Malformed(vec![0xff, 0].into());
        QuarantineRecord {
            key: QuarantineKey {
                collection: Arc::new(Collection {
                    database: "shop".into(),
                    name: "orders".into(),
                }),
                id,
            },
            table: TableName::new("Shop", "Orders"),
            row_key: "id = 1".into(),
            row_key_values: Some(vec![Value::UInt(u64::MAX), malformed].into()),
            column: Some("note".into()),
            trouble: Trouble {
                code: "LS5020".into(),
                message: "a".into(),
                remedy: "b".into(),
            },
            first: sighting(0),
            newest: sighting(3),
            state: RowState::Gone,
            waiting: 7,
            row: Some("[]".into()),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_stored() {
        let document = doc! { "_id": { "a": 1, "b": "ä" } }.to_vec().unwrap();
        for id in [
            QuarantinedId::Document(DocumentId(document.into())),
            QuarantinedId::Key(Identity::of([&Value::Int(4)])),
        ] {
            let full = record(id.clone());
            let bare = QuarantineRecord {
                row_key_values: None,
                column: None,
                row: None,
                state: RowState::Present,
                ..full.clone()
            };
            for original in [full, bare] {
                let mut stored = encode(&original);
                let bytes = match &id {
                    QuarantinedId::Document(id) => ("document", id.0.to_vec()),
                    QuarantinedId::Key(identity) => ("key", identity.as_bytes().to_vec()),
                };
                let subtype = BinarySubtype::Generic;
                let own = doc! { "pipeline": "p", "collection": "shop.orders",
                bytes.0: Binary { subtype, bytes: bytes.1 } };
                stored.insert("_id", own);
                assert_eq!(decode(&stored).unwrap(), original);
            }
        }
    }
}
