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

#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::field::Reader;
use crate::position::{position_document, read_position};
use bson::{Bson, Document, doc};
use change::{
    Checkpoint, KeyRange, MappingVersion, Ordinal, TableName, TableProgress, TableState, Torn,
    Trouble,
};

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
    doc! {
        "format": i64::from(checkpoint.format),
        "ordinal": ordinal_document(checkpoint.ordinal),
        "position": position_document(&checkpoint.position),
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
    let position = read_position(&read.inner("position")?)?;
    let mapping = read.inner("mapping")?;
    Ok(Stored {
        checkpoint: Some(Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: read.inner("ordinal")?.ordinal()?,
            position,
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
    let keys = match &progress.keys[..] {
        [] => Bson::Null,
        keys => serde_json::to_string(keys)
            .expect("a key is made of values, all of which JSON can hold")
            .into(),
    };
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
        "keys": keys,
        "anew": progress.anew,
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
    let keys = match document.get("keys") {
        None | Some(Bson::Null) => Vec::new(),
        Some(_) => serde_json::from_str(read.text("keys")?)
            .map_err(|error| unreadable(format!("keys: {error}")))?,
    };
    let anew = document.contains_key("anew") && read.flag("anew")?;
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
        keys,
        anew,
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

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("counters and offsets stay below 2^63")
}
