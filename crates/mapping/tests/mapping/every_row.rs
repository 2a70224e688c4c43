//! Any row of any columns: what comes out is BSON, complete, in order, and told apart by its key.

use crate::table::{column, document, integer, mapper, members, nullable, row, schema, text_kind};
use bson::Bson;
use change::{
    Column, ColumnKind, Date, DateTime, Decimal, IntegerWidth as Width, Json, Time, Timestamp,
    Value,
};
use mapping::{IdentityChoice, TableChoices};
use proptest::collection::vec;
use proptest::prelude::*;

fn dates() -> impl Strategy<Value = Date> {
    (0..=9999u16, 0..=12u8, 0..=31u8).prop_map(|(year, month, day)| Date { year, month, day })
}

fn trees() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::Int),
        any::<u64>().prop_map(Json::UInt),
        (-1e300..1e300f64).prop_map(Json::Double),
        any::<i64>().prop_map(|number| Json::Decimal(Decimal::new(i128::from(number), 5))),
        ".{0,20}".prop_map(|text| Json::String(text.into())),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Json::Opaque {
            column_type: 252,
            bytes: bytes.into()
        }),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::Array),
            proptest::collection::btree_map("[a-z.$]{0,6}", inner, 0..5).prop_map(|members| {
                let members = members.into_iter();
                Json::Object(members.map(|(name, json)| (name.into(), json)).collect())
            }),
        ]
    })
}

/// A kind of column with one of its values.
fn cells() -> impl Strategy<Value = (ColumnKind, Value)> {
    let letters = || members(&["a", "b", "ä"]);
    let fraction = 0..=6u8;
    prop_oneof![
        any::<i8>().prop_map(|n| (integer(Width::Tiny, false), Value::Int(n.into()))),
        any::<u32>().prop_map(|n| (integer(Width::Int, true), Value::UInt(n.into()))),
        any::<i64>().prop_map(|n| (integer(Width::Big, false), Value::Int(n))),
        any::<u64>().prop_map(|n| (integer(Width::Big, true), Value::UInt(n))),
        (-1e30..1e30f32).prop_map(|n| (ColumnKind::Float, Value::Float(n))),
        (-1e300..1e300f64).prop_map(|n| (ColumnKind::Double, Value::Double(n))),
        (any::<i64>(), 1..=65u8).prop_map(|(n, precision)| (
            ColumnKind::Decimal {
                precision,
                scale: 2
            },
            Value::Decimal(Decimal::new(n.into(), 2))
        )),
        (any::<u64>(), 1..=64u8)
            .prop_map(|(n, width)| (ColumnKind::Bit { width }, Value::Bit(n >> (64 - width)))),
        (0..=2155u16).prop_map(|year| (ColumnKind::Year, Value::Year(year))),
        dates().prop_map(|date| (ColumnKind::Date, Value::Date(date))),
        (dates(), 0..24u8, 0..1_000_000u32, fraction.clone()).prop_map(
            |(date, hour, microsecond, fraction)| {
                let clock = DateTime {
                    date,
                    hour,
                    minute: 59,
                    second: 1,
                    microsecond,
                };
                (ColumnKind::DateTime { fraction }, Value::DateTime(clock))
            }
        ),
        (0..4_294_967_295i64, 0..1_000_000u32, fraction.clone()).prop_map(
            |(seconds, microsecond, fraction)| {
                let instant = Timestamp {
                    seconds,
                    microsecond,
                };
                (
                    ColumnKind::Timestamp { fraction },
                    Value::Timestamp(instant),
                )
            }
        ),
        (any::<bool>(), 0..=838u16, 0..1_000_000u32, fraction).prop_map(
            |(negative, hours, microsecond, fraction)| {
                let time = Time {
                    negative,
                    hours,
                    minute: 0,
                    second: 59,
                    microsecond,
                };
                (ColumnKind::Time { fraction }, Value::Time(time))
            }
        ),
        ".{0,40}".prop_map(|text| (text_kind(), Value::Text(text.into()))),
        vec(any::<u8>(), 0..40).prop_map(|bytes| (
            ColumnKind::Binary { fixed: None },
            Value::Bytes(bytes.into())
        )),
        (0..=3u16).prop_map(move |n| (ColumnKind::Enum { members: letters() }, Value::Enum(n))),
        (0..8u64).prop_map(move |n| (ColumnKind::Set { members: letters() }, Value::Set(n))),
        trees().prop_map(|json| (ColumnKind::Json, Value::Json(json))),
        vec(any::<[u8; 4]>(), 0..9)
            .prop_map(|floats| (ColumnKind::Vector, Value::Vector(floats.concat().into()))),
    ]
}

proptest! {
    #[test]
    fn every_row_becomes_a_document_that_others_can_read(
        cells in vec((cells(), any::<bool>()), 1..12),
        key in any::<i64>(),
    ) {
        let mut columns: Vec<Column> = vec![column("id", integer(Width::Big, false))];
        let mut values = vec![Value::Int(key)];
        for (number, ((kind, value), null)) in cells.into_iter().enumerate() {
            columns.push(nullable(&format!("c{number}"), kind));
            values.push(if null { Value::Null } else { value });
        }
        // A JSON column may hold JSON's own null, which BSON does not tell from SQL's.
        let is_null = |value: &Value| matches!(value, Value::Null | Value::Json(Json::Null));
        let nulls: Vec<bool> = values.iter().map(is_null).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.to_string()).collect();
        let mapper = mapper(&schema(columns, &[0]), TableChoices::default());
        let document = document(&mapper, row(values)).expect("every value has a default");
        prop_assert_eq!(document.get("_id"), Some(&Bson::Int64(key)));
        let found: Vec<&String> = document.keys().skip(1).collect();
        prop_assert_eq!(found, names[1..].iter().collect::<Vec<_>>());
        for (name, null) in names.iter().zip(nulls) {
            prop_assert_eq!(document.get(name) == Some(&Bson::Null), null);
        }
    }

    #[test]
    fn a_key_that_is_read_back_out_of_a_document_is_the_rows_own(
        (kind, value) in cells().prop_filter("can be a key", |(kind, _)| !matches!(
            kind,
            ColumnKind::Set { .. } | ColumnKind::Json | ColumnKind::Vector
        )),
        number: u8,
        form in 0..3,
    ) {
        let columns = vec![
            nullable("note", text_kind()),
            column("a", kind.clone()),
            column("b", integer(Width::Tiny, true)),
        ];
        let key: &[usize] = if form == 0 { &[1] } else { &[2, 1] };
        let identity = if form == 2 { IdentityChoice::ObjectId } else { IdentityChoice::Key };
        let choices = TableChoices { identity, ..TableChoices::default() };
        let mapper = mapper(&schema(columns, key), choices);
        let whole = row([Value::Text("x".into()), value.clone(), Value::UInt(number.into())]);
        let document = document(&mapper, whole.clone()).expect("every value has a default");
        let document = document.to_vec().unwrap();
        let id = mapper.document_id(&whole).unwrap();
        let back = mapper.row_of_document(&id, Some(&document));
        if let Some(back) = &back {
            prop_assert_eq!(&mapper.document_id(back).unwrap(), &id);
            prop_assert_eq!(&back[0], &Value::Null);
        }
        // What keys are made of nearly always is told, and exactly.
        if matches!(
            kind,
            ColumnKind::Integer { .. }
                | ColumnKind::Text { .. }
                | ColumnKind::Binary { .. }
                | ColumnKind::Bit { .. }
                | ColumnKind::Year
                | ColumnKind::Enum { .. }
        ) {
            let back = back.expect("the key is told");
            prop_assert_eq!(mapper.row_key_values(&back), mapper.row_key_values(&whole));
        }
        prop_assert_eq!(mapper.row_of_document(&id, None).is_some() && form == 2, false);
    }

    #[test]
    fn keys_are_told_apart_exactly_where_their_values_differ(
        (kind, first) in cells().prop_filter("can be a key", |(kind, _)| !matches!(
            kind,
            ColumnKind::Set { .. } | ColumnKind::Json | ColumnKind::Vector
        )),
        second in cells(),
        number: u8,
    ) {
        let columns = vec![column("a", kind.clone()), column("b", integer(Width::Tiny, true))];
        let mapper = mapper(&schema(columns, &[0, 1]), TableChoices::default());
        let second = if second.0 == kind { second.1 } else { first.clone() };
        let other = number.wrapping_add(1);
        let id = |value: &Value, number: u8| {
            mapper
                .document_id(&row([value.clone(), Value::UInt(number.into())]))
                .expect("every value has a default")
        };
        prop_assert_eq!(id(&first, number), id(&first.clone(), number));
        prop_assert_ne!(id(&first, number), id(&first, other));
        if stored_alike(&kind, &first, &second) {
            prop_assert_eq!(id(&first, number), id(&second, number));
        } else {
            prop_assert_ne!(id(&first, number), id(&second, number));
        }
    }
}

/// Whether the server could not tell the values apart: it cuts fractions to the column's digits.
fn stored_alike(kind: &ColumnKind, first: &Value, second: &Value) -> bool {
    let cut = |microsecond: u32, fraction: u8| {
        let digits = if fraction <= 3 { 3 } else { fraction };
        microsecond / 10u32.pow(6 - u32::from(digits))
    };
    match (kind, first, second) {
        (ColumnKind::DateTime { fraction }, Value::DateTime(a), Value::DateTime(b)) => {
            let off = |clock: &DateTime| !clock.date.is_on_the_calendar();
            let cut = |microsecond, clock| {
                let digits = if off(clock) {
                    6 - u32::from(*fraction)
                } else {
                    return cut(microsecond, *fraction);
                };
                microsecond / 10u32.pow(digits)
            };
            DateTime {
                microsecond: 0,
                ..*a
            } == DateTime {
                microsecond: 0,
                ..*b
            } && cut(a.microsecond, a) == cut(b.microsecond, b)
        }
        (ColumnKind::Timestamp { fraction }, Value::Timestamp(a), Value::Timestamp(b)) => {
            a.seconds == b.seconds && cut(a.microsecond, *fraction) == cut(b.microsecond, *fraction)
        }
        (ColumnKind::Time { fraction }, Value::Time(a), Value::Time(b)) => {
            let digits = 10u32.pow(6 - u32::from(*fraction));
            Time {
                microsecond: 0,
                ..*a
            } == Time {
                microsecond: 0,
                ..*b
            } && a.microsecond / digits == b.microsecond / digits
        }
        _ => first == second,
    }
}
