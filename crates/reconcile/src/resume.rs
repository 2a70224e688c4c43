//! Whether a stored checkpoint may be resumed from (the source's half of invariant 13).
//!
//! A resume is right when the server's history contains all that the checkpoint covers and still
//! has everything that comes after it. With GTIDs both are questions about sets: the checkpoint's
//! transactions are a subset of the executed ones, and the purged ones are a subset of the
//! checkpoint's. That proves a promoted replica as well as the server itself, but two things it
//! cannot prove: that another server would hand out a half-applied transaction in the same parts,
//! and that numbers of the same server were not assigned a second time after its history had been
//! reset (the binlog's head tells that). Whatever is not proven is refused: a copy made again costs
//! time, a silent gap costs data.

use change::{Checkpoint, Gtid, GtidSet, LogPosition, MappingVersion, Position, Torn};
use std::sync::Arc;

/// What a server says about its own history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerHistory {
    /// `@@server_uuid`.
    pub server_uuid: Arc<str>,
    /// `@@GLOBAL.gtid_executed`.
    pub executed: GtidSet,
    /// `@@GLOBAL.gtid_purged`: executed, but no longer in any binlog file.
    pub purged: GtidSet,
    /// Where the server's binlog ends, read after `executed`.
    pub head: LogPosition,
}

/// Where to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResumePoint {
    /// Everything that the stream leaves out: the checkpoint's whole transactions.
    pub after: Arc<GtidSet>,
    /// The transaction that the stream must begin with, and how much of it is done already.
    pub torn: Option<Torn>,
    /// Whether the server is another one than the checkpoint's: its file and offset mean nothing
    /// there, and stored positions are to be renewed.
    pub successor: bool,
}

/// Why a checkpoint cannot be resumed from. None of these goes away by trying again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResumeRefusal {
    #[error(
        "server {server_uuid} has purged transactions {missing} from its binlog, which come after \
         the checkpoint at {checkpoint}"
    )]
    PurgedGap {
        server_uuid: Arc<str>,
        checkpoint: Position,
        /// Needed and gone.
        missing: GtidSet,
    },
    #[error(
        "server {server_uuid} never executed transactions {unknown}, which the checkpoint at \
         {checkpoint} covers: it is neither the source nor a replica with all of its history"
    )]
    ForeignHistory {
        server_uuid: Arc<str>,
        checkpoint: Position,
        /// Applied to the target, and unknown to the server.
        unknown: GtidSet,
    },
    #[error(
        "server {server_uuid} is not the checkpoint's server {checkpoint_uuid}, and the checkpoint \
         covers no transaction that would prove it a successor"
    )]
    UnprovenSuccessor {
        server_uuid: Arc<str>,
        checkpoint_uuid: Arc<str>,
    },
    #[error(
        "transaction {transaction} is applied in part ({changes_before} changes), which only \
         server {checkpoint_uuid} can continue, not server {server_uuid}"
    )]
    TornOnOtherServer {
        server_uuid: Arc<str>,
        checkpoint_uuid: Arc<str>,
        transaction: Arc<str>,
        changes_before: u64,
    },
    #[error(
        "server {server_uuid} no longer knows transaction {transaction}, of which \
         {changes_before} changes are applied: it lost the end of its history (a crash with \
         sync_binlog other than 1, or a restored backup)"
    )]
    TornTransactionLost {
        server_uuid: Arc<str>,
        transaction: Arc<str>,
        changes_before: u64,
    },
    #[error(
        "the binlog of server {server_uuid} ends at {head}, before the checkpoint at {checkpoint}, \
         although its GTIDs cover it: its history was reset and transaction numbers were assigned \
         again"
    )]
    HistoryReset {
        server_uuid: Arc<str>,
        checkpoint: Position,
        head: LogPosition,
    },
}

impl ResumeRefusal {
    /// What the operator can do.
    pub fn remedy(&self) -> String {
        match self {
            ResumeRefusal::PurgedGap { .. } => {
                "point the source at a server whose binlog still has them (a replica with a longer \
                 binlog_expire_logs_seconds), or reset the pipeline and copy again"
                    .to_owned()
            }
            ResumeRefusal::ForeignHistory { .. } => {
                "point the source at the server that was copied from, or at a replica that has all \
                 of its transactions, or reset the pipeline and copy again"
                    .to_owned()
            }
            ResumeRefusal::UnprovenSuccessor {
                checkpoint_uuid, ..
            } => format!(
                "point the source at server {checkpoint_uuid}, or reset the pipeline and copy again"
            ),
            ResumeRefusal::TornOnOtherServer {
                checkpoint_uuid, ..
            } => format!(
                "let server {checkpoint_uuid} finish the transaction, or reset the pipeline and \
                 copy again"
            ),
            ResumeRefusal::TornTransactionLost { .. } | ResumeRefusal::HistoryReset { .. } => {
                "reset the pipeline and copy again: the target holds changes that the source no \
                 longer has"
                    .to_owned()
            }
        }
    }
}

/// Decides whether the stream may go on after `checkpoint` on the server with this history.
pub fn may_resume(
    checkpoint: &Checkpoint,
    server: &ServerHistory,
) -> Result<ResumePoint, ResumeRefusal> {
    let Position::MySql(position) = &checkpoint.position;
    let successor = position.server_uuid != server.server_uuid;

    let unknown = position.gtid_set.without(&server.executed);
    if !unknown.is_empty() {
        return Err(ResumeRefusal::ForeignHistory {
            server_uuid: server.server_uuid.clone(),
            checkpoint: checkpoint.position.clone(),
            unknown,
        });
    }
    if successor && position.gtid_set.is_empty() {
        return Err(ResumeRefusal::UnprovenSuccessor {
            server_uuid: server.server_uuid.clone(),
            checkpoint_uuid: position.server_uuid.clone(),
        });
    }
    let missing = server.purged.without(&position.gtid_set);
    if !missing.is_empty() {
        return Err(ResumeRefusal::PurgedGap {
            server_uuid: server.server_uuid.clone(),
            checkpoint: checkpoint.position.clone(),
            missing,
        });
    }
    if let Some(torn) = &checkpoint.torn {
        if successor {
            return Err(ResumeRefusal::TornOnOtherServer {
                server_uuid: server.server_uuid.clone(),
                checkpoint_uuid: position.server_uuid.clone(),
                transaction: torn.transaction.clone(),
                changes_before: torn.changes_before,
            });
        }
        // A name that is no GTID is not found among them, which is as good as lost.
        let known = torn
            .transaction
            .parse::<Gtid>()
            .is_ok_and(|gtid| server.executed.contains(&gtid));
        if !known {
            return Err(ResumeRefusal::TornTransactionLost {
                server_uuid: server.server_uuid.clone(),
                transaction: torn.transaction.clone(),
                changes_before: torn.changes_before,
            });
        }
    }
    if !successor && ends_before(&server.head, &position.log) {
        return Err(ResumeRefusal::HistoryReset {
            server_uuid: server.server_uuid.clone(),
            checkpoint: checkpoint.position.clone(),
            head: server.head.clone(),
        });
    }
    Ok(ResumePoint {
        after: position.gtid_set.clone(),
        torn: checkpoint.torn.clone(),
        successor,
    })
}

/// The stored documents were made by another mapping than the present one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the target holds documents of mapping {} (hash {}), but the configuration now says another \
     (hash {})",
    stored.version, stored.hash, current.hash
)]
pub struct MappingChanged {
    pub stored: MappingVersion,
    pub current: MappingVersion,
}

impl MappingChanged {
    /// What the operator can do.
    pub fn remedy(&self) -> &'static str {
        "undo the change of the configuration, or reset the pipeline and copy again"
    }
}

/// Decides whether a run with the mapping `current` may go on with documents of `stored`. The hash
/// decides: versions only count.
pub fn same_mapping(
    stored: &MappingVersion,
    current: &MappingVersion,
) -> Result<(), MappingChanged> {
    if stored.hash == current.hash {
        return Ok(());
    }
    Err(MappingChanged {
        stored: stored.clone(),
        current: current.clone(),
    })
}

/// Files are numbered anew when an operator renames them, so that only equal names compare.
fn ends_before(head: &LogPosition, position: &LogPosition) -> bool {
    let stem = |log: &LogPosition| log.file.rsplit_once('.').map(|(stem, _)| stem.to_owned());
    stem(head) == stem(position) && !head.has_reached(position)
}

#[cfg(test)]
mod tests {
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
}
