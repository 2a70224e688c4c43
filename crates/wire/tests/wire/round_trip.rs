//! Every change survives encoding and decoding, bit by bit, and what is written is JSON.

use crate::avro;
use crate::contract::understood;
use crate::generate;
use bytes::Bytes;
use change::{Change, ChangeKind, Identity, Row};
use proptest::prelude::*;
use std::collections::HashMap;
use wire::{Decoder, Encoder, Format, Messages, Received, Role, Settings};

pub(crate) fn settings(format: Format) -> Settings {
    Settings {
        pipeline: "shop".into(),
        version: "0.1.0".into(),
        format,
    }
}

pub(crate) fn format() -> impl Strategy<Value = Format> {
    prop_oneof![
        Just(Format::DebeziumJson),
        Just(Format::DebeziumJsonWithSchema),
        Just(Format::Protobuf),
        Just(Format::Avro),
    ]
}

/// The messages as a consumer gets them.
pub(crate) fn received(messages: &Messages) -> Vec<Received<'_>> {
    messages
        .iter()
        .map(|message| Received {
            key: message.key,
            value: message.value.map(Bytes::copy_from_slice),
            role: message.role,
        })
        .collect()
}

/// An image's bits: floats are compared by them, not by value.
fn bits(row: Option<&Row>) -> Option<Identity> {
    row.map(|row| Identity::of(row.iter()))
}

pub(crate) fn assert_same(change: &Change, back: &Change) {
    assert_eq!(bits(change.kind.before()), bits(back.kind.before()));
    assert_eq!(bits(change.kind.gone()), bits(back.kind.gone()));
    assert_eq!(bits(change.kind.after()), bits(back.kind.after()));
    assert_eq!(
        std::mem::discriminant(&change.kind),
        std::mem::discriminant(&back.kind)
    );
    assert_eq!(change.ordinal, back.ordinal);
    assert_eq!(change.origin, back.origin);
    assert_eq!(change.place, back.place);
    assert_eq!(change.schema, back.schema);
}

/// Others can read it, who know the format alone.
fn assert_understood(message: &Received<'_>, format: Format) {
    for (name, bytes) in [("Key", message.key), ("Change", message.value.as_deref())] {
        match (format, bytes) {
            (_, None) => {}
            (Format::DebeziumJson | Format::DebeziumJsonWithSchema, Some(bytes)) => {
                let parsed: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
                assert!(parsed.is_ok(), "{}", String::from_utf8_lossy(bytes));
            }
            (Format::Protobuf, Some(bytes)) => {
                understood(name, bytes);
            }
            // Held against the schemas as a whole.
            (Format::Avro, Some(_)) => {}
        }
    }
}

fn survives(changes: &[Change], settings: &Settings) {
    let mut encoder = Encoder::new(&changes[0].schema, settings);
    let mut decoder = Decoder::new(&changes[0].schema, settings);
    let mut messages = Messages::new();
    for change in changes {
        messages.begin(1_700_000_000_000);
        encoder.encode(change, &mut messages).unwrap();
        let received = received(&messages);
        assert!((1..=3).contains(&received.len()));
        for message in &received {
            assert_understood(message, settings.format);
            if settings.format == Format::Avro {
                avro::assert_understood(&change.schema, message.key, message.value.as_deref());
            }
        }
        let back = decoder.decode(change.ordinal, &received).unwrap();
        assert_same(change, &back);
    }
}

/// Which key a message speaks of: the key, or the row where there is none.
fn subject(message: &Received<'_>, change: &Change) -> Vec<u8> {
    match &message.key {
        Some(key) => key.to_vec(),
        None => {
            let (before, after) = (change.kind.before(), change.kind.after());
            let row = match message.role {
                Role::Before => before,
                Role::After => after,
                Role::Whole | Role::Tombstone => after.or(before),
            };
            bits(row).unwrap().as_bytes().to_vec()
        }
    }
}

proptest! {
    #[test]
    fn every_change_survives_bit_by_bit(changes in generate::changes(), format in format()) {
        survives(&changes, &settings(format));
    }

    #[test]
    fn messages_of_one_key_share_a_partition(changes in generate::changes(), format in format()) {
        let settings = settings(format);
        let mut encoder = Encoder::new(&changes[0].schema, &settings);
        let mut partitions: HashMap<Vec<u8>, u32> = HashMap::new();
        // Each row once more as another kind of change, so that rows are met again.
        let again = changes.iter().flat_map(|change| {
            let rows = change.kind.before().into_iter().chain(change.kind.after());
            rows.map(|row| Change { kind: ChangeKind::Read { row: row.clone() }, ..change.clone() })
        });
        for change in changes.iter().cloned().chain(again.collect::<Vec<_>>()) {
            let mut messages = Messages::new();
            encoder.encode(&change, &mut messages).unwrap();
            for (message, received) in messages.iter().zip(received(&messages)) {
                let partition = message.partition(1 << 30);
                let known = *partitions.entry(subject(&received, &change)).or_insert(partition);
                prop_assert_eq!(known, partition);
            }
        }
    }

    /// Whatever is cut off or changed, decoding neither panics nor takes what it cannot have written.
    #[test]
    fn damaged_messages_are_refused_or_say_the_same_in_the_same_bytes(
        changes in generate::changes(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
        format in format(),
    ) {
        let settings = settings(format);
        let change = &changes[0];
        let mut encoder = Encoder::new(&change.schema, &settings);
        let mut messages = Messages::new();
        encoder.encode(change, &mut messages).unwrap();
        let mut damaged = received(&messages);
        let mut value = damaged[0].value.clone().unwrap().to_vec();
        let at = at.index(value.len());
        if cut {
            value.truncate(at);
        } else {
            value[at] = byte;
        }
        damaged[0].value = Some(value.into());
        let mut decoder = Decoder::new(&change.schema, &settings);
        if let Ok(back) = decoder.decode(change.ordinal, &damaged) {
            let mut once_more = Messages::new();
            encoder.encode(&back, &mut once_more).unwrap();
            let mut again = Decoder::new(&change.schema, &settings);
            let back_again = again.decode(change.ordinal, &received(&once_more)).unwrap();
            assert_same(&back, &back_again);
            prop_assert!(!cut);
        }
    }
}
