//! A server that applications write to, a target, and the judge between them.
//!
//! The judge looks whenever a checkpoint is stored.

use crate::judge::{difference, id_of, is_mapped, malformed_row};
use change::{DocumentId, TableName, TableProgress, TableState, Value};
use flow::capture;
use flow::ending::CaughtUp;
use flow::group::GroupLimits;
use flow::pipeline::{Settings, run_capture, run_direct, run_sink};
use flow::ports::Tail;
use flow::{Failure, ReaderSettings, Recopy, Watch};
use mapping::{IdentityChoice, Mapper, MappingConfig, TableChoices};
use reconcile::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::faults::{
    Dice, Faults, FaultyLogReader, FaultyLogWriter, FaultySink, FaultySnapshot, FaultySource,
};
use testbed::memory::{
    MemoryLog, MemoryServer, Statement, Store, keyed_table, keyless_table, labelled_row,
};
use tokio_util::sync::CancellationToken;

const SETTINGS: Settings = Settings {
    capture: capture::Settings {
        limits: Limits {
            max_barrier_changes: 5,
            max_barrier_bytes: 1 << 20,
            max_window_bytes: 1 << 20,
            max_keys: 100,
            max_keys_bytes: 1 << 16,
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
    max_quarantined: 1_000,
    retry_for: Duration::from_secs(600),
};

#[derive(Clone)]
pub struct World {
    pub server: MemoryServer,
    pub store: Store,
    mapper: Mapper,
    dice: Dice,
    wrong: Arc<Mutex<Vec<String>>>,
    /// Tables that stop because their collections take no document any more.
    refused: Arc<Mutex<BTreeSet<TableName>>>,
    /// Whether the application writes values that no document can hold.
    pub awkward: bool,
    /// What the next run copies anew.
    pub anew: Vec<Recopy>,
    /// So many rows may be kept back.
    pub max_quarantined: usize,
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
            awkward: false,
            anew: Vec::new(),
            max_quarantined: SETTINGS.max_quarantined,
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
        // Rows that nothing tells apart can't be kept back one by one.
        if !self.mapper.has_key(&name) {
            self.refused.lock().unwrap().insert(name);
        }
    }

    /// The target takes the table's documents again, and the next run copies it anew.
    pub fn mend(&mut self, name: &str) {
        let name = table(name);
        self.store.accept(&self.mapper.collection(&name));
        self.anew.push(Recopy {
            id: "mend".to_owned(),
            tables: vec![name.to_string()],
            keys: None,
        });
    }

    /// From now on no table may be stopped.
    pub fn is_mended(&mut self) {
        self.refused.lock().unwrap().clear();
    }

    /// From now on the target refuses the document of this row, or takes it again.
    pub fn refuse_row(&mut self, name: &str, id: i64, refused: bool) {
        let collection = self.mapper.collection(&table(name));
        let id = DocumentId(bson::doc! { "_id": id }.to_vec().unwrap().into());
        self.store.refuse_document(&collection, &id, refused);
    }

    /// Has the next run copy the tables from the beginning.
    pub fn copy_anew(&mut self) {
        self.anew.push(Recopy {
            id: "anew".to_owned(),
            tables: vec!["shop.items".to_owned(), "shop.others".to_owned()],
            keys: None,
        });
    }

    /// Has the next run read every row again that is kept back.
    pub fn retry(&mut self) {
        let mut keys: BTreeMap<String, Vec<Vec<Value>>> = BTreeMap::new();
        for record in self.store.held().quarantine().records() {
            let of_table = keys.entry(record.table.to_string()).or_default();
            of_table.push(record.row_key_values.as_deref().unwrap().to_vec());
        }
        self.anew
            .extend(keys.into_iter().map(|(table, keys)| Recopy {
                id: format!("retry {table}"),
                tables: vec![table],
                keys: Some(keys),
            }));
    }

    /// Corrects every row that no document can hold.
    pub fn correct_rows(&mut self) {
        for name in ["items", "others"] {
            let name = table(name);
            let rows = self.server.state()[&name].rows.clone();
            for row in rows.iter().filter(|row| !is_mapped(row)) {
                let mended = labelled_row(id_of(row), &format!("mended {}", id_of(row)));
                let statement = Statement::update(&name, row.clone(), mended);
                self.server.commit(&[statement]);
            }
        }
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
            let keyless = name.table.starts_with("plain");
            let row = match self.awkward && !keyless && self.dice.below(5) == 0 {
                true => malformed_row(id, &label),
                false => labelled_row(id, &label),
            };
            let state = self.server.state();
            let rows = state.get(&name).map_or(&[][..], |table| &table.rows);
            let chosen = rows.get(self.dice.below(rows.len() as u64) as usize);
            statements.push(match (self.dice.below(4), chosen) {
                (0 | 1, _) | (_, None) => Statement::insert(&name, row),
                (2, Some(before)) => Statement::update(&name, before.clone(), row),
                (_, Some(before)) => Statement::delete(&name, before.clone()),
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
        for request in self.anew.drain(..) {
            watch.recopy(request);
        }
        let settings = self.settings();
        let running = run_direct(
            &mut source,
            readers,
            &mut sink,
            &mapper,
            settings,
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
        let settings = self.settings();
        let (watch, cancel) = (Watch::default(), CancellationToken::new());
        let written = CancellationToken::new();
        let capturing = async {
            let captured = run_capture(
                &mut source,
                || vec![FaultySnapshot::new(server.snapshot(), faults); 2],
                || FaultyLogWriter::new(log.writer(), faults),
                &mapper,
                settings,
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
            settings,
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

    fn settings(&self) -> Settings {
        Settings {
            max_quarantined: self.max_quarantined,
            ..SETTINGS
        }
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
