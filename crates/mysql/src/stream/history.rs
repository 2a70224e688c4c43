//! What a stream has passed, in the words of either family: sets of GTIDs for MySQL, a place in
//! each domain for MariaDB.

use change::{
    Gtid, GtidSet, LogPosition, MariaDbGtid, MariaDbGtids, MariaDbPosition, MySqlPosition,
    OutOfOrder, Position,
};
use std::sync::Arc;

/// Every transaction that the stream has passed.
pub(super) enum History {
    MySql(Arc<GtidSet>),
    MariaDb(Arc<MariaDbGtids>),
}

/// A transaction's name.
#[derive(Clone, Debug)]
pub(super) enum Name {
    MySql(Gtid),
    MariaDb(MariaDbGtid),
}

impl History {
    /// Up to and including this position.
    pub(super) fn through(position: &Position) -> Self {
        match position {
            Position::MySql(position) => Self::MySql(Arc::clone(&position.gtid_set)),
            Position::MariaDb(position) => Self::MariaDb(Arc::clone(&position.gtids)),
        }
    }

    /// The transaction is complete. MariaDB's numbers have to grow within their domain, or the last
    /// of them would not say what was passed.
    pub(super) fn pass(&mut self, name: &Name) -> Result<(), OutOfOrder> {
        match (self, name) {
            (Self::MySql(executed), Name::MySql(gtid)) => {
                Arc::make_mut(executed).insert(gtid);
                Ok(())
            }
            (Self::MariaDb(passed), Name::MariaDb(gtid)) => Arc::make_mut(passed).advance(*gtid),
            (Self::MySql(_), Name::MariaDb(_)) | (Self::MariaDb(_), Name::MySql(_)) => {
                unreachable!("a stream's events are of one family")
            }
        }
    }

    /// A transaction that was prepared is decided. What left it out does so no longer; a position of
    /// MariaDB never did.
    pub(super) fn tell_of_prepared(&mut self, name: &Name) {
        match (self, name) {
            (Self::MySql(executed), Name::MySql(gtid)) => Arc::make_mut(executed).insert(gtid),
            (Self::MySql(_) | Self::MariaDb(_), _) => {}
        }
    }

    pub(super) fn position(&self, server: &Arc<str>, log: LogPosition) -> Position {
        match self {
            Self::MySql(executed) => Position::MySql(MySqlPosition {
                server_uuid: Arc::clone(server),
                gtid_set: Arc::clone(executed),
                log,
            }),
            Self::MariaDb(passed) => Position::MariaDb(MariaDbPosition {
                server: Arc::clone(server),
                gtids: Arc::clone(passed),
                log,
            }),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MySql(gtid) => gtid.fmt(f),
            Self::MariaDb(gtid) => gtid.fmt(f),
        }
    }
}
