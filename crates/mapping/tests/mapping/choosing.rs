//! Choices for all columns of a type, and those that need more than a word: time zones, JSON as
//! text, text as bytes.

use crate::table::{choice, column, document, mapped, name, nullable, refusal, row, schema};
use bson::{Binary, Bson, DateTime as BsonDate, spec::BinarySubtype};
use change::{ColumnKind, Date, DateTime, Decimal, IntegerWidth, Json, Text, Value};
use mapping::{ColumnChoice, Mapper, MappingConfig, MappingError, TableChoices};

fn clock(year: u16, month: u8, day: u8, hour: u8, minute: u8) -> Value {
    Value::DateTime(DateTime {
        date: Date { year, month, day },
        hour,
        minute,
        second: 7,
        microsecond: 123_456,
    })
}

/// What the value becomes in a table whose only column beside the key is of this kind.
fn chosen(
    kind: ColumnKind,
    own: ColumnChoice,
    types: &[(&str, ColumnChoice)],
    value: Value,
) -> Result<Option<Bson>, MappingError> {
    let id = column(
        "id",
        ColumnKind::Integer {
            width: IntegerWidth::Int,
            unsigned: false,
        },
    );
    let table = schema(vec![id, nullable("value", kind)], &[0]);
    let choices = TableChoices {
        columns: [("value".to_owned(), own)].into(),
        ..TableChoices::default()
    };
    let types = types
        .iter()
        .map(|(word, choice)| ((*word).to_owned(), choice.clone()));
    let mapper = Mapper::new(MappingConfig {
        types: types.collect(),
        tables: [(name(), choices)].into(),
        ..MappingConfig::default()
    });
    let compiled = mapper.compile(&table).expect("the choices suit");
    let document = document(&compiled, row([Value::Int(1), value]))?;
    Ok(document.get("value").cloned())
}

fn in_zone(zone: &str) -> ColumnChoice {
    ColumnChoice {
        zone: Some(zone.to_owned()),
        ..ColumnChoice::default()
    }
}

#[test]
fn a_wall_clock_in_a_zone_is_the_instant_that_its_clocks_showed() {
    let wall = ColumnKind::DateTime { fraction: 3 };
    let cases = [
        // CET, CEST, and local mean time before there were zones.
        ("Europe/Berlin", clock(2024, 1, 2, 3, 4), 1_704_161_047_123),
        ("Europe/Berlin", clock(2024, 7, 2, 3, 4), 1_719_882_247_123),
        ("Europe/Berlin", clock(1850, 1, 1, 0, 0), -3_786_828_800_877),
        ("Asia/Kolkata", clock(2024, 1, 2, 3, 4), 1_704_144_847_123),
        ("UTC", clock(2024, 1, 2, 3, 4), 1_704_164_647_123),
    ];
    for (zone, value, expected) in cases {
        assert_eq!(
            chosen(wall.clone(), in_zone(zone), &[], value),
            Ok(Some(Bson::DateTime(BsonDate::from_millis(expected)))),
            "{zone}"
        );
    }
    // The last day of the calendar is in reach on both sides.
    for zone in ["Asia/Tokyo", "America/New_York"] {
        assert!(
            chosen(
                wall.clone(),
                in_zone(zone),
                &[],
                clock(9999, 12, 31, 23, 59)
            )
            .is_ok()
        );
    }
    let microseconds = ColumnKind::DateTime { fraction: 6 };
    assert_eq!(
        chosen(
            microseconds,
            in_zone("Europe/Berlin"),
            &[],
            clock(2024, 1, 1, 0, 30)
        ),
        Ok(Some(Bson::String("2023-12-31T23:30:07.123456Z".into())))
    );
}

#[test]
fn a_clock_that_was_skipped_or_shown_twice_is_refused() {
    let wall = || ColumnKind::DateTime { fraction: 0 };
    for (month, day) in [(3, 31), (10, 27)] {
        let refused = chosen(
            wall(),
            in_zone("Europe/Berlin"),
            &[],
            clock(2024, month, day, 2, 30),
        );
        assert_eq!(refused.expect_err("it is no instant").code(), "LS5026");
    }
    // The other days at that time, and that day in a zone without summer time, are instants.
    for (zone, month, day) in [("Europe/Berlin", 3, 30), ("UTC", 3, 31), ("UTC", 10, 27)] {
        assert!(chosen(wall(), in_zone(zone), &[], clock(2024, month, day, 2, 30)).is_ok());
    }
    let zero = Value::DateTime(DateTime {
        date: Date {
            year: 0,
            month: 0,
            day: 0,
        },
        hour: 0,
        minute: 0,
        second: 0,
        microsecond: 0,
    });
    assert_eq!(
        chosen(wall(), in_zone("Europe/Berlin"), &[], zero),
        Ok(Some(Bson::String("0000-00-00 00:00:00".into())))
    );
}

#[test]
fn a_choice_for_a_type_holds_where_it_suits_and_nothing_else_is_said() {
    let binary_sixteen = ColumnKind::Binary { fixed: Some(16) };
    let uuids = [("binary", choice("uuid"))];
    let sixteen = Value::Bytes(vec![7; 16].into());
    let of = |subtype| {
        Ok(Some(Bson::Binary(Binary {
            subtype,
            bytes: vec![7; 16],
        })))
    };
    let none = ColumnChoice::default;
    assert_eq!(
        chosen(binary_sixteen.clone(), none(), &uuids, sixteen.clone()),
        of(BinarySubtype::Uuid)
    );
    assert_eq!(
        chosen(
            ColumnKind::Binary { fixed: None },
            none(),
            &uuids,
            sixteen.clone()
        ),
        of(BinarySubtype::Generic)
    );
    assert_eq!(
        chosen(binary_sixteen, choice("default"), &uuids, sixteen),
        of(BinarySubtype::Generic)
    );
    let zoned = ColumnChoice {
        absent: Some(true),
        ..in_zone("Europe/Berlin")
    };
    let wall = ColumnKind::DateTime { fraction: 0 };
    let types = [("datetime", zoned)];
    assert_eq!(chosen(wall.clone(), none(), &types, Value::Null), Ok(None));
    let null = ColumnChoice {
        absent: Some(false),
        ..none()
    };
    assert_eq!(
        chosen(wall.clone(), null, &types, Value::Null),
        Ok(Some(Bson::Null))
    );
    assert_eq!(
        chosen(
            wall,
            in_zone("Asia/Kolkata"),
            &types,
            clock(2024, 1, 2, 3, 4)
        ),
        Ok(Some(Bson::DateTime(BsonDate::from_millis(
            1_704_144_847_000 + 123
        ))))
    );
}

#[test]
fn choices_for_types_are_part_of_the_mapping_and_words_for_the_default_are_not() {
    let of = |types: &[(&str, &str)], words| {
        let types = types
            .iter()
            .map(|(word, chosen)| ((*word).to_owned(), choice(chosen)));
        let choices = TableChoices {
            columns: [("value".to_owned(), choice(words))].into(),
            ..TableChoices::default()
        };
        MappingConfig {
            types: types.collect(),
            tables: [(name(), choices)].into(),
            ..MappingConfig::default()
        }
        .hash()
    };
    assert_eq!(of(&[], "default"), MappingConfig::default().hash());
    assert_eq!(of(&[("json", "")], ""), MappingConfig::default().hash());
    assert_ne!(of(&[("json", "string")], ""), of(&[], ""));
    assert_ne!(
        of(&[("json", "string")], "default"),
        of(&[("json", "string")], "")
    );
}

#[test]
fn a_document_as_text_is_what_the_server_prints() {
    let text = |text: &str| Json::String(Text::from(text));
    let doubles = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.5, "1.5"),
        (100.0, "100.0"),
        (1e14, "100000000000000.0"),
        (1e15, "1e15"),
        (123_456_789_012_345_680.0, "1.2345678901234568e17"),
        (0.001, "0.001"),
        (1e-14, "0.00000000000001"),
        (1.5e-15, "0.0000000000000015"),
        (1e-16, "1e-16"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (5e-324, "5e-324"),
    ];
    for (number, printed) in doubles {
        assert_eq!(
            mapped(
                ColumnKind::Json,
                "string",
                Value::Json(Json::Double(number))
            ),
            Ok(Some(Bson::String(printed.into())))
        );
    }
    let document = Json::Object(vec![
        (Text::from("a"), Json::Array(vec![])),
        (
            Text::from("b\"c"),
            Json::Array(vec![
                Json::Null,
                Json::Bool(true),
                Json::Bool(false),
                Json::Int(-1),
                Json::UInt(u64::MAX),
                Json::Decimal(Decimal::new(150, 2)),
                text("é/\\\u{1}\u{7f}\n"),
                Json::Temporal(Text::from("2024-01-02")),
                Json::Opaque {
                    column_type: 252,
                    bytes: vec![0, 1, 2, 3].into(),
                },
            ]),
        ),
        (Text::from("dd"), Json::Object(vec![])),
    ]);
    let printed =
        r#"{"a": [], "b\"c": [null, true, false, -1, 18446744073709551615, 1.50, "é/\\\u0001"#
            .to_owned()
            + "\u{7f}"
            + r#"\n", "2024-01-02", "base64:type252:AAECAw=="], "dd": {}}"#;
    assert_eq!(
        mapped(ColumnKind::Json, "string", Value::Json(document)),
        Ok(Some(Bson::String(printed)))
    );
}

#[test]
fn text_of_another_set_than_utf8_becomes_bytes_only_where_it_arrives_as_bytes() {
    let latin1 = || ColumnKind::Text {
        charset: "latin1".into(),
    };
    let stored = Value::Malformed(vec![0xe9].into());
    assert_eq!(
        mapped(latin1(), "binary", stored),
        Ok(Some(Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes: vec![0xe9]
        })))
    );
    assert_eq!(
        refusal(latin1(), "binary", Value::Text(Text::from("é"))),
        "LS5022"
    );
}
