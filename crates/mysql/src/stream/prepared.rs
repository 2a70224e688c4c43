//! XA transactions between their PREPARE and the decision about them.
//!
//! The log holds the rows at XA PREPARE, under a GTID of its own, and says at XA COMMIT or XA
//! ROLLBACK, perhaps much later and of another session, what becomes of them. So the events are put
//! aside here, unread, and taken back as the content of the transaction that commits them. An event
//! needs nothing but its own table map to be decoded, and that is put aside with it; the table cannot
//! be altered in between, since a prepared transaction keeps its metadata locks, also over a restart
//! of the server.
//!
//! XA COMMIT … ONE PHASE looks the same until its last event. It goes the same way, and is taken
//! back at once.

use super::history::Name;
use super::spill::{KeptEvent, Piece, Spill};
use crate::binlog::event::{self, Event};
use crate::binlog::table_map::read_head;
use crate::error::Error;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::TableName;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A transaction's events, put aside.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// Of the PREPARE.
    pub(super) name: Name,
    /// The binlog file that the events stand in.
    pub(super) file: Arc<str>,
    pub(super) piece: Piece,
}

/// A transaction whose events are being put aside.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) xid: String,
    mark: u64,
    /// Numbers of the tables whose rows are put aside.
    tables: HashSet<u64>,
}

/// All that are prepared and not decided, by what names them in the log.
pub(super) struct PreparedTransactions {
    spill: Spill,
    by_xid: HashMap<String, Prepared>,
}

impl PreparedTransactions {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            spill: Spill::new(folder),
            by_xid: HashMap::new(),
        }
    }

    /// A transaction begins.
    pub(super) fn record(&self, xid: String) -> Recording {
        Recording {
            xid,
            mark: self.spill.mark(),
            tables: HashSet::new(),
        }
    }

    /// Puts an event of the transaction aside; `start` is its place in the binlog. Rows of tables
    /// that are not selected are left out.
    pub(super) fn add(
        &mut self,
        recording: &mut Recording,
        event: Event,
        start: u64,
        selected: &dyn Fn(&TableName) -> bool,
    ) -> Result<(), AddError> {
        let wanted = match event.header.event_type {
            event::TABLE_MAP => {
                let head = read_head(event.body.clone())?;
                let wanted = selected(&head.name);
                if wanted {
                    recording.tables.insert(head.table_id);
                } else {
                    recording.tables.remove(&head.table_id);
                }
                wanted
            }
            event::QUERY | event::EXECUTE_LOAD_QUERY => true,
            _ => {
                let table_id = Cursor::new(event.body.clone()).uint(6)?;
                recording.tables.contains(&table_id)
            }
        };
        if wanted {
            self.spill.write(&KeptEvent {
                event_type: event.header.event_type,
                timestamp: event.header.timestamp,
                start,
                body: event.body,
            })?;
        }
        Ok(())
    }

    /// All of the transaction is put aside.
    pub(super) fn complete(
        &mut self,
        recording: &Recording,
        name: Name,
        file: Arc<str>,
    ) -> Result<Prepared, Error> {
        Ok(Prepared {
            name,
            file,
            piece: self.spill.piece(recording.mark)?,
        })
    }

    /// The transaction is prepared. Gives another one of the same name that was never decided in the
    /// log: it was decided where nothing was logged.
    pub(super) fn insert(&mut self, xid: String, prepared: Prepared) -> Option<Prepared> {
        self.by_xid.insert(xid, prepared)
    }

    pub(super) fn contains(&self, xid: &str) -> bool {
        self.by_xid.contains_key(xid)
    }

    /// The transaction is decided.
    pub(super) fn remove(&mut self, xid: &str) -> Option<Prepared> {
        self.by_xid.remove(xid)
    }

    /// The next event of a transaction.
    pub(super) fn read(&self, left: &mut Piece) -> Result<Option<KeptEvent>, Error> {
        self.spill.read(left)
    }

    /// Nothing will be read of the transaction any more.
    pub(super) fn forget(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.spill.forget(prepared.piece)
    }
}

/// Why an event could not be put aside.
pub(super) enum AddError {
    Event(Malformed),
    Spill(Error),
}

impl From<Malformed> for AddError {
    fn from(error: Malformed) -> Self {
        Self::Event(error)
    }
}

impl From<Error> for AddError {
    fn from(error: Error) -> Self {
        Self::Spill(error)
    }
}

/// Whether the event that ends an XA transaction's rows commits them too (ONE PHASE).
pub(super) fn is_one_phase(body: &Bytes) -> Result<bool, Malformed> {
    Ok(Cursor::new(body.clone()).u8()? != 0)
}
