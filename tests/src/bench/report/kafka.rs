//! The figures of the way through Kafka, each beside its floors and beside the direct mode.

use serde_json::{Value, json};

use super::figure::{
    Flow, Goal, MEBIBYTE, at_least, at_most, latencies_json, latencies_text, limit, median,
    milliseconds, peak, restarts_json, restarts_text, round, split,
};
use crate::bench::binary::Run;
use crate::bench::floor::rate;
use crate::bench::machine::Used;
use crate::bench::through_kafka::{ThroughKafka, Way};

/// What a row is called on each way.
const ROWS: [&str; 2] = ["snapshot", "stream"];

/// The median rounds of one way.
struct Medians<'a> {
    way: &'a Way,
    capture: Run,
    sink: Run,
    joined: Run,
    fetched: Used,
    produced: Used,
    /// End to end, of the direct mode's rows a second.
    of_direct: f64,
}

impl<'a> Medians<'a> {
    fn new(way: &'a Way, direct: &Flow) -> Self {
        let run = |runs: &[Run]| median(runs, |run| run.used.wall);
        let joined = run(&way.joined);
        Self {
            way,
            capture: run(&way.captures),
            sink: run(&way.sinks),
            joined,
            fetched: median(&way.fetched, |used| used.wall),
            produced: median(&way.produced, |used| used.wall),
            of_direct: rate(way.rows, joined.used.wall) / direct.per_second(),
        }
    }

    fn both(kafka: &'a ThroughKafka, snapshot: &Flow, stream: &Flow) -> [Self; 2] {
        [
            Self::new(&kafka.snapshot, snapshot),
            Self::new(&kafka.stream, stream),
        ]
    }

    fn per_second(&self, used: Used) -> f64 {
        rate(self.way.rows, used.wall)
    }

    fn per_million(&self, time: std::time::Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.way.rows as f64
    }

    fn bytes_per_row(&self) -> f64 {
        self.way.bytes_on_disk as f64 / self.way.rows as f64
    }

    fn peak_of_one_process(&self) -> u64 {
        peak(&self.way.joined)
    }

    /// Of all processors together: what a million rows took.
    fn cost(&self, used: Used) -> String {
        let named = [
            ("lockstep", used.mover),
            ("mysqld", used.mysqld),
            ("broker", used.broker),
            ("mongod", used.mongod),
        ];
        let each = named.map(|(name, time)| format!("{name} {:.1}", self.per_million(time)));
        format!("CPU s per million rows: {}", each.join(", "))
    }

    fn text(&self, name: &str) -> String {
        let (capture, sink, joined) = (self.capture.used, self.sink.used, self.joined.used);
        let mut lines = vec![
            format!(
                "{name:<10} MySQL to Kafka {:.0} rows/s in {:.1} s, peak resident {:.0} MiB",
                self.per_second(capture),
                capture.wall.as_secs_f64(),
                peak(&self.way.captures) as f64 / MEBIBYTE,
            ),
            self.cost(capture),
            format!("limited by {}", limit(capture)),
        ];
        if !self.way.fetched.is_empty() {
            lines.push(format!(
                "floor: {:.0} rows/s fetched by a bare client; CPU s per million rows: client {:.1}, mysqld {:.1}",
                self.per_second(self.fetched),
                self.per_million(self.fetched.mover),
                self.per_million(self.fetched.mysqld),
            ));
        }
        lines.extend([
            format!(
                "floor: {:.0} messages/s by a bare producer in transactions of 10,000; CPU s per million: producer {:.1}, broker {:.1}",
                self.per_second(self.produced),
                self.per_million(self.produced.mover),
                self.per_million(self.produced.broker),
            ),
            format!(
                "{:.0} bytes a row on the broker's disk, {:.0} before compression",
                self.bytes_per_row(),
                self.way.bytes_per_message,
            ),
            format!(
                "Kafka to MongoDB {:.0} rows/s in {:.1} s, peak resident {:.0} MiB",
                self.per_second(sink),
                sink.wall.as_secs_f64(),
                peak(&self.way.sinks) as f64 / MEBIBYTE,
            ),
            self.cost(sink),
            format!("limited by {}", limit(sink)),
            format!(
                "end to end {:.0} rows/s in {:.1} s, {:.0}% of the direct mode, peak resident {:.0} MiB",
                self.per_second(joined),
                joined.wall.as_secs_f64(),
                self.of_direct * 100.0,
                self.peak_of_one_process() as f64 / MEBIBYTE,
            ),
            self.cost(joined),
            format!("limited by {}", limit(joined)),
            format!(
                "end to end in two processes {:.0} rows/s, peak resident {:.0} MiB together",
                self.per_second(self.way.paired.used),
                self.way.paired.peak_resident_bytes as f64 / MEBIBYTE,
            ),
        ]);
        lines.join(&format!("\n{:11}", "")) + "\n"
    }

    fn json(&self) -> Value {
        json!({
            "rows": self.way.rows,
            "to_kafka": self.run_json(self.capture, &self.way.captures),
            "to_mongodb": self.run_json(self.sink, &self.way.sinks),
            "end_to_end": self.run_json(self.joined, &self.way.joined),
            "end_to_end_of_direct": round(self.of_direct),
            "two_processes": self.run_json(self.way.paired, &[self.way.paired]),
            "bytes_per_row_on_disk": self.bytes_per_row().round(),
            "bytes_per_row_before_compression": self.way.bytes_per_message.round(),
            "floors": {
                "fetched": (!self.way.fetched.is_empty()).then(|| self.floor_json(self.fetched)),
                "produced": self.floor_json(self.produced),
            },
        })
    }

    fn run_json(&self, run: Run, all: &[Run]) -> Value {
        json!({
            "rows_per_second": self.per_second(run.used).round(),
            "seconds": round(run.used.wall.as_secs_f64()),
            "cpu_seconds_per_million_rows": self.cost_json("lockstep", run.used),
            "peak_resident_bytes": peak(all),
            "cores_busy": split(run.used),
            "limited_by": limit(run.used),
        })
    }

    fn floor_json(&self, used: Used) -> Value {
        json!({
            "rows_per_second": self.per_second(used).round(),
            "cpu_seconds_per_million_rows": self.cost_json("client", used),
        })
    }

    fn cost_json(&self, mover: &str, used: Used) -> Value {
        json!({
            mover: round(self.per_million(used.mover)),
            "mysqld": round(self.per_million(used.mysqld)),
            "broker": round(self.per_million(used.broker)),
            "mongod": round(self.per_million(used.mongod)),
        })
    }
}

/// The part of the table that a person reads.
pub(super) fn text(kafka: &ThroughKafka, snapshot: &Flow, stream: &Flow) -> String {
    let ways = Medians::both(kafka, snapshot, stream);
    let mut text = String::new();
    for (name, way) in ROWS.iter().zip(&ways) {
        text.push_str(&way.text(name));
        text.push('\n');
    }
    text.push_str(&latencies_text(&kafka.latency));
    text.push_str(&restarts_text(&kafka.restarts));
    text
}

/// The same for programs.
pub(super) fn json(kafka: &ThroughKafka, snapshot: &Flow, stream: &Flow) -> Value {
    let [copied, streamed] = Medians::both(kafka, snapshot, stream);
    json!({
        "snapshot": copied.json(),
        "stream": streamed.json(),
        "latency": {
            "idle": latencies_json(&kafka.latency.idle),
            "busy": latencies_json(&kafka.latency.busy),
            "peak_resident_bytes": kafka.latency.peak_resident_bytes,
        },
        "restarts": restarts_json(&kafka.restarts),
    })
}

/// What this way was to reach.
pub(super) fn goals(kafka: &ThroughKafka, snapshot: &Flow, stream: &Flow) -> Vec<Goal> {
    let [copied, streamed] = Medians::both(kafka, snapshot, stream);
    let cpu = |way: &Medians<'_>| way.per_million(way.capture.used.mover);
    let pairs = [&kafka.snapshot.paired, &kafka.stream.paired];
    let memory = pairs.map(|run| run.peak_resident_bytes).into_iter().max();
    vec![
        at_most(
            "Kafka: snapshot, capture's CPU per million rows",
            5.0,
            cpu(&copied),
            "s",
        ),
        at_most(
            "Kafka: stream, capture's CPU per million rows",
            5.0,
            cpu(&streamed),
            "s",
        ),
        at_least(
            "Kafka: snapshot, share of the direct mode",
            70.0,
            copied.of_direct,
        ),
        at_least(
            "Kafka: stream, share of the direct mode",
            70.0,
            streamed.of_direct,
        ),
        at_most(
            "Kafka: p99 from commit to visible, idle",
            40.0,
            milliseconds(kafka.latency.idle.permille(990)),
            "ms",
        ),
        at_most(
            "Kafka: peak resident, both halves together",
            250.0,
            memory.unwrap_or(0) as f64 / 1e6,
            "MB",
        ),
    ]
}

/// What a doubt would concern.
pub(super) fn measured(kafka: &ThroughKafka) -> Vec<(&'static str, Used)> {
    let used = |runs: &[Run]| median(runs, |run| run.used.wall).used;
    let bare = |floors: &[Used]| median(floors, |used| used.wall);
    vec![
        ("snapshot to Kafka", used(&kafka.snapshot.captures)),
        ("snapshot through Kafka", used(&kafka.snapshot.joined)),
        ("snapshot's bare producer", bare(&kafka.snapshot.produced)),
        ("bare fetching of rows", bare(&kafka.snapshot.fetched)),
        ("stream to Kafka", used(&kafka.stream.captures)),
        ("stream through Kafka", used(&kafka.stream.joined)),
        ("stream's bare producer", bare(&kafka.stream.produced)),
        ("latency through Kafka when idle", kafka.latency.idle.used),
    ]
}
