//! Capture itself against a small server, a target and random schedules: transactions of one and of
//! several tables, large ones, emptied, dropped, created and altered tables, a table without a key, readers
//! that are slow or fail, and restarts from what the target holds. After every barrier that is not
//! torn, each following collection is the table as of the checkpoint and each copying one a subset
//! of it; in the end every table follows.
//!
//! The model of windows covers every order of a few events; this covers few orders of many.

mod broken;
mod source;
mod target;

use change::{
    ChangeKind, KeyRange, MappingVersion, Origin, Place, RowChange, TableEvent, TableState, Value,
};
use proptest::prelude::*;
use reconcile::{Capture, Limits, ReadChunk, Task, WindowId};
use source::{
    KEYLESS, Rows, Source, TABLES, Transaction, count, position, row, schema, table_name, table_of,
    transactions,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use target::Target;

const LIMITS: Limits = Limits {
    max_barrier_changes: 3,
    max_barrier_bytes: 1 << 20,
    max_window_bytes: 1 << 20,
};

#[derive(Clone, Debug)]
enum Step {
    /// A transaction of changes, each as (table, key, another key, what to do).
    Write(Vec<(usize, i64, i64, u8)>),
    Event(usize, u8),
    Recopy(usize),
    /// The engine commits so many transactions; `gtid_executed` takes in so many.
    Commit(usize),
    Execute(usize),
    /// So many events of the stream arrive.
    Stream(usize),
    Task,
    /// The oldest reader goes on by a step; or the newest one.
    Reader {
        newest: bool,
    },
    LoseReader,
    Close,
    Heartbeat,
    Apply,
    /// The process ends when so many rows of a chunk are written and its checkpoint is not.
    BreakChunk(usize),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0..TABLES, 0..6_i64, 0..6_i64, 0..4_u8);
    prop_oneof![
        8 => prop::collection::vec(change, 1..8).prop_map(Step::Write),
        2 => (0..TABLES, 0..8_u8).prop_map(|(table, kind)| Step::Event(table, kind)),
        1 => (0..TABLES).prop_map(Step::Recopy),
        4 => (1..4_usize).prop_map(Step::Commit),
        4 => (1..4_usize).prop_map(Step::Execute),
        8 => (1..8_usize).prop_map(Step::Stream),
        8 => Just(Step::Task),
        8 => any::<bool>().prop_map(|newest| Step::Reader { newest }),
        1 => Just(Step::LoseReader),
        2 => Just(Step::Close),
        1 => Just(Step::Heartbeat),
        8 => Just(Step::Apply),
        2 => (0..4_usize).prop_map(Step::BreakChunk),
        2 => Just(Step::Restart),
    ]
}

/// A chunk on its way from the server to capture.
struct Reader {
    window: WindowId,
    table: usize,
    range: KeyRange,
    /// Everything up to here must be visible.
    after: usize,
    low: Option<usize>,
    chunk: Option<ReadChunk>,
}

struct World {
    source: Source,
    capture: Capture,
    readers: Vec<Reader>,
    target: Target,
    /// What the stream delivers next: the transaction, and the event inside it.
    cursor: (usize, usize),
    written: i64,
}

fn mapping() -> MappingVersion {
    MappingVersion {
        version: 1,
        hash: "aa".into(),
    }
}

impl World {
    fn new() -> Self {
        let source = Source::new();
        let start = source.binlog.len();
        let mut capture = Capture::start(LIMITS, mapping(), position(start));
        for table in 0..TABLES {
            capture.add_table(&table_name(table));
        }
        capture.close_heartbeat();
        let first = capture.take_closed().expect("a start stores its position");
        let mut world = Self {
            source,
            capture,
            readers: Vec::new(),
            target: Target {
                collections: Default::default(),
                left_behind: [false; TABLES],
                tables: BTreeMap::new(),
                checkpoint: first.checkpoint.clone(),
            },
            cursor: (start, 0),
            written: 0,
        };
        world
            .target
            .store(&first)
            .expect("the first barrier is empty");
        world
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Write(changes) => self.write(changes),
            Step::Event(table, kind) => self.event(*table, *kind),
            Step::Recopy(table) => self.capture.recopy(&table_name(*table)),
            Step::Commit(count) => {
                let logged = self.source.binlog.len();
                self.source.visible = logged.min(self.source.visible + count);
            }
            Step::Execute(count) => {
                let visible = self.source.visible;
                self.source.executed = visible.min(self.source.executed + count);
            }
            Step::Stream(events) => (0..*events).for_each(|_| self.stream()),
            Step::Task => self.task(),
            Step::Reader { newest } => self.reader(*newest),
            Step::LoseReader => {
                if let Some(reader) = self.readers.pop() {
                    let table = table_name(reader.table);
                    self.capture.chunk_void(&table, reader.window, false);
                }
            }
            Step::Close => self.capture.close(),
            Step::Heartbeat => self.capture.close_heartbeat(),
            Step::Apply => self.apply()?,
            Step::BreakChunk(rows) => self.break_chunk(*rows),
            Step::Restart => self.restart(),
        }
        Ok(())
    }

    fn restart(&mut self) {
        let tables = self.target.tables.values().cloned().collect();
        let checkpoint = self.target.checkpoint.clone();
        self.cursor = (transactions(&checkpoint.position), 0);
        self.capture = Capture::resume(LIMITS, mapping(), checkpoint, tables);
        self.readers.clear();
    }

    fn write(&mut self, wanted: &[(usize, i64, i64, u8)]) {
        let logged = self.source.binlog.len();
        let mut tables: Vec<Option<Rows>> = (0..TABLES)
            .map(|table| self.source.rows_at(table, logged))
            .collect();
        let mut changes = Vec::new();
        for &(table, key, other, what) in wanted {
            let Some(rows) = &mut tables[table] else {
                continue;
            };
            let find = |key| rows.keys().find(|content| content.0 == key).copied();
            let free = |wanted: i64| table == KEYLESS || find(wanted).is_none() || wanted == key;
            // Some contents of the table without a key are equal.
            self.written += 1;
            let value = if table == KEYLESS {
                key % 2
            } else {
                self.written
            };
            let change = match (find(key), what) {
                (None, _) => ChangeKind::Insert {
                    after: row((key, value)),
                },
                (Some(_), 0) if table == KEYLESS => ChangeKind::Insert {
                    after: row((key, value)),
                },
                (Some(old), 1) => ChangeKind::Delete { before: row(old) },
                (Some(old), 2) if free(other) => ChangeKind::Update {
                    before: row(old),
                    after: row((other, value)),
                },
                (Some(old), _) => ChangeKind::Update {
                    before: row(old),
                    after: row((key, value)),
                },
            };
            count(rows, &change);
            changes.push((table, change));
        }
        if !changes.is_empty() {
            self.source.log(Transaction::Rows(changes));
        }
    }

    fn event(&mut self, table: usize, kind: u8) {
        let exists = self
            .source
            .rows_at(table, self.source.binlog.len())
            .is_some();
        let event = source::event(exists, kind);
        self.source.log(Transaction::Event(table, event));
    }

    fn stream(&mut self) {
        let (transaction, event) = self.cursor;
        let Some(delivered) = self.source.binlog.get(transaction) else {
            return;
        };
        self.cursor = (transaction, event + 1);
        let length = match delivered {
            Transaction::Rows(changes) => changes.len(),
            Transaction::Event(..) => 1,
        };
        if event == 0 {
            let origin = Origin {
                transaction: Some(source::gtid(transaction).into()),
                ..Origin::default()
            };
            self.capture
                .begin(Arc::new(origin))
                .expect("the stream goes on where the checkpoint was torn");
        } else if event > length {
            self.capture
                .commit(position(transaction + 1))
                .expect("the source repeats its transactions");
            self.cursor = (transaction + 1, 0);
        } else {
            match delivered {
                Transaction::Rows(changes) => {
                    let (table, kind) = changes[event - 1].clone();
                    let place = Place::default();
                    self.capture
                        .rows(&schema(table), vec![RowChange { place, kind }]);
                }
                Transaction::Event(table, kind) => self.capture.table_event(TableEvent {
                    table: table_name(*table),
                    kind: kind.clone(),
                }),
            }
        }
    }

    fn task(&mut self) {
        if self.capture.wants_head() {
            self.capture.head_is(&position(self.source.binlog.len()));
        }
        match self.capture.next_task() {
            None => {}
            Some(Task::Describe(table)) => {
                let description = self.source.describe(table_of(&table));
                self.capture.described(&table, description);
            }
            Some(Task::Plan(table)) => {
                let through = Some(vec![Value::Int(2)]);
                let ranges = if table.schema.key.is_empty() {
                    vec![KeyRange::default()]
                } else {
                    let first = KeyRange {
                        after: None,
                        through: through.clone(),
                    };
                    vec![
                        first,
                        KeyRange {
                            after: through,
                            through: None,
                        },
                    ]
                };
                self.capture.planned(&table, ranges, 4);
            }
            Some(Task::Read {
                window,
                table,
                range,
            }) => self.readers.push(Reader {
                window,
                table: table_of(&table.schema.name),
                range,
                after: transactions(self.capture.position()),
                low: None,
                chunk: None,
            }),
        }
    }

    fn reader(&mut self, newest: bool) {
        let Some(last) = self.readers.len().checked_sub(1) else {
            return;
        };
        let index = if newest { last } else { 0 };
        let reader = &mut self.readers[index];
        let table = table_name(reader.table);
        match (reader.low, reader.chunk.take()) {
            (None, _) if self.source.executed >= reader.after => {
                reader.low = Some(self.source.executed);
            }
            (None, _) => {}
            (Some(low), None) => match self.source.read(reader.table, &reader.range, low) {
                Some(chunk) => reader.chunk = Some(chunk),
                None => {
                    self.capture.chunk_void(&table, reader.window, true);
                    self.readers.remove(index);
                }
            },
            (Some(_), Some(chunk)) => {
                self.capture.chunk_read(&table, reader.window, chunk);
                self.readers.remove(index);
            }
        }
    }

    fn run_undisturbed(&mut self, rounds: usize) -> Result<(), TestCaseError> {
        for _ in 0..rounds {
            self.source.visible = self.source.binlog.len();
            self.source.executed = self.source.binlog.len();
            self.stream();
            self.task();
            self.reader(false);
            self.capture.close();
            self.apply()?;
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), TestCaseError> {
        let Some(barrier) = self.capture.take_closed() else {
            return Ok(());
        };
        let previous = self.target.checkpoint.ordinal;
        let now = barrier.checkpoint.ordinal;
        prop_assert!(now > previous, "{now} does not come after {previous}");
        prop_assert!(barrier.chunk || barrier.changes.len() <= LIMITS.max_barrier_changes);
        let mut ordinals = barrier.changes.iter().map(|change| change.ordinal);
        prop_assert!(ordinals.clone().is_sorted());
        prop_assert!(ordinals.all(|one| one > previous && one <= now));
        self.target.store(&barrier)?;
        self.target.is_exact(&self.source)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_barrier_that_is_not_torn_leaves_the_target_exact(
        followed_first: bool,
        steps in prop::collection::vec(step(), 1..250),
    ) {
        let mut world = World::new();
        if followed_first {
            world.run_undisturbed(40)?;
        }
        for step in &steps {
            world.step(step)?;
        }
        // Left alone, everything comes to its end.
        world.run_undisturbed(400)?;
        world.capture.close_heartbeat();
        while world.target.checkpoint.position != position(world.source.binlog.len()) {
            world.capture.close_heartbeat();
            let before = world.target.checkpoint.ordinal;
            world.apply()?;
            prop_assert!(world.target.checkpoint.ordinal > before, "the end is never reached");
        }
        for table in 0..TABLES {
            let exists = world.source.rows_at(table, world.source.binlog.len()).is_some();
            let state = world.target.tables[&table_name(table)].state;
            let expected = if exists { TableState::Following } else { TableState::Dropped };
            prop_assert_eq!(state, expected, "{}", table_name(table));
        }
    }
}
