//! A table of every type with a usual and an unusual row, and small tables with and without a key.

use change::{
    Change, ChangeKind, Column, ColumnKind, Date, DateTime, Decimal, IntegerWidth, Json, Ordinal,
    Origin, Place, Row, Schema, TableName, Text, Time, Timestamp, Value,
};
use std::sync::Arc;

fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.into(),
        kind,
        nullable: name != "id",
    }
}

fn integer(width: IntegerWidth, unsigned: bool) -> ColumnKind {
    ColumnKind::Integer { width, unsigned }
}

fn members(names: &[&str]) -> Arc<[Text]> {
    names.iter().map(|&name| Text::from(name)).collect()
}

/// A column, a value in its usual form, and one that Debezium's form would change.
fn every_column() -> Vec<(Column, Value, Value)> {
    let date = |year, month, day| Date { year, month, day };
    let clock = |date, hour, microsecond| DateTime {
        date,
        hour,
        minute: 20,
        second: 30,
        microsecond,
    };
    let none = date(0, 0, 0);
    let instant = |seconds, microsecond| Timestamp {
        seconds,
        microsecond,
    };
    let time = |negative, hours, microsecond| Time {
        negative,
        hours,
        minute: 59,
        second: 59,
        microsecond,
    };
    let zero = DateTime {
        minute: 0,
        second: 0,
        ..clock(none, 0, 0)
    };
    let object = |members: &[(&str, Json)]| {
        let owned = members
            .iter()
            .map(|(name, json)| (Text::from(*name), json.clone()));
        Value::Json(Json::Object(owned.collect()))
    };
    let point: Vec<u8> = [
        &[1u8, 1, 0, 0, 0][..],
        &1.5f64.to_le_bytes(),
        &2f64.to_le_bytes(),
    ]
    .concat();
    let geometry = |srid: u32| Value::Geometry([&srid.to_le_bytes()[..], &point].concat().into());
    let vector = |floats: &[f32]| {
        let bytes: Vec<u8> = floats
            .iter()
            .flat_map(|float| float.to_le_bytes())
            .collect();
        Value::Vector(bytes.into())
    };
    let text = |text: &str| Value::Text(text.into());
    let bytes = |bytes: &'static [u8]| Value::Bytes(bytes.into());
    use ColumnKind as Kind;
    let text_kind = || Kind::Text {
        charset: "utf8mb4".into(),
    };
    let sizes = members(&["small", "large", "", "a \"b\""]);
    let colours = members(&["red", "green", "a,b"]);
    vec![
        (
            column("id", integer(IntegerWidth::Big, false)),
            Value::Int(1),
            Value::Int(i64::MIN),
        ),
        (
            column("tiny", integer(IntegerWidth::Tiny, false)),
            Value::Int(-128),
            Value::Null,
        ),
        (
            column("big_unsigned", integer(IntegerWidth::Big, true)),
            Value::UInt(7),
            Value::UInt(u64::MAX),
        ),
        (
            column("float", Kind::Float),
            Value::Float(0.1),
            Value::Float(-0.0),
        ),
        (
            column("double", Kind::Double),
            Value::Double(0.1),
            Value::Double(5e-324),
        ),
        (
            column(
                "decimal",
                Kind::Decimal {
                    precision: 65,
                    scale: 2,
                },
            ),
            Value::Decimal(Decimal::new(-150, 2)),
            Value::Decimal(
                Decimal::parse("123456789012345678901234567890123456789012345.50").unwrap(),
            ),
        ),
        (
            column("bit_1", Kind::Bit { width: 1 }),
            Value::Bit(1),
            Value::Bit(2),
        ),
        (
            column("bit_12", Kind::Bit { width: 12 }),
            Value::Bit(0x0abc),
            Value::Bit(0),
        ),
        (
            column("year", Kind::Year),
            Value::Year(2024),
            Value::Year(0),
        ),
        (
            column("date", Kind::Date),
            Value::Date(date(2024, 2, 29)),
            Value::Date(date(2024, 0, 10)),
        ),
        (
            column("time", Kind::Time { fraction: 6 }),
            Value::Time(time(true, 838, 0)),
            Value::Time(Time {
                negative: true,
                minute: 0,
                second: 0,
                ..time(true, 0, 0)
            }),
        ),
        (
            column("datetime_3", Kind::DateTime { fraction: 3 }),
            Value::DateTime(clock(date(2024, 1, 2), 10, 123_000)),
            Value::DateTime(zero),
        ),
        (
            column("datetime_6", Kind::DateTime { fraction: 6 }),
            Value::DateTime(clock(date(1969, 12, 31), 23, 999_999)),
            Value::DateTime(clock(date(2023, 2, 30), 10, 1)),
        ),
        (
            column("timestamp_0", Kind::Timestamp { fraction: 0 }),
            Value::Timestamp(instant(1_704_164_645, 0)),
            Value::Timestamp(Timestamp::ZERO),
        ),
        (
            column("timestamp_6", Kind::Timestamp { fraction: 6 }),
            Value::Timestamp(instant(1_704_164_645, 120_000)),
            Value::Timestamp(Timestamp::ZERO),
        ),
        (
            column("text", text_kind()),
            text("Straße \"7\"\\\n\u{1f}"),
            Value::Malformed(vec![0xff, 0xfe].into()),
        ),
        (
            column("bytes", Kind::Binary { fixed: Some(4) }),
            bytes(&[0, 1, 254, 255]),
            bytes(&[]),
        ),
        (
            column("enum", Kind::Enum { members: sizes }),
            Value::Enum(4),
            Value::Enum(0),
        ),
        (
            column("set", Kind::Set { members: colours }),
            Value::Set(3),
            Value::Set(5),
        ),
        (
            column("json", Kind::Json),
            object(&[
                (
                    "a",
                    Json::Array(vec![
                        Json::Int(1),
                        Json::Double(1.0),
                        Json::Null,
                        Json::Bool(true),
                    ]),
                ),
                ("b", Json::String("\"quoted\"".into())),
            ]),
            object(&[
                ("a", Json::UInt(1)),
                ("b", Json::Decimal(Decimal::new(150, 2))),
                ("c", Json::Temporal("2024-01-02 03:04:05.000000".into())),
                (
                    "d",
                    Json::Opaque {
                        column_type: 252,
                        bytes: vec![1, 2, 3].into(),
                    },
                ),
            ]),
        ),
        (
            column("geometry", Kind::Geometry),
            geometry(4326),
            geometry(0),
        ),
        (
            column("vector", Kind::Vector),
            vector(&[1.0, -0.5]),
            vector(&[f32::NAN]),
        ),
    ]
}

/// A table of every type, with its usual row and its unusual one.
pub(crate) fn every_type() -> (Arc<Schema>, Row, Row) {
    let columns = every_column();
    let schema = Schema {
        name: TableName::new("shop", "every_type"),
        columns: columns.iter().map(|(column, ..)| column.clone()).collect(),
        key: vec![0],
    };
    let usual = columns.iter().map(|(_, usual, _)| usual.clone());
    let unusual = columns.iter().map(|(.., unusual)| unusual.clone());
    (
        Arc::new(schema),
        Row::new(usual.collect()),
        Row::new(unusual.collect()),
    )
}

/// `(tenant, number, note)` with a key of these columns.
pub(crate) fn lines(key: &[usize]) -> Arc<Schema> {
    let charset = "utf8mb4".into();
    Arc::new(Schema {
        name: TableName::new("shop", "lines"),
        columns: vec![
            column("tenant", ColumnKind::Text { charset }),
            column("id", integer(IntegerWidth::Int, false)),
            column("note", ColumnKind::Date),
        ],
        key: key.to_vec(),
    })
}

pub(crate) fn line(tenant: &str, number: i64) -> Row {
    Row::new(vec![
        Value::Text(tenant.into()),
        Value::Int(number),
        Value::Null,
    ])
}

/// That no row has this one's key.
pub(crate) fn gone(schema: &Schema, row: &Row) -> ChangeKind {
    let mut values = vec![Value::Null; row.len()];
    for &index in &schema.key {
        values[index] = row[index].clone();
    }
    ChangeKind::Gone {
        key: Row::new(values),
    }
}

pub(crate) fn change(schema: &Arc<Schema>, kind: ChangeKind) -> Change {
    let snapshot = matches!(kind, ChangeKind::Read { .. });
    let gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23";
    Change {
        schema: Arc::clone(schema),
        ordinal: Ordinal {
            transaction: 12,
            change: 3,
        },
        kind,
        origin: Arc::new(Origin {
            transaction: (!snapshot).then(|| gtid.into()),
            server_id: 1,
            file: "binlog.000017".into(),
            committed_at_ms: 1_704_164_645_123,
        }),
        place: Place {
            offset: 4_294_967_299,
            row: 2,
        },
    }
}
