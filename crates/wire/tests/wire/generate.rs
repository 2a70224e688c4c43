//! Schemas, values and changes of every kind, with a liking for the edges.

mod moments;

use bytes::Bytes;
use change::{
    Change, ChangeKind, Column, ColumnKind, Decimal, IntegerWidth, Json, Ordinal, Origin, Place,
    Row, Schema, TableName, Text, Value,
};
use moments::{date, date_time, time, timestamp};
use proptest::prelude::*;
use std::sync::Arc;

/// Text with all that JSON has to escape, and more than ASCII.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,6}",
        "[ -~]{0,24}",
        proptest::collection::vec(
            prop_oneof![
                Just('"'),
                Just('\\'),
                Just(','),
                (0u8..32).prop_map(char::from),
                any::<char>()
            ],
            0..12
        )
        .prop_map(String::from_iter),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn members() -> impl Strategy<Value = Arc<[Text]>> {
    let member = prop_oneof![text(), "[ab]{0,1}", Just(String::new())].boxed();
    let member = || member.clone().prop_map(Text::from);
    prop_oneof![
        9 => proptest::collection::vec(member(), 0..5),
        1 => proptest::collection::vec(member(), 60..=66),
    ]
    .prop_map(Arc::from)
}

fn kind() -> impl Strategy<Value = ColumnKind> {
    let width = prop_oneof![
        Just(IntegerWidth::Tiny),
        Just(IntegerWidth::Small),
        Just(IntegerWidth::Medium),
        Just(IntegerWidth::Int),
        Just(IntegerWidth::Big)
    ];
    prop_oneof![
        (width, any::<bool>())
            .prop_map(|(width, unsigned)| ColumnKind::Integer { width, unsigned }),
        Just(ColumnKind::Float),
        Just(ColumnKind::Double),
        (1u8..=65, 0u8..=30)
            .prop_map(|(precision, scale)| ColumnKind::Decimal { precision, scale }),
        (1u8..=64).prop_map(|width| ColumnKind::Bit { width }),
        Just(ColumnKind::Bit { width: 1 }),
        Just(ColumnKind::Year),
        Just(ColumnKind::Date),
        (0u8..=6).prop_map(|fraction| ColumnKind::Time { fraction }),
        (0u8..=6).prop_map(|fraction| ColumnKind::DateTime { fraction }),
        (0u8..=6).prop_map(|fraction| ColumnKind::Timestamp { fraction }),
        Just(ColumnKind::Text {
            charset: "utf8mb4".into()
        }),
        Just(ColumnKind::Binary { fixed: None }),
        members().prop_map(|members| ColumnKind::Enum { members }),
        members().prop_map(|members| ColumnKind::Set { members }),
        Just(ColumnKind::Json),
        Just(ColumnKind::Geometry),
        Just(ColumnKind::Vector),
    ]
}

fn float() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        Just(-0.0),
        Just(0.1),
        -1e6f32..1e6
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(-0.0),
        Just(0.1),
        -1e6..1e6
    ]
}

fn decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (any::<i64>(), 0u8..=30).prop_map(|(number, scale)| Decimal::new(number.into(), scale)),
        (-2_000_000i128..2_000_000, 0u8..=8)
            .prop_map(|(number, scale)| Decimal::new(number, scale)),
        // The least number has two forms in memory and one in print; no server has it.
        (i128::MIN + 1..=i128::MAX, any::<u8>())
            .prop_map(|(number, scale)| Decimal::new(number, scale)),
        "-?[1-9][0-9]{39,50}(\\.[0-9]{1,14})?".prop_map(|text| Decimal::parse(&text).unwrap()),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::Int),
        any::<u64>().prop_map(Json::UInt),
        (0u64..10).prop_map(Json::UInt),
        double().prop_map(Json::Double),
        decimal().prop_map(Json::Decimal),
        text().prop_map(|text| Json::String(text.into())),
        text().prop_map(|text| Json::Temporal(text.into())),
        (any::<u8>(), bytes()).prop_map(|(column_type, bytes)| Json::Opaque { column_type, bytes }),
    ];
    let plain = prop_oneof![
        Just(Json::Null),
        any::<i64>().prop_map(Json::Int),
        (1u64 << 63..=u64::MAX).prop_map(Json::UInt),
        (-1e9..1e9).prop_map(Json::Double),
        text().prop_map(|text| Json::String(text.into())),
    ];
    let leaf = prop_oneof![plain, scalar];
    leaf.prop_recursive(5, 24, 4, |inner| {
        let member = (text().prop_map(Text::from), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Json::Array),
            proptest::collection::vec(member, 0..4).prop_map(Json::Object),
        ]
    })
}

fn vector() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        proptest::collection::vec(-10f32..10.0, 0..6).prop_map(|floats| {
            floats
                .iter()
                .flat_map(|float| float.to_le_bytes())
                .collect::<Vec<u8>>()
                .into()
        }),
        bytes(),
    ]
}

/// Any value, whatever the column.
fn any_value() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::UInt),
        float().prop_map(Value::Float),
        double().prop_map(Value::Double),
        decimal().prop_map(Value::Decimal),
        any::<u64>().prop_map(Value::Bit),
        any::<u16>().prop_map(Value::Year),
        date().prop_map(Value::Date),
        time().prop_map(Value::Time),
        date_time().prop_map(Value::DateTime),
        timestamp().prop_map(Value::Timestamp),
        text().prop_map(|text| Value::Text(text.into())),
        bytes().prop_map(Value::Malformed),
        bytes().prop_map(Value::Bytes),
        any::<u16>().prop_map(Value::Enum),
        any::<u64>().prop_map(Value::Set),
        json().prop_map(Value::Json),
        bytes().prop_map(Value::Geometry),
        vector().prop_map(Value::Vector),
    ]
    .boxed()
}

/// A value of the column's own kind.
fn own_value(kind: &ColumnKind) -> BoxedStrategy<Value> {
    match kind {
        ColumnKind::Integer {
            unsigned: false, ..
        } => any::<i64>().prop_map(Value::Int).boxed(),
        ColumnKind::Integer { unsigned: true, .. } => any::<u64>().prop_map(Value::UInt).boxed(),
        ColumnKind::Float => float().prop_map(Value::Float).boxed(),
        ColumnKind::Double => double().prop_map(Value::Double).boxed(),
        ColumnKind::Decimal { .. } => decimal().prop_map(Value::Decimal).boxed(),
        ColumnKind::Bit { width } => {
            let most = u64::MAX >> (64 - width);
            (0..=most).prop_map(Value::Bit).boxed()
        }
        ColumnKind::Year => (1901u16..=2155).prop_map(Value::Year).boxed(),
        ColumnKind::Date => date().prop_map(Value::Date).boxed(),
        ColumnKind::Time { .. } => time().prop_map(Value::Time).boxed(),
        ColumnKind::DateTime { .. } => date_time().prop_map(Value::DateTime).boxed(),
        ColumnKind::Timestamp { .. } => timestamp().prop_map(Value::Timestamp).boxed(),
        ColumnKind::Text { .. } => prop_oneof![
            4 => text().prop_map(|text| Value::Text(text.into())),
            1 => bytes().prop_map(Value::Malformed),
        ]
        .boxed(),
        ColumnKind::Binary { .. } => bytes().prop_map(Value::Bytes).boxed(),
        ColumnKind::Enum { members } => {
            let most = members.len() as u16 + 1;
            (0..=most).prop_map(Value::Enum).boxed()
        }
        ColumnKind::Set { members } => {
            let mask = 1u64
                .checked_shl(members.len() as u32)
                .map_or(u64::MAX, |bit| bit - 1);
            any::<u64>()
                .prop_map(move |bits| Value::Set(bits & bits.rotate_left(7) & mask))
                .boxed()
        }
        ColumnKind::Json => json().prop_map(Value::Json).boxed(),
        ColumnKind::Geometry => bytes().prop_map(Value::Geometry).boxed(),
        ColumnKind::Vector => vector().prop_map(Value::Vector).boxed(),
    }
}

fn value(kind: &ColumnKind) -> BoxedStrategy<Value> {
    prop_oneof![
        12 => own_value(kind),
        2 => Just(Value::Null),
        1 => any_value(),
    ]
    .boxed()
}

fn row(schema: &Schema) -> impl Strategy<Value = Row> + use<> {
    let values: Vec<_> = schema
        .columns
        .iter()
        .map(|column| value(&column.kind))
        .collect();
    values.prop_map(Row::new)
}

fn schema() -> impl Strategy<Value = Schema> {
    let column = (text(), kind(), any::<bool>()).prop_map(|(name, kind, nullable)| Column {
        name: name.into(),
        kind,
        nullable,
    });
    let columns = proptest::collection::vec(column, 1..8);
    (text(), text(), columns).prop_flat_map(|(database, table, columns)| {
        let indexes: Vec<usize> = (0..columns.len()).collect();
        let key = proptest::sample::subsequence(indexes, 0..=columns.len().min(3)).prop_shuffle();
        key.prop_map(move |key| Schema {
            name: TableName::new(database.clone(), table.clone()),
            columns: columns.clone(),
            key,
        })
    })
}

fn origin() -> impl Strategy<Value = Origin> {
    let transaction = proptest::option::of(text().prop_map(Arc::from));
    (transaction, any::<u32>(), text(), any::<i64>()).prop_map(
        |(transaction, server_id, file, committed_at_ms)| Origin {
            transaction,
            server_id,
            file: file.into(),
            committed_at_ms,
        },
    )
}

fn kind_of_change(schema: &Schema) -> impl Strategy<Value = ChangeKind> + use<> {
    let key = schema.key.clone();
    let key_alone = {
        let key = schema.key.clone();
        move |row: Row| {
            let mut values = vec![Value::Null; row.len()];
            for &index in &key {
                values[index] = row[index].clone();
            }
            ChangeKind::Gone {
                key: Row::new(values),
            }
        }
    };
    let gone = match key.is_empty() {
        true => row(schema)
            .prop_map(|before| ChangeKind::Delete { before })
            .boxed(),
        false => row(schema).prop_map(key_alone).boxed(),
    };
    prop_oneof![
        gone,
        row(schema).prop_map(|after| ChangeKind::Insert { after }),
        row(schema).prop_map(|before| ChangeKind::Delete { before }),
        row(schema).prop_map(|row| ChangeKind::Read { row }),
        // Another key, most of the time.
        (row(schema), row(schema)).prop_map(|(before, after)| ChangeKind::Update { before, after }),
        row(schema).prop_map(|row| ChangeKind::Update {
            before: row.clone(),
            after: row
        }),
        // The same key.
        (row(schema), row(schema)).prop_map(move |(before, after)| {
            let mut values = after.to_vec();
            for &index in &key {
                values[index] = before[index].clone();
            }
            ChangeKind::Update {
                before,
                after: Row::new(values),
            }
        }),
    ]
}

/// Some changes of one table, of one or more transactions.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    schema().prop_flat_map(|schema| {
        let schema = Arc::new(schema);
        let origins = proptest::collection::vec(origin().prop_map(Arc::new), 1..3);
        let place = (any::<u64>(), any::<u32>()).prop_map(|(offset, row)| Place { offset, row });
        let ordinal = (any::<u64>(), any::<u64>()).prop_map(|(transaction, change)| Ordinal {
            transaction,
            change,
        });
        let kinds = (
            kind_of_change(&schema),
            any::<proptest::sample::Index>(),
            place,
            ordinal,
        );
        (origins, proptest::collection::vec(kinds, 1..5)).prop_map(move |(origins, kinds)| {
            kinds
                .into_iter()
                .map(|(kind, origin, place, ordinal)| Change {
                    schema: Arc::clone(&schema),
                    ordinal,
                    kind,
                    origin: Arc::clone(origin.get(&origins)),
                    place,
                })
                .collect()
        })
    })
}
