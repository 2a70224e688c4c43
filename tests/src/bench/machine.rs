//! Processor time and memory of processes, as the kernel counts them (proc(5)).
//!
//! The time that everything else on the machine used meanwhile is kept beside each figure, because a
//! figure from a busy machine is only worth something to a reader who is told so.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::BenchError;

/// Linux shows processor time to programs in ticks of this length, whatever its own clock is.
const TICK: Duration = Duration::from_millis(10);

/// A look at the processor times of some processes, the whole machine, and this process's children.
#[derive(Clone, Debug)]
pub struct Look {
    at: Instant,
    machine: Duration,
    own: Duration,
    ended_children: Duration,
    mysqld: Duration,
    mongod: Duration,
    broker: Duration,
}

/// What was used between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub wall: Duration,
    /// Of `lockstep`; of the bare driver for a floor.
    pub mover: Duration,
    pub mysqld: Duration,
    pub mongod: Duration,
    /// Of the Kafka broker, which idles when nothing goes through it.
    pub broker: Duration,
    /// Of whatever else ran on the machine.
    pub others: Duration,
}

impl Look {
    /// Looks now; the processes have to run.
    ///
    /// # Errors
    /// When the kernel's figures cannot be read.
    pub fn now(mysqld: u32, mongod: u32, broker: u32) -> Result<Self, BenchError> {
        let (own, ended_children) = times(&read("self/stat")?);
        Ok(Self {
            at: Instant::now(),
            machine: busy(&read("stat")?),
            own,
            ended_children,
            mysqld: of_process(mysqld)?,
            mongod: of_process(mongod)?,
            broker: of_process(broker)?,
        })
    }

    /// What a child of this process, which has ended since, and the servers used.
    #[must_use]
    pub fn used_by_child(&self, then: &Look) -> Used {
        let child = then.ended_children.saturating_sub(self.ended_children);
        let own = then.own.saturating_sub(self.own);
        self.used(then, child, own)
    }

    /// The same, with a child beside that has used so much and runs on.
    #[must_use]
    pub fn used_by_children(&self, then: &Look, running: Duration) -> Used {
        let ended = then.ended_children.saturating_sub(self.ended_children);
        let own = then.own.saturating_sub(self.own);
        self.used(then, ended + running, own)
    }

    /// What this process and the servers used.
    #[must_use]
    pub fn used_here(&self, then: &Look) -> Used {
        let own = then.own.saturating_sub(self.own);
        self.used(then, own, Duration::ZERO)
    }

    /// What a process that still runs used, of which the times are known.
    #[must_use]
    pub fn used_by(&self, then: &Look, process: Duration) -> Used {
        let own = then.own.saturating_sub(self.own);
        self.used(then, process, own)
    }

    fn used(&self, then: &Look, mover: Duration, measuring: Duration) -> Used {
        let mysqld = then.mysqld.saturating_sub(self.mysqld);
        let mongod = then.mongod.saturating_sub(self.mongod);
        let broker = then.broker.saturating_sub(self.broker);
        let machine = then.machine.saturating_sub(self.machine);
        Used {
            wall: then.at.duration_since(self.at),
            mover,
            mysqld,
            mongod,
            broker,
            others: machine.saturating_sub(mover + mysqld + mongod + broker + measuring),
        }
    }
}

impl std::ops::AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.mover += other.mover;
        self.mysqld += other.mysqld;
        self.mongod += other.mongod;
        self.broker += other.broker;
        self.others += other.others;
    }
}

/// User and system time of a running process.
///
/// # Errors
/// When there is no such process.
pub fn of_process(id: u32) -> Result<Duration, BenchError> {
    Ok(times(&read(&format!("{id}/stat"))?).0)
}

/// The most memory that a running process ever had resident (VmHWM); `None` once it has ended.
#[must_use]
pub fn peak_resident_bytes(id: u32) -> Option<u64> {
    let status = read(&format!("{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// How many processors the machine has.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn read(file: &str) -> Result<String, BenchError> {
    let path = PathBuf::from("/proc").join(file);
    std::fs::read_to_string(&path).map_err(BenchError::file("read", path))
}

/// The process's own time, and that of its children that it has waited for.
fn times(stat: &str) -> (Duration, Duration) {
    // The name in parentheses may hold anything, blanks included.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<u64> = after_name
        .split_whitespace()
        .skip(11)
        .take(4)
        .map_while(|field| field.parse().ok())
        .collect();
    let sum = |from: usize| ticks(fields.iter().skip(from).take(2).sum());
    (sum(0), sum(2))
}

/// All time that was not idle or waiting for a disk, of all processors.
fn busy(stat: &str) -> Duration {
    let fields = stat.lines().next().unwrap_or_default().split_whitespace();
    let numbers = fields.skip(1).map_while(|field| field.parse::<u64>().ok());
    // user nice system idle iowait irq softirq steal; guest time is within user's.
    let counted = numbers.take(8).enumerate();
    let busy = counted.filter(|(place, _)| !matches!(place, 3 | 4));
    ticks(busy.map(|(_, number)| number).sum())
}

fn ticks(count: u64) -> Duration {
    TICK * u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{busy, times};
    use std::time::Duration;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b c) S 1 7 7 0 -1 4 0 0 0 0 120 30 5 6 20 0 1 0";
        let expected = (Duration::from_millis(1_500), Duration::from_millis(110));
        assert_eq!(times(stat), expected);
    }

    #[test]
    fn idle_and_waiting_time_is_not_busy() {
        let stat = "cpu  10 1 5 900 80 1 1 2 7 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy(stat), Duration::from_millis(200));
    }
}
