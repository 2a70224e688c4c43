//! Checkpoints and barriers that are told apart by one number.

use change::{
    Barrier, BarrierKind, Checkpoint, KeyRange, LogPosition, MappingVersion, MySqlPosition,
    Ordinal, Position, TableName, TableProgress, TableState, Torn, Value,
};
use std::sync::Arc;

pub(super) fn ordinal(transaction: u64) -> Ordinal {
    Ordinal {
        transaction,
        change: transaction % 3,
    }
}

pub(super) fn checkpoint(transaction: u64) -> Checkpoint {
    let set = format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{}", transaction + 1);
    let gtid_set = set.parse().expect("the text is a GTID set");
    let torn = Torn {
        transaction: format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:{}", transaction + 2).into(),
        parts: 1,
        changes_before: transaction,
    };
    Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: ordinal(transaction),
        position: Position::MySql(MySqlPosition {
            server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
            gtid_set: Arc::new(gtid_set),
            log: LogPosition::new("binlog.000001", 4 + 100 * transaction),
        }),
        torn: transaction.is_multiple_of(4).then_some(torn),
        committed_at_ms: 1_700_000_000_000 + i64::try_from(transaction).unwrap_or_default(),
    }
}

pub(super) fn mapping() -> MappingVersion {
    MappingVersion {
        version: 3,
        hash: "5eed".into(),
    }
}

/// Progress of one of three tables.
pub(super) fn progress(transaction: u64) -> TableProgress {
    let table = TableName::new("shop", format!("table_{}", transaction % 3));
    TableProgress {
        state: TableState::Copying,
        live: true,
        planned: true,
        remaining: vec![KeyRange {
            after: Some(vec![Value::UInt(transaction), Value::Text("ä".into())]),
            through: None,
        }],
        rows_copied: transaction,
        rows_estimated: 1_000,
        keys: vec![vec![Value::UInt(transaction)]],
        anew: transaction % 2 == 1,
        ..TableProgress::unplanned(table)
    }
}

/// A barrier that holds nothing but its numbers.
pub(super) fn barrier(transaction: u64) -> Barrier {
    Barrier {
        checkpoint: checkpoint(transaction),
        changes: Vec::new(),
        kind: BarrierKind::Stream,
        emptied: Vec::new(),
        loosened: Vec::new(),
        described: Vec::new(),
        progress: vec![progress(transaction)],
        mapping: mapping(),
    }
}
