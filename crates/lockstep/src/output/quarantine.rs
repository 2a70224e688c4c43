//! Rows in quarantine as text and JSON. A list shows keys and no other value of a row; a page shows
//! what is kept of the row too, since somebody asked for this one.

use std::fmt::Write as _;

use change::{QuarantineRecord, RowState, Sighting, Value};
use mapping::printable;
use serde_json::json;

use super::words;

/// One object for each row; `row` goes with it where the row itself was asked for.
pub(super) fn as_json(record: &QuarantineRecord, row: bool) -> serde_json::Value {
    let mut line = json!({
        "table": record.table.to_string(),
        "key": &*record.row_key,
        "column": record.column.as_deref(),
        "code": &*record.trouble.code,
        "reason": &*record.trouble.message,
        "remedy": &*record.trouble.remedy,
        "first": sighting_json(&record.first),
        "newest": sighting_json(&record.newest),
        "waiting": record.waiting,
        "state": state(record.state),
    });
    if row {
        let values = values(record).map(|values| {
            let shown = values.iter();
            let shown = shown.map(|(name, value)| (name.clone(), json!(printable(value))));
            shown.collect::<serde_json::Map<_, _>>()
        });
        line["row"] = json!(values);
    }
    line
}

/// The row in a line, and why below it.
pub(super) fn line(record: &QuarantineRecord) -> String {
    let column = record.column.as_ref();
    let column = column.map_or_else(String::new, |column| format!(", column {column}"));
    let waiting = match record.waiting {
        0 => String::new(),
        1 => ", 1 later change waits".to_owned(),
        more => format!(", {} later changes wait", words::count(more)),
    };
    let gone = match record.state {
        RowState::Present => "",
        RowState::Gone => ", the row is gone",
    };
    format!(
        "{}: {}{column}{waiting}{gone}\n  {} [{}]",
        record.table, record.row_key, record.trouble.message, record.trouble.code
    )
}

/// Everything that is known of the row.
pub(super) fn page(record: &QuarantineRecord) -> String {
    let mut text = line(record);
    let mut add = |name: &str, value: &str| {
        write!(text, "\n  {name:8} {value}").expect("a String takes every text");
    };
    add("remedy", &record.trouble.remedy);
    add("first", &place(&record.first));
    add("newest", &place(&record.newest));
    match values(record) {
        Some(values) => {
            for (name, value) in values {
                add("row", &format!("{name} = {}", printable(&value)));
            }
        }
        None => add("row", "not kept here; read it in MySQL by its key"),
    }
    text
}

/// The small row that is kept; what can't be read is not shown.
fn values(record: &QuarantineRecord) -> Option<Vec<(String, Value)>> {
    serde_json::from_str(record.row.as_deref()?).ok()
}

fn state(state: RowState) -> &'static str {
    match state {
        RowState::Present => "present",
        RowState::Gone => "gone",
    }
}

fn sighting_json(sighting: &Sighting) -> serde_json::Value {
    json!({
        "ordinal": sighting.ordinal.to_string(),
        "gtid": sighting.transaction.as_deref(),
        "file": &*sighting.file,
        "offset": sighting.offset,
        "committed_at_ms": sighting.committed_at_ms,
    })
}

fn place(sighting: &Sighting) -> String {
    let Sighting { file, offset, .. } = sighting;
    match &sighting.transaction {
        Some(transaction) => format!("{file}:{offset}, transaction {transaction}"),
        None => format!("{file}:{offset}"),
    }
}
