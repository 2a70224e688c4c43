//! The exact bytes of `protobuf`, which every later version reads, and what others see in them.

use crate::contract::understood;
use crate::examples::{change, every_type, gone, line, lines};
use crate::round_trip::{assert_same, received, settings};
use bytes::Bytes;
use change::{Change, ChangeKind, Origin};
use std::fmt::Write as _;
use std::sync::Arc;
use wire::{Decoder, Encoder, Format, Messages, Received, Role, WireError};

fn encoded(of: &Change) -> Messages {
    let mut encoder = Encoder::new(&of.schema, &settings(Format::Protobuf));
    let mut messages = Messages::new();
    messages.begin(1_704_164_645_200);
    encoder.encode(of, &mut messages).unwrap();
    messages
}

/// Each kind of change, by name.
fn examples() -> Vec<(&'static str, Change)> {
    let (schema, usual, unusual) = every_type();
    let (one, two) = (line("north", 1), line("north", 2));
    let (keyed, keyless) = (lines(&[1, 0]), lines(&[]));
    let update = |after| ChangeKind::Update {
        before: one.clone(),
        after,
    };
    let insert = |after| ChangeKind::Insert { after };
    let delete = || ChangeKind::Delete {
        before: one.clone(),
    };
    let read = || ChangeKind::Read { row: one.clone() };
    vec![
        ("every-type-usual", change(&schema, insert(usual))),
        ("every-type-unusual", change(&schema, insert(unusual))),
        ("insert", change(&keyed, insert(one.clone()))),
        ("update", change(&keyed, update(one.clone()))),
        ("key-update", change(&keyed, update(two.clone()))),
        ("delete", change(&keyed, delete())),
        ("read", change(&keyed, read())),
        ("gone", change(&keyed, gone(&keyed, &one))),
        ("keyless-insert", change(&keyless, insert(one.clone()))),
        ("keyless-update", change(&keyless, update(two))),
        (
            "keyless-update-of-nothing",
            change(&keyless, update(one.clone())),
        ),
        ("keyless-delete", change(&keyless, delete())),
        ("keyless-read", change(&keyless, read())),
    ]
}

fn hexadecimal(bytes: Option<&[u8]>) -> String {
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.map_or("-".to_owned(), digits)
}

fn from_hexadecimal(text: &str) -> Option<Bytes> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    (text != "-").then(|| text.as_bytes().chunks(2).map(digits).collect())
}

fn role(name: &str) -> Role {
    let all = [Role::Whole, Role::Before, Role::Tombstone, Role::After];
    let named = |role: &&Role| format!("{role:?}") == name;
    *all.iter().find(named).unwrap()
}

/// Messages that version 1 has written are what it writes still, and are read for ever.
#[test]
fn the_bytes_of_version_1_are_written_and_read_for_ever() {
    let published = include_str!("fixtures/protobuf_v1.txt");
    let mut written = String::new();
    for (name, of) in examples() {
        for message in encoded(&of).iter() {
            let (key, value) = (hexadecimal(message.key), hexadecimal(message.value));
            let (role, partition) = (message.role, message.partition(12));
            writeln!(written, "{name} {role:?} {partition} {key} {value}").unwrap();
        }
        let kept: Vec<(Role, Option<Bytes>, Option<Bytes>)> = published
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .filter(|fields| fields[0] == name)
            .map(|fields| {
                let (key, value) = (from_hexadecimal(fields[3]), from_hexadecimal(fields[4]));
                (role(fields[1]), key, value)
            })
            .collect();
        let received = kept.iter().map(|(role, key, value)| Received {
            key: key.as_deref(),
            value: value.clone(),
            role: *role,
        });
        let received: Vec<Received<'_>> = received.collect();
        let mut decoder = Decoder::new(&of.schema, &settings(Format::Protobuf));
        assert_same(&of, &decoder.decode(of.ordinal, &received).unwrap());
    }
    assert_eq!(written, published);
}

/// As another implementation of Protobuf shows them, by the file alone.
#[test]
fn others_see_every_value_of_every_type() {
    let mut seen = String::new();
    for (name, of) in examples().into_iter().take(2) {
        let messages = encoded(&of);
        let message = messages.get(0).unwrap();
        for (what, bytes) in [("Key", message.key), ("Change", message.value)] {
            let understood = understood(what, bytes.unwrap());
            let shown = serde_json::to_string_pretty(&understood).unwrap();
            writeln!(seen, "{name} {what}\n{shown}").unwrap();
        }
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn other_bytes_are_refused_and_no_value_is_shown() {
    let of = change(
        &lines(&[1]),
        ChangeKind::Insert {
            after: line("north", 7),
        },
    );
    let messages = encoded(&of);
    let value = messages.get(0).unwrap().value.unwrap();
    let decoded = |bytes: Vec<u8>| {
        let mut received = received(&messages);
        received[0].value = Some(bytes.into());
        Decoder::new(&of.schema, &settings(Format::Protobuf)).decode(of.ordinal, &received)
    };
    assert!(decoded(value.to_vec()).is_ok());
    // A field that this version does not know, behind all others.
    let unknown = [value, &[0x78, 1]].concat();
    // The default of a field, spelled out.
    let spelled = [value, &[0x28, 0]].concat();
    let of_another = String::from_utf8_lossy(value).contains("shop");
    assert!(of_another);
    let mut renamed = value.to_vec();
    let at = value.windows(4).position(|bytes| bytes == b"note").unwrap();
    renamed[at] = b'N';
    for (damaged, column) in [(unknown, None), (spelled, None), (renamed, Some("note"))] {
        let error = decoded(damaged).unwrap_err();
        let WireError::Unreadable { column: found, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(found.as_deref(), column, "{error}");
        assert!(!error.to_string().contains("north"), "{error}");
    }
}

/// Fields that a transaction leaves out are the next one's to have.
#[test]
fn a_transaction_that_says_more_than_the_one_before_is_not_taken_for_it() {
    let schema = lines(&[1]);
    let mut decoder = Decoder::new(&schema, &settings(Format::Protobuf));
    for (transaction, file) in [(None, ""), (None, "a"), (None, ""), (Some("b"), "a")] {
        let after = line("north", 7);
        let of = Change {
            origin: Arc::new(Origin {
                transaction: transaction.map(Into::into),
                server_id: 1,
                file: file.into(),
                committed_at_ms: 5,
            }),
            ..change(&schema, ChangeKind::Insert { after })
        };
        let messages = encoded(&of);
        let back = decoder.decode(of.ordinal, &received(&messages)).unwrap();
        assert_same(&of, &back);
    }
}
