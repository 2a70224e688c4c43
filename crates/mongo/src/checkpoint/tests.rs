//! What is stored comes back as it was, and what cannot be understood is refused.

use super::*;
use change::{Column, ColumnKind, Decimal, LogPosition, MySqlPosition, Position, TableKey, Value};
use std::sync::Arc;

fn checkpoint(torn: Option<Torn>) -> Checkpoint {
    let set = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:tag:7".to_owned();
    Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal {
            transaction: 17,
            change: 3,
        },
        position: Position::MySql(MySqlPosition {
            server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
            gtid_set: Arc::new(set.try_into().unwrap()),
            log: LogPosition::new("binlog.000002", 5_000_000_000),
        }),
        torn,
        committed_at_ms: 1_700_000_000_123,
    }
}

fn mapping() -> MappingVersion {
    MappingVersion {
        version: 2,
        hash: "abc".into(),
    }
}

#[test]
fn a_checkpoint_comes_back_as_it_was_stored() {
    let torn = Torn {
        transaction: "x:9".into(),
        parts: 3,
        changes_before: 30_000,
    };
    let through = Ordinal {
        transaction: 18,
        change: 0,
    };
    for torn in [None, Some(torn)] {
        for torn_through in [None, Some(through)] {
            let original = checkpoint(torn.clone());
            let document = encode(&original, &mapping(), torn_through);
            assert_eq!(
                document.get("torn") == Some(&Bson::Null),
                torn.is_none() && torn_through.is_none()
            );
            let stored = decode(&document).unwrap();
            assert_eq!(stored.checkpoint, Some(original));
            assert_eq!(stored.mapping, Some(mapping()));
            assert_eq!(stored.torn_through, torn_through);
        }
    }
}

#[test]
fn a_mark_of_the_sink_alone_is_no_checkpoint() {
    let through = Ordinal {
        transaction: 1,
        change: 2,
    };
    let stored = decode(&doc! { "torn": sink_mark(through) }).unwrap();
    assert!(stored.checkpoint.is_none());
    assert_eq!(stored.torn_through, Some(through));
}

#[test]
fn a_checkpoint_of_another_format_is_refused() {
    let mut document = encode(&checkpoint(None), &mapping(), None);
    document.insert("format", 2_i64);
    assert!(matches!(
        decode(&document),
        Err(Error::ControlUnreadable { .. })
    ));
}

#[test]
fn a_tables_progress_comes_back_with_every_kind_of_key() {
    let keys = vec![
        Value::UInt(u64::MAX),
        Value::Double(0.1 + 0.2),
        Value::Float(1.1),
        Value::Decimal(
            Decimal::parse("99999999999999999999999999999999999.999999999999999999999999999999")
                .unwrap(),
        ),
        Value::Text("ä".into()),
        Value::Bytes(vec![0, 255].into()),
    ];
    let progress = TableProgress {
        remaining: vec![KeyRange {
            after: Some(keys.clone()),
            through: None,
        }],
        keys: vec![keys, vec![Value::Int(-1)]],
        anew: true,
        planned: true,
        rows_copied: 7,
        rows_estimated: 9,
        key: Some(TableKey {
            columns: vec![Column {
                name: "id".into(),
                kind: ColumnKind::Text {
                    charset: "latin1".into(),
                },
                nullable: false,
            }],
            primary: true,
        }),
        trouble: Some(Trouble {
            code: "LS5001".into(),
            message: "a".into(),
            remedy: "b".into(),
        }),
        state: TableState::Stopped,
        ..TableProgress::unplanned(TableName::new("shop", "orders"))
    };
    assert_eq!(
        decode_progress(&encode_progress(&progress)).unwrap(),
        progress
    );
}
