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

mod mariadb;
#[cfg(test)]
mod tests;

pub use mariadb::{MariaDbHistory, MariaDbRefusal, may_resume_mariadb};

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
    #[error("the checkpoint at {checkpoint} is of MariaDB, and the server is MySQL")]
    OtherFamily { checkpoint: Position },
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
            ResumeRefusal::OtherFamily { .. } => {
                "point the source at the MariaDB server that was copied from, or reset the pipeline \
                 and copy again"
                    .to_owned()
            }
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
    let Position::MySql(position) = &checkpoint.position else {
        return Err(ResumeRefusal::OtherFamily {
            checkpoint: checkpoint.position.clone(),
        });
    };
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
