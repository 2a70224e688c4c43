//! Changes of the topics: for people a line each, coloured on a terminal; as JSON what the topic itself holds.
//! This is the one place that prints values of rows, because it is what was asked for.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use change::{Change, ChangeKind, Column, ColumnKind, Row, Schema, Value};
use kafka::TopicListing;
use serde_json::{Value as Json, json};
use wire::{Encoder, Format, Messages, Settings};

use super::columns::{Align, lay_out};
use super::words;

/// Encodes changes as their topic holds them; remembers what was compiled for each table.
pub struct ChangePrinter {
    settings: Settings,
    encoders: HashMap<Arc<Schema>, Encoder>,
    messages: Messages,
}

/// How a line is coloured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    Ansi,
    None,
}

impl ChangePrinter {
    pub fn new(pipeline: &str) -> Self {
        Self {
            settings: Settings {
                pipeline: pipeline.into(),
                version: env!("CARGO_PKG_VERSION").into(),
                format: Format::DebeziumJson,
            },
            encoders: HashMap::new(),
            messages: Messages::new(),
        }
    }

    /// One object for each message of the change: its table, ordinal, key and value.
    pub(super) fn json(&mut self, change: &Change) -> Vec<Json> {
        self.messages.begin(change.origin.committed_at_ms);
        let encoder = self
            .encoders
            .entry(Arc::clone(&change.schema))
            .or_insert_with(|| Encoder::new(&change.schema, &self.settings));
        if let Err(problem) = encoder.encode(change, &mut self.messages) {
            tracing::error!(code = problem.code(), "{problem}");
            return Vec::new();
        }
        let parsed = |bytes: Option<&[u8]>| {
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or(Json::Null)
        };
        self.messages
            .iter()
            .map(|message| {
                json!({
                    "event": "change",
                    "table": change.schema.name.to_string(),
                    "ordinal": message.ordinal.to_string(),
                    "key": parsed(message.key),
                    "value": parsed(message.value),
                })
            })
            .collect()
    }
}

/// `12.3  shop.orders  update  id=7  status: "new" -> "paid"  (GTID, file:offset)`
pub(super) fn line(change: &Change, colours: Colours) -> String {
    let schema = &change.schema;
    let (word, colour) = match &change.kind {
        ChangeKind::Insert { .. } => ("insert", "32"),
        ChangeKind::Update { .. } => ("update", "33"),
        ChangeKind::Delete { .. } | ChangeKind::Gone { .. } => ("delete", "31"),
        ChangeKind::Read { .. } => ("copied", "36"),
    };
    let word = match colours {
        Colours::Ansi => format!("\x1b[{colour}m{word}\x1b[0m"),
        Colours::None => word.to_owned(),
    };
    let mut text = format!("{}  {}  {word}", change.ordinal, schema.name);
    match &change.kind {
        ChangeKind::Insert { after: row }
        | ChangeKind::Read { row }
        | ChangeKind::Delete { before: row } => {
            for (column, value) in schema.columns.iter().zip(row.iter()) {
                append(
                    &mut text,
                    &format!("{}={}", column.name, shown(column, value)),
                );
            }
        }
        ChangeKind::Gone { key } => append_key(schema, key, &mut text),
        ChangeKind::Update { before, after } => {
            append_key(schema, before, &mut text);
            differences(schema, before, after, &mut text);
        }
    }
    let origin = &change.origin;
    let place = match &origin.transaction {
        Some(transaction) => format!("{transaction}, {}:{}", origin.file, change.place.offset),
        None => format!("as of {}:{}", origin.file, change.place.offset),
    };
    match colours {
        Colours::Ansi => write!(text, "  \x1b[2m({place})\x1b[0m"),
        Colours::None => write!(text, "  ({place})"),
    }
    .expect("a String takes every text");
    text
}

fn append_key(schema: &Schema, row: &Row, text: &mut String) {
    for index in &schema.key {
        let (column, value) = (&schema.columns[*index], &row[*index]);
        append(text, &format!("{}={}", column.name, shown(column, value)));
    }
}

fn differences(schema: &Schema, before: &Row, after: &Row, text: &mut String) {
    for (index, column) in schema.columns.iter().enumerate() {
        let (old, new) = (&before[index], &after[index]);
        if old != new {
            let change = format!(
                "{}: {} -> {}",
                column.name,
                shown(column, old),
                shown(column, new)
            );
            append(text, &change);
        }
    }
}

fn append(text: &mut String, part: &str) {
    text.push_str("  ");
    text.push_str(part);
}

/// As SQL spells it, long values cut; members by their names.
fn shown(column: &Column, value: &Value) -> String {
    match (&column.kind, value) {
        (ColumnKind::Enum { members }, Value::Enum(index)) => {
            let member = usize::from(*index).checked_sub(1);
            match member.and_then(|member| members.get(member)) {
                Some(member) => format!("{:?}", member.as_str()),
                None => mapping::printable(value),
            }
        }
        (ColumnKind::Set { members }, Value::Set(bits)) => {
            let named = members.iter().enumerate();
            let named = named.filter(|(bit, _)| bits & (1 << bit) != 0);
            let names: Vec<&str> = named.map(|(_, member)| member.as_str()).collect();
            format!("{:?}", names.join(","))
        }
        _ => mapping::printable(value),
    }
}

/// The topics as a table: control topics first.
pub(super) fn topics(listed: &[TopicListing], width: usize) -> String {
    if listed.is_empty() {
        return "no topics yet: capture makes them when it begins".to_owned();
    }
    let head = ["topic", "table", "partitions", "records", "deleted"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for topic in listed {
        let records: Option<u64> = topic.partitions.iter().map(|part| part.records).sum();
        let deleted = topic.partitions.iter().any(|partition| partition.low > 0);
        rows.push(vec![
            topic.name.clone(),
            match &topic.table {
                Some(table) => table.to_string(),
                None => "(control)".to_owned(),
            },
            topic.partitions.len().to_string(),
            records.map_or_else(String::new, words::count),
            if deleted { "some" } else { "" }.to_owned(),
        ]);
    }
    let aligns = [
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Left,
    ];
    lay_out(&rows, &aligns, 0, width).join("\n")
}

/// The same for programs, a topic a line.
pub(super) fn topic_json(topic: &TopicListing) -> Json {
    let partitions = topic.partitions.iter().enumerate();
    let partitions: Vec<Json> = partitions
        .map(|(number, partition)| {
            json!({ "partition": number, "low": partition.low, "high": partition.high, "records": partition.records })
        })
        .collect();
    let table = topic.table.as_ref().map(ToString::to_string);
    json!({ "event": "topic", "topic": topic.name, "table": table, "partitions": partitions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::{LogPosition, Ordinal, Origin, Place, TableName, Text};

    fn column(name: &str, kind: ColumnKind) -> Column {
        Column {
            name: name.into(),
            kind,
            nullable: true,
        }
    }

    fn change(kind: ChangeKind, transaction: Option<&str>) -> Change {
        let members: Vec<Text> = ["new", "paid"].map(Text::from).to_vec();
        let schema = Schema {
            name: TableName::new("shop", "orders"),
            columns: vec![
                column("id", ColumnKind::Year),
                column(
                    "state",
                    ColumnKind::Enum {
                        members: members.into(),
                    },
                ),
                column("note", ColumnKind::Json),
            ],
            key: vec![0],
        };
        let place = LogPosition::new("binlog.000007", 1234);
        Change {
            schema: Arc::new(schema),
            ordinal: Ordinal {
                transaction: 12,
                change: 3,
            },
            kind,
            origin: Arc::new(Origin {
                transaction: transaction.map(Into::into),
                server_id: 1,
                file: place.file,
                committed_at_ms: 1_700_000_000_000,
            }),
            place: Place {
                offset: place.offset,
                row: 0,
            },
        }
    }

    fn row(id: u16, state: u16) -> Row {
        Row::new(vec![Value::Year(id), Value::Enum(state), Value::Null])
    }

    #[test]
    fn a_change_is_a_line_with_what_it_changed_and_where_it_comes_from() {
        let update = ChangeKind::Update {
            before: row(2001, 1),
            after: row(2001, 2),
        };
        assert_eq!(
            line(&change(update, Some("3e11:7")), Colours::None),
            "12.3  shop.orders  update  id=2001  state: \"new\" -> \"paid\"  (3e11:7, binlog.000007:1234)"
        );
        let copied = ChangeKind::Read { row: row(2001, 0) };
        assert_eq!(
            line(&change(copied, None), Colours::None),
            "12.3  shop.orders  copied  id=2001  state=ENUM member 0  note=NULL  (as of binlog.000007:1234)"
        );
    }

    #[test]
    fn colours_are_for_terminals() {
        let delete = change(ChangeKind::Delete { before: row(1, 1) }, Some("3e11:7"));
        assert!(!line(&delete, Colours::None).contains('\x1b'));
        assert!(line(&delete, Colours::Ansi).contains("\x1b[31mdelete\x1b[0m"));
    }

    #[test]
    fn json_is_what_the_topic_holds_a_line_for_each_message() {
        let delete = change(
            ChangeKind::Delete {
                before: row(2001, 2),
            },
            Some("3e11:7"),
        );
        let lines = ChangePrinter::new("shop").json(&delete);
        assert_eq!(lines.len(), 2, "a delete and its tombstone");
        assert_eq!(lines[0]["key"]["id"], 2001);
        assert_eq!(lines[0]["value"]["op"], "d");
        assert_eq!(lines[0]["value"]["before"]["state"], "paid");
        assert_eq!(lines[1]["value"], Json::Null);
    }
}
