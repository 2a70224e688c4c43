//! The exact bytes of each kind of message: a change here is a change of the layout, and needs a
//! new number of it.

use crate::examples::{change, every_type, gone, line, lines};
use crate::round_trip::settings;
use change::ChangeKind;
use std::fmt::Write as _;
use wire::{Encoder, Format, Messages};

fn text(bytes: Option<&[u8]>) -> &str {
    bytes.map_or("(null)", |bytes| std::str::from_utf8(bytes).unwrap())
}

/// Role, partition of twelve, key and value of each message of a change.
fn written(of: &change::Change, format: Format) -> String {
    let mut encoder = Encoder::new(&of.schema, &settings(format));
    let mut messages = Messages::new();
    messages.begin(1_704_164_645_200);
    encoder.encode(of, &mut messages).unwrap();
    let mut out = String::new();
    for message in messages.iter() {
        let (role, partition) = (message.role, message.partition(12));
        let (key, value) = (text(message.key), text(message.value));
        writeln!(out, "{role:?}, partition {partition}\n{key}\n{value}").unwrap();
    }
    out
}

#[test]
fn every_type_has_its_usual_form() {
    let (schema, usual, _) = every_type();
    insta::assert_snapshot!(written(
        &change(&schema, ChangeKind::Insert { after: usual }),
        Format::DebeziumJson
    ));
}

#[test]
fn what_debezium_would_lose_has_an_exact_form() {
    let (schema, _, unusual) = every_type();
    insta::assert_snapshot!(written(
        &change(&schema, ChangeKind::Insert { after: unusual }),
        Format::DebeziumJson
    ));
}

#[test]
fn a_message_can_carry_its_schema() {
    let (schema, usual, _) = every_type();
    insta::assert_snapshot!(written(
        &change(&schema, ChangeKind::Insert { after: usual }),
        Format::DebeziumJsonWithSchema
    ));
}

#[test]
fn each_operation_of_a_table_with_a_key() {
    let schema = lines(&[1, 0]);
    let (one, two) = (line("north", 1), line("north", 2));
    let kinds = [
        ChangeKind::Insert { after: one.clone() },
        ChangeKind::Update {
            before: one.clone(),
            after: one.clone(),
        },
        ChangeKind::Update {
            before: one.clone(),
            after: two,
        },
        ChangeKind::Delete {
            before: one.clone(),
        },
        gone(&schema, &one),
        ChangeKind::Read { row: one },
    ];
    let all = kinds.map(|kind| written(&change(&schema, kind), Format::DebeziumJson));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn each_operation_of_a_table_without_a_key() {
    let schema = lines(&[]);
    let (one, two) = (line("north", 1), line("north", 2));
    let kinds = [
        ChangeKind::Insert { after: one.clone() },
        ChangeKind::Update {
            before: one.clone(),
            after: one.clone(),
        },
        ChangeKind::Update {
            before: one.clone(),
            after: two,
        },
        ChangeKind::Delete {
            before: one.clone(),
        },
        ChangeKind::Read { row: one },
    ];
    let all = kinds.map(|kind| written(&change(&schema, kind), Format::DebeziumJson));
    insta::assert_snapshot!(all.join("\n"));
}
