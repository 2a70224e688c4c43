//! Histories of MySQL servers, and whether a checkpoint goes on in them.

use super::*;
use change::{MySqlPosition, Ordinal};

const A: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const B: &str = "bbbbbbbb-0000-0000-0000-000000000002";

fn set(text: &str) -> GtidSet {
    text.replace('A', A).replace('B', B).parse().unwrap()
}

fn checkpoint(gtids: &str, torn: Option<&str>) -> Checkpoint {
    Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal::default(),
        position: Position::MySql(MySqlPosition {
            server_uuid: A.into(),
            gtid_set: Arc::new(set(gtids)),
            log: LogPosition::new("binlog.000007", 500),
        }),
        torn: torn.map(|transaction| Torn {
            transaction: transaction.replace('A', A).into(),
            parts: 2,
            changes_before: 20_000,
        }),
        committed_at_ms: 0,
    }
}

fn server(uuid: &str, executed: &str, purged: &str) -> ServerHistory {
    ServerHistory {
        server_uuid: uuid.into(),
        executed: set(executed),
        purged: set(purged),
        head: LogPosition::new("binlog.000009", 4),
    }
}

#[test]
fn the_same_server_with_its_history_goes_on_after_the_checkpoint() {
    let point = may_resume(&checkpoint("A:1-10", None), &server(A, "A:1-12", "A:1-10"));
    let point = point.unwrap();
    assert_eq!(*point.after, set("A:1-10"));
    assert!(!point.successor);
    assert_eq!(point.torn, None);
}

#[test]
fn a_promoted_replica_with_all_of_the_history_goes_on() {
    let point = may_resume(
        &checkpoint("A:1-10", None),
        &server(B, "A:1-11,B:1-4", "A:1-3"),
    );
    assert!(point.unwrap().successor);
}

#[test]
fn purged_transactions_after_the_checkpoint_are_named() {
    let refusal = may_resume(&checkpoint("A:1-10", None), &server(A, "A:1-20", "A:1-15"));
    let Err(ResumeRefusal::PurgedGap { missing, .. }) = &refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(*missing, set("A:11-15"));
}

#[test]
fn tagged_transactions_are_compared_with_their_tag() {
    let refusal = may_resume(
        &checkpoint("A:1-10:blue:1-3", None),
        &server(A, "A:1-10:blue:1-9", "A:1-10:blue:1-4"),
    );
    let Err(ResumeRefusal::PurgedGap { missing, .. }) = &refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(*missing, set("A:blue:4"));
}

#[test]
fn a_server_that_lacks_applied_transactions_is_refused_whatever_its_name() {
    for uuid in [A, B] {
        let refusal = may_resume(&checkpoint("A:1-10", None), &server(uuid, "A:1-8", ""));
        let Err(ResumeRefusal::ForeignHistory { unknown, .. }) = &refusal else {
            panic!("{refusal:?}");
        };
        assert_eq!(*unknown, set("A:9-10"));
    }
}

#[test]
fn an_empty_checkpoint_proves_no_successor() {
    assert!(may_resume(&checkpoint("", None), &server(A, "A:1-3", "")).is_ok());
    assert!(matches!(
        may_resume(&checkpoint("", None), &server(B, "B:1-3", "")),
        Err(ResumeRefusal::UnprovenSuccessor { .. })
    ));
}

#[test]
fn a_torn_transaction_goes_on_where_it_was_torn_and_nowhere_else() {
    let torn = checkpoint("A:1-10", Some("A:11"));
    let point = may_resume(&torn, &server(A, "A:1-12", "A:1-2")).unwrap();
    assert_eq!(point.torn, torn.torn);
    assert_eq!(*point.after, set("A:1-10"));
    assert!(matches!(
        may_resume(&torn, &server(B, "A:1-12", "A:1-2")),
        Err(ResumeRefusal::TornOnOtherServer {
            changes_before: 20_000,
            ..
        })
    ));
    assert!(matches!(
        may_resume(&torn, &server(A, "A:1-10", "")),
        Err(ResumeRefusal::TornTransactionLost { .. })
    ));
}

#[test]
fn a_purged_torn_transaction_is_a_gap() {
    let torn = checkpoint("A:1-10", Some("A:11"));
    assert!(matches!(
        may_resume(&torn, &server(A, "A:1-12", "A:1-11")),
        Err(ResumeRefusal::PurgedGap { .. })
    ));
}

#[test]
fn numbers_that_were_assigned_again_after_a_reset_are_noticed() {
    let mut reset = server(A, "A:1-30", "");
    reset.head = LogPosition::new("binlog.000001", 9_000);
    assert!(matches!(
        may_resume(&checkpoint("A:1-10", None), &reset),
        Err(ResumeRefusal::HistoryReset { .. })
    ));
    reset.head = LogPosition::new("renamed.000001", 9_000);
    assert!(may_resume(&checkpoint("A:1-10", None), &reset).is_ok());
}

#[test]
fn a_mapping_is_the_same_when_its_hash_is() {
    let mapping = |version, hash: &str| MappingVersion {
        version,
        hash: hash.into(),
    };
    assert!(same_mapping(&mapping(1, "aa"), &mapping(2, "aa")).is_ok());
    let changed = same_mapping(&mapping(1, "aa"), &mapping(1, "bb")).unwrap_err();
    assert!(changed.to_string().contains("aa") && changed.to_string().contains("bb"));
}
