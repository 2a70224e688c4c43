//! Statements: the marks of transactions, table events, and what stops a table.

use super::Follower;
use super::xa::Xa;
use crate::binlog::event::{self, Event};
use crate::error::Error;
use crate::family::Family;
use crate::statement::{Statement, classify};
use crate::stream::known::KnownTables;
use crate::stream::query::QueryEvent;
use crate::stream::reach::lower;
use crate::stream::renaming::events_of_renaming;
use crate::stream::trouble;
use crate::wire::Malformed;
use bytes::Bytes;
use change::{Alteration, TableEvent, TableEventKind, TableName, Value};
use flow::ports::SourceEvent;

impl Follower {
    pub(super) async fn query(&mut self, event: Event, compressed: bool) -> Result<(), Error> {
        let event_type = event.header.event_type;
        let mut query = QueryEvent::read(event.body, compressed)
            .map_err(|error| self.malformed(event_type, &error))?;
        query.rules.mariadb = self.dump.family() == Family::MariaDb;
        if self
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.announces)
        {
            return self.end();
        }
        let text = self.statement_text(&query).await?;
        let statement = classify(&text, &query.database, query.rules);
        if let Some(transaction) = &mut self.transaction
            && transaction.committed_at_ms.is_none()
        {
            transaction.committed_at_ms = Some(i64::from(event.header.timestamp) * 1000);
        }
        let ends = !self
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.open);
        if !matches!(
            statement,
            Statement::Begin | Statement::Commit | Statement::Changes { .. }
        ) {
            let renames = matches!(statement, Statement::Renamed(_));
            self.reach.hear(&text, renames);
        }
        if let Statement::XaDecided { xid, committed } = statement {
            self.decide(xid, committed).await?;
            return self.end();
        }
        self.statement(statement, ends)
    }

    pub(super) fn statement(
        &mut self,
        statement: Statement,
        stands_alone: bool,
    ) -> Result<(), Error> {
        let place = self.place();
        let mut ends = stands_alone;
        match statement {
            Statement::Begin => ends = !self.open_transaction(None),
            Statement::XaStart(xid) => {
                let xa = self.begin_xa(xid);
                ends = !self.open_transaction(Some(xa));
            }
            Statement::Commit => ends = true,
            Statement::Rollback => {
                self.stop_touched(&place);
                ends = true;
            }
            Statement::RollbackTo => self.stop_touched(&place),
            Statement::CreateTable {
                table,
                replaces,
                rows_follow,
            } => {
                if replaces {
                    self.table_event(table.clone(), TableEventKind::Dropped);
                }
                self.table_event(table, TableEventKind::Created);
                if rows_follow {
                    ends = !self.open_transaction(None);
                }
            }
            Statement::DropTables(tables) => {
                for table in tables {
                    self.table_event(table, TableEventKind::Dropped);
                }
            }
            Statement::DropDatabase(database) => {
                for table in self.options.known.of_database(&database) {
                    self.table_event(table, TableEventKind::Dropped);
                }
            }
            Statement::Truncate(table) => self.table_event(table, TableEventKind::Truncated),
            Statement::Altered(altered) => {
                for (table, alteration) in altered {
                    self.table_event(table, TableEventKind::Altered(alteration));
                }
            }
            Statement::Renamed(renamed) => {
                for (table, kind) in events_of_renaming(&renamed) {
                    self.table_event(table, kind);
                }
            }
            Statement::Changes { names } => self.changed_as_text(&names),
            Statement::Unknown { names, what } => {
                tracing::debug!(what, place, "a statement in the binlog is not known");
                for table in self.known_of(names) {
                    self.stop(table, trouble::unknown_statement(&what, &place));
                }
            }
            // Decided by whoever read the statement.
            Statement::XaDecided { .. } | Statement::Nothing => {}
        }
        if ends {
            return self.end();
        }
        Ok(())
    }

    /// Rows of these tables may have changed, and of those that the statement reaches from there:
    /// which rows, the text does not say. They are copied from the beginning.
    fn changed_as_text(&mut self, names: &[TableName]) {
        let place = self.dump.place().position();
        let reached = self.reach.of(names, &place);
        let is_reached = |table: &TableName| match &reached {
            Some(reached) => reached.contains(&lower(table)),
            None => true,
        };
        let known = self.options.known.all().into_iter();
        let tables: Vec<TableName> = known.filter(is_reached).collect();
        for table in tables {
            let Some(transaction) = &mut self.transaction else {
                return;
            };
            if !(self.options.selected)(&table) || !transaction.rewritten.insert(table.clone()) {
                continue;
            }
            tracing::warn!(
                %table,
                %place,
                code = "LS2004",
                "a statement that may have changed its rows was logged as text; the table is copied \
                 from the beginning"
            );
            let kind = TableEventKind::Altered(Alteration::of_rows());
            self.table_event(table, kind);
        }
    }

    pub(super) fn execute_load(&mut self, body: Bytes) -> Result<(), Error> {
        // Query's head, then the file's id, two places in the text and a flag, then the same.
        const HEAD: usize = 13;
        const FILE: usize = 13;
        if body.len() < HEAD + FILE {
            return Err(self.malformed(event::EXECUTE_LOAD_QUERY, &Malformed("it ends early")));
        }
        let query = [&body[..HEAD], &body[HEAD + FILE..]].concat();
        let mut query = QueryEvent::read(query.into(), false)
            .map_err(|error| self.malformed(event::EXECUTE_LOAD_QUERY, &error))?;
        query.rules.mariadb = self.dump.family() == Family::MariaDb;
        let text = String::from_utf8_lossy(&query.text).into_owned();
        self.statement(classify(&text, &query.database, query.rules), false)
    }

    /// Whether there was a transaction to open.
    fn open_transaction(&mut self, xa: Option<Xa>) -> bool {
        match &mut self.transaction {
            Some(transaction) => {
                transaction.open = true;
                transaction.xa = xa;
                true
            }
            None => false,
        }
    }

    /// The statement's text as it was meant: names in it are spelled in the client's character set.
    pub(super) async fn statement_text(&self, query: &QueryEvent) -> Result<String, Error> {
        if let Some(charset) = query
            .client_collation
            .and_then(|id| self.options.charsets.of_collation(id))
            && !query.text.is_ascii()
        {
            self.options.charsets.require(&charset).await?;
            if let Value::Text(text) = self.options.charsets.decode(&charset, query.text.clone()) {
                return Ok(text.into());
            }
        }
        Ok(String::from_utf8_lossy(&query.text).into_owned())
    }

    fn table_event(&mut self, table: TableName, kind: TableEventKind) {
        if !(self.options.selected)(&table) {
            return;
        }
        // Whoever asks for the definition from now on is not told the one of before.
        self.options.readings.forget(&table);
        let known: &KnownTables = &self.options.known;
        match &kind {
            TableEventKind::Dropped => known.remove(&table),
            TableEventKind::Created => known.extend([table.clone()]),
            TableEventKind::Truncated
            | TableEventKind::Altered(_)
            | TableEventKind::Unsupported(_) => {}
        }
        self.announce();
        self.outbox
            .event(SourceEvent::Table(TableEvent { table, kind }));
    }

    fn stop_touched(&mut self, place: &str) {
        let touched = self
            .transaction
            .as_mut()
            .map(|transaction| std::mem::take(&mut transaction.touched));
        for table in touched.unwrap_or_default() {
            self.stop(table, trouble::rolled_back(place));
        }
    }

    fn known_of(&self, names: Vec<TableName>) -> Vec<TableName> {
        let known = &self.options.known;
        names
            .into_iter()
            .filter(|table| known.contains(table) && (self.options.selected)(table))
            .collect()
    }
}
