//! What no encoder of this layout has written is refused, and the error says where.

use crate::examples::{change, every_type, gone, line, lines};
use crate::round_trip::{received, settings};
use bytes::Bytes;
use change::{Change, ChangeKind, Ordinal, Row, Value};
use wire::{Decoder, Encoder, Format, Messages, Received, Role, WireError};

fn encoded(of: &Change) -> Messages {
    let mut messages = Messages::new();
    Encoder::new(&of.schema, &settings(Format::DebeziumJson))
        .encode(of, &mut messages)
        .unwrap();
    messages
}

fn decoded(of: &Change, messages: &[Received<'_>]) -> Result<Change, WireError> {
    Decoder::new(&of.schema, &settings(Format::DebeziumJson)).decode(of.ordinal, messages)
}

fn insert() -> Change {
    let after = line("north", 7);
    change(&lines(&[1]), ChangeKind::Insert { after })
}

/// The error for the insert with a part of its value replaced.
fn with(from: &str, to: &str) -> WireError {
    let change = insert();
    let messages = encoded(&change);
    let mut received = received(&messages);
    let value = String::from_utf8(received[0].value.clone().unwrap().to_vec()).unwrap();
    assert!(value.contains(from), "{value}");
    received[0].value = Some(Bytes::from(value.replacen(from, to, 1)));
    decoded(&change, &received).unwrap_err()
}

#[test]
fn other_json_is_refused_where_it_differs() {
    for (from, to, expected) in [
        ("{\"before\"", "{ \"before\"", "the field before"),
        ("\"id\":7", "\"id\":07", "a whole number"),
        ("\"id\":7", "\"id\":7.0", "the column's name"),
        ("\"id\":7", "\"id\":\"7\"", "a value of the column"),
        ("\"id\":7", "\"id\":{\"int\":7}", "a value of the column"),
        ("\"id\":7", "\"id\":{\"bit\":07}", "a whole number"),
        ("\"id\":7", "\"ID\":7", "the column's name"),
        (
            "\"north\"",
            "\"no\\u0072th\"",
            "an escape that this layout writes",
        ),
        ("\"north\"", "\"no\nrth\"", "the end of a string"),
        (
            "\"note\":null",
            "\"note\":\"2024-01-02\"",
            "a value of the column",
        ),
        ("\"note\":null", "\"note\":9999999", "a value of the column"),
        ("\"name\":\"shop\"", "\"name\":\"other\"", "source.name"),
        (
            "\"snapshot\":\"false\"",
            "\"snapshot\":\"true\"",
            "r for a row of the snapshot",
        ),
        (
            "\"op\":\"c\"",
            "\"op\":\"u\"",
            "the operation of these images",
        ),
        ("\"transaction\":null}", "\"transaction\":null} ", "the end"),
        (
            "\"transaction\":null}",
            "\"transaction\":{}}",
            "the field transaction",
        ),
    ] {
        let error = with(from, to);
        let WireError::Unreadable {
            expected: found, ..
        } = &error
        else {
            panic!("{error}");
        };
        assert!(found.contains(expected), "{to}: {error}");
        assert_eq!(error.code(), "LS5401");
    }
}

#[test]
fn an_error_names_table_column_and_byte_and_shows_no_value() {
    let error = with("\"note\":null", "\"note\":\"secret\"").to_string();
    for part in ["shop.lines", "12.3", "in column note", "byte 55"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(
        !error.contains("secret") && !error.contains("north"),
        "{error}"
    );
}

#[test]
fn the_ordinals_of_header_and_value_are_the_same() {
    let change = insert();
    let messages = encoded(&change);
    let other = Ordinal {
        transaction: 12,
        change: 4,
    };
    let outcome = Decoder::new(&change.schema, &settings(Format::DebeziumJson))
        .decode(other, &received(&messages));
    assert!(
        matches!(outcome, Err(WireError::Ordinal { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_key_that_is_not_the_rows_is_refused() {
    let change = insert();
    let messages = encoded(&change);
    for key in [None, Some(&b"{\"id\":8}"[..]), Some(b"7")] {
        let mut received = received(&messages);
        received[0].key = key;
        assert!(decoded(&change, &received).is_err(), "{key:?}");
    }
}

#[test]
fn messages_that_are_not_all_of_one_change_are_refused() {
    let keyed = lines(&[1]);
    let moved = change(
        &keyed,
        ChangeKind::Update {
            before: line("north", 1),
            after: line("north", 2),
        },
    );
    let deleted = change(
        &keyed,
        ChangeKind::Delete {
            before: line("north", 1),
        },
    );
    let gone = change(&keyed, gone(&keyed, &line("north", 1)));
    for change in [&moved, &deleted, &gone, &insert()] {
        let messages = encoded(change);
        let all = received(&messages);
        assert!(decoded(change, &all).is_ok());
        for left_out in 0..all.len() {
            let mut some = all.clone();
            some.remove(left_out);
            let outcome = decoded(change, &some);
            assert!(
                matches!(outcome, Err(WireError::Incomplete { .. })),
                "{left_out}: {outcome:?}"
            );
        }
        let mut twice = all.clone();
        twice.extend(all.clone());
        assert!(decoded(change, &twice).is_err());
    }
    // Halves in the wrong order, and halves that never were two.
    let messages = encoded(&moved);
    let mut reversed = received(&messages);
    reversed.swap(0, 2);
    assert!(decoded(&moved, &reversed).is_err());
    let mut whole = received(&messages);
    whole[0].role = Role::Whole;
    assert!(decoded(&moved, &whole).is_err());
}

#[test]
fn a_row_that_is_gone_without_an_image_needs_a_key_that_tells_it() {
    let keyed = lines(&[1]);
    let gone = change(&keyed, gone(&keyed, &line("north", 1)));
    let messages = encoded(&gone);
    for key in [None, Some(&b"{\"id\":null"[..]), Some(b"{\"id\":1}}")] {
        let mut received = received(&messages);
        received[0].key = key;
        received[1].key = key;
        assert!(decoded(&gone, &received).is_err(), "{key:?}");
    }
    let keyless = change(&lines(&[]), gone.kind.clone());
    let mut alone = received(&messages);
    alone.truncate(1);
    alone[0].key = None;
    assert!(decoded(&keyless, &alone).is_err());
}

#[test]
fn a_row_with_another_number_of_values_is_not_encoded() {
    let short = Row::new(vec![Value::Int(1)]);
    let change = change(&lines(&[1]), ChangeKind::Insert { after: short });
    let mut messages = Messages::new();
    let outcome = Encoder::new(&change.schema, &settings(Format::DebeziumJson))
        .encode(&change, &mut messages);
    assert_eq!(outcome.unwrap_err().code(), "LS5403");
    assert!(messages.is_empty());
}

/// A reader of the same table as a later ALTER left it must not take the earlier rows for its own.
#[test]
fn rows_of_another_schema_are_refused() {
    let (schema, usual, _) = every_type();
    let change = change(&schema, ChangeKind::Insert { after: usual });
    let messages = encoded(&change);
    let mut renamed = (*schema).clone();
    renamed.columns[3].name = "renamed".into();
    let outcome = Decoder::new(
        &std::sync::Arc::new(renamed),
        &settings(Format::DebeziumJson),
    )
    .decode(change.ordinal, &received(&messages));
    assert!(outcome.is_err());
}
