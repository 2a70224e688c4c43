//! Values that no policy takes, and choices that do not suit their column.

use crate::table::{
    INT, choice, column, integer, mapped, members, refusal, refused, schema, text_kind,
};
use bytes::Bytes;
use change::{ColumnKind, IntegerWidth as Width, Json, Value};
use mapping::TableChoices;

#[test]
fn what_no_policy_takes_is_refused_with_its_code() {
    let json = |json| Value::Json(json);
    let nested = |levels| (1..levels).fold(Json::Array(vec![]), |json, _| Json::Array(vec![json]));
    let letters = ColumnKind::Enum {
        members: members(&["a"]),
    };
    let flags = ColumnKind::Set {
        members: members(&["a"]),
    };
    let malformed = Value::Malformed(Bytes::from_static(b"\xff"));
    let large = Value::Bytes(Bytes::from(vec![0; 16 * 1024 * 1024]));
    let blob = ColumnKind::Binary { fixed: None };
    assert!(mapped(ColumnKind::Json, "", json(nested(100))).is_ok());
    for (kind, words, value, code) in [
        (text_kind(), "", malformed, "LS5020"),
        (
            integer(Width::Tiny, false),
            "boolean",
            Value::Int(2),
            "LS5021",
        ),
        (INT, "", Value::Int(2_147_483_648), "LS5022"),
        (INT, "", Value::Text("1".into()), "LS5022"),
        (letters, "", Value::Enum(2), "LS5022"),
        (flags, "", Value::Set(2), "LS5022"),
        (
            ColumnKind::Vector,
            "",
            Value::Vector(Bytes::from_static(b"abc")),
            "LS5022",
        ),
        (
            ColumnKind::Json,
            "",
            json(Json::Object(vec![("a\0b".into(), Json::Null)])),
            "LS5023",
        ),
        (ColumnKind::Json, "", json(nested(101)), "LS5024"),
        (blob, "", large, "LS5025"),
    ] {
        let case = format!("{kind:?} {words}");
        assert_eq!(refusal(kind, words, value), code, "{case}");
    }
}

#[test]
fn a_choice_that_does_not_suit_the_column_is_refused_and_says_which_would() {
    for (kind, word) in [
        (INT, "date"),
        (INT, "null"),
        (integer(Width::Int, false), "boolean"),
        (text_kind(), "uuid"),
        (ColumnKind::Json, "binary"),
        (ColumnKind::Date, "date"),
        (ColumnKind::Binary { fixed: Some(15) }, "uuid"),
        (ColumnKind::Bit { width: 64 }, "long"),
    ] {
        let case = format!("{kind:?} {word}");
        let schema = schema(vec![column("id", INT), column("value", kind)], &[0]);
        let choices = TableChoices {
            columns: [("value".into(), choice(word))].into(),
            ..TableChoices::default()
        };
        assert_eq!(refused(&schema, choices), ["LS5006"], "{case}");
    }
}
