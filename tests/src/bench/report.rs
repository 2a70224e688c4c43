//! From rounds to figures: medians, shares of the floors, what limits each, and the goals.

use std::time::Duration;

use serde_json::{Value, json};

use super::binary::Run;
use super::floor::rate;
use super::latency::{Latencies, Latency};
use super::machine::{Used, cores};
use super::oversized::Oversized;
use super::scale::Scale;
use super::snapshot::Snapshot;
use super::stream::Stream;

const MEBIBYTE: f64 = 1_048_576.0;
/// From this share of all processors on, the processors are the limit.
const FULL: f64 = 0.85;
/// Of the machine's processor time, this much of somebody else makes a figure doubtful.
const DISTURBED: f64 = 0.1;

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Report {
    pub scale: Scale,
    pub snapshot: Snapshot,
    pub stream: Stream,
    pub latency: Latency,
    pub oversized: Oversized,
    pub took: Duration,
}

/// A figure with its floor: the median rounds.
struct Flow {
    rows: u64,
    run: Run,
    floor: Used,
    peak_bytes: u64,
}

/// A figure that was to be reached.
struct Goal {
    name: &'static str,
    wanted: String,
    reached: String,
    met: bool,
}

impl Flow {
    fn new(rows: u64, runs: &[Run], floors: &[Used]) -> Self {
        Self {
            rows,
            run: median(runs, |run| run.used.wall),
            floor: median(floors, |floor| floor.wall),
            peak_bytes: peak(runs),
        }
    }

    fn per_second(&self) -> f64 {
        rate(self.rows, self.run.used.wall)
    }

    fn floor_per_second(&self) -> f64 {
        rate(self.rows, self.floor.wall)
    }

    fn of_floor(&self) -> f64 {
        self.per_second() / self.floor_per_second()
    }

    fn per_million(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.rows as f64
    }

    fn text(&self, name: &str) -> String {
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

    fn json(&self) -> Value {
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

impl Report {
    fn flows(&self) -> (Flow, Flow) {
        let (snapshot, stream) = (&self.snapshot, &self.stream);
        (
            Flow::new(snapshot.rows, &snapshot.runs, &snapshot.floors),
            Flow::new(stream.changes, &stream.runs, &stream.floors),
        )
    }

    fn start_up(&self) -> Duration {
        median(&self.snapshot.start_ups, |run| run.used.wall)
            .used
            .wall
    }

    /// The table that a person reads.
    #[must_use]
    pub fn text(&self) -> String {
        let (snapshot, stream) = self.flows();
        let oversized = &self.oversized;
        let mut text = format!(
            "{} rows of 12 columns and about 250 bytes; {} changes: at full size 60% in transactions of 4, 20% of 5,000, 20% of 100,000.\n\
             Medians of {} rounds on {} processors; floor: the same documents by a bare driver.\n\n",
            self.snapshot.rows,
            self.stream.changes,
            self.scale.rounds,
            cores(),
        );
        text.push_str(&snapshot.text("snapshot"));
        text.push_str(&format!(
            "{:10} a start that finds nothing to do: {} ms, within the time above\n\n",
            "",
            self.start_up().as_millis()
        ));
        text.push_str(&stream.text("stream"));
        text.push('\n');
        for (name, latencies) in [("idle", &self.latency.idle), ("busy", &self.latency.busy)] {
            text.push_str(&format!(
                "latency    {name}: p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms, {} commits; {:.0} other changes/s; {}\n",
                milliseconds(latencies.permille(500)),
                milliseconds(latencies.permille(990)),
                milliseconds(latencies.permille(1_000)),
                latencies.sorted.len(),
                latencies.changes_per_second,
                split_text(latencies.used),
            ));
        }
        text.push_str(
            "           from MySQL's reply to COMMIT until a majority read by _id finds it, asked every millisecond\n\n",
        );
        for (name, run) in [
            (format!("{} rows", oversized.rows), oversized.of_rows),
            (
                format!("{:.0} MB", oversized.bytes as f64 / 1e6),
                oversized.of_bytes,
            ),
        ] {
            text.push_str(&format!(
                "oversized  one transaction of {name}: {:.1} s, peak resident {:.0} MiB; {}\n",
                run.used.wall.as_secs_f64(),
                run.peak_resident_bytes as f64 / MEBIBYTE,
                split_text(run.used),
            ));
        }
        text.push('\n');
        for goal in self.goals() {
            text.push_str(&format!(
                "{:<5} {:<40} wanted {:<10} reached {}\n",
                if goal.met { "met" } else { "not" },
                goal.name,
                goal.wanted,
                goal.reached
            ));
        }
        for note in self.doubts() {
            text.push_str(&note);
            text.push('\n');
        }
        text
    }

    /// The same for programs, in one object.
    #[must_use]
    pub fn json(&self) -> Value {
        let (snapshot, stream) = self.flows();
        let oversized = &self.oversized;
        let goals = self.goals().into_iter().map(|goal| {
            json!({ "name": goal.name, "wanted": goal.wanted, "reached": goal.reached, "met": goal.met })
        });
        json!({
            "rounds": self.scale.rounds,
            "processors": cores(),
            "seconds": round(self.took.as_secs_f64()),
            "snapshot": snapshot.json(),
            "start_up_seconds": round(self.start_up().as_secs_f64()),
            "stream": stream.json(),
            "latency": {
                "how": "from MySQL's reply to COMMIT until a majority read by _id finds it, asked every millisecond",
                "idle": latencies_json(&self.latency.idle),
                "busy": latencies_json(&self.latency.busy),
                "peak_resident_bytes": self.latency.peak_resident_bytes,
            },
            "oversized": {
                "rows": { "rows": oversized.rows, "seconds": round(oversized.of_rows.used.wall.as_secs_f64()),
                    "peak_resident_bytes": oversized.of_rows.peak_resident_bytes },
                "bytes": { "bytes": oversized.bytes, "seconds": round(oversized.of_bytes.used.wall.as_secs_f64()),
                    "peak_resident_bytes": oversized.of_bytes.peak_resident_bytes },
            },
            "goals": goals.collect::<Vec<_>>(),
            "doubts": self.doubts(),
        })
    }

    fn goals(&self) -> Vec<Goal> {
        let (snapshot, stream) = self.flows();
        let per_million = |flow: &Flow| flow.per_million(flow.run.used.mover);
        let memory = snapshot.peak_bytes.max(stream.peak_bytes);
        let memory = memory.max(self.latency.peak_resident_bytes);
        let oversized = self.oversized.of_rows.peak_resident_bytes;
        let oversized = oversized.max(self.oversized.of_bytes.peak_resident_bytes);
        vec![
            at_least("snapshot, share of its floor", 60.0, snapshot.of_floor()),
            at_least("stream, share of its floor", 50.0, stream.of_floor()),
            at_most(
                "snapshot, our CPU per million rows",
                8.0,
                per_million(&snapshot),
                "s",
            ),
            at_most(
                "stream, our CPU per million rows",
                8.0,
                per_million(&stream),
                "s",
            ),
            at_most(
                "p99 from commit to visible, idle",
                25.0,
                milliseconds(self.latency.idle.permille(990)),
                "ms",
            ),
            at_most("peak resident", 150.0, memory as f64 / MEBIBYTE, "MiB"),
            at_most(
                "peak resident, oversized transactions",
                200.0,
                oversized as f64 / MEBIBYTE,
                "MiB",
            ),
        ]
    }

    /// What a reader has to know before believing the figures.
    fn doubts(&self) -> Vec<String> {
        let (snapshot, stream) = self.flows();
        let measured = [
            ("snapshot", snapshot.run.used),
            ("snapshot's floor", snapshot.floor),
            ("stream", stream.run.used),
            ("stream's floor", stream.floor),
            ("latency when idle", self.latency.idle.used),
        ];
        let disturbed = measured.into_iter().filter_map(|(name, used)| {
            let share = share(used.others, used);
            (share > DISTURBED).then(|| {
                let percent = share * 100.0;
                format!("doubt: other programs used {percent:.0}% of the machine during the {name}")
            })
        });
        disturbed.collect()
    }
}

fn at_least(name: &'static str, percent: f64, reached: f64) -> Goal {
    Goal {
        name,
        wanted: format!(">= {percent:.0}%"),
        reached: format!("{:.0}%", reached * 100.0),
        met: reached * 100.0 >= percent,
    }
}

fn at_most(name: &'static str, wanted: f64, reached: f64, unit: &str) -> Goal {
    Goal {
        name,
        wanted: format!("<= {wanted:.0} {unit}"),
        reached: format!("{reached:.1} {unit}"),
        met: reached <= wanted,
    }
}

/// The one in the middle; of an even number the slower of the two in the middle.
fn median<T: Copy + Default>(all: &[T], by: impl Fn(&T) -> Duration) -> T {
    let mut sorted = all.to_vec();
    sorted.sort_by_key(by);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn peak(runs: &[Run]) -> u64 {
    let peaks = runs.iter().map(|run| run.peak_resident_bytes);
    peaks.max().unwrap_or(0)
}

/// Of all processors' time.
fn share(time: Duration, used: Used) -> f64 {
    time.as_secs_f64() / (used.wall.as_secs_f64() * cores() as f64).max(1e-9)
}

/// The cores that each kept busy on average.
fn by_process(used: Used) -> [(&'static str, f64); 4] {
    let cores_busy = |time: Duration| time.as_secs_f64() / used.wall.as_secs_f64().max(1e-9);
    [
        ("lockstep", cores_busy(used.mover)),
        ("mysqld", cores_busy(used.mysqld)),
        ("mongod", cores_busy(used.mongod)),
        ("others", cores_busy(used.others)),
    ]
}

fn split(used: Used) -> Value {
    let named = by_process(used).map(|(name, busy)| (name.to_owned(), json!(round(busy))));
    Value::Object(named.into_iter().collect())
}

fn split_text(used: Used) -> String {
    let named = by_process(used).map(|(name, busy)| format!("{name} {busy:.2}"));
    format!("cores busy: {}", named.join(", "))
}

fn limit(used: Used) -> String {
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

fn latencies_json(latencies: &Latencies) -> Value {
    json!({
        "p50_ms": round(milliseconds(latencies.permille(500))),
        "p99_ms": round(milliseconds(latencies.permille(990))),
        "max_ms": round(milliseconds(latencies.permille(1_000))),
        "commits": latencies.sorted.len(),
        "other_changes_per_second": latencies.changes_per_second.round(),
        "cores_busy": split(latencies.used),
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
