//! What each fuzz target does with its bytes. The corpus is replayed by the same functions.
//!
//! Each takes any bytes at all. A panic is a finding, and so is a value that says something else
//! the second time.

use bytes::Bytes;
use change::{Identity, Ordinal, Schema};
use mysql::decoding::{self, Table};
use std::sync::{Arc, LazyLock};
use wire::{Decoder, Encoder, Format, Messages, Received, Role, Settings};

/// A table with a column of most types, and rows of it.
pub const ORDERS: &[u8] = include_bytes!("../crates/mysql/benches/orders.event");

/// The table of [`ORDERS`].
pub static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let (map, _) = halves(ORDERS).expect("the event was recorded whole");
    let table = Table::read(map).expect("the event was recorded whole");
    Arc::clone(table.schema())
});

/// Formats by the numbers that inputs of [`message`] have for them.
pub const FORMATS: [Format; 3] = [
    Format::DebeziumJson,
    Format::DebeziumJsonWithSchema,
    Format::Protobuf,
];

pub fn row_event(data: &[u8]) {
    let Some((map, rest)) = halves(data) else {
        return;
    };
    let (Ok(table), Some((&event_type, body))) = (Table::read(map), rest.split_first()) else {
        return;
    };
    let body = Bytes::copy_from_slice(body);
    let count = table.changes(event_type, body.clone(), |_| {});
    assert_eq!(count, table.changes(event_type, body, |_| {}));
}

pub fn table_map(data: &[u8]) {
    if let Ok(table) = Table::read(Bytes::copy_from_slice(data)) {
        let schema = table.schema();
        assert!(schema.key.iter().all(|&key| key < schema.columns.len()));
    }
}

pub fn json_document(data: &[u8]) {
    // Printing walks the whole of it.
    if let Ok(document) = decoding::json(Bytes::copy_from_slice(data)) {
        assert!(!format!("{document:?}").is_empty());
    }
}

pub fn json_diff(data: &[u8]) {
    let Some((document, diffs)) = halves(data) else {
        return;
    };
    if let Ok(mut document) = decoding::json(document) {
        // Whatever a difference that fails leaves behind is dropped with its row.
        let _ = decoding::json_diffs(&mut document, Bytes::copy_from_slice(diffs));
        assert!(!format!("{document:?}").is_empty());
    }
}

pub fn decimal(data: &[u8]) {
    let [precision, scale, digits @ ..] = data else {
        return;
    };
    let digits = Bytes::copy_from_slice(digits);
    if let Ok((decimal, length)) = decoding::decimal(digits.clone(), *precision, *scale) {
        assert!(length <= digits.len());
        assert_eq!(decimal.scale(), *scale);
        let printed = decimal.to_string();
        assert_eq!(change::Decimal::parse(&printed), Ok(decimal), "{printed}");
    }
}

pub fn payload(data: &[u8]) {
    // An event inside may be as large as a row; what bounds it is the inflated bytes themselves.
    let _ = decoding::payload(&Bytes::copy_from_slice(data), |_, body| {
        assert!(body.len() < 1 << 31);
    });
}

pub fn message(data: &[u8]) {
    let [format, role, rest @ ..] = data else {
        return;
    };
    let (Some(format), Some((key, value))) = (FORMATS.get(usize::from(*format)), halves(rest))
    else {
        return;
    };
    let settings = settings(*format);
    let role = match role {
        0 => Role::Whole,
        1 => Role::Before,
        2 => Role::Tombstone,
        _ => Role::After,
    };
    let received = Received {
        key: Some(&key),
        value: Some(Bytes::copy_from_slice(value)),
        role,
    };
    let mut decoder = Decoder::new(&SCHEMA, &settings);
    let Ok(change) = decoder.decode(
        Ordinal {
            transaction: 7,
            change: 1,
        },
        &[received],
    ) else {
        return;
    };
    // What can be read is written in one way only.
    let mut messages = Messages::new();
    messages.begin(0);
    let mut encoder = Encoder::new(&SCHEMA, &settings);
    encoder
        .encode(&change, &mut messages)
        .expect("a change that was read can be written");
    let again: Vec<Received<'_>> = messages
        .iter()
        .map(|message| Received {
            key: message.key,
            value: message.value.map(Bytes::copy_from_slice),
            role: message.role,
        })
        .collect();
    let again = decoder
        .decode(change.ordinal, &again)
        .expect("what was written can be read");
    let bits = |row: Option<&change::Row>| row.map(|row| Identity::of(row.iter()));
    assert_eq!(bits(change.kind.before()), bits(again.kind.before()));
    assert_eq!(bits(change.kind.after()), bits(again.kind.after()));
}

pub fn settings(format: Format) -> Settings {
    Settings {
        pipeline: "shop".into(),
        version: "0.1.0".into(),
        format,
    }
}

/// Two parts of an input, the first with its length in two bytes ahead of it.
pub fn halves(data: &[u8]) -> Option<(Bytes, &[u8])> {
    let (length, rest) = data.split_first_chunk::<2>()?;
    let (first, second) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((Bytes::copy_from_slice(first), second))
}
