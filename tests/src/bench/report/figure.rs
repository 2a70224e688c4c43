//! What figures are made from: medians of rounds, rates, shares of processors, and what limits them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::binary::Run;
use crate::bench::floor::rate;
use crate::bench::latency::{Latencies, Latency};
use crate::bench::machine::{Used, cores};

pub(super) const MEBIBYTE: f64 = 1_048_576.0;
/// From this share of all processors on, the processors are the limit.
const FULL: f64 = 0.85;
/// Of the machine's processor time, this much of somebody else makes a figure doubtful.
const DISTURBED: f64 = 0.1;

/// A figure with its floor: the median rounds.
pub(super) struct Flow {
    pub(super) rows: u64,
    pub(super) run: Run,
    pub(super) floor: Used,
    pub(super) peak_bytes: u64,
}

/// A figure that was to be reached.
pub(super) struct Goal {
    pub(super) name: &'static str,
    pub(super) wanted: String,
    pub(super) reached: String,
    pub(super) met: bool,
}

impl Flow {
    pub(super) fn new(rows: u64, runs: &[Run], floors: &[Used]) -> Self {
        Self {
            rows,
            run: median(runs, |run| run.used.wall),
            floor: median(floors, |floor| floor.wall),
            peak_bytes: peak(runs),
        }
    }

    pub(super) fn per_second(&self) -> f64 {
        rate(self.rows, self.run.used.wall)
    }

    pub(super) fn floor_per_second(&self) -> f64 {
        rate(self.rows, self.floor.wall)
    }

    pub(super) fn of_floor(&self) -> f64 {
        self.per_second() / self.floor_per_second()
    }

    pub(super) fn per_million(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.rows as f64
    }

    pub(super) fn text(&self, name: &str) -> String {
        let used = self.run.used;
        format!(
            "{name:<10} {:>8.0} rows/s    floor {:>8.0} rows/s    {:>3.0}% of the floor    in {:.1} s\n\
             {:10} CPU s per million rows: lockstep {:.1}, mysqld {:.1}, mongod {:.1}  (floor: driver {:.1}, mongod {:.1})\n\
             {:10} peak resident: {:.0} MiB\n\
             {:10} limited by {}\n",
            self.per_second(),
            self.floor_per_second(),
            self.of_floor() * 100.0,
            used.wall.as_secs_f64(),
            "",
            self.per_million(used.mover),
            self.per_million(used.mysqld),
            self.per_million(used.mongod),
            self.per_million(self.floor.mover),
            self.per_million(self.floor.mongod),
            "",
            self.peak_bytes as f64 / MEBIBYTE,
            "",
            limit(used),
        )
    }

    pub(super) fn json(&self) -> Value {
        let used = self.run.used;
        json!({
            "rows": self.rows,
            "rows_per_second": self.per_second().round(),
            "floor_rows_per_second": self.floor_per_second().round(),
            "of_floor": round(self.of_floor()),
            "seconds": round(used.wall.as_secs_f64()),
            "cpu_seconds_per_million_rows": {
                "lockstep": round(self.per_million(used.mover)),
                "mysqld": round(self.per_million(used.mysqld)),
                "mongod": round(self.per_million(used.mongod)),
            },
            "floor_cpu_seconds_per_million_rows": {
                "driver": round(self.per_million(self.floor.mover)),
                "mongod": round(self.per_million(self.floor.mongod)),
            },
            "peak_resident_bytes": self.peak_bytes,
            "cores_busy": split(used),
            "limited_by": limit(used),
        })
    }
}

pub(super) fn at_least(name: &'static str, percent: f64, reached: f64) -> Goal {
    Goal {
        name,
        wanted: format!(">= {percent:.0}%"),
        reached: format!("{:.0}%", reached * 100.0),
        met: reached * 100.0 >= percent,
    }
}

pub(super) fn at_most(name: &'static str, wanted: f64, reached: f64, unit: &str) -> Goal {
    Goal {
        name,
        wanted: format!("<= {wanted:.0} {unit}"),
        reached: format!("{reached:.1} {unit}"),
        met: reached <= wanted,
    }
}

/// The one in the middle; of an even number the slower of the two in the middle.
pub(super) fn median<T: Copy + Default>(all: &[T], by: impl Fn(&T) -> Duration) -> T {
    let mut sorted = all.to_vec();
    sorted.sort_by_key(by);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

pub(super) fn peak(runs: &[Run]) -> u64 {
    let peaks = runs.iter().map(|run| run.peak_resident_bytes);
    peaks.max().unwrap_or(0)
}

/// Of all processors' time.
fn share(time: Duration, used: Used) -> f64 {
    time.as_secs_f64() / (used.wall.as_secs_f64() * cores() as f64).max(1e-9)
}

/// A doubt about what was measured while others used the machine.
pub(super) fn disturbed(name: &str, used: Used) -> Option<String> {
    let share = share(used.others, used);
    (share > DISTURBED).then(|| {
        let percent = share * 100.0;
        format!("doubt: other programs used {percent:.0}% of the machine during the {name}")
    })
}

/// The cores that each kept busy on average.
fn by_process(used: Used) -> [(&'static str, f64); 5] {
    let cores_busy = |time: Duration| time.as_secs_f64() / used.wall.as_secs_f64().max(1e-9);
    [
        ("lockstep", cores_busy(used.mover)),
        ("mysqld", cores_busy(used.mysqld)),
        ("mongod", cores_busy(used.mongod)),
        ("broker", cores_busy(used.broker)),
        ("others", cores_busy(used.others)),
    ]
}

pub(super) fn split(used: Used) -> Value {
    let named = by_process(used).map(|(name, busy)| (name.to_owned(), json!(round(busy))));
    Value::Object(named.into_iter().collect())
}

pub(super) fn split_text(used: Used) -> String {
    let named = by_process(used).map(|(name, busy)| format!("{name} {busy:.2}"));
    format!("cores busy: {}", named.join(", "))
}

pub(super) fn limit(used: Used) -> String {
    let busy = by_process(used);
    let total: f64 = busy.iter().map(|(_, busy)| busy).sum();
    let most = busy
        .iter()
        .max_by(|left, right| left.1.total_cmp(&right.1))
        .map_or("nobody", |(name, _)| name);
    let what = if total >= FULL * cores() as f64 {
        format!("the processors, mostly {most}")
    } else {
        format!(
            "waiting for one another ({:.0}% of the processors idle), mostly for {most}",
            (1.0 - total / cores() as f64) * 100.0
        )
    };
    format!("{what}; {}", split_text(used))
}

pub(super) fn latencies_text(latency: &Latency) -> String {
    let lines = [("idle", &latency.idle), ("busy", &latency.busy)].map(|(name, latencies)| {
        format!(
            "latency    {name}: p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms, {} commits; {:.0} other changes/s; {}\n",
            milliseconds(latencies.permille(500)),
            milliseconds(latencies.permille(990)),
            milliseconds(latencies.permille(1_000)),
            latencies.sorted.len(),
            latencies.changes_per_second,
            split_text(latencies.used),
        )
    });
    lines.concat()
}

pub(super) fn restarts_text(sorted: &[Duration]) -> String {
    format!(
        "restart    from the start after a kill to a waiting change applied: median {:.0} ms, at most {:.0} ms, of {}\n",
        milliseconds(middle(sorted)),
        milliseconds(sorted.last().copied().unwrap_or_default()),
        sorted.len(),
    )
}

pub(super) fn restarts_json(sorted: &[Duration]) -> Value {
    json!({
        "how": "from the start of a process after a kill until a change that was waiting is visible",
        "median_ms": round(milliseconds(middle(sorted))),
        "max_ms": round(milliseconds(sorted.last().copied().unwrap_or_default())),
        "restarts": sorted.len(),
    })
}

fn middle(sorted: &[Duration]) -> Duration {
    median(sorted, |time| *time)
}

pub(super) fn latencies_json(latencies: &Latencies) -> Value {
    json!({
        "p50_ms": round(milliseconds(latencies.permille(500))),
        "p99_ms": round(milliseconds(latencies.permille(990))),
        "max_ms": round(milliseconds(latencies.permille(1_000))),
        "commits": latencies.sorted.len(),
        "other_changes_per_second": latencies.changes_per_second.round(),
        "cores_busy": split(latencies.used),
    })
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(super) fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
