//! Events to what the loops want to know: transactions, rows, table events, positions.
//!
//! A transaction is announced only when something of the selected tables is in it; the position of
//! all others is told now and then. What can't be followed stops the table it concerns, inside the
//! transaction where it happened, and the table's rows are skipped from there on; what concerns the
//! stream as a whole ends it. Nothing is guessed and nothing is dropped without a word.

mod mariadb;
mod statements;
mod tables;
mod xa;

use crate::binlog::dump::Dump;
use crate::binlog::event::{self, Event, Header};
use crate::binlog::gtid::{self, TransactionStart};
use crate::binlog::table_map::TableMap;
use crate::error::Error;
use crate::stream::batch::Outbox;
use crate::stream::history::{History, Name};
use crate::stream::prepared::PreparedTransactions;
use crate::stream::reach::Reach;
use crate::stream::source::SourceOptions;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::{LogPosition, Origin, Position, TableEvent, TableEventKind, TableName, Trouble};
use flow::ports::SourceEvent;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use xa::Xa;

/// How often the position is told while transactions pass that hold nothing of ours.
const POSITION_INTERVAL: Duration = Duration::from_millis(100);
/// Table maps that are kept; a server numbers tables anew with each change of their definition.
const KEPT_TABLE_MAPS: usize = 20_000;

/// Reads the dump to its end.
pub(super) struct Follower {
    options: SourceOptions,
    dump: Dump,
    /// As positions name it.
    server: Arc<str>,
    /// Every transaction up to here, but for those that are prepared.
    history: History,
    /// Where the stream was opened, in this server's own files; `None` once that is passed.
    opened_at: Option<LogPosition>,
    sender: mpsc::Sender<Result<Vec<SourceEvent>, Error>>,
    outbox: Outbox,
    maps: HashMap<u64, KeptMap>,
    /// Tables that were stopped in the present transaction; the rest of their rows in it is skipped.
    /// Whether a table is followed again after that is not for the stream to say.
    stopped: HashSet<TableName>,
    /// Tables whose rows came without all of their columns.
    partial: HashSet<TableName>,
    transaction: Option<Transaction>,
    /// XA transactions that are prepared and not decided yet.
    prepared: PreparedTransactions,
    /// Whether the server tells of an XA COMMIT before its rows can be seen, and marks it as executed
    /// after.
    follows_xa: bool,
    /// What a statement may have changed that was logged as text.
    reach: Reach,
    /// Whether the position has moved since it was last told, and when that was.
    position_moved: bool,
    position_told_at: Instant,
}

/// Where a stream begins, and what is known of the server there.
pub(super) struct Opening {
    pub(super) server: Arc<str>,
    /// In the server's own files; `None` where the checkpoint is another server's.
    pub(super) opened_at: Option<LogPosition>,
    pub(super) history: History,
    pub(super) follows_xa: bool,
    pub(super) reach: Reach,
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
    /// Whoever has rows of this table can't be followed.
    Unreadable(TableName, Trouble),
    Wanted(Arc<TableMap>),
}

struct Transaction {
    name: Name,
    server_id: u32,
    committed_at_ms: Option<i64>,
    /// Whether its beginning was told.
    announced: bool,
    /// Between BEGIN and COMMIT, as opposed to a statement that is a transaction by itself.
    open: bool,
    xa: Option<Xa>,
    /// The file that its rows stand in, where that is another one than this.
    file: Option<Arc<str>>,
    /// Its statement does nothing yet.
    announces: bool,
    touched: BTreeSet<TableName>,
    /// Tables of which a statement was logged as text.
    rewritten: BTreeSet<TableName>,
}

impl Follower {
    pub(super) fn new(
        options: SourceOptions,
        dump: Dump,
        opening: Opening,
        sender: mpsc::Sender<Result<Vec<SourceEvent>, Error>>,
    ) -> Self {
        Self {
            prepared: PreparedTransactions::new(options.spill_folder.clone()),
            options,
            dump,
            server: opening.server,
            history: opening.history,
            opened_at: opening.opened_at,
            follows_xa: opening.follows_xa,
            reach: opening.reach,
            sender,
            outbox: Outbox::default(),
            maps: HashMap::new(),
            stopped: HashSet::new(),
            partial: HashSet::new(),
            transaction: None,
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
        if self.belongs_to_xa(event_type) {
            return self.put_aside(event);
        }
        match event_type {
            event::TABLE_MAP => self.table_map(event.body).await,
            event::WRITE_ROWS
            | event::UPDATE_ROWS
            | event::DELETE_ROWS
            | event::PARTIAL_UPDATE_ROWS
            | event::WRITE_ROWS_V1
            | event::UPDATE_ROWS_V1
            | event::DELETE_ROWS_V1
            | event::WRITE_ROWS_COMPRESSED_V1
            | event::UPDATE_ROWS_COMPRESSED_V1
            | event::DELETE_ROWS_COMPRESSED_V1
            | event::WRITE_ROWS_COMPRESSED
            | event::UPDATE_ROWS_COMPRESSED
            | event::DELETE_ROWS_COMPRESSED => {
                let offset = self.dump.place().start;
                self.rows(event_type, event.body, offset).await
            }
            event::GTID => self.begin(event.header, gtid::read_untagged(event.body)),
            event::TAGGED_GTID => self.begin(event.header, gtid::read_tagged(event.body)),
            event::MARIADB_GTID => self.begin_group(event),
            event::QUERY => self.query(event, false).await,
            event::QUERY_COMPRESSED => self.query(event, true).await,
            event::XID => self.end(),
            event::XA_PREPARE => self.xa_prepare(event.body).await,
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
            event::ROTATE
            | event::FORMAT_DESCRIPTION
            | event::PREVIOUS_GTIDS
            | event::GTID_LIST
            | event::BINLOG_CHECKPOINT
            | event::START_ENCRYPTION => {
                self.position_moved = true;
                Ok(())
            }
            // A statement's own text beside its rows; the seeds of a statement that follows; marks
            // of group replication.
            event::ROWS_QUERY
            | event::ANNOTATE_ROWS
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
            _ if event.header.is_ignorable() => Ok(()),
            _ => Err(Error::UnknownEvent {
                event_type,
                place: self.place(),
            }),
        }
    }

    fn begin(
        &mut self,
        header: Header,
        start: Result<TransactionStart, Malformed>,
    ) -> Result<(), Error> {
        let start = start.map_err(|error| self.malformed(header.event_type, &error))?;
        if self
            .transaction
            .as_ref()
            .is_some_and(|open| open.xa.is_some())
        {
            let error = Malformed("the XA transaction before it has no end");
            return Err(self.malformed(header.event_type, &error));
        }
        self.forget_what_is_past();
        self.transaction = Some(Transaction {
            name: Name::MySql(start.gtid),
            server_id: header.server_id,
            committed_at_ms: start.committed_at_ms,
            announced: false,
            open: false,
            xa: None,
            file: None,
            announces: false,
            touched: BTreeSet::new(),
            rewritten: BTreeSet::new(),
        });
        Ok(())
    }

    /// Ahead of a transaction: what was stopped was so in the one before it.
    fn forget_what_is_past(&mut self) {
        if self.maps.len() > KEPT_TABLE_MAPS {
            self.maps.clear();
        }
        self.stopped.clear();
    }

    /// The transaction is complete.
    fn end(&mut self) -> Result<(), Error> {
        let Some(transaction) = self.transaction.take() else {
            return Ok(());
        };
        let passed = self.history.pass(&transaction.name);
        passed.map_err(|error| Error::OutOfOrder {
            place: self.place(),
            last: error.last.to_string(),
            came: error.came.to_string(),
        })?;
        if transaction.announced {
            let position = self.position();
            self.outbox.event(SourceEvent::Commit { position });
            self.position_moved = false;
            self.position_told_at = Instant::now();
        } else {
            self.pass();
        }
        Ok(())
    }

    /// The position moved, and nothing of the selected tables was told.
    fn pass(&mut self) {
        self.position_moved = true;
        if self.position_told_at.elapsed() >= POSITION_INTERVAL {
            self.tell_position();
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
            let file = transaction.file.as_ref();
            let file = file.unwrap_or(&self.dump.place().file);
            self.outbox.begin(Arc::new(Origin {
                transaction: Some(transaction.name.to_string().into()),
                server_id: transaction.server_id,
                file: Arc::clone(file),
                committed_at_ms: transaction.committed_at_ms.unwrap_or_default(),
            }));
        }
    }

    fn stop(&mut self, table: TableName, trouble: Trouble) {
        if self.stopped.insert(table.clone()) {
            self.announce();
            let kind = TableEventKind::Unsupported(trouble);
            self.outbox
                .event(SourceEvent::Table(TableEvent { table, kind }));
        }
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
        let log = self.dump.place().position();
        self.history.position(&self.server, log)
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
