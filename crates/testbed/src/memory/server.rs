//! A source in memory: transactions in a log, and the tables after each of them.
//!
//! The engine may lag behind the log, as a real one does: a read view shows any state between the
//! last one that a reader was shown (or asked for) and the log's end, chosen by a seeded sequence.
//! Every state is kept, so that what a checkpoint stands for can be looked up exactly.

use super::statement::Statement;
use crate::faults::Dice;
use change::{
    ChangeKind, Gtid, GtidSet, Identity, LogPosition, MySqlPosition, Origin, Place, Position, Row,
    RowChange, Schema, SourceId, TableDescription, TableEvent, TableEventKind, TableName, Value,
};
use flow::ports::SourceEvent;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// Rows in one event, so that also small transactions come in several.
const ROWS_PER_EVENT: usize = 3;
const TRANSACTIONS_PER_FILE: usize = 20;
const UUID: [u8; 16] = [7; 16];

/// A table with its rows, in the order of their keys.
#[derive(Clone, Debug)]
pub struct MemoryTable {
    pub description: Arc<TableDescription>,
    pub rows: Vec<Row>,
}

/// All tables after some transaction.
pub type State = BTreeMap<TableName, Arc<MemoryTable>>;

/// The server. Cloning gives another connection.
#[derive(Clone, Debug)]
pub struct MemoryServer {
    history: Arc<Mutex<History>>,
    grown: Arc<watch::Sender<usize>>,
}

#[derive(Debug)]
struct History {
    log: Vec<Vec<SourceEvent>>,
    /// One more than transactions: the first is empty.
    states: Vec<Arc<State>>,
    visible: usize,
    dice: Dice,
}

impl MemoryServer {
    /// An empty server. The seed decides how far its engine lags.
    pub fn new(seed: u64) -> Self {
        let history = History {
            log: Vec::new(),
            states: vec![Arc::default()],
            visible: 0,
            dice: Dice::new(seed),
        };
        Self {
            history: Arc::new(Mutex::new(history)),
            grown: Arc::new(watch::channel(0).0),
        }
    }

    /// Commits the statements as one transaction. A statement that meets no row, or a duplicate
    /// key, does nothing.
    pub fn commit(&self, statements: &[Statement]) -> Position {
        let mut history = self.history();
        let number = history.states.len();
        let mut state = State::clone(history.states.last().expect("there is a first state"));
        let origin = Origin {
            transaction: Some(gtid(number).to_string().into()),
            server_id: 1,
            file: file(number).into(),
            committed_at_ms: 1_700_000_000_000 + number as i64,
        };
        let mut events = vec![SourceEvent::Begin {
            origin: Arc::new(origin),
        }];
        for statement in statements {
            if let Some(event) = execute(&mut state, statement) {
                append(&mut events, event);
            }
        }
        place(&mut events, offset(number));
        let position = position(number);
        events.push(SourceEvent::Commit {
            position: position.clone(),
        });
        history.log.push(events);
        history.states.push(Arc::new(state));
        drop(history);
        self.grown.send_replace(number);
        position
    }

    /// The place after the last transaction.
    pub fn head(&self) -> Position {
        position(self.history().log.len())
    }

    /// The tables as the last transaction left them.
    pub fn state(&self) -> Arc<State> {
        let transactions = self.history().log.len();
        self.state_after(transactions)
    }

    /// The tables at this place.
    pub fn state_at(&self, position: &Position) -> Arc<State> {
        self.state_after(transactions_up_to(position))
    }

    /// How many transactions there are, as it changes.
    pub(super) fn growth(&self) -> watch::Receiver<usize> {
        self.grown.subscribe()
    }

    /// What the transaction of this number, counted from 0, tells.
    pub(super) fn events(&self, index: usize) -> Option<Vec<SourceEvent>> {
        self.history().log.get(index).cloned()
    }

    pub(super) fn position_after(&self, transactions: usize) -> Position {
        position(transactions)
    }

    /// Opens a read view that shows everything up to `after`: what was visible before it was
    /// opened, and what it shows. An exact view, as under a lock, shows no more than that.
    pub(super) fn open_view(&self, after: usize, exact: bool) -> (GtidSet, Arc<State>) {
        let mut history = self.history();
        let end = history.log.len();
        let first = history.visible.max(after).min(end);
        let low = first + history.dice.below((end - first + 1) as u64) as usize;
        let beyond = history.dice.below((end - low + 1) as u64) as usize;
        let shown = if exact { low } else { low + beyond };
        history.visible = shown;
        (executed(low), history.states[shown].clone())
    }

    fn state_after(&self, transactions: usize) -> Arc<State> {
        self.history().states[transactions].clone()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl MemoryTable {
    fn empty(description: Arc<TableDescription>) -> Self {
        let rows = Vec::new();
        Self { description, rows }
    }

    fn schema(&self) -> &Arc<Schema> {
        &self.description.schema
    }

    fn find(&self, row: &Row) -> Option<usize> {
        let wanted = self.schema().identity(row);
        let mut rows = self.rows.iter();
        rows.position(|row| self.schema().identity(row) == wanted)
    }

    /// Whether a row may stand beside all others but the one at `except`.
    fn admits(&self, row: &Row, except: Option<usize>) -> bool {
        let mut unique: Vec<Vec<usize>> = vec![self.schema().key.clone()];
        for index in self.description.indexes.iter().filter(|one| one.unique) {
            let columns = index.parts.iter().filter_map(|part| part.column.as_ref());
            let columns = columns.filter_map(|column| self.schema().column(column));
            unique.push(columns.collect());
        }
        let values = |row: &Row, columns: &[usize]| Identity::of(columns.iter().map(|&i| &row[i]));
        unique.iter().filter(|key| !key.is_empty()).all(|key| {
            let others = self.rows.iter().enumerate();
            let mut others = others.filter(|(index, _)| Some(*index) != except);
            others.all(|(_, other)| values(other, key) != values(row, key))
        })
    }

    fn insert(&mut self, row: Row) {
        let number = |row: &Row| match row[0] {
            Value::Int(number) => number,
            _ => i64::MAX,
        };
        let place = (self.rows).partition_point(|other| number(other) < number(&row));
        self.rows.insert(place, row);
    }
}

/// What a statement does, and what the log says of it.
fn execute(state: &mut State, statement: &Statement) -> Option<SourceEvent> {
    let whole = |table: &TableName, kind| {
        Some(SourceEvent::Table(TableEvent {
            table: table.clone(),
            kind,
        }))
    };
    match statement {
        Statement::Create(description) => {
            let name = &description.schema.name;
            let table = MemoryTable::empty(description.clone());
            state.insert(name.clone(), Arc::new(table));
            whole(name, TableEventKind::Created)
        }
        Statement::Drop(name) => {
            state.remove(name)?;
            whole(name, TableEventKind::Dropped)
        }
        Statement::Truncate(name) => {
            let table = Arc::make_mut(state.get_mut(name)?);
            table.rows.clear();
            whole(name, TableEventKind::Truncated)
        }
        Statement::Insert { table, row } => change(state, table, |table| {
            table.admits(row, None).then(|| {
                table.insert(row.clone());
                ChangeKind::Insert { after: row.clone() }
            })
        }),
        Statement::Update { table, from, to } => change(state, table, |table| {
            let index = table.find(from)?;
            table.admits(to, Some(index)).then(|| {
                let before = table.rows.remove(index);
                table.insert(to.clone());
                let after = to.clone();
                ChangeKind::Update { before, after }
            })
        }),
        Statement::Delete { table, row } => change(state, table, |table| {
            let before = table.rows.remove(table.find(row)?);
            Some(ChangeKind::Delete { before })
        }),
    }
}

fn change(
    state: &mut State,
    name: &TableName,
    doing: impl FnOnce(&mut MemoryTable) -> Option<ChangeKind<Row>>,
) -> Option<SourceEvent> {
    let table = Arc::make_mut(state.get_mut(name)?);
    let rows = vec![RowChange {
        place: Place::default(),
        kind: doing(table)?,
    }];
    let schema = table.schema().clone();
    Some(SourceEvent::Rows { schema, rows })
}

/// Adds an event, together with the one before where both are rows of one table.
fn append(events: &mut Vec<SourceEvent>, event: SourceEvent) {
    if let (
        Some(SourceEvent::Rows { schema, rows }),
        SourceEvent::Rows {
            schema: of,
            rows: more,
        },
    ) = (events.last_mut(), &event)
        && schema == of
        && rows.len() < ROWS_PER_EVENT
    {
        rows.extend(more.iter().cloned());
        return;
    }
    events.push(event);
}

fn gtid(number: usize) -> Gtid {
    Gtid {
        source: SourceId::untagged(UUID),
        number: number as u64,
    }
}

fn executed(transactions: usize) -> GtidSet {
    let mut set = GtidSet::default();
    if transactions > 0 {
        set.insert_interval(&SourceId::untagged(UUID), 1, transactions as u64);
    }
    set
}

/// Numbers the rows of a transaction, which all share the offset that it begins at.
fn place(events: &mut [SourceEvent], offset: u64) {
    let rows = events.iter_mut().filter_map(|event| match event {
        SourceEvent::Rows { rows, .. } => Some(rows),
        _ => None,
    });
    for (number, change) in (0..).zip(rows.flatten()) {
        change.place = Place {
            offset,
            row: number,
        };
    }
}

fn file(transactions: usize) -> String {
    format!("binlog.{:06}", 1 + transactions / TRANSACTIONS_PER_FILE)
}

fn offset(transactions: usize) -> u64 {
    4 + 100 * (transactions % TRANSACTIONS_PER_FILE) as u64
}

fn position(transactions: usize) -> Position {
    Position::MySql(MySqlPosition {
        server_uuid: "memory".into(),
        gtid_set: Arc::new(executed(transactions)),
        log: LogPosition::new(file(transactions), offset(transactions)),
    })
}

/// The count of transactions that the position covers: they are numbered without gaps.
pub(super) fn transactions_up_to(position: &Position) -> usize {
    let Position::MySql(position) = position else {
        panic!("a position of another family")
    };
    position.gtid_set.count() as usize
}
