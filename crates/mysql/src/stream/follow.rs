//! Events to what the loops want to know: transactions, rows, table events, positions.
//!
//! A transaction is announced only when something of the selected tables is in it; the position of
//! all others is told now and then. What can't be followed stops the table it concerns, inside the
//! transaction where it happened, and the table's rows are skipped from there on; what concerns the
//! stream as a whole ends it. Nothing is guessed and nothing is dropped without a word.

use super::batch::Outbox;
use super::known::KnownTables;
use super::query::QueryEvent;
use super::source::SourceOptions;
use super::trouble;
use crate::binlog::dump::Dump;
use crate::binlog::event::{self, Event};
use crate::binlog::gtid::{self, TransactionStart};
use crate::binlog::rows::{RowsError, RowsEvent};
use crate::binlog::table_map::{TableMap, read_head, read_parts};
use crate::error::Error;
use crate::statement::{Statement, classify};
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::{
    Gtid, GtidSet, LogPosition, MySqlPosition, Position, TableEvent, TableEventKind, TableName, Trouble, Value,
};
use flow::ports::SourceEvent;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How often the position is told while transactions pass that hold nothing of ours.
const POSITION_INTERVAL: Duration = Duration::from_millis(100);
/// Table maps that are kept; a server numbers tables anew with each change of their definition.
const KEPT_TABLE_MAPS: usize = 20_000;

/// Reads the dump to its end.
pub(super) struct Follower {
    options: SourceOptions,
    dump: Dump,
    server_uuid: Arc<str>,
    /// Every transaction up to here.
    executed: Arc<GtidSet>,
    /// Where the stream was opened, in this server's own files; `None` once that is passed.
    opened_at: Option<LogPosition>,
    sender: mpsc::Sender<Result<Vec<SourceEvent>, Error>>,
    outbox: Outbox,
    maps: HashMap<u64, KeptMap>,
    /// Tables that were stopped; their rows are skipped.
    stopped: HashSet<TableName>,
    transaction: Option<Transaction>,
    /// XA transactions that were prepared in this stream and not decided yet.
    prepared: HashSet<String>,
    /// Whether the position has moved since it was last told, and when that was.
    position_moved: bool,
    position_told_at: Instant,
}

struct KeptMap {
    body: Bytes,
    /// The generation of the key overrides that the map was built with.
    generation: u64,
    use_of: MapUse,
}

#[derive(Clone)]
enum MapUse {
    /// Not selected.
    Skipped,
    Stopped,
    Wanted(Arc<TableMap>),
}

struct Transaction {
    gtid: Gtid,
    committed_at_ms: Option<i64>,
    /// Whether its beginning was told.
    announced: bool,
    /// Between BEGIN and COMMIT, as opposed to a statement that is a transaction by itself.
    open: bool,
    xa: Option<String>,
    touched: BTreeSet<TableName>,
}

impl Follower {
    pub(super) fn new(
        options: SourceOptions,
        dump: Dump,
        server_uuid: Arc<str>,
        opened_at: Option<LogPosition>,
        executed: Arc<GtidSet>,
        sender: mpsc::Sender<Result<Vec<SourceEvent>, Error>>,
    ) -> Self {
        Self {
            options,
            dump,
            server_uuid,
            executed,
            opened_at,
            sender,
            outbox: Outbox::default(),
            maps: HashMap::new(),
            stopped: HashSet::new(),
            transaction: None,
            prepared: HashSet::new(),
            position_moved: false,
            position_told_at: Instant::now(),
        }
    }

    /// Runs until the connection ends or nobody listens any more.
    pub(super) async fn run(mut self) {
        let error = match self.follow().await {
            Ok(()) => return,
            Err(error) => error,
        };
        let rest = self.outbox.take_all();
        // Nobody listens any more: then nobody wants the error either.
        if !rest.is_empty() && self.sender.send(Ok(rest)).await.is_err() {
            return;
        }
        let _ = self.sender.send(Err(error)).await;
    }

    async fn follow(&mut self) -> Result<(), Error> {
        loop {
            if !self.dump.has_event() {
                // The stream is about to wait: whatever there is goes out first.
                if !self.send(true).await {
                    return Ok(());
                }
                if self.position_moved && self.transaction.is_none() {
                    let due = self.position_told_at + POSITION_INTERVAL;
                    if !self.dump.wait_until(due).await? {
                        self.tell_position();
                        continue;
                    }
                }
            }
            let event = self.dump.next().await?;
            self.take(event).await?;
            if self.outbox.is_full() && !self.send(false).await {
                return Ok(());
            }
        }
    }

    /// Sends the parcel; false when nobody listens any more.
    async fn send(&mut self, all: bool) -> bool {
        let parcel = if all {
            self.outbox.take_all()
        } else {
            self.outbox.take()
        };
        parcel.is_empty() || self.sender.send(Ok(parcel)).await.is_ok()
    }

    async fn take(&mut self, event: Event) -> Result<(), Error> {
        let event_type = event.header.event_type;
        match event_type {
            event::TABLE_MAP => self.table_map(event.body).await,
            event::WRITE_ROWS
            | event::UPDATE_ROWS
            | event::DELETE_ROWS
            | event::PARTIAL_UPDATE_ROWS
            | event::WRITE_ROWS_V1
            | event::UPDATE_ROWS_V1
            | event::DELETE_ROWS_V1 => self.rows(event_type, event.body).await,
            event::GTID => self.begin(event_type, gtid::read_untagged(event.body)),
            event::TAGGED_GTID => self.begin(event_type, gtid::read_tagged(event.body)),
            event::QUERY => self.query(event).await,
            event::XID => {
                self.end();
                Ok(())
            }
            event::XA_PREPARE => {
                if let Some(Transaction { xa: Some(xid), .. }) = &self.transaction {
                    self.prepared.insert(xid.clone());
                }
                self.end();
                Ok(())
            }
            event::HEARTBEAT | event::HEARTBEAT_V2 => {
                if self.transaction.is_none() {
                    self.tell_position();
                }
                Ok(())
            }
            event::INCIDENT => Err(self.incident(event.body)),
            event::ANONYMOUS_GTID => Err(Error::Anonymous {
                place: self.place(),
            }),
            // Marks of files.
            event::ROTATE | event::FORMAT_DESCRIPTION | event::PREVIOUS_GTIDS => {
                self.position_moved = true;
                Ok(())
            }
            // A statement's own text beside its rows; the seeds of a statement that follows; marks
            // of group replication.
            event::ROWS_QUERY
            | event::IGNORABLE
            | event::INTVAR
            | event::RAND
            | event::USER_VAR
            | event::STOP
            | event::TRANSACTION_CONTEXT
            | event::VIEW_CHANGE
            | event::BEGIN_LOAD_QUERY => Ok(()),
            // LOAD DATA as a statement: the text is in front of the same place as in a query.
            event::EXECUTE_LOAD_QUERY => self.execute_load(event.body),
            event::FIRST_OF_MARIADB.. => Err(Error::Family {
                address: self.options.connect.address(),
                version: "MariaDB by its binlog".to_owned(),
            }),
            _ if event.header.is_ignorable() => Ok(()),
            _ => Err(Error::UnknownEvent {
                event_type,
                place: self.place(),
            }),
        }
    }

    fn begin(
        &mut self,
        event_type: u8,
        start: Result<TransactionStart, Malformed>,
    ) -> Result<(), Error> {
        let start = start.map_err(|error| self.malformed(event_type, &error))?;
        if self.maps.len() > KEPT_TABLE_MAPS {
            self.maps.clear();
        }
        self.transaction = Some(Transaction {
            gtid: start.gtid,
            committed_at_ms: start.committed_at_ms,
            announced: false,
            open: false,
            xa: None,
            touched: BTreeSet::new(),
        });
        Ok(())
    }

    /// The transaction is complete.
    fn end(&mut self) {
        let Some(transaction) = self.transaction.take() else {
            return;
        };
        Arc::make_mut(&mut self.executed).insert(&transaction.gtid);
        if transaction.announced {
            let position = self.position();
            self.outbox.event(SourceEvent::Commit { position });
            self.position_moved = false;
            self.position_told_at = Instant::now();
        } else {
            self.position_moved = true;
            if self.position_told_at.elapsed() >= POSITION_INTERVAL {
                self.tell_position();
            }
        }
    }

    fn tell_position(&mut self) {
        // A dump begins at the start of a file, whatever was read of it before: until the stream has
        // caught up with where it was opened, it has nothing to tell.
        let reached = |begin: &LogPosition| self.dump.place().position().has_reached(begin);
        if self.opened_at.as_ref().is_none_or(reached) {
            self.opened_at = None;
            let position = self.position();
            self.outbox.event(SourceEvent::Heartbeat { position });
        }
        self.position_moved = false;
        self.position_told_at = Instant::now();
    }

    /// Tells that the transaction begins, if that was not told yet.
    fn announce(&mut self) {
        if let Some(transaction) = &mut self.transaction
            && !transaction.announced
        {
            transaction.announced = true;
            self.outbox.event(SourceEvent::Begin {
                transaction: transaction.gtid.to_string().into(),
                committed_at_ms: transaction.committed_at_ms.unwrap_or_default(),
            });
        }
    }

    async fn table_map(&mut self, body: Bytes) -> Result<(), Error> {
        let table_id = Cursor::new(body.clone())
            .uint(6)
            .map_err(|error| self.malformed(event::TABLE_MAP, &error))?;
        let generation = self.options.keys.generation();
        if let Some(kept) = self.maps.get(&table_id)
            && kept.generation == generation
            && kept.body == body
        {
            return Ok(());
        }
        let use_of = self.build_map(&body).await?;
        self.maps.insert(
            table_id,
            KeptMap {
                body,
                generation,
                use_of,
            },
        );
        Ok(())
    }

    async fn build_map(&mut self, body: &Bytes) -> Result<MapUse, Error> {
        let head =
            read_head(body.clone()).map_err(|error| self.malformed(event::TABLE_MAP, &error))?;
        let name = head.name;
        debug_assert!(head.table_id < 1 << 48);
        if !(self.options.selected)(&name) {
            return Ok(MapUse::Skipped);
        }
        if self.stopped.contains(&name) {
            return Ok(MapUse::Stopped);
        }
        self.options.known.extend([name.clone()]);
        let key = self.options.keys.get(&name);
        let place = self.place();
        let built = match read_parts(head.rest) {
            Ok(parts) => {
                TableMap::build(
                    name.clone(),
                    parts,
                    key.as_deref(),
                    &self.options.charsets,
                    &place,
                )
                .await
            }
            Err(error) => Err(Error::Row {
                table: name.clone(),
                place,
                reason: error.to_string(),
            }),
        };
        match built {
            Ok(map) => Ok(MapUse::Wanted(Arc::new(map))),
            Err(error) if error.disposition() == flow::Disposition::Table => {
                self.stop(name, trouble::of_error(&error));
                Ok(MapUse::Stopped)
            }
            Err(error) => Err(error),
        }
    }

    async fn rows(&mut self, event_type: u8, body: Bytes) -> Result<(), Error> {
        /// Ends a statement without rows of its own.
        const NO_TABLE: u64 = 0xff_ffff;
        let event = RowsEvent::read(event_type, body)
            .map_err(|error| self.malformed(event_type, &error))?;
        let map = match self.maps.get(&event.table_id).map(|kept| &kept.use_of) {
            Some(MapUse::Skipped | MapUse::Stopped) => return Ok(()),
            None if event.table_id == NO_TABLE && event.ends_statement => return Ok(()),
            None => return Err(self.malformed(event_type, &Malformed("its table map is missing"))),
            Some(MapUse::Wanted(map)) => Arc::clone(map),
        };
        let name = &map.schema.name;
        if self.stopped.contains(name) {
            return Ok(());
        }
        if let Some(transaction) = &mut self.transaction {
            if transaction.xa.is_some() {
                let trouble = trouble::xa(&self.place());
                self.stop(name.clone(), trouble);
                return Ok(());
            }
            if !transaction.touched.contains(name) {
                transaction.touched.insert(name.clone());
            }
        }
        self.announce();
        let outcome = match event.images(&map) {
            Ok(mut images) => loop {
                let before = images.remaining();
                match images.next() {
                    Ok(Some(row)) => {
                        self.outbox
                            .row(&map.schema, row, before - images.remaining());
                        if self.outbox.is_full() && !self.send(false).await {
                            break Ok(());
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            },
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            let (table, place) = (name.clone(), self.place());
            let error = match error {
                RowsError::Missing(column) => {
                    let column = map.schema.columns[column].name.to_string();
                    Error::Image {
                        table,
                        place,
                        column,
                    }
                }
                RowsError::Malformed(reason) => Error::Row {
                    table,
                    place,
                    reason,
                },
            };
            self.stop(name.clone(), trouble::of_error(&error));
        }
        Ok(())
    }

    async fn query(&mut self, event: Event) -> Result<(), Error> {
        let query =
            QueryEvent::read(event.body).map_err(|error| self.malformed(event::QUERY, &error))?;
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
        self.statement(statement, ends)
    }

    fn statement(&mut self, statement: Statement, stands_alone: bool) -> Result<(), Error> {
        let place = self.place();
        let mut ends = stands_alone;
        match statement {
            Statement::Begin => ends = !self.open_transaction(None),
            Statement::XaStart(xid) => ends = !self.open_transaction(Some(xid)),
            Statement::Commit => ends = true,
            Statement::Rollback => {
                self.stop_touched(&place);
                ends = true;
            }
            Statement::RollbackTo => self.stop_touched(&place),
            Statement::XaDecided { xid, committed } => {
                if !self.prepared.remove(&xid) && committed {
                    return Err(Error::XaUnseen { xid, place });
                }
            }
            Statement::CreateTable { table, rows_follow } => {
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
            Statement::Alter { tables, what } => {
                for table in tables {
                    if (self.options.selected)(&table) {
                        self.stop(table, trouble::schema_change(&what, &place));
                    }
                }
            }
            Statement::Changes { names } => {
                for table in self.known_of(names) {
                    self.stop(table, trouble::statement_format(&place));
                }
            }
            Statement::Unknown { names, what } => {
                tracing::debug!(what, place, "a statement in the binlog is not known");
                for table in self.known_of(names) {
                    self.stop(table, trouble::unknown_statement(&what, &place));
                }
            }
            Statement::Nothing => {}
        }
        if ends {
            self.end();
        }
        Ok(())
    }

    fn execute_load(&mut self, body: Bytes) -> Result<(), Error> {
        // Query's head, then the file's id, two places in the text and a flag, then the same.
        const HEAD: usize = 13;
        const FILE: usize = 13;
        if body.len() < HEAD + FILE {
            return Err(self.malformed(event::EXECUTE_LOAD_QUERY, &Malformed("it ends early")));
        }
        let query = [&body[..HEAD], &body[HEAD + FILE..]].concat();
        let query = QueryEvent::read(query.into())
            .map_err(|error| self.malformed(event::EXECUTE_LOAD_QUERY, &error))?;
        let text = String::from_utf8_lossy(&query.text).into_owned();
        self.statement(classify(&text, &query.database, query.rules), false)
    }

    /// Whether there was a transaction to open.
    fn open_transaction(&mut self, xa: Option<String>) -> bool {
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
    async fn statement_text(&self, query: &QueryEvent) -> Result<String, Error> {
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
        let known: &KnownTables = &self.options.known;
        match &kind {
            TableEventKind::Dropped => known.remove(&table),
            TableEventKind::Created => known.extend([table.clone()]),
            TableEventKind::Truncated | TableEventKind::Unsupported(_) => {}
        }
        // A table of this name that was stopped is another one now.
        if matches!(kind, TableEventKind::Dropped | TableEventKind::Created)
            && self.stopped.remove(&table)
        {
            self.maps.clear();
        }
        self.announce();
        self.outbox
            .event(SourceEvent::Table(TableEvent { table, kind }));
    }

    fn stop(&mut self, table: TableName, trouble: Trouble) {
        if self.stopped.insert(table.clone()) {
            tracing::warn!(%table, code = %trouble.code, "{}", trouble.message);
            self.announce();
            let kind = TableEventKind::Unsupported(trouble);
            self.outbox
                .event(SourceEvent::Table(TableEvent { table, kind }));
        }
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

    fn incident(&self, body: Bytes) -> Error {
        let mut cursor = Cursor::new(body);
        let incident = cursor.u16().unwrap_or_default();
        let message = cursor
            .u8()
            .and_then(|length| cursor.take(usize::from(length)))
            .unwrap_or_default();
        let message = String::from_utf8_lossy(&message).into_owned();
        Error::Incident {
            incident,
            place: self.place(),
            message,
        }
    }

    fn position(&self) -> Position {
        Position::MySql(MySqlPosition {
            server_uuid: Arc::clone(&self.server_uuid),
            gtid_set: Arc::clone(&self.executed),
            log: self.dump.place().position(),
        })
    }

    fn place(&self) -> String {
        self.dump.place().to_string()
    }

    fn malformed(&self, event_type: u8, error: &Malformed) -> Error {
        Error::Event {
            event_type,
            place: self.place(),
            reason: error.to_string(),
        }
    }
}
