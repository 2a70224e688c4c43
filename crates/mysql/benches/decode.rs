//! Rows that one core takes from a row event in a second, and what that allocates: decoded alone,
//! on to BSON as the direct log takes them, on to JSON as topics do.
//!
//! `cargo xtask bench decode`, or `cargo bench -p mysql --bench decode`. The events are MySQL 9.7's,
//! their rows repeated to the size that the server gives an event of a bulk load. `plain` has twelve
//! columns of the types that most tables consist of; `orders` has twenty, one of each type nearly,
//! JSON among them. The best round of several is printed, and the median.

use bytes::Bytes;
use change::{Change, ChangeKind, Ordinal, Origin, Place, Row};
use mapping::{Mapper, MappingConfig, RowCounter};
use mysql::decoding::Table;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Encoder, Format, Messages, Settings};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const EVENTS: [(&str, &[u8]); 2] = [
    ("plain", include_bytes!("plain.event")),
    ("orders", include_bytes!("orders.event")),
];
/// Rows that a round takes, about.
const ROWS: usize = 20_000;
const ROUNDS: usize = 21;
const WRITE_ROWS: u8 = 30;
const READABLE: &str = "the events were recorded whole";

fn main() {
    println!(
        "table   step                  rows/s (best)  rows/s (median)  MiB/s  allocations/row"
    );
    for (name, recorded) in EVENTS {
        let (table, body, rows) = event(recorded);
        let bytes = body.len();
        let report = |step: &str, round: &mut dyn FnMut()| {
            let (taken, allocations) = measured(round);
            let rate = |taken: Duration| rows as f64 / taken.as_secs_f64();
            println!(
                "{name:<7} {step:<21} {:>13.0}  {:>15.0}  {:>5.0}  {:>15.2}",
                rate(taken[0]),
                rate(taken[ROUNDS / 2]),
                bytes as f64 / taken[0].as_secs_f64() / f64::from(1 << 20),
                allocations as f64 / rows as f64,
            );
        };
        report("decode", &mut || {
            each(&table, &body, |change| {
                black_box(&change);
            });
        });
        let mapper = Mapper::new(MappingConfig::default());
        let mapper = mapper.compile(table.schema()).expect("the table has a key");
        report("decode, BSON", &mut || {
            let mut effects = Vec::with_capacity(1);
            let mut counter = RowCounter::new();
            each(&table, &body, |change| {
                mapper
                    .effects(&change, &mut counter, &mut effects)
                    .expect(READABLE);
                black_box(&effects);
                effects.clear();
            });
        });
        for (step, format) in [
            ("decode, JSON", Format::DebeziumJson),
            ("decode, Protobuf", Format::Protobuf),
        ] {
            let settings = Settings {
                pipeline: "shop".into(),
                version: "0.1.0".into(),
                format,
            };
            let mut encoder = Encoder::new(table.schema(), &settings);
            let mut messages = Messages::new();
            let origin = Arc::new(Origin {
                transaction: Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:23".into()),
                server_id: 1,
                file: "binlog.000001".into(),
                committed_at_ms: 1_704_164_645_123,
            });
            report(step, &mut || {
                messages.begin(1_704_164_645_456);
                let mut row = 0;
                each(&table, &body, |kind| {
                    let change = Change {
                        schema: Arc::clone(table.schema()),
                        ordinal: Ordinal {
                            transaction: 7,
                            change: u64::from(row),
                        },
                        kind,
                        origin: Arc::clone(&origin),
                        place: Place { offset: 4, row },
                    };
                    row += 1;
                    encoder.encode(&change, &mut messages).expect(READABLE);
                });
                black_box(&messages);
            });
        }
    }
}

/// The recorded event, with its rows as often as makes a large one.
fn event(recorded: &[u8]) -> (Table, Bytes, usize) {
    let (length, rest) = recorded.split_first_chunk::<2>().expect(READABLE);
    let (map, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)));
    let table = Table::read(Bytes::copy_from_slice(map)).expect(READABLE);
    let columns = table.schema().columns.len();
    assert_eq!(rest[0], WRITE_ROWS);
    // Table, flags and extra data; the count of columns; which of them are there.
    let head = 6 + 2 + 2 + 1 + columns.div_ceil(8);
    let (head, images) = rest[1..].split_at(head);
    let of = |times: usize| {
        let mut body = head.to_vec();
        (0..times).for_each(|_| body.extend_from_slice(images));
        Bytes::from(body)
    };
    let recorded_rows = each(&table, &of(1), |_| {});
    let times = ROWS / recorded_rows;
    (table, of(times), times * recorded_rows)
}

fn each(table: &Table, body: &Bytes, take: impl FnMut(ChangeKind<Row>)) -> usize {
    table
        .changes(WRITE_ROWS, body.clone(), take)
        .expect(READABLE)
}

/// The rounds' times, sorted, and the allocations of one of them.
fn measured(round: &mut dyn FnMut()) -> (Vec<Duration>, usize) {
    // Buffers that are used again get their size.
    round();
    let region = Region::new(ALLOCATOR);
    round();
    let counted = region.change();
    let mut taken: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .collect();
    taken.sort();
    (taken, counted.allocations + counted.reallocations)
}
