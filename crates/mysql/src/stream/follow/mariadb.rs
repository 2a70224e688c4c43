//! What MariaDB tells of transactions in its own words.

use super::{Follower, Transaction};
use crate::binlog::event::Event;
use crate::binlog::mariadb::read_gtid;
use crate::error::Error;
use crate::statement::{QuoteRules, Statement, classify};
use crate::stream::history::Name;
use std::collections::BTreeSet;

impl Follower {
    /// A GTID event begins a transaction and opens it too: no BEGIN follows. One that prepares an XA
    /// transaction stands for its XA START.
    pub(super) fn begin_group(&mut self, event: Event) -> Result<(), Error> {
        let header = event.header;
        let start = read_gtid(event.body, header.server_id)
            .map_err(|error| self.malformed(header.event_type, &error))?;
        self.forget_what_is_past();
        // In the spelling of statements, by which its decision is found.
        let started = start
            .prepares
            .map(|xid| classify(&format!("XA START {xid}"), "", QuoteRules::default()));
        let xa = match started {
            Some(Statement::XaStart(xid)) => Some(self.begin_xa(xid)),
            _ => None,
        };
        self.transaction = Some(Transaction {
            name: Name::MariaDb(start.gtid),
            server_id: header.server_id,
            committed_at_ms: Some(i64::from(header.timestamp) * 1000),
            announced: false,
            open: !start.stands_alone,
            xa,
            announces: start.announces,
            file: None,
            touched: BTreeSet::new(),
            rewritten: BTreeSet::new(),
        });
        Ok(())
    }
}
