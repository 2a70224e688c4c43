//! Capture itself against a small server, a target and random schedules: transactions of one and of
//! several tables, large ones, some of which the log does not tell whole rows, XA ones that are
//! decided much later or not at all, keys that somebody wants read anew, emptied, dropped, created and altered tables, a table without a key, readers
//! that are slow or fail, and restarts from what the target holds. After every barrier that is not
//! torn, each following collection is the table as of the checkpoint and each copying one a subset
//! of it; in the end every table follows.
//!
//! The model of windows covers every order of a few events; this covers few orders of many.

mod broken;
mod clients;
mod partial;
mod source;
mod stream;
mod target;

use change::{BarrierKind, KeyRange, MappingVersion, Position, TableState, Value};
use proptest::prelude::*;
use reconcile::{Capture, Extent, Limits, ReadChunk, Task, WindowId};
use source::{KEYLESS, Source, TABLES, Transaction, table_name, table_of, transactions};
use std::collections::{BTreeMap, BTreeSet};
use target::Target;

const LIMITS: Limits = Limits {
    max_barrier_changes: 3,
    max_barrier_bytes: 1 << 20,
    max_window_bytes: 1 << 20,
    max_keys: 3,
    max_keys_bytes: 1 << 10,
};

#[derive(Clone, Debug)]
enum Step {
    /// A transaction of changes, each as (table, key, another key, what to do).
    Write(Vec<(usize, i64, i64, u8)>),
    /// The same, prepared only; and the decision about the oldest or the newest one.
    Prepare(Vec<(usize, i64, i64, u8)>),
    Decide {
        newest: bool,
        committed: bool,
    },
    Event(usize, u8),
    Recopy(usize),
    /// Somebody wants a key read anew, of which the target may hold anything.
    ReadKey(usize, i64),
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
    // From 4 on the log tells less than whole rows.
    let what = prop_oneof![24 => 0..4_u8, 6 => 4..8_u8, 1 => 8..12_u8];
    let change = (0..TABLES, 0..6_i64, 0..6_i64, what);
    prop_oneof![
        8 => prop::collection::vec(change.clone(), 1..8).prop_map(Step::Write),
        3 => prop::collection::vec(change, 1..8).prop_map(Step::Prepare),
        3 => (any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(newest, committed)| Step::Decide { newest, committed }),
        2 => (0..TABLES, 0..8_u8).prop_map(|(table, kind)| Step::Event(table, kind)),
        1 => (0..TABLES).prop_map(Step::Recopy),
        1 => (0..KEYLESS, 0..7_i64).prop_map(|(table, key)| Step::ReadKey(table, key)),
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
    extent: Extent,
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
    /// What the stream has seen prepared since it was opened; and what its position told then.
    prepared: BTreeSet<usize>,
    opened_at: Position,
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
        let mut capture = Capture::start(LIMITS, mapping(), source.position(start));
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
            prepared: BTreeSet::new(),
            opened_at: first.checkpoint.position.clone(),
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
            Step::Write(wanted) => {
                let changes = self.changes(wanted, false);
                if !changes.is_empty() {
                    self.source.log(Transaction::Rows(changes));
                }
            }
            Step::Prepare(wanted) => {
                let changes = self.changes(wanted, true);
                self.source.log(Transaction::Prepare(changes));
            }
            Step::Decide { newest, committed } => self.decide(*newest, *committed),
            Step::Event(table, kind) => self.event(*table, *kind),
            Step::Recopy(table) => self.capture.recopy(&table_name(*table)),
            Step::ReadKey(table, key) => {
                let keys = [vec![Value::Int(*key)]];
                self.capture.read_keys(&table_name(*table), &keys);
            }
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
        self.open_stream(checkpoint.position.clone());
        self.capture = Capture::resume(LIMITS, mapping(), checkpoint, tables);
        self.readers.clear();
    }

    fn task(&mut self) {
        if self.capture.wants_head() {
            let head = self.source.position(self.source.binlog.len());
            self.capture.head_is(&head);
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
                extent,
            }) => self.readers.push(Reader {
                window,
                table: table_of(&table.schema.name),
                extent,
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
            // The lock on a table without a key is waited for.
            (Some(_), None) if reader.table == KEYLESS && self.source.is_locked(KEYLESS, None) => {}
            (Some(low), None) => match self.source.read(reader.table, &reader.extent, low) {
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
        prop_assert!(
            barrier.kind != BarrierKind::Stream
                || barrier.changes.len() <= LIMITS.max_barrier_changes
        );
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
        while !world.source.undecided(world.source.binlog.len()).is_empty() {
            world.decide(false, true);
        }
        world.run_undisturbed(400)?;
        world.capture.close_heartbeat();
        while world.target.checkpoint.position
            != world.source.position(world.source.binlog.len())
         {
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
