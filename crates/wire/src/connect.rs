//! The schema that goes with each message when `schema = true`, as Kafka Connect's JsonConverter
//! writes it, with Debezium's names of types.
//!
//! A value in its exact form is not of the type that stands here, and a consumer that goes by the
//! schema refuses it. That is meant: such a consumer could only have got a wrong value.

use crate::string::quoted;
use change::{Column, ColumnKind, IntegerWidth, Schema, Text};

/// From the opening brace to the payload of a key.
pub(crate) fn key_head(schema: &Schema, pipeline: &str) -> Vec<u8> {
    let columns = schema.key.iter().map(|&index| &schema.columns[index]);
    let name = format!("{pipeline}.{}.Key", schema.name);
    let fields = columns.map(|column| column_field(column, column.nullable));
    head(&structure(fields.collect(), false, &name, None))
}

/// From the opening brace to the payload of a value.
pub(crate) fn value_head(schema: &Schema, pipeline: &str) -> Vec<u8> {
    let row = |field: &str| {
        let columns = schema.columns.iter();
        let fields = columns.map(|column| column_field(column, column.nullable));
        let name = format!("{pipeline}.{}.Value", schema.name);
        structure(fields.collect(), true, &name, Some(field))
    };
    let source = [
        ("string", false, "version"),
        ("string", false, "connector"),
        ("string", false, "name"),
        ("int64", false, "ts_ms"),
        ("string", true, "snapshot"),
        ("string", false, "db"),
        ("string", true, "table"),
        ("int64", false, "server_id"),
        ("string", true, "gtid"),
        ("string", false, "file"),
        ("int64", false, "pos"),
        ("int32", false, "row"),
        ("int64", true, "thread"),
        ("string", true, "query"),
        ("string", false, "ordinal"),
    ];
    let transaction = [
        ("string", false, "id"),
        ("int64", false, "total_order"),
        ("int64", false, "data_collection_order"),
    ];
    let plain = |&(kind, optional, name): &(&str, bool, &str)| field(kind, optional, "", name);
    let fields = vec![
        row("before"),
        row("after"),
        structure(
            source.iter().map(plain).collect(),
            false,
            "io.debezium.connector.mysql.Source",
            Some("source"),
        ),
        field("string", false, "", "op"),
        field("int64", true, "", "ts_ms"),
        structure(
            transaction.iter().map(plain).collect(),
            true,
            "event.block",
            Some("transaction"),
        ),
    ];
    let name = format!("{pipeline}.{}.Envelope", schema.name);
    head(&structure(fields, false, &name, None))
}

fn head(schema: &str) -> Vec<u8> {
    format!("{{\"schema\":{schema},\"payload\":").into_bytes()
}

fn text(text: &str) -> String {
    let mut out = Vec::new();
    quoted(&mut out, text.as_bytes());
    String::from_utf8(out).expect("quoting keeps UTF-8")
}

fn structure(fields: Vec<String>, optional: bool, name: &str, field: Option<&str>) -> String {
    let field = field.map_or_else(String::new, |field| format!(",\"field\":{}", text(field)));
    format!(
        "{{\"type\":\"struct\",\"fields\":[{}],\"optional\":{optional},\"name\":{}{field}}}",
        fields.join(","),
        text(name)
    )
}

/// `more` stands between `optional` and the field's name, beginning with a comma.
fn field(kind: &str, optional: bool, more: &str, name: &str) -> String {
    format!(
        "{{\"type\":\"{kind}\",\"optional\":{optional}{more},\"field\":{}}}",
        text(name)
    )
}

fn named(name: &str) -> String {
    format!(",\"name\":\"{name}\",\"version\":1")
}

fn allowed(name: &str, members: &[Text]) -> String {
    let members: Vec<&str> = members.iter().map(Text::as_str).collect();
    let list = text(&members.join(","));
    format!("{},\"parameters\":{{\"allowed\":{list}}}", named(name))
}

fn column_field(column: &Column, optional: bool) -> String {
    let (kind, more) = match &column.kind {
        ColumnKind::Integer { width, unsigned } => (integer(*width, *unsigned), String::new()),
        ColumnKind::Float => ("float", String::new()),
        ColumnKind::Double => ("double", String::new()),
        ColumnKind::Decimal { .. } | ColumnKind::Text { .. } => ("string", String::new()),
        ColumnKind::Bit { width: 0 | 1 } => ("boolean", String::new()),
        ColumnKind::Bit { width } => {
            let length = format!(",\"parameters\":{{\"length\":\"{width}\"}}");
            ("bytes", named("io.debezium.data.Bits") + &length)
        }
        ColumnKind::Year => ("int32", named("io.debezium.time.Year")),
        ColumnKind::Date => ("int32", named("io.debezium.time.Date")),
        ColumnKind::Time { .. } => ("int64", named("io.debezium.time.MicroTime")),
        ColumnKind::DateTime { fraction: 0..=3 } => ("int64", named("io.debezium.time.Timestamp")),
        ColumnKind::DateTime { .. } => ("int64", named("io.debezium.time.MicroTimestamp")),
        ColumnKind::Timestamp { .. } => ("string", named("io.debezium.time.ZonedTimestamp")),
        ColumnKind::Binary { .. } => ("bytes", String::new()),
        ColumnKind::Enum { members } => ("string", allowed("io.debezium.data.Enum", members)),
        ColumnKind::Set { members } => ("string", allowed("io.debezium.data.EnumSet", members)),
        ColumnKind::Json => ("string", named("io.debezium.data.Json")),
        ColumnKind::Geometry => {
            let fields = [
                field("bytes", false, "", "wkb"),
                field("int32", true, "", "srid"),
            ];
            return format!(
                "{{\"type\":\"struct\",\"fields\":[{}],\"optional\":{optional}{},\"field\":{}}}",
                fields.join(","),
                named("io.debezium.data.geometry.Geometry"),
                text(&column.name)
            );
        }
        ColumnKind::Vector => {
            return format!(
                "{{\"type\":\"array\",\"items\":{{\"type\":\"float\",\"optional\":false}},\
                 \"optional\":{optional}{},\"field\":{}}}",
                named("io.debezium.data.FloatVector"),
                text(&column.name)
            );
        }
    };
    field(kind, optional, &more, &column.name)
}

/// The narrowest type of Connect that Debezium takes for a width.
fn integer(width: IntegerWidth, unsigned: bool) -> &'static str {
    match (width, unsigned) {
        (IntegerWidth::Tiny, _) | (IntegerWidth::Small, false) => "int16",
        (IntegerWidth::Small, true) | (IntegerWidth::Medium, _) | (IntegerWidth::Int, false) => {
            "int32"
        }
        (IntegerWidth::Int, true) | (IntegerWidth::Big, _) => "int64",
    }
}
