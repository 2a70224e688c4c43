//! The same question for MariaDB, whose GTIDs are a place in each domain.
//!
//! What a server has is told by the last number that each server wrote in each domain
//! (`@@gtid_binlog_state`): a checkpoint is known when every one of its identifiers is at or before
//! what its own writer had reached there. What it has no more is told by the list of GTIDs that its
//! oldest binlog file begins with.

use super::ends_before;
use change::{Checkpoint, LogPosition, MariaDbGtid, MariaDbGtids, Position};
use std::sync::Arc;

/// What a MariaDB server says about its own history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MariaDbHistory {
    /// As its positions name it.
    pub server: Arc<str>,
    /// `@@gtid_binlog_state`: the last number of each server in each domain.
    pub state: Vec<MariaDbGtid>,
    /// What lies before its oldest binlog file.
    pub purged: MariaDbGtids,
    /// Where its binlog ends, read after the state.
    pub head: LogPosition,
}

/// Why a checkpoint cannot be resumed from. None of these goes away by trying again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MariaDbRefusal {
    #[error("the checkpoint at {checkpoint} is of MySQL, and the server is MariaDB")]
    OtherFamily { checkpoint: Position },
    #[error("transactions up to {missing}, which come after the checkpoint, are purged")]
    PurgedGap { missing: MariaDbGtids },
    #[error("the server has never had transactions {unknown}, which the checkpoint covers")]
    ForeignHistory { unknown: MariaDbGtids },
    #[error("the checkpoint covers no transaction that would prove another server its successor")]
    UnprovenSuccessor,
    #[error("transaction {transaction} is applied in part, which only its own server can continue")]
    TornOnOtherServer { transaction: Arc<str> },
    #[error("the server no longer knows transaction {transaction}, which is applied in part")]
    TornTransactionLost { transaction: Arc<str> },
    #[error("the binlog ends at {head}, before the checkpoint, although its GTIDs cover it")]
    HistoryReset { head: LogPosition },
}

impl MariaDbHistory {
    fn knows(&self, gtid: &MariaDbGtid) -> bool {
        self.state.iter().any(|known| {
            known.domain == gtid.domain
                && known.server_id == gtid.server_id
                && known.sequence >= gtid.sequence
        })
    }
}

/// Decides whether the stream may go on after `checkpoint` on the server with this history.
pub fn may_resume_mariadb(
    checkpoint: &Checkpoint,
    server: &MariaDbHistory,
) -> Result<(), MariaDbRefusal> {
    let Position::MariaDb(position) = &checkpoint.position else {
        return Err(MariaDbRefusal::OtherFamily {
            checkpoint: checkpoint.position.clone(),
        });
    };
    let successor = position.server != server.server;
    let unknown = position.gtids.iter().filter(|gtid| !server.knows(gtid));
    let unknown: MariaDbGtids = unknown.copied().collect();
    if !unknown.is_empty() {
        return Err(MariaDbRefusal::ForeignHistory { unknown });
    }
    if successor && position.gtids.is_empty() {
        return Err(MariaDbRefusal::UnprovenSuccessor);
    }
    let missing = server.purged.beyond(&position.gtids);
    if !missing.is_empty() {
        return Err(MariaDbRefusal::PurgedGap { missing });
    }
    if let Some(torn) = &checkpoint.torn {
        let transaction = torn.transaction.clone();
        if successor {
            return Err(MariaDbRefusal::TornOnOtherServer { transaction });
        }
        // A name that is no GTID is not found among them, which is as good as lost.
        let gtid = transaction.parse::<MariaDbGtid>();
        if !gtid.is_ok_and(|gtid| server.knows(&gtid)) {
            return Err(MariaDbRefusal::TornTransactionLost { transaction });
        }
    }
    if !successor && ends_before(&server.head, &position.log) {
        return Err(MariaDbRefusal::HistoryReset {
            head: server.head.clone(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::{MariaDbPosition, Ordinal, Torn};

    fn checkpoint(gtids: &str, torn: Option<&str>) -> Checkpoint {
        Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: Ordinal::default(),
            position: Position::MariaDb(MariaDbPosition {
                server: "1-a".into(),
                gtids: Arc::new(gtids.parse().unwrap()),
                log: LogPosition::new("binlog.000007", 500),
            }),
            torn: torn.map(|transaction| Torn {
                transaction: transaction.into(),
                parts: 2,
                changes_before: 20_000,
            }),
            committed_at_ms: 0,
        }
    }

    fn server(name: &str, state: &str, purged: &str) -> MariaDbHistory {
        let state = state.split(',').filter(|gtid| !gtid.is_empty());
        MariaDbHistory {
            server: name.into(),
            state: state.map(|gtid| gtid.parse().unwrap()).collect(),
            purged: purged.parse().unwrap(),
            head: LogPosition::new("binlog.000009", 4),
        }
    }

    #[test]
    fn a_server_with_all_that_was_applied_and_all_that_follows_goes_on() {
        let here = checkpoint("0-1-10,5-1-3", None);
        let all = "0-1-12,5-1-3";
        assert_eq!(may_resume_mariadb(&here, &server("1-a", all, "")), Ok(()));
        assert_eq!(
            may_resume_mariadb(&here, &server("1-a", all, "0-1-10,5-1-3")),
            Ok(())
        );
        // A replica that wrote itself after it was promoted.
        let promoted = server("2-b", "0-1-10,0-2-14,5-1-3", "0-1-4");
        assert_eq!(may_resume_mariadb(&here, &promoted), Ok(()));
    }

    #[test]
    fn what_was_purged_after_the_checkpoint_is_named() {
        let here = checkpoint("0-1-10", None);
        let gap = |text: &str| {
            Err(MariaDbRefusal::PurgedGap {
                missing: text.parse().unwrap(),
            })
        };
        let purged = server("1-a", "0-1-30", "0-1-15");
        assert_eq!(may_resume_mariadb(&here, &purged), gap("0-1-15"));
        let domain = server("1-a", "0-1-30,7-1-2", "0-1-9,7-1-1");
        assert_eq!(may_resume_mariadb(&here, &domain), gap("7-1-1"));
    }

    #[test]
    fn numbers_that_another_server_wrote_prove_nothing() {
        let here = checkpoint("0-1-10", None);
        for state in ["0-1-8", "0-2-40", "", "1-1-10", "0-1-9,0-2-40"] {
            for name in ["1-a", "2-b"] {
                let refusal = may_resume_mariadb(&here, &server(name, state, ""));
                let unknown = "0-1-10".parse().unwrap();
                assert_eq!(refusal, Err(MariaDbRefusal::ForeignHistory { unknown }));
            }
        }
        let empty = checkpoint("", None);
        assert_eq!(may_resume_mariadb(&empty, &server("1-a", "", "")), Ok(()));
        assert_eq!(
            may_resume_mariadb(&empty, &server("2-b", "0-2-4", "")),
            Err(MariaDbRefusal::UnprovenSuccessor)
        );
    }

    #[test]
    fn a_torn_transaction_goes_on_where_it_was_torn_and_nowhere_else() {
        let torn = checkpoint("0-1-10", Some("0-1-11"));
        let transaction: Arc<str> = "0-1-11".into();
        assert_eq!(
            may_resume_mariadb(&torn, &server("1-a", "0-1-12", "")),
            Ok(())
        );
        let elsewhere = MariaDbRefusal::TornOnOtherServer {
            transaction: transaction.clone(),
        };
        assert_eq!(
            may_resume_mariadb(&torn, &server("2-b", "0-1-12", "")),
            Err(elsewhere)
        );
        assert_eq!(
            may_resume_mariadb(&torn, &server("1-a", "0-1-10", "")),
            Err(MariaDbRefusal::TornTransactionLost { transaction })
        );
    }

    #[test]
    fn numbers_that_were_assigned_again_after_a_reset_are_noticed() {
        let mut reset = server("1-a", "0-1-30", "");
        reset.head = LogPosition::new("binlog.000001", 9_000);
        let head = reset.head.clone();
        assert_eq!(
            may_resume_mariadb(&checkpoint("0-1-10", None), &reset),
            Err(MariaDbRefusal::HistoryReset { head })
        );
    }
}
