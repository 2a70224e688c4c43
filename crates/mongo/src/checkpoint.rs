//! How checkpoints and table progress look in the control database, and back.
//!
//! One document per pipeline in `checkpoints`, one per table in `tables`. They are made to be read
//! by people and by checks too: `torn` is null exactly where both stores can be compared. Key
//! ranges are kept as JSON text, because a key may hold what BSON does not (a decimal of 65 digits,
//! an unsigned 64-bit number).
//!
//! `torn` has two authors. The source's transaction may be torn, then it holds that transaction's
//! name and parts. Or the sink had to apply one barrier in several transactions: then it holds
//! `sink: true` and `through`, the ordinal of that barrier's end. The second kind stays until a
//! checkpoint reaches `through`, also over a restart that cuts the barriers anew.

use crate::error::Error;
use crate::field::Reader;
use bson::{Bson, Document, doc};
use change::{
    Checkpoint, KeyRange, LogPosition, MappingVersion, MySqlPosition, Ordinal, Position, TableName,
    TableProgress, TableState, Torn, Trouble,
};
use std::sync::Arc;

/// What the checkpoint document tells.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// `None`: the sink was torn before anything was complete.
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) mapping: Option<MappingVersion>,
    /// The end of the barrier that the sink left half applied.
    pub(crate) torn_through: Option<Ordinal>,
    /// By the clock of the process that applied it.
    pub(crate) applied_at_ms: Option<i64>,
}

/// The fields of the checkpoint document, without its `_id`.
pub(crate) fn encode(
    checkpoint: &Checkpoint,
    mapping: &MappingVersion,
    torn_through: Option<Ordinal>,
) -> Document {
    let source = checkpoint.torn.as_ref().map(|torn| {
        doc! {
            "transaction": &*torn.transaction,
            "parts": i64::from(torn.parts),
            "changes_before": signed(torn.changes_before),
        }
    });
    let torn = match (source, torn_through) {
        (None, None) => Bson::Null,
        (Some(source), None) => source.into(),
        (source, Some(through)) => {
            let mut torn = source.unwrap_or_default();
            torn.extend(sink_mark(through));
            torn.into()
        }
    };
    let Position::MySql(position) = &checkpoint.position;
    doc! {
        "format": i64::from(checkpoint.format),
        "ordinal": ordinal_document(checkpoint.ordinal),
        "position": {
            "server_uuid": &*position.server_uuid,
            "gtid_set": position.gtid_set.to_string(),
            "file": &*position.log.file,
            "offset": signed(position.log.offset),
        },
        "torn": torn,
        "committed_at_ms": checkpoint.committed_at_ms,
        "applied_at": bson::DateTime::now(),
        "mapping": { "version": i64::from(mapping.version), "hash": &*mapping.hash },
    }
}

/// What the sink adds to `torn` while it applies a barrier in several transactions.
pub(crate) fn sink_mark(through: Ordinal) -> Document {
    doc! { "sink": true, "through": ordinal_document(through) }
}

/// Reads the checkpoint document.
pub(crate) fn decode(document: &Document) -> Result<Stored, Error> {
    let unreadable = |problem: String| Error::ControlUnreadable {
        document: format!("checkpoints {}", document.get("_id").unwrap_or(&Bson::Null)),
        problem,
    };
    let read = Reader {
        document,
        unreadable: &unreadable,
    };
    let torn_document = match document.get("torn") {
        None | Some(Bson::Null) => None,
        Some(Bson::Document(torn)) => Some(torn),
        Some(other) => return Err(unreadable(format!("torn is {other}"))),
    };
    let torn_reader = torn_document.map(|document| Reader {
        document,
        unreadable: &unreadable,
    });
    let torn_through = match &torn_reader {
        Some(torn) if torn.document.contains_key("sink") => Some(torn.inner("through")?.ordinal()?),
        Some(_) | None => None,
    };
    if !document.contains_key("ordinal") {
        return Ok(Stored {
            checkpoint: None,
            mapping: None,
            torn_through,
            applied_at_ms: None,
        });
    }
    let format = read.unsigned("format")?;
    if format != u64::from(Checkpoint::FORMAT) {
        return Err(unreadable(format!(
            "its format is {format}, this version reads {}",
            Checkpoint::FORMAT
        )));
    }
    let torn = match &torn_reader {
        Some(torn) if torn.document.contains_key("transaction") => Some(Torn {
            transaction: torn.text("transaction")?.into(),
            parts: u32::try_from(torn.unsigned("parts")?)
                .map_err(|_| unreadable("torn.parts is too large".to_owned()))?,
            changes_before: torn.unsigned("changes_before")?,
        }),
        Some(_) | None => None,
    };
    let position = read.inner("position")?;
    let gtid_set = String::from(position.text("gtid_set")?)
        .try_into()
        .map_err(|error| unreadable(format!("position.gtid_set: {error}")))?;
    let mapping = read.inner("mapping")?;
    Ok(Stored {
        checkpoint: Some(Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: read.inner("ordinal")?.ordinal()?,
            position: Position::MySql(MySqlPosition {
                server_uuid: position.text("server_uuid")?.into(),
                gtid_set: Arc::new(gtid_set),
                log: LogPosition::new(position.text("file")?, position.unsigned("offset")?),
            }),
            torn,
            committed_at_ms: read.signed("committed_at_ms")?,
        }),
        mapping: Some(MappingVersion {
            version: u32::try_from(mapping.unsigned("version")?)
                .map_err(|_| unreadable("mapping.version is too large".to_owned()))?,
            hash: mapping.text("hash")?.into(),
        }),
        torn_through,
        applied_at_ms: document
            .get_datetime("applied_at")
            .ok()
            .map(|at| at.timestamp_millis()),
    })
}

/// The fields of a table's document, without its `_id`.
pub(crate) fn encode_progress(progress: &TableProgress) -> Document {
    let remaining = serde_json::to_string(&progress.remaining)
        .expect("a key range is made of values, all of which JSON can hold");
    let key = progress.key.as_ref().map_or(Bson::Null, |key| {
        let text = serde_json::to_string(key);
        text.expect("columns are made of names and numbers").into()
    });
    let trouble = progress.trouble.as_ref().map_or(Bson::Null, |trouble| {
        doc! {
            "code": &*trouble.code,
            "message": &*trouble.message,
            "remedy": &*trouble.remedy,
        }
        .into()
    });
    doc! {
        "database": &*progress.table.database,
        "table": &*progress.table.table,
        "state": state_word(progress.state),
        "live": progress.live,
        "planned": progress.planned,
        "rows_copied": signed(progress.rows_copied),
        "rows_estimated": signed(progress.rows_estimated),
        "remaining": remaining,
        "key": key,
        "trouble": trouble,
    }
}

/// Reads a table's document.
pub(crate) fn decode_progress(document: &Document) -> Result<TableProgress, Error> {
    let unreadable = |problem: String| Error::ControlUnreadable {
        document: format!("tables {}", document.get("_id").unwrap_or(&Bson::Null)),
        problem,
    };
    let read = Reader {
        document,
        unreadable: &unreadable,
    };
    let remaining: Vec<KeyRange> = serde_json::from_str(read.text("remaining")?)
        .map_err(|error| unreadable(format!("remaining: {error}")))?;
    let state = read.text("state")?;
    let key = match document.get("key") {
        None | Some(Bson::Null) => None,
        Some(_) => Some(
            serde_json::from_str(read.text("key")?)
                .map_err(|error| unreadable(format!("key: {error}")))?,
        ),
    };
    let trouble = match document.get("trouble") {
        None | Some(Bson::Null) => None,
        Some(_) => {
            let trouble = read.inner("trouble")?;
            Some(Trouble {
                code: trouble.text("code")?.into(),
                message: trouble.text("message")?.into(),
                remedy: trouble.text("remedy")?.into(),
            })
        }
    };
    Ok(TableProgress {
        table: TableName::new(read.text("database")?, read.text("table")?),
        state: state_of(state).ok_or_else(|| unreadable(format!("state is {state:?}")))?,
        live: read.flag("live")?,
        remaining,
        planned: read.flag("planned")?,
        rows_copied: read.unsigned("rows_copied")?,
        rows_estimated: read.unsigned("rows_estimated")?,
        key,
        trouble,
    })
}

fn state_word(state: TableState) -> &'static str {
    match state {
        TableState::Copying => "copying",
        TableState::Following => "following",
        TableState::Recopy => "recopy",
        TableState::Stopped => "stopped",
        TableState::Dropped => "dropped",
    }
}

fn state_of(word: &str) -> Option<TableState> {
    [
        TableState::Copying,
        TableState::Following,
        TableState::Recopy,
        TableState::Stopped,
        TableState::Dropped,
    ]
    .into_iter()
    .find(|state| state_word(*state) == word)
}

fn ordinal_document(ordinal: Ordinal) -> Document {
    doc! {
        "transaction": signed(ordinal.transaction),
        "change": signed(ordinal.change),
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("counters and offsets stay below 2^63")
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::{Column, ColumnKind, Decimal, TableKey, Value};

    fn checkpoint(torn: Option<Torn>) -> Checkpoint {
        let set = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:tag:7".to_owned();
        Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: Ordinal {
                transaction: 17,
                change: 3,
            },
            position: Position::MySql(MySqlPosition {
                server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
                gtid_set: Arc::new(set.try_into().unwrap()),
                log: LogPosition::new("binlog.000002", 5_000_000_000),
            }),
            torn,
            committed_at_ms: 1_700_000_000_123,
        }
    }

    fn mapping() -> MappingVersion {
        MappingVersion {
            version: 2,
            hash: "abc".into(),
        }
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_was_stored() {
        let torn = Torn {
            transaction: "x:9".into(),
            parts: 3,
            changes_before: 30_000,
        };
        let through = Ordinal {
            transaction: 18,
            change: 0,
        };
        for torn in [None, Some(torn)] {
            for torn_through in [None, Some(through)] {
                let original = checkpoint(torn.clone());
                let document = encode(&original, &mapping(), torn_through);
                assert_eq!(
                    document.get("torn") == Some(&Bson::Null),
                    torn.is_none() && torn_through.is_none()
                );
                let stored = decode(&document).unwrap();
                assert_eq!(stored.checkpoint, Some(original));
                assert_eq!(stored.mapping, Some(mapping()));
                assert_eq!(stored.torn_through, torn_through);
            }
        }
    }

    #[test]
    fn a_mark_of_the_sink_alone_is_no_checkpoint() {
        let through = Ordinal {
            transaction: 1,
            change: 2,
        };
        let stored = decode(&doc! { "torn": sink_mark(through) }).unwrap();
        assert!(stored.checkpoint.is_none());
        assert_eq!(stored.torn_through, Some(through));
    }

    #[test]
    fn a_checkpoint_of_another_format_is_refused() {
        let mut document = encode(&checkpoint(None), &mapping(), None);
        document.insert("format", 2_i64);
        assert!(matches!(
            decode(&document),
            Err(Error::ControlUnreadable { .. })
        ));
    }

    #[test]
    fn a_tables_progress_comes_back_with_every_kind_of_key() {
        let keys = vec![
            Value::UInt(u64::MAX),
            Value::Double(0.1 + 0.2),
            Value::Float(1.1),
            Value::Decimal(
                Decimal::parse(
                    "99999999999999999999999999999999999.999999999999999999999999999999",
                )
                .unwrap(),
            ),
            Value::Text("ä".into()),
            Value::Bytes(vec![0, 255].into()),
        ];
        let progress = TableProgress {
            remaining: vec![KeyRange {
                after: Some(keys),
                through: None,
            }],
            planned: true,
            rows_copied: 7,
            rows_estimated: 9,
            key: Some(TableKey {
                columns: vec![Column {
                    name: "id".into(),
                    kind: ColumnKind::Text {
                        charset: "latin1".into(),
                    },
                    nullable: false,
                }],
                primary: true,
            }),
            trouble: Some(Trouble {
                code: "LS5001".into(),
                message: "a".into(),
                remedy: "b".into(),
            }),
            state: TableState::Stopped,
            ..TableProgress::unplanned(TableName::new("shop", "orders"))
        };
        assert_eq!(
            decode_progress(&encode_progress(&progress)).unwrap(),
            progress
        );
    }
}
