//! How long after its commit a row is visible in MongoDB, when nothing else happens and when much does.
//!
//! Each commit is timed as `probe` says; MySQL makes it durable, as is its default.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mysql_async::Conn;
use tokio::task::JoinHandle;

use super::BenchError;
use super::backlog::Transaction;
use super::binary::{Lockstep, Part, used_meanwhile};
use super::ledger::{Row, scramble};
use super::machine::Used;
use super::probe::Prober;
use super::scale::Scale;
use super::stand::{Stand, execute};

const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(600);
const WRITERS: u64 = 2;
const CHANGES_PER_TRANSACTION: u64 = 4;
const TRANSACTIONS_PER_TICK: u64 = 5;
/// Commits under load are not timed before the load is steady.
const WARM_UP: Duration = Duration::from_secs(2);

/// Latencies of one kind, sorted.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    pub sorted: Vec<Duration>,
    /// Reached by the writers beside.
    pub changes_per_second: f64,
    pub used: Used,
}

impl Latencies {
    /// The latency that so many of a thousand probes do not exceed.
    #[must_use]
    pub fn permille(&self, permille: usize) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let place = (self.sorted.len() * permille).div_ceil(1_000);
        let found = self.sorted.get(place.saturating_sub(1).min(last));
        found.copied().unwrap_or_default()
    }
}

/// Idle and under load.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    pub idle: Latencies,
    pub busy: Latencies,
    pub peak_resident_bytes: u64,
}

/// Follows with a pipeline of its own.
///
/// # Errors
/// When a server or the pipeline fails, or a commit does not arrive.
pub async fn measure(
    stand: &Stand,
    lockstep: &Lockstep,
    scale: Scale,
) -> Result<Latency, BenchError> {
    // Whatever happened since this pipeline ran last is not to be waited for by a probe.
    lockstep.catch_up(stand, CAUGHT_UP_WITHIN).await?;
    let mut prober = Prober::new(stand, &lockstep.database).await?;
    let following = lockstep.follow()?;
    let arrived = prober.probe().await;
    arrived.inspect_err(|_| eprintln!("{}", lockstep.last_words(Part::Run)))?;
    let mut measured = Latency::default();

    let before = (stand.look()?, following.processor_time()?);
    measured.idle.sorted = prober.probes(scale.probes).await?;
    let after = stand.look()?;
    measured.idle.used = used_meanwhile(&following, (&before.0, before.1), &after)?;

    let load = Load::start(stand, scale).await?;
    tokio::time::sleep(WARM_UP).await;
    let before = (stand.look()?, following.processor_time()?);
    let (began, changes) = (Instant::now(), load.changes());
    measured.busy.sorted = prober.probes(scale.probes).await?;
    let changed = load.changes() - changes;
    measured.busy.changes_per_second = changed as f64 / began.elapsed().as_secs_f64();
    let after = stand.look()?;
    measured.busy.used = used_meanwhile(&following, (&before.0, before.1), &after)?;
    load.stop().await?;

    measured.peak_resident_bytes = following.peak_resident_bytes();
    following.kill().await?;
    prober.end().await?;
    Ok(measured)
}

/// Writers that keep a pace until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Result<(), BenchError>>>,
}

impl Load {
    async fn start(stand: &Stand, scale: Scale) -> Result<Self, BenchError> {
        let (stop, changes) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let per_tick = WRITERS * TRANSACTIONS_PER_TICK * CHANGES_PER_TRANSACTION;
        let pace = Duration::from_secs_f64(per_tick as f64 / f64::from(scale.changes_per_second));
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            let connection = stand.source().await?;
            let writer = Writer {
                connection,
                number,
                rows: scale.rows * 6 / 10,
                pace,
                stop: Arc::clone(&stop),
                changes: Arc::clone(&changes),
            };
            writers.push(tokio::spawn(writer.write()));
        }
        Ok(Self {
            stop,
            changes,
            writers,
        })
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    async fn stop(self) -> Result<(), BenchError> {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await??;
        }
        Ok(())
    }
}

struct Writer {
    connection: Conn,
    number: u64,
    /// Ids up to here are there.
    rows: u64,
    pace: Duration,
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
}

impl Writer {
    async fn write(mut self) -> Result<(), BenchError> {
        let mut ticks = tokio::time::interval(self.pace);
        let mut draws = self.number << 32;
        while !self.stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            let text: String = (0..TRANSACTIONS_PER_TICK)
                .map(|_| self.transaction(&mut draws).statements())
                .collect();
            execute(&mut self.connection, &text).await?;
            let changed = TRANSACTIONS_PER_TICK * CHANGES_PER_TRANSACTION;
            self.changes.fetch_add(changed, Ordering::Relaxed);
        }
        Ok(self.connection.disconnect().await?)
    }

    /// Four updates of rows that no other writer touches, so that none waits for another.
    fn transaction(&self, draws: &mut u64) -> Transaction {
        let changes = [0; 4].map(|_: u8| {
            *draws += 1;
            let place = scramble(*draws) % (self.rows / WRITERS);
            let id = 1 + place * WRITERS + self.number;
            let version = u32::try_from(*draws & 0x3fff_ffff).unwrap_or(0) + 1;
            super::backlog::Change::Updated(Row { id, version })
        });
        Transaction::Small(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::Latencies;
    use std::time::Duration;

    #[test]
    fn a_percentile_is_a_latency_that_was_measured() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let latencies = Latencies {
            sorted,
            ..Latencies::default()
        };
        assert_eq!(latencies.permille(500), Duration::from_millis(100));
        assert_eq!(latencies.permille(990), Duration::from_millis(198));
    }
}
