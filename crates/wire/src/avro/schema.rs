//! The schemas of a table's keys and values, as a registry is given them.
//!
//! Names of Avro are letters, digits and `_`, so other characters become `_`; a column says its own
//! name in the attribute `column` where that differs. Equal names of a row are told apart by a
//! number.

use crate::layout::Settings;
use crate::string::quoted;
use change::{Column, ColumnKind, IntegerWidth, Schema, Text};
use std::collections::HashSet;
use std::fmt::Write as _;

/// What a table's messages are written with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvroSchemas {
    /// `None` for a table without a key.
    pub key: Option<String>,
    pub value: String,
}

/// The record for values that the usual type of their column would change; said once in a schema,
/// named afterwards.
const EXACT: &str = "{\"type\":\"record\",\"name\":\"Exact\",\"namespace\":\"lockstep\",\
    \"doc\":\"A value that the column's usual type would change, as JSON.\",\
    \"fields\":[{\"name\":\"json\",\"type\":\"string\"}]}";
const EXACT_NAME: &str = "\"lockstep.Exact\"";

const GEOMETRY: &str = "{\"type\":\"record\",\"name\":\"Geometry\",\
    \"namespace\":\"io.debezium.data.geometry\",\
    \"fields\":[{\"name\":\"wkb\",\"type\":\"bytes\"},\
    {\"name\":\"srid\",\"type\":[\"null\",\"int\"],\"default\":null}],\
    \"connect.version\":1,\"connect.name\":\"io.debezium.data.geometry.Geometry\"}";
const GEOMETRY_NAME: &str = "\"io.debezium.data.geometry.Geometry\"";

const SOURCE: &str = "{\"type\":\"record\",\"name\":\"Source\",\
    \"namespace\":\"io.debezium.connector.mysql\",\"fields\":[\
    {\"name\":\"version\",\"type\":\"string\"},\
    {\"name\":\"connector\",\"type\":\"string\"},\
    {\"name\":\"name\",\"type\":\"string\"},\
    {\"name\":\"ts_ms\",\"type\":\"long\"},\
    {\"name\":\"snapshot\",\"type\":\"string\"},\
    {\"name\":\"db\",\"type\":\"string\"},\
    {\"name\":\"table\",\"type\":\"string\"},\
    {\"name\":\"server_id\",\"type\":\"long\"},\
    {\"name\":\"gtid\",\"type\":[\"null\",\"string\"],\"default\":null},\
    {\"name\":\"file\",\"type\":\"string\"},\
    {\"name\":\"pos\",\"type\":\"long\"},\
    {\"name\":\"row\",\"type\":\"long\"},\
    {\"name\":\"thread\",\"type\":[\"null\",\"long\"],\"default\":null},\
    {\"name\":\"query\",\"type\":[\"null\",\"string\"],\"default\":null},\
    {\"name\":\"ordinal\",\"type\":\"string\"}]}";

const TRANSACTION: &str = "{\"type\":\"record\",\"name\":\"block\",\"namespace\":\"event\",\
    \"fields\":[{\"name\":\"id\",\"type\":\"string\"},\
    {\"name\":\"total_order\",\"type\":\"long\"},\
    {\"name\":\"data_collection_order\",\"type\":\"long\"}]}";

impl AvroSchemas {
    pub fn of(schema: &Schema, settings: &Settings) -> Self {
        let name = &schema.name;
        let parts = [&*settings.pipeline, &*name.database, &*name.table];
        let namespace = parts.map(safe).join(".");
        let key = schema.key.iter().map(|&index| &schema.columns[index]);
        let key = (!schema.key.is_empty()).then(|| record("Key", &namespace, key));
        let row = record("Value", &namespace, schema.columns.iter());
        let value = format!(
            "{{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"{namespace}\",\"fields\":[\
             {{\"name\":\"before\",\"type\":[\"null\",{row}],\"default\":null}},\
             {{\"name\":\"after\",\"type\":[\"null\",\"{namespace}.Value\"],\"default\":null}},\
             {{\"name\":\"source\",\"type\":{SOURCE}}},\
             {{\"name\":\"op\",\"type\":\"string\"}},\
             {{\"name\":\"ts_ms\",\"type\":[\"null\",\"long\"],\"default\":null}},\
             {{\"name\":\"transaction\",\"type\":[\"null\",{TRANSACTION}],\"default\":null}}]}}"
        );
        Self { key, value }
    }
}

fn record<'a>(name: &str, namespace: &str, columns: impl Iterator<Item = &'a Column>) -> String {
    let mut fields = Vec::new();
    let mut names = HashSet::new();
    let (mut exact, mut geometry) = (EXACT, GEOMETRY);
    for column in columns {
        let name = unlike(&mut names, safe(&column.name));
        let kind = match column.kind {
            ColumnKind::Geometry => std::mem::replace(&mut geometry, GEOMETRY_NAME).to_owned(),
            ref kind => usual(kind),
        };
        let exact = std::mem::replace(&mut exact, EXACT_NAME);
        let own = match *name == *column.name {
            true => String::new(),
            false => format!(",\"column\":{}", text(&column.name)),
        };
        fields.push(format!(
            "{{\"name\":\"{name}\",\"type\":[\"null\",{kind},{exact}],\"default\":null{own}}}"
        ));
    }
    format!(
        "{{\"type\":\"record\",\"name\":\"{name}\",\"namespace\":\"{namespace}\",\"fields\":[{}]}}",
        fields.join(",")
    )
}

/// A name that Avro takes.
fn safe(name: &str) -> String {
    let fits = |letter: char| match letter.is_ascii_alphanumeric() {
        true => letter,
        false => '_',
    };
    let mut safe: String = name.chars().map(fits).collect();
    if safe
        .chars()
        .next()
        .is_none_or(|first| first.is_ascii_digit())
    {
        safe.insert(0, '_');
    }
    safe
}

/// The name, with a number if there is one like it.
fn unlike(names: &mut HashSet<String>, name: String) -> String {
    let mut found = name.clone();
    for number in 2.. {
        if names.insert(found.clone()) {
            break;
        }
        found = format!("{name}_{number}");
    }
    found
}

fn text(text: &str) -> String {
    let mut out = Vec::new();
    quoted(&mut out, text.as_bytes());
    String::from_utf8(out).expect("quoting keeps UTF-8")
}

/// The type of a column's usual values, with Debezium's name for it.
fn usual(kind: &ColumnKind) -> String {
    let named = |kind: &str, name: &str| {
        format!("{{\"type\":\"{kind}\",\"connect.version\":1,\"connect.name\":\"{name}\"}}")
    };
    let members = |name: &str, members: &[Text]| {
        let members: Vec<&str> = members.iter().map(Text::as_str).collect();
        let allowed = text(&members.join(","));
        let mut written = named("string", name);
        written.pop();
        // A String takes every text.
        let _ = write!(
            written,
            ",\"connect.parameters\":{{\"allowed\":{allowed}}}}}"
        );
        written
    };
    let plain = |kind: &str| format!("\"{kind}\"");
    match kind {
        ColumnKind::Integer { width, unsigned } => plain(match is_int(*width, *unsigned) {
            true => "int",
            false => "long",
        }),
        ColumnKind::Float => plain("float"),
        ColumnKind::Double => plain("double"),
        ColumnKind::Decimal { .. } | ColumnKind::Text { .. } => plain("string"),
        ColumnKind::Bit { width: 0 | 1 } => plain("boolean"),
        ColumnKind::Bit { width } => format!(
            "{{\"type\":\"bytes\",\"connect.version\":1,\
             \"connect.name\":\"io.debezium.data.Bits\",\
             \"connect.parameters\":{{\"length\":\"{width}\"}}}}"
        ),
        ColumnKind::Year => named("int", "io.debezium.time.Year"),
        ColumnKind::Date => named("int", "io.debezium.time.Date"),
        ColumnKind::Time { .. } => named("long", "io.debezium.time.MicroTime"),
        ColumnKind::DateTime { fraction: 0..=3 } => named("long", "io.debezium.time.Timestamp"),
        ColumnKind::DateTime { .. } => named("long", "io.debezium.time.MicroTimestamp"),
        ColumnKind::Timestamp { .. } => named("string", "io.debezium.time.ZonedTimestamp"),
        ColumnKind::Binary { .. } => plain("bytes"),
        ColumnKind::Enum { members: of } => members("io.debezium.data.Enum", of),
        ColumnKind::Set { members: of } => members("io.debezium.data.EnumSet", of),
        ColumnKind::Json => named("string", "io.debezium.data.Json"),
        ColumnKind::Geometry => GEOMETRY.to_owned(),
        ColumnKind::Vector => "{\"type\":\"array\",\"items\":\"float\",\"connect.version\":1,\
             \"connect.name\":\"io.debezium.data.FloatVector\"}"
            .to_owned(),
    }
}

/// Whether 32 bits with a sign hold every number of the column.
pub(super) fn is_int(width: IntegerWidth, unsigned: bool) -> bool {
    match width {
        IntegerWidth::Tiny | IntegerWidth::Small | IntegerWidth::Medium => true,
        IntegerWidth::Int => !unsigned,
        IntegerWidth::Big => false,
    }
}
