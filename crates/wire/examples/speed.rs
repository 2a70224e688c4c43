//! How many changes one core encodes and decodes in a second: twelve columns, about 250 bytes.
//!
//! `cargo run --release -p wire --example speed` prints the best and the median of several rounds.

use bytes::Bytes;
use change::{
    Change, ChangeKind, Column, ColumnKind, Decimal, IntegerWidth, Ordinal, Origin, Place, Row,
    Schema, TableName, Timestamp, Value,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Decoder, Encoder, Format, Messages, Received, Role, Settings};

const CHANGES: u32 = 10_000;
const ROUNDS: usize = 31;

fn main() {
    let schema = Arc::new(schema());
    println!("{} bytes of values in the row", row(1, 1).heap_bytes());
    for format in [Format::DebeziumJson, Format::Protobuf, Format::Avro] {
        println!("{format}");
        measure(&schema, format);
    }
}

fn measure(schema: &Arc<Schema>, format: Format) {
    let settings = Settings {
        pipeline: "shop".into(),
        version: "0.1.0".into(),
        format,
    };
    for (operation, changes_of_a_transaction) in [
        ("insert", 1000),
        ("insert", 1),
        ("update", 1000),
        ("update", 1),
    ] {
        let changes = changes(schema, operation, changes_of_a_transaction);
        let mut messages = Messages::new();
        let mut encoder = Encoder::new(schema, &settings);
        let encoded = rounds(|| {
            messages.begin(1_704_164_645_123);
            for change in black_box(&changes) {
                encoder
                    .encode(change, &mut messages)
                    .expect("the row has all columns");
            }
            black_box(&messages);
        });
        let received: Vec<Received<'_>> = messages
            .iter()
            .map(|message| Received {
                key: message.key,
                value: message.value.map(Bytes::copy_from_slice),
                role: Role::Whole,
            })
            .collect();
        let bytes = messages.bytes() / changes.len();
        let mut decoder = Decoder::new(schema, &settings);
        let decoded = rounds(|| {
            for (change, message) in changes.iter().zip(black_box(&received)) {
                let back = decoder.decode(change.ordinal, std::slice::from_ref(message));
                black_box(back.expect("it was just encoded"));
            }
        });
        println!(
            "{operation}, {changes_of_a_transaction} per transaction, {bytes} bytes: \
             encode {}, decode {}",
            told(&encoded),
            told(&decoded)
        );
    }
}

fn rounds(mut round: impl FnMut()) -> Vec<Duration> {
    let mut taken: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .collect();
    taken.sort();
    taken
}

fn told(rounds: &[Duration]) -> String {
    let rate = |taken: Duration| f64::from(CHANGES) / taken.as_secs_f64() / 1000.0;
    format!(
        "{:.0} k/s (best {:.0} k/s)",
        rate(rounds[rounds.len() / 2]),
        rate(rounds[0])
    )
}

fn changes(schema: &Arc<Schema>, operation: &str, in_a_transaction: u32) -> Vec<Change> {
    let mut origin = Arc::new(Origin::default());
    (0..CHANGES)
        .map(|number| {
            let (transaction, change) = (number / in_a_transaction, number % in_a_transaction);
            if change == 0 {
                let gtid = format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:{}", transaction + 1);
                origin = Arc::new(Origin {
                    transaction: Some(gtid.into()),
                    server_id: 1,
                    file: "binlog.000017".into(),
                    committed_at_ms: 1_704_164_645_123 + i64::from(transaction),
                });
            }
            let id = i64::from(number) + 123_456_789;
            let kind = match operation {
                "update" => ChangeKind::Update {
                    before: row(id, 1),
                    after: row(id, 2),
                },
                _ => ChangeKind::Insert { after: row(id, 1) },
            };
            Change {
                schema: Arc::clone(schema),
                ordinal: Ordinal {
                    transaction: u64::from(transaction) + 1000,
                    change: u64::from(change),
                },
                kind,
                origin: Arc::clone(&origin),
                place: Place {
                    offset: 1_000_000 + u64::from(number) * 300,
                    row: 0,
                },
            }
        })
        .collect()
}

fn schema() -> Schema {
    let column = |name: &str, kind: ColumnKind| Column {
        name: name.into(),
        kind,
        nullable: name != "id",
    };
    let integer = |width| ColumnKind::Integer {
        width,
        unsigned: false,
    };
    let text = || ColumnKind::Text {
        charset: "utf8mb4".into(),
    };
    let total = ColumnKind::Decimal {
        precision: 12,
        scale: 2,
    };
    Schema {
        name: TableName::new("shop", "orders"),
        columns: vec![
            column("id", integer(IntegerWidth::Big)),
            column("customer", integer(IntegerWidth::Int)),
            column("state", integer(IntegerWidth::Tiny)),
            column("total", total),
            column("weight", ColumnKind::Double),
            column("name", text()),
            column("street", text()),
            column("note", text()),
            column("created", ColumnKind::DateTime { fraction: 3 }),
            column("updated", ColumnKind::Timestamp { fraction: 0 }),
            column("token", ColumnKind::Binary { fixed: Some(16) }),
            column("parent", integer(IntegerWidth::Big)),
        ],
        key: vec![0],
    }
}

fn row(id: i64, state: i64) -> Row {
    let updated = Timestamp {
        seconds: 1_704_164_645,
        microsecond: 0,
    };
    let created = Timestamp {
        microsecond: 123_000,
        ..updated
    };
    Row::new(vec![
        Value::Int(id),
        Value::Int(4711),
        Value::Int(state),
        Value::Decimal(Decimal::new(1_234_567, 2)),
        Value::Double(12.75),
        Value::Text("Margarete Sommerfeld-Hansen".into()),
        Value::Text("Lange Straße 117, Hinterhaus, 20359 Hamburg".into()),
        Value::Text(
            "Please ring twice and leave it with the neighbours; "
                .repeat(2)
                .into(),
        ),
        Value::DateTime(created.wall_clock()),
        Value::Timestamp(updated),
        Value::Bytes(vec![7; 16].into()),
        Value::Null,
    ])
}
