//! Records that follow one another are folded, and no others.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use super::*;
use crate::record::FORMAT;
use change::{GtidSet, LogPosition, MySqlPosition, Position};

fn at(transaction: u64) -> Ordinal {
    Ordinal {
        transaction,
        change: 0,
    }
}

/// A barrier with ten records in the one partition of the one topic.
pub(crate) fn barrier(number: u64) -> BarrierRecord {
    let first = i64::try_from(number).unwrap() * 11;
    BarrierRecord {
        format: FORMAT,
        previous: (number > 1).then(|| at(number - 1)),
        checkpoint: Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: at(number),
            position: Position::MySql(MySqlPosition {
                server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
                gtid_set: Arc::new(GtidSet::default()),
                log: LogPosition::new("binlog.000001", number),
            }),
            torn: None,
            committed_at_ms: 0,
        },
        chunk: false,
        keys: false,
        changes: 10,
        emptied: Vec::new(),
        loosened: Vec::new(),
        described: Vec::new(),
        progress_parts: 0,
        progress: vec![progress("orders", number)],
        mapping: MappingVersion {
            version: 1,
            hash: "5eed".into(),
        },
        topics: match number {
            1 => vec![topic()],
            _ => Vec::new(),
        },
        partitions: vec![PartitionRecord {
            topic: 0,
            partition: 0,
            first,
            last: first + 9,
            records: 10,
            total: 10 * number,
        }],
        transactions: None,
        state_at: None,
        control: ["one".into(), "two".into()],
    }
}

fn topic() -> TopicRecord {
    TopicRecord {
        number: 0,
        name: "shop.shop.orders".into(),
        id: "id".into(),
        table: TableName::new("shop", "orders"),
        partitions: 1,
        format: wire::Format::default(),
    }
}

fn progress(table: &str, rows_copied: u64) -> TableProgress {
    TableProgress {
        rows_copied,
        ..TableProgress::unplanned(TableName::new("shop", table))
    }
}

/// What folding a third barrier says that was bent.
fn third(bend: impl FnOnce(&mut BarrierRecord)) -> Result<(), Mismatch> {
    let mut ledger = Ledger::default();
    for number in 1..=2 {
        ledger.fold(&barrier(number)).unwrap();
    }
    let mut record = barrier(3);
    bend(&mut record);
    ledger.fold(&record).map(|_| ())
}

#[test]
fn barriers_that_follow_one_another_are_folded() {
    assert_eq!(third(|_| {}), Ok(()));
}

#[test]
fn a_barrier_that_is_missing_or_repeated_is_noticed() {
    assert!(matches!(
        third(|record| *record = barrier(4)),
        Err(Mismatch::Predecessor { .. })
    ));
    assert!(matches!(
        third(|record| *record = barrier(2)),
        Err(Mismatch::Predecessor { .. })
    ));
    assert!(matches!(
        third(|record| record.checkpoint.ordinal = at(2)),
        Err(Mismatch::Order { .. })
    ));
}

#[test]
fn a_count_that_does_not_go_on_is_noticed() {
    assert!(matches!(
        third(|record| record.partitions[0].total = 31),
        Err(Mismatch::Total {
            total: 31,
            counted: 30,
            ..
        })
    ));
    assert!(matches!(
        third(|record| record.partitions[0].records = 9),
        Err(Mismatch::Total { .. })
    ));
}

#[test]
fn offsets_that_go_back_or_leave_no_room_are_noticed() {
    // The barrier before ended with offset 31.
    assert_eq!(third(|record| record.partitions[0].first = 32), Ok(()));
    assert!(matches!(
        third(|record| record.partitions[0].first = 31),
        Err(Mismatch::Offsets { next: 32, .. })
    ));
    assert!(matches!(
        third(|record| record.partitions[0].last = 41),
        Err(Mismatch::Offsets { .. })
    ));
}

#[test]
fn places_that_nobody_knows_are_noticed() {
    assert_eq!(
        third(|record| record.partitions[0].topic = 1),
        Err(Mismatch::UnknownTopic { number: 1 })
    );
    assert!(matches!(
        third(|record| record.partitions[0].partition = 1),
        Err(Mismatch::UnknownPartition { .. })
    ));
    assert_eq!(
        third(|record| record.topics = vec![topic()]),
        Err(Mismatch::TopicTwice { number: 0 })
    );
    assert_eq!(
        third(|record| record.progress_parts = 1),
        Err(Mismatch::ProgressParts {
            expected: 1,
            found: 0
        })
    );
}

#[test]
fn a_state_in_parts_is_what_was_folded() {
    let mut folded = Ledger::default();
    for number in 1..=5 {
        let mut record = barrier(number);
        record
            .progress
            .push(progress(&format!("table_{number}"), 1));
        folded.fold(&record).unwrap();
    }
    let parts = folded.state(300);
    assert!(parts.len() > 2, "{}", parts.len());
    let mut restored = Ledger::default();
    for part in parts.clone() {
        restored.restore(part).unwrap();
    }
    restored.fold(&barrier(6)).unwrap();
    folded.fold(&barrier(6)).unwrap();
    assert_eq!(
        format!("{:?}", restored.tables),
        format!("{:?}", folded.tables)
    );
    assert_eq!(
        format!("{:?}", restored.topics),
        format!("{:?}", folded.topics)
    );

    let mut torn = Ledger::default();
    torn.restore(parts[0].clone()).unwrap();
    assert!(torn.clone().fold(&barrier(6)).is_err());
    assert!(torn.restore(parts[2].clone()).is_err());
}

#[test]
fn topics_of_logs_that_knew_one_format_are_of_that_format() {
    let mut recorded = serde_json::to_value(topic()).unwrap();
    let fields = recorded.as_object_mut().unwrap();
    assert_eq!(fields.remove("format").unwrap(), "debezium-json");
    let read: TopicRecord = serde_json::from_value(recorded).unwrap();
    assert_eq!(read, topic());
    assert_eq!(read.format, wire::Format::DebeziumJson);
}
