//! From rounds to figures: medians, shares of the floors, what limits each, and the goals.

mod figure;
mod kafka;

use std::time::Duration;

use serde_json::{Value, json};

use super::latency::Latency;
use super::machine::{Used, cores};
use super::oversized::Oversized;
use super::scale::Scale;
use super::snapshot::Snapshot;
use super::stream::Stream;
use super::through_kafka::ThroughKafka;
use figure::{
    Flow, Goal, MEBIBYTE, at_least, at_most, disturbed, latencies_json, latencies_text, median,
    milliseconds, restarts_json, restarts_text, round, split_text,
};

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Report {
    pub scale: Scale,
    pub snapshot: Snapshot,
    pub stream: Stream,
    pub latency: Latency,
    /// Of the direct mode, sorted.
    pub restarts: Vec<Duration>,
    pub oversized: Oversized,
    pub kafka: ThroughKafka,
    pub took: Duration,
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
        text.push_str(&latencies_text(&self.latency));
        text.push_str(
            "           from MySQL's reply to COMMIT until a majority read by _id finds it, asked every millisecond\n",
        );
        text.push_str(&restarts_text(&self.restarts));
        text.push('\n');
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
        text.push_str("\nthrough Kafka\n");
        text.push_str(&kafka::text(&self.kafka, &snapshot, &stream));
        text.push('\n');
        for goal in self.goals() {
            text.push_str(&format!(
                "{:<5} {:<47} wanted {:<10} reached {}\n",
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
            "restarts": restarts_json(&self.restarts),
            "oversized": {
                "rows": { "rows": oversized.rows, "seconds": round(oversized.of_rows.used.wall.as_secs_f64()),
                    "peak_resident_bytes": oversized.of_rows.peak_resident_bytes },
                "bytes": { "bytes": oversized.bytes, "seconds": round(oversized.of_bytes.used.wall.as_secs_f64()),
                    "peak_resident_bytes": oversized.of_bytes.peak_resident_bytes },
            },
            "kafka": kafka::json(&self.kafka, &snapshot, &stream),
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
        let mut goals = vec![
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
        ];
        goals.extend(kafka::goals(&self.kafka, &snapshot, &stream));
        goals
    }

    /// What a reader has to know before believing the figures.
    fn doubts(&self) -> Vec<String> {
        let (snapshot, stream) = self.flows();
        let mut measured = vec![
            ("snapshot", snapshot.run.used),
            ("snapshot's floor", snapshot.floor),
            ("stream", stream.run.used),
            ("stream's floor", stream.floor),
            ("latency when idle", self.latency.idle.used),
        ];
        measured.extend(kafka::measured(&self.kafka));
        measured
            .into_iter()
            .filter_map(|(name, used): (&str, Used)| disturbed(name, used))
            .collect()
    }
}
