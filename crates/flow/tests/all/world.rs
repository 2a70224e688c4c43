//! A server that applications write to, a target, and the judge between them.
//!
//! The judge looks whenever a checkpoint is stored: each table that follows has to equal its
//! collection at that very position, and one that is being copied has to hold no more than that.

use bson::Document;
use change::{ChangeKind, Position, TableDescription, TableName, TableProgress, TableState};
use flow::capture;
use flow::ending::CaughtUp;
use flow::group::GroupLimits;
use flow::pipeline::{Settings, run_capture, run_direct, run_sink};
use flow::ports::Tail;
use flow::{Failure, ReaderSettings, Watch};
use mapping::{IdentityChoice, Mapper, MappingConfig, RowCounter, TableChoices};
use reconcile::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::faults::{
    Dice, Faults, FaultyLogReader, FaultyLogWriter, FaultySink, FaultySnapshot, FaultySource,
};
use testbed::memory::{
    Held, MemoryLog, MemoryServer, MemoryTable, Statement, Store, keyed_table, keyless_table,
    labelled_row,
};
use tokio_util::sync::CancellationToken;

const SETTINGS: Settings = Settings {
    capture: capture::Settings {
        limits: Limits {
            max_barrier_changes: 5,
            max_barrier_bytes: 1 << 20,
            max_window_bytes: 1 << 20,
        },
        readers: ReaderSettings {
            max_chunk_rows: 4,
            max_chunk_bytes: 1 << 20,
            ranges_per_table: 2,
            max_read_ahead_bytes: 1 << 20,
            attempts: 2,
        },
        heartbeat: Duration::from_secs(1),
        until_caught_up: true,
    },
    group: GroupLimits {
        max_changes: 12,
        max_bytes: 1 << 20,
        max_chunk_bytes: 1 << 20,
    },
    retry_for: Duration::from_secs(600),
};

#[derive(Clone)]
pub struct World {
    pub server: MemoryServer,
    pub store: Store,
    mapper: Mapper,
    dice: Dice,
    wrong: Arc<Mutex<Vec<String>>>,
    /// Tables whose collections take no document any more.
    refused: Arc<Mutex<BTreeSet<TableName>>>,
}

impl World {
    /// Tables with and without a key, filled before anybody looks.
    pub fn new(seed: u64) -> Self {
        let server = MemoryServer::new(seed);
        let store = Store::new();
        let keyless = TableChoices {
            identity: IdentityChoice::Row,
            ..TableChoices::default()
        };
        let mapper = Mapper::new(MappingConfig {
            tables: BTreeMap::from([(table("plain"), keyless)]),
            ..MappingConfig::default()
        });
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let refused = Arc::new(Mutex::new(BTreeSet::new()));
        let judge = (
            server.clone(),
            mapper.clone(),
            wrong.clone(),
            refused.clone(),
        );
        store.inspect(move |held| {
            let (server, mapper, wrong, refused) = &judge;
            let refused = refused.lock().unwrap().clone();
            if let Some(difference) = difference(server, mapper, held, &refused) {
                wrong.lock().unwrap().push(difference);
            }
        });
        let mut world = Self {
            server,
            store,
            mapper,
            dice: Dice::new(seed),
            wrong,
            refused,
        };
        for description in [
            keyed_table(&table("items"), true),
            keyed_table(&table("others"), false),
            keyless_table(&table("plain")),
        ] {
            world.server.commit(&[Statement::Create(description)]);
        }
        for _ in 0..6 {
            world.transaction();
        }
        world
    }

    /// From now on the target refuses this table's documents.
    pub fn refuse(&mut self, name: &str) {
        let name = table(name);
        self.store.refuse(&self.mapper.collection(&name));
        self.refused.lock().unwrap().insert(name);
    }

    /// One transaction of an application.
    pub fn transaction(&mut self) {
        let name = ["items", "others", "plain"][self.dice.below(3) as usize];
        if self.dice.below(12) == 0 {
            let name = table(name);
            self.server.commit(&[Statement::Truncate(name)]);
            return;
        }
        let mut statements = Vec::new();
        for _ in 0..=self.dice.below(9) {
            let name = table(["items", "others", "plain"][self.dice.below(3) as usize]);
            let id = self.dice.below(14) as i64;
            let label = format!("label {}", self.dice.below(20));
            let state = self.server.state();
            let rows = state.get(&name).map_or(&[][..], |table| &table.rows);
            let chosen = rows.get(self.dice.below(rows.len() as u64) as usize);
            statements.push(match (self.dice.below(4), chosen) {
                (0 | 1, _) | (_, None) => Statement::insert(&name, labelled_row(id, &label)),
                (2, Some(row)) => Statement::update(&name, row.clone(), labelled_row(id, &label)),
                (_, Some(row)) => Statement::delete(&name, row.clone()),
            });
        }
        self.server.commit(&statements);
    }

    /// Runs the pipeline until it has caught up, while the application commits so many more.
    pub async fn run(&mut self, faults: &Faults, transactions: u32) -> Result<(), Failure> {
        let mut source = FaultySource::new(self.server.source(), faults);
        let mut sink = FaultySink::new(self.store.sink(), faults);
        let server = self.server.clone();
        let readers = || vec![FaultySnapshot::new(server.snapshot(), faults); 2];
        let mapper = self.mapper.clone();
        let (watch, cancel) = (Watch::default(), CancellationToken::new());
        let running = run_direct(
            &mut source,
            readers,
            &mut sink,
            &mapper,
            SETTINGS,
            &watch,
            &cancel,
        );
        let writing = async {
            for _ in 0..transactions {
                for _ in 0..self.dice.below(30) {
                    tokio::task::yield_now().await;
                }
                self.transaction();
            }
        };
        tokio::join!(running, writing).0
    }

    /// Runs the two halves beside each other over a log that outlives them, until both have caught
    /// up, while the application commits so many more. Each half retries on its own.
    pub async fn run_halves(
        &mut self,
        log: &MemoryLog,
        faults: &Faults,
        transactions: u32,
    ) -> Result<(), Failure> {
        let mut source = FaultySource::new(self.server.source(), faults);
        let mut sink = FaultySink::new(self.store.sink(), faults);
        let server = self.server.clone();
        let mapper = self.mapper.clone();
        let (watch, cancel) = (Watch::default(), CancellationToken::new());
        let written = CancellationToken::new();
        let capturing = async {
            let captured = run_capture(
                &mut source,
                || vec![FaultySnapshot::new(server.snapshot(), faults); 2],
                || FaultyLogWriter::new(log.writer(), faults),
                &mapper,
                SETTINGS,
                &watch,
                &cancel,
            )
            .await;
            written.cancel();
            captured
        };
        let until = Some(CaughtUp::Written(written.clone()));
        let applying = run_sink(
            || FaultyLogReader::new(log.reader(), faults),
            &mut sink,
            &mapper,
            SETTINGS,
            until,
            &watch,
            &cancel,
        );
        let writing = async {
            for _ in 0..transactions {
                for _ in 0..self.dice.below(30) {
                    tokio::task::yield_now().await;
                }
                self.transaction();
            }
        };
        let (captured, applied, ()) = tokio::join!(capturing, applying, writing);
        captured.and(applied)
    }

    /// Runs capture alone until it has caught up.
    pub async fn capture(&mut self, log: &MemoryLog) -> Result<(), Failure> {
        let server = self.server.clone();
        let (watch, cancel) = (Watch::default(), CancellationToken::new());
        run_capture(
            &mut server.source(),
            || vec![server.snapshot(); 2],
            || log.writer(),
            &self.mapper,
            SETTINGS,
            &watch,
            &cancel,
        )
        .await
    }

    /// Runs the sink alone until every table follows and the log's end is applied.
    pub async fn sink(&mut self, log: &MemoryLog) -> Result<(), Failure> {
        let (watch, cancel) = (Watch::default(), CancellationToken::new());
        run_sink(
            || log.reader(),
            &mut self.store.sink(),
            &self.mapper,
            SETTINGS,
            Some(CaughtUp::Following),
            &watch,
            &cancel,
        )
        .await
    }

    /// What was ever wrong at a checkpoint, and what is wrong now.
    pub fn verdict(&self) -> Vec<String> {
        let mut wrong = self.wrong.lock().unwrap().clone();
        let held = self.store.held();
        let Tail {
            checkpoint, tables, ..
        } = held.tail();
        let behind = !checkpoint.is_some_and(|at| at.position.covers(&self.server.head()));
        if behind {
            wrong.push("the end was not reached".to_owned());
        }
        let refused = self.refused.lock().unwrap().clone();
        let ended = |progress: &TableProgress| match refused.contains(&progress.table) {
            true => progress.state == TableState::Stopped && progress.trouble.is_some(),
            false => progress.state == TableState::Following,
        };
        if tables.len() != 3 || !tables.iter().all(ended) {
            wrong.push(format!("not all tables follow: {tables:?}"));
        }
        wrong.extend(difference(&self.server, &self.mapper, &held, &refused));
        wrong
    }
}

pub fn table(name: &str) -> TableName {
    TableName::new("shop", name)
}

fn difference(
    server: &MemoryServer,
    mapper: &Mapper,
    held: &Held,
    refused: &BTreeSet<TableName>,
) -> Option<String> {
    let tail = held.tail();
    let checkpoint = tail.checkpoint.filter(|at| at.torn.is_none())?;
    let state = server.state_at(&checkpoint.position);
    for progress in &tail.tables {
        let name = &progress.table;
        let found = held.documents(&mapper.collection(name));
        let expected = state
            .get(name)
            .map_or_else(Vec::new, |table| documents(mapper, table));
        let right = match progress.state {
            TableState::Following => same(&found, &expected),
            // Copies of keyless rows are numbered anew when they are read again.
            TableState::Copying if is_keyless(&state, name) => true,
            TableState::Copying | TableState::Recopy => {
                found.iter().all(|document| expected.contains(document))
            }
            TableState::Stopped => refused.contains(name),
            TableState::Dropped => found.is_empty(),
        };
        if !right {
            let place = place(&checkpoint.position);
            let state = progress.state;
            return Some(format!(
                "{name} ({state:?}) at {place}: {found:?} instead of {expected:?}"
            ));
        }
    }
    None
}

fn is_keyless(state: &BTreeMap<TableName, Arc<MemoryTable>>, name: &TableName) -> bool {
    let described: Option<&Arc<TableDescription>> = state.get(name).map(|table| &table.description);
    described.is_some_and(|description| description.schema.key.is_empty())
}

fn place(position: &Position) -> String {
    position.to_string()
}

fn documents(mapper: &Mapper, table: &MemoryTable) -> Vec<Document> {
    let compiled = mapper.compile(&table.description.schema).unwrap();
    let mut counter = RowCounter::new();
    let mut effects = Vec::new();
    for row in &table.rows {
        let change = ChangeKind::Read { row: row.clone() };
        compiled
            .effects(&change, &mut counter, &mut effects)
            .unwrap();
    }
    let put = effects
        .into_iter()
        .filter_map(|effect| match effect.action {
            change::Action::Put { document, .. } => {
                Some(Document::from_reader(&*document).unwrap())
            }
            change::Action::Remove | change::Action::Adjust { .. } => None,
        });
    put.collect()
}

fn same(found: &[Document], expected: &[Document]) -> bool {
    found.len() == expected.len() && expected.iter().all(|document| found.contains(document))
}
