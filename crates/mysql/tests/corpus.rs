//! The corpus of the fuzz targets, replayed with mutations of a fixed seed: nothing panics, nothing
//! takes memory that the input's length does not bound, and what a real server wrote can be read.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../../../fuzz/targets.rs"]
mod targets;

use change::{Change, Ordinal, Origin, Place};
use mysql::decoding::{self, Table};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::{Arc, Mutex};
use wire::{Encoder, Messages};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;
/// What is allocated is counted for the whole process, so one replay runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

const MUTATIONS: usize = 400;
/// Bytes allocated, in all and freed or not, for a byte of input; and for none.
const BYTES_FOR_A_BYTE: usize = 2_000;
const BYTES_AT_LEAST: usize = 1 << 20;
/// An inflater's window, and the room that it inflates into.
const BYTES_OF_AN_INFLATER: usize = 64 << 20;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(seeds.len() >= 5, "{target} has lost its seeds");
    seeds
}

/// Runs the target on every seed, and on as many changed ones.
fn replay(seeds: &[Vec<u8>], at_least: usize, target: fn(&[u8])) {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // Whatever is made once is made here.
    seeds.iter().for_each(|seed| target(seed));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for seed in seeds {
        measured(seed, at_least, target);
        for _ in 0..MUTATIONS {
            measured(&dice.mutated(seed, seeds), at_least, target);
        }
    }
}

fn measured(input: &[u8], at_least: usize, target: fn(&[u8])) {
    let region = Region::new(ALLOCATOR);
    target(input);
    let allocated = region.change().bytes_allocated;
    let most = at_least + input.len() * BYTES_FOR_A_BYTE;
    assert!(
        allocated <= most,
        "{allocated} bytes for {} of input: {input:02x?}",
        input.len()
    );
}

/// Xorshift: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn mutated(&mut self, seed: &[u8], seeds: &[Vec<u8>]) -> Vec<u8> {
        const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xfb, 0xfc, 0xfe, 0xff];
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] = EDGES[self.below(EDGES.len())],
                2 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                3 => {
                    let edge = EDGES[self.below(EDGES.len())];
                    let count = self.below(8);
                    bytes.splice(at..at, std::iter::repeat_n(edge, count));
                }
                4 if !bytes.is_empty() => {
                    let end = at + self.below(bytes.len() - at);
                    bytes.drain(at..end);
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
            }
        }
        bytes
    }
}

#[test]
fn row_events_are_read_or_refused() {
    let seeds = corpus("row_event");
    replay(&seeds, BYTES_AT_LEAST, targets::row_event);
    let read = seeds.iter().filter(|seed| rows(seed) > 0).count();
    // The others have text in character sets that only a server knows.
    assert!(read * 3 > seeds.len() * 2, "{read} of {}", seeds.len());
}

#[test]
fn a_table_without_columns_has_no_rows_without_end() {
    let mut input = vec![16, 0];
    // Table, flags, database, table, no columns, no metadata, no names of columns.
    input.extend(b"\x01\0\0\0\0\0\x01\0\x01d\0\x01t\0\0\0");
    let (map, _) = targets::halves(&input).unwrap();
    let table = Table::read(map).unwrap();
    let rows = b"\x01\0\0\0\0\0\x01\0\x02\0\0what follows";
    let rows = bytes::Bytes::from_static(rows);
    assert!(table.changes(30, rows, |_| ()).is_err());
}

#[test]
fn images_without_columns_have_no_rows_without_end() {
    let mut input = vec![19, 0];
    // Table, flags, database, table, one INT that is no NULL, signed, called n.
    input.extend(b"\x01\0\0\0\0\0\x01\0\x01d\0\x01t\0\x01\x03\0\0\x01\x01\0\x04\x02\x01n");
    input[0] = u8::try_from(input.len() - 2).unwrap();
    let (map, _) = targets::halves(&input).unwrap();
    let table = Table::read(map).unwrap();
    // Its bitmaps have bits of columns that are not there.
    for bitmap in [b'\0', b'\xfe'] {
        for event_type in [30, 31, 32] {
            let mut rows = b"\x01\0\0\0\0\0\x01\0\x02\0\x01".to_vec();
            rows.extend([bitmap, bitmap]);
            rows.extend(b"what follows");
            assert!(table.changes(event_type, rows.into(), |_| ()).is_err());
        }
        // Where the event ends, one row was inserted of which nothing is told.
        let mut inserted = b"\x01\0\0\0\0\0\x01\0\x02\0\x01".to_vec();
        inserted.push(bitmap);
        assert_eq!(table.changes(30, inserted.into(), |_| ()).unwrap(), 1);
    }
}

fn rows(seed: &[u8]) -> usize {
    let (map, rest) = targets::halves(seed).unwrap();
    let (&event_type, body) = rest.split_first().unwrap();
    let Ok(table) = Table::read(map) else {
        return 0;
    };
    let body = bytes::Bytes::copy_from_slice(body);
    table.changes(event_type, body, |_| {}).unwrap()
}

#[test]
fn table_maps_are_read_or_refused() {
    replay(&corpus("table_map"), BYTES_AT_LEAST, targets::table_map);
}

#[test]
fn documents_and_their_differences_are_read_or_refused() {
    let documents = corpus("json_document");
    replay(&documents, BYTES_AT_LEAST, targets::json_document);
    for document in documents {
        decoding::json(document.into()).unwrap();
    }
    let diffs = corpus("json_diff");
    replay(&diffs, BYTES_AT_LEAST, targets::json_diff);
    for seed in diffs {
        let (document, diffs) = targets::halves(&seed).unwrap();
        let mut document = decoding::json(document).unwrap();
        decoding::json_diffs(&mut document, diffs.to_vec().into()).unwrap();
    }
}

#[test]
fn decimals_are_read_or_refused() {
    replay(&corpus("decimal"), BYTES_AT_LEAST, targets::decimal);
}

#[test]
fn compressed_transactions_are_inflated_or_refused() {
    let seeds = corpus("payload");
    replay(&seeds, BYTES_OF_AN_INFLATER, targets::payload);
    for seed in seeds {
        let mut events = 0;
        decoding::payload(&seed.into(), |_, _| events += 1).unwrap();
        assert!(events > 2);
    }
}

#[test]
fn our_own_messages_are_read_or_refused() {
    let seeds = messages();
    assert!(seeds.len() >= 30);
    replay(&seeds, BYTES_AT_LEAST, targets::message);
}

/// Messages of the recorded rows, in every format.
fn messages() -> Vec<Vec<u8>> {
    let (map, rest) = targets::halves(targets::ORDERS).unwrap();
    let (&event_type, body) = rest.split_first().unwrap();
    let table = Table::read(map).unwrap();
    let origin = Arc::new(Origin {
        transaction: Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:23".into()),
        server_id: 1,
        file: "binlog.000001".into(),
        committed_at_ms: 1_704_164_645_123,
    });
    let mut kinds = Vec::new();
    let body = bytes::Bytes::copy_from_slice(body);
    table
        .changes(event_type, body, |kind| kinds.push(kind))
        .unwrap();
    let mut inputs = Vec::new();
    for (number, format) in targets::FORMATS.into_iter().enumerate() {
        let mut encoder = Encoder::new(table.schema(), &targets::settings(format));
        for kind in kinds.iter().take(10) {
            let mut messages = Messages::new();
            messages.begin(1_704_164_645_456);
            let change = Change {
                schema: Arc::clone(table.schema()),
                ordinal: Ordinal {
                    transaction: 7,
                    change: 1,
                },
                kind: kind.clone(),
                origin: Arc::clone(&origin),
                place: Place { offset: 4, row: 0 },
            };
            encoder.encode(&change, &mut messages).unwrap();
            let message = messages.iter().next().unwrap();
            let key = message.key.unwrap();
            let mut input = vec![number as u8, 0];
            input.extend((key.len() as u16).to_le_bytes());
            input.extend_from_slice(key);
            input.extend_from_slice(message.value.unwrap());
            inputs.push(input);
        }
    }
    inputs
}
