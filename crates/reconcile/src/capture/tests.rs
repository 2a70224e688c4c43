//! What the state machine refuses; its order and exactness are held by random schedules in
//! `tests/all/capturing`.

use super::*;
use change::{LogPosition, MySqlPosition};

#[test]
fn a_torn_transaction_that_comes_back_shorter_is_refused() {
    let position = Position::MySql(MySqlPosition {
        server_uuid: "s".into(),
        gtid_set: Arc::default(),
        log: LogPosition::new("binlog.000001", 4),
    });
    let name: Arc<str> = "3e11fa47-71ca-11e1-9e33-c80aa9429562:7".into();
    let checkpoint = Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal::default(),
        position: position.clone(),
        torn: Some(Torn {
            transaction: name.clone(),
            parts: 1,
            changes_before: 3,
        }),
        committed_at_ms: 0,
    };
    let limits = Limits {
        max_barrier_changes: 10,
        max_barrier_bytes: 1 << 20,
        max_window_bytes: 1 << 20,
    };
    let mapping = MappingVersion {
        version: 1,
        hash: "h".into(),
    };
    let mut capture = Capture::resume(limits, mapping, checkpoint, Vec::new());
    capture.begin(&name, 0).unwrap();
    assert_eq!(
        capture.commit(position),
        Err(TornMismatch::Shorter {
            torn: name,
            applied: 3,
            seen: 0
        })
    );
}
