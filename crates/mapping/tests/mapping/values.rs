//! Each line of the table of types but dates and times, by default and by choice.

use crate::table::{INT, integer, mapped, members, text_kind};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, bson};
use bytes::Bytes;
use change::{ColumnKind, Decimal, IntegerWidth as Width, Json, Text, Value};

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    Bson::Binary(Binary {
        subtype,
        bytes: bytes.to_vec(),
    })
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().expect("a decimal"))
}

fn text(text: &str) -> Bson {
    Bson::String(text.into())
}

fn number(text: &str) -> Value {
    Value::Decimal(Decimal::parse(text).expect("a decimal"))
}

#[test]
fn numbers_become_what_the_table_of_types_says() {
    let decimal_kind = |precision, scale| ColumnKind::Decimal { precision, scale };
    let nines = "9".repeat(34);
    let wide = "-1".to_owned() + &"0".repeat(64);
    let cases = [
        (
            integer(Width::Tiny, false),
            "",
            Value::Int(-128),
            Bson::Int32(-128),
        ),
        (
            integer(Width::Tiny, true),
            "",
            Value::UInt(255),
            Bson::Int32(255),
        ),
        (
            integer(Width::Tiny, false),
            "boolean",
            Value::Int(1),
            Bson::Boolean(true),
        ),
        (
            integer(Width::Tiny, false),
            "boolean",
            Value::Int(0),
            Bson::Boolean(false),
        ),
        (
            integer(Width::Medium, true),
            "",
            Value::UInt(16_777_215),
            Bson::Int32(16_777_215),
        ),
        (
            integer(Width::Small, false),
            "long",
            Value::Int(-7),
            Bson::Int64(-7),
        ),
        (INT, "", Value::Int(-2_147_483_648), Bson::Int32(i32::MIN)),
        (
            integer(Width::Int, true),
            "",
            Value::UInt(4_294_967_295),
            Bson::Int64(4_294_967_295),
        ),
        (
            integer(Width::Int, true),
            "",
            Value::UInt(1),
            Bson::Int64(1),
        ),
        (
            integer(Width::Big, false),
            "",
            Value::Int(i64::MIN),
            Bson::Int64(i64::MIN),
        ),
        (
            integer(Width::Big, true),
            "",
            Value::UInt(i64::MAX as u64),
            Bson::Int64(i64::MAX),
        ),
        (
            integer(Width::Big, true),
            "",
            Value::UInt(u64::MAX),
            decimal("18446744073709551615"),
        ),
        (
            integer(Width::Big, true),
            "decimal",
            Value::UInt(7),
            decimal("7"),
        ),
        (
            integer(Width::Big, true),
            "string",
            Value::UInt(u64::MAX),
            text("18446744073709551615"),
        ),
        (ColumnKind::Year, "", Value::Year(0), Bson::Int32(0)),
        (ColumnKind::Year, "", Value::Year(2155), Bson::Int32(2155)),
        (
            ColumnKind::Year,
            "long",
            Value::Year(1901),
            Bson::Int64(1901),
        ),
        (decimal_kind(10, 2), "", number("1.50"), decimal("1.50")),
        (decimal_kind(34, 0), "", number(&nines), decimal(&nines)),
        (
            decimal_kind(34, 30),
            "",
            number("0.000000000000000000000000000000"),
            decimal("0E-30"),
        ),
        (decimal_kind(35, 0), "", number("1"), text("1")),
        (decimal_kind(65, 0), "", number(&wide), text(&wide)),
        (
            decimal_kind(10, 2),
            "string",
            number("-0.50"),
            text("-0.50"),
        ),
        (
            decimal_kind(10, 2),
            "double",
            number("-0.50"),
            Bson::Double(-0.5),
        ),
        (
            ColumnKind::Float,
            "",
            Value::Float(0.1),
            Bson::Double(f64::from(0.1f32)),
        ),
        (
            ColumnKind::Double,
            "",
            Value::Double(-1.5e300),
            Bson::Double(-1.5e300),
        ),
        (
            ColumnKind::Bit { width: 1 },
            "",
            Value::Bit(1),
            Bson::Boolean(true),
        ),
        (
            ColumnKind::Bit { width: 2 },
            "",
            Value::Bit(3),
            Bson::Int64(3),
        ),
        (
            ColumnKind::Bit { width: 63 },
            "",
            Value::Bit(i64::MAX as u64),
            Bson::Int64(i64::MAX),
        ),
        (
            ColumnKind::Bit { width: 64 },
            "",
            Value::Bit(u64::MAX),
            decimal("18446744073709551615"),
        ),
        (
            ColumnKind::Bit { width: 64 },
            "string",
            Value::Bit(9),
            text("9"),
        ),
        (
            ColumnKind::Bit { width: 64 },
            "decimal",
            Value::Bit(9),
            decimal("9"),
        ),
        (
            ColumnKind::Bit { width: 9 },
            "binary",
            Value::Bit(0x1ff),
            binary(BinarySubtype::Generic, &[1, 255]),
        ),
    ];
    for (kind, words, value, expected) in cases {
        let case = format!("{kind:?} {words} {value:?}");
        assert_eq!(
            mapped(kind, words, value).unwrap(),
            Some(expected),
            "{case}"
        );
    }
}

#[test]
fn texts_and_bytes_become_what_the_table_of_types_says() {
    let bytes = |bytes: &'static [u8]| Value::Bytes(Bytes::from_static(bytes));
    let generic = |bytes: &[u8]| binary(BinarySubtype::Generic, bytes);
    let word = |text: &str| Value::Text(Text::from(text));
    let fixed = ColumnKind::Binary { fixed: Some(16) };
    let letters = ColumnKind::Enum {
        members: members(&["a", "ä"]),
    };
    let flags = ColumnKind::Set {
        members: members(&["r", "w", "x"]),
    };
    let mut floats = 1.5f32.to_le_bytes().to_vec();
    floats.extend_from_slice(&(-2.0f32).to_le_bytes());
    let mut framed = vec![0x27, 0x00];
    framed.extend_from_slice(&floats);
    let vector = Value::Vector(Bytes::from(floats));
    let cases = [
        (
            text_kind(),
            "",
            word("naïve 😀\0end"),
            text("naïve 😀\0end"),
        ),
        (text_kind(), "", word(""), text("")),
        (text_kind(), "binary", word("é"), generic("é".as_bytes())),
        (
            text_kind(),
            "binary",
            Value::Malformed(Bytes::from_static(b"\xff")),
            generic(b"\xff"),
        ),
        (
            ColumnKind::Binary { fixed: None },
            "",
            bytes(b"\0\xff"),
            generic(b"\0\xff"),
        ),
        (
            fixed.clone(),
            "",
            bytes(b"0123456789abcde\0"),
            generic(b"0123456789abcde\0"),
        ),
        (
            fixed,
            "uuid",
            bytes(b"0123456789abcde\0"),
            binary(BinarySubtype::Uuid, b"0123456789abcde\0"),
        ),
        (letters.clone(), "", Value::Enum(2), text("ä")),
        (letters.clone(), "", Value::Enum(0), text("")),
        (letters, "number", Value::Enum(2), Bson::Int32(2)),
        (flags.clone(), "", Value::Set(0b101), bson!(["r", "x"])),
        (flags.clone(), "", Value::Set(0), bson!([])),
        (flags, "number", Value::Set(0b101), Bson::Int64(5)),
        (
            ColumnKind::Vector,
            "",
            vector.clone(),
            binary(BinarySubtype::Vector, &framed),
        ),
        (ColumnKind::Vector, "array", vector, bson!([1.5, -2.0])),
    ];
    for (kind, words, value, expected) in cases {
        let case = format!("{kind:?} {words} {value:?}");
        assert_eq!(
            mapped(kind, words, value).unwrap(),
            Some(expected),
            "{case}"
        );
    }
}

#[test]
fn json_keeps_the_servers_own_types() {
    let json = |json| mapped(ColumnKind::Json, "", Value::Json(json)).unwrap();
    let digits = "1".repeat(35);
    let cases = [
        (Json::Null, Bson::Null),
        (Json::Bool(true), Bson::Boolean(true)),
        (Json::Int(-2_147_483_648), Bson::Int32(i32::MIN)),
        (Json::Int(2_147_483_648), Bson::Int64(2_147_483_648)),
        (Json::UInt(1), Bson::Int32(1)),
        (Json::UInt(u64::MAX), decimal("18446744073709551615")),
        (Json::Double(1.0), Bson::Double(1.0)),
        (Json::Decimal(Decimal::new(150, 2)), decimal("1.50")),
        (
            Json::Decimal(Decimal::parse(&digits).unwrap()),
            text(&digits),
        ),
        (Json::String("x".into()), text("x")),
        (Json::Temporal("2024-01-02".into()), text("2024-01-02")),
        (
            Json::Opaque {
                column_type: 252,
                bytes: Bytes::from_static(b"\x01"),
            },
            binary(BinarySubtype::Generic, b"\x01"),
        ),
        (
            Json::Object(vec![
                ("".into(), Json::Int(1)),
                (
                    "$a.b".into(),
                    Json::Array(vec![Json::Array(vec![]), Json::Object(vec![])]),
                ),
            ]),
            bson!({ "": 1, "$a.b": [[], {}] }),
        ),
        (
            Json::Array((0..12).map(Json::Int).collect()),
            bson!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ),
    ];
    for (value, expected) in cases {
        let case = format!("{value:?}");
        assert_eq!(json(value), Some(expected), "{case}");
    }
}

#[test]
fn null_is_null_or_absent() {
    assert_eq!(mapped(INT, "", Value::Null).unwrap(), Some(Bson::Null));
    assert_eq!(mapped(INT, "absent", Value::Null).unwrap(), None);
    assert_eq!(
        mapped(INT, "absent", Value::Int(1)).unwrap(),
        Some(Bson::Int32(1))
    );
}
