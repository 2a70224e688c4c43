//! XA transactions: put aside at XA PREPARE, taken back or thrown away at the decision.
//!
//! Two GTIDs are told of such a transaction. The one of the PREPARE stands for nothing that can be
//! seen, so the position leaves it out until the decision: whoever opens a stream there is sent the
//! PREPARE again. With the decision both are told. The rows belong to the XA COMMIT, by whose GTID a
//! window knows whether a view shows them.
//!
//! What was prepared before the pipeline's first position is not in any stream. It is looked up in
//! the log, from its beginning, if it is ever committed.

use super::{Follower, Transaction};
use crate::binlog::dump::{Beginning, Dump};
use crate::binlog::event::{self, Event};
use crate::binlog::gtid;
use crate::connection::Connection;
use crate::error::Error;
use crate::statement::{Statement, classify};
use crate::stream::history::Name;
use crate::stream::prepared::{AddError, Prepared, Recording, is_one_phase};
use crate::stream::query::QueryEvent;
use crate::stream::resume;
use crate::stream::source::random_server_id;
use crate::wire::Malformed;
use bytes::Bytes;
use change::Gtid;
use std::collections::HashMap;
use std::sync::Arc;

/// An XA transaction, until its PREPARE.
pub(super) enum Xa {
    PutAside(Recording),
    /// Of a server whose log does not tell when its rows can be seen.
    NotFollowed(String),
}

impl Follower {
    pub(super) fn begin_xa(&mut self, xid: String) -> Xa {
        if self.follows_xa {
            Xa::PutAside(self.prepared.record(xid))
        } else {
            Xa::NotFollowed(xid)
        }
    }

    /// Whether the event is part of what an XA transaction did.
    pub(super) fn belongs_to_xa(&self, event_type: u8) -> bool {
        let recording = matches!(
            self.transaction,
            Some(Transaction {
                xa: Some(Xa::PutAside(_)),
                ..
            })
        );
        recording && (event::is_content(event_type) || event_type == event::QUERY)
    }

    pub(super) fn put_aside(&mut self, event: Event) -> Result<(), Error> {
        let event_type = event.header.event_type;
        let start = self.dump.place().start;
        let Some(Transaction {
            xa: Some(Xa::PutAside(recording)),
            ..
        }) = &mut self.transaction
        else {
            return Ok(());
        };
        let selected = &*self.options.selected;
        match self.prepared.add(recording, event, start, selected) {
            Ok(()) => Ok(()),
            Err(AddError::Event(error)) => Err(self.malformed(event_type, &error)),
            Err(AddError::Spill(error)) => Err(error),
        }
    }

    /// All rows of the transaction were told.
    pub(super) async fn xa_prepare(&mut self, body: Bytes) -> Result<(), Error> {
        let one_phase =
            is_one_phase(&body).map_err(|error| self.malformed(event::XA_PREPARE, &error))?;
        let file = Arc::clone(&self.dump.place().file);
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        let name = transaction.name.clone();
        match transaction.xa.take() {
            Some(Xa::PutAside(recording)) => {
                let prepared = self.prepared.complete(&recording, name, file)?;
                if one_phase {
                    self.take_back(prepared).await?;
                    return self.end();
                } else {
                    self.keep(recording.xid, prepared)?;
                    // Not a word of its GTID: the position leaves it out.
                    self.transaction = None;
                    self.pass();
                }
            }
            Some(Xa::NotFollowed(xid)) => {
                let nothing = self.prepared.record(xid);
                let prepared = self.prepared.complete(&nothing, name, file)?;
                self.keep(nothing.xid, prepared)?;
                return self.end();
            }
            None => return self.end(),
        }
        Ok(())
    }

    fn keep(&mut self, xid: String, prepared: Prepared) -> Result<(), Error> {
        let Some(former) = self.prepared.insert(xid, prepared) else {
            return Ok(());
        };
        tracing::warn!(
            gtid = %former.name,
            "an XA transaction is prepared under a name of which the decision was never logged"
        );
        self.history.tell_of_prepared(&former.name);
        self.prepared.forget(&former)
    }

    /// XA COMMIT or XA ROLLBACK of a prepared transaction, inside a transaction of its own.
    pub(super) async fn decide(&mut self, xid: String, committed: bool) -> Result<(), Error> {
        let prepared = match self.prepared.remove(&xid) {
            Some(prepared) => prepared,
            None if committed => self.look_up(&xid).await?,
            None => return Ok(()),
        };
        self.history.tell_of_prepared(&prepared.name);
        if committed {
            self.take_back(prepared).await
        } else {
            self.prepared.forget(&prepared)
        }
    }

    /// Tells what the transaction did, as if it had been done now.
    async fn take_back(&mut self, prepared: Prepared) -> Result<(), Error> {
        if let Some(transaction) = &mut self.transaction {
            transaction.open = true;
            transaction.file = Some(Arc::clone(&prepared.file));
        }
        let mut left = prepared.piece;
        while !self.sender.is_closed()
            && let Some(kept) = self.prepared.read(&mut left)?
        {
            match kept.event_type {
                event::TABLE_MAP => self.table_map(kept.body).await?,
                event::QUERY => {
                    let query = QueryEvent::read(kept.body, false)
                        .map_err(|error| self.malformed(event::QUERY, &error))?;
                    let text = self.statement_text(&query).await?;
                    self.statement(classify(&text, &query.database, query.rules), false)?;
                }
                event::EXECUTE_LOAD_QUERY => self.execute_load(kept.body)?,
                rows => self.rows(rows, kept.body, kept.start).await?,
            }
            if self.outbox.is_full() && !self.send(false).await {
                break;
            }
        }
        self.prepared.forget(&prepared)
    }

    /// Reads the log up to the present transaction for those that were prepared before this stream
    /// began, and keeps all of them that are undecided here.
    async fn look_up(&mut self, xid: &str) -> Result<Prepared, Error> {
        let place = self.place();
        let unseen = || Error::XaUnseen {
            xid: xid.to_owned(),
            place: place.clone(),
        };
        let Some(Transaction {
            name: Name::MySql(until),
            ..
        }) = &self.transaction
        else {
            return Err(unseen());
        };
        if !self.follows_xa {
            return Err(unseen());
        }
        let until = until.clone();
        tracing::info!(
            xid,
            place,
            "looking the XA transaction up, which was prepared before the stream began"
        );
        let mut connection = Connection::connect(&self.options.connect).await?;
        let purged = resume::purged(&mut connection).await?;
        let mut dump =
            Dump::start(connection, random_server_id(), Beginning::MySql(&purged)).await?;
        for (found, prepared) in self.undecided(&mut dump, &until).await? {
            if self.prepared.contains(&found) {
                self.prepared.forget(&prepared)?;
            } else {
                self.prepared.insert(found, prepared);
            }
        }
        self.prepared.remove(xid).ok_or_else(unseen)
    }

    /// What is prepared and not decided where a transaction begins.
    async fn undecided(
        &mut self,
        dump: &mut Dump,
        until: &Gtid,
    ) -> Result<HashMap<String, Prepared>, Error> {
        let end = self.dump.place().position();
        let mut found: HashMap<String, Prepared> = HashMap::new();
        let mut current = None;
        let mut recording: Option<Recording> = None;
        loop {
            let Event { header, body } = dump.next().await?;
            let malformed = |error: &Malformed| Error::Event {
                event_type: header.event_type,
                place: dump.place().to_string(),
                reason: error.to_string(),
            };
            match header.event_type {
                event::GTID | event::TAGGED_GTID => {
                    let start = match header.event_type {
                        event::GTID => gtid::read_untagged(body),
                        _ => gtid::read_tagged(body),
                    };
                    let gtid = start.map_err(|error| malformed(&error))?.gtid;
                    if gtid == *until {
                        return Ok(found);
                    }
                    current = Some(gtid);
                    recording = None;
                }
                // All that is logged was sent; the transaction was not among it.
                event::HEARTBEAT | event::HEARTBEAT_V2
                    if dump.place().position().has_reached(&end) =>
                {
                    return Ok(found);
                }
                event::XA_PREPARE => {
                    let one_phase = is_one_phase(&body).map_err(|error| malformed(&error))?;
                    if let (Some(recording), Some(gtid)) = (recording.take(), current.take()) {
                        let file = Arc::clone(&dump.place().file);
                        let name = Name::MySql(gtid);
                        let prepared = self.prepared.complete(&recording, name, file)?;
                        let former = if one_phase {
                            Some(prepared)
                        } else {
                            found.insert(recording.xid, prepared)
                        };
                        former.map_or(Ok(()), |former| self.prepared.forget(&former))?;
                    }
                }
                kind if event::is_content(kind) || kind == event::QUERY => {
                    let event = Event { header, body };
                    if let Some(recording) = &mut recording {
                        let start = dump.place().start;
                        let selected = &*self.options.selected;
                        match self.prepared.add(recording, event, start, selected) {
                            Ok(()) => {}
                            Err(AddError::Event(error)) => return Err(malformed(&error)),
                            Err(AddError::Spill(error)) => return Err(error),
                        }
                    } else if kind == event::QUERY {
                        let query = QueryEvent::read(event.body, false)
                            .map_err(|error| malformed(&error))?;
                        let text = String::from_utf8_lossy(&query.text);
                        match classify(&text, &query.database, query.rules) {
                            Statement::XaStart(xid) => recording = Some(self.prepared.record(xid)),
                            Statement::XaDecided { xid, .. } => {
                                if let Some(decided) = found.remove(&xid) {
                                    self.prepared.forget(&decided)?;
                                }
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
