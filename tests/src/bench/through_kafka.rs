//! The same copy and the same backlog through Kafka: each half alone, both in one process, and both
//! as two processes.
//!
//! Every round has pipelines of its own, with topics and a target database of their own, so that
//! nothing has to be emptied: the copies of the first stage are what the backlog is drained onto.

use std::path::Path;
use std::time::Duration;

use super::arrival::LastChange;
use super::binary::{HALVES, Lockstep, Part, Run};
use super::latency::Latency;
use super::machine::Used;
use super::scale::Scale;
use super::stand::Stand;
use super::stream::Prepared;
use super::topic;
use super::{BenchError, bare};

const AT_MOST: Duration = Duration::from_secs(600);

/// The pipelines of all rounds.
#[derive(Debug)]
pub struct Pipelines {
    /// Whose halves run one after the other.
    apart: Vec<Lockstep>,
    /// Which run in one process.
    joined: Vec<Lockstep>,
    /// Whose halves run side by side.
    paired: Lockstep,
}

/// Everything that was measured of it.
#[derive(Clone, Debug, Default)]
pub struct ThroughKafka {
    pub snapshot: Way,
    pub stream: Way,
    pub latency: Latency,
    /// Sorted.
    pub restarts: Vec<Duration>,
}

/// All rounds of the copy, or of the backlog.
#[derive(Clone, Debug, Default)]
pub struct Way {
    pub rows: u64,
    /// From MySQL until everything is durable in Kafka.
    pub captures: Vec<Run>,
    /// From there until everything is in MongoDB.
    pub sinks: Vec<Run>,
    /// End to end in one process.
    pub joined: Vec<Run>,
    /// End to end in two processes, with the sum of their memory.
    pub paired: Run,
    /// Rows handed to a bare client; of the copy alone.
    pub fetched: Vec<Used>,
    /// The same messages from a bare producer.
    pub produced: Vec<Used>,
    /// What the table's topic takes on the broker's disk.
    pub bytes_on_disk: u64,
    /// Of key, value and headers.
    pub bytes_per_message: f64,
}

impl Pipelines {
    /// Writes their configurations.
    ///
    /// # Errors
    /// When there is no binary, or the folder cannot be written to.
    pub fn new(folder: &Path, stand: &Stand, scale: Scale) -> Result<Self, BenchError> {
        let named = |what: &str| -> Result<Vec<Lockstep>, BenchError> {
            let names = (0..scale.rounds).map(|round| format!("{what}{round}"));
            names
                .map(|name| Lockstep::through_kafka(folder, stand, &name))
                .collect()
        };
        Ok(Self {
            apart: named("apart")?,
            joined: named("joined")?,
            paired: Lockstep::through_kafka(folder, stand, "paired")?,
        })
    }

    /// One whose both ends are where the last round left them.
    ///
    /// # Panics
    /// Never: there is a round at least.
    #[must_use]
    pub fn following(&self) -> &Lockstep {
        self.joined.last().expect("a scale has a round at least")
    }

    /// Measures the copy; the direct mode's may be there already, in another database.
    ///
    /// # Errors
    /// When a server or a pipeline fails, or what arrived differs.
    pub async fn snapshot(&self, stand: &Stand, scale: Scale) -> Result<Way, BenchError> {
        let mut way = Way {
            rows: scale.rows,
            ..Way::default()
        };
        // First what is measured for its memory: a broker that has just started is slow at first.
        way.paired = self.paired.catch_up_with(HALVES, stand, AT_MOST).await?;
        stand.require_equal(&self.paired.database).await?;
        for round in 0..scale.rounds {
            way.fetched.push(bare::fetched(stand, scale.rows).await?);
            way.round(stand, self, round, "copy", 0).await?;
        }
        Ok(way)
    }

    /// Measures the draining of the backlog, end to end from the target's data as they were before.
    ///
    /// # Errors
    /// When a server or a pipeline fails, or what arrived differs.
    pub async fn stream(
        &self,
        stand: &Stand,
        scale: Scale,
        prepared: &Prepared,
    ) -> Result<Way, BenchError> {
        let mut way = Way {
            rows: prepared.backlog.changes(),
            ..Way::default()
        };
        for round in 0..scale.rounds {
            let topic = self.apart[round].topic();
            let from = topic::end(stand.kafka.brokers(), topic).await?;
            // The direct mode begins with a target that has just started, hence so does this.
            stand.put_back(&prepared.kept).await?;
            way.round(stand, self, round, "backlog", from).await?;
        }
        let last = LastChange::of(&prepared.backlog)?;
        way.paired = self.paired.side_by_side(stand, last, AT_MOST).await?;
        stand.require_equal(&self.paired.database).await?;
        Ok(way)
    }
}

impl Way {
    /// End to end first, because it is held against the direct mode and needs the same start.
    async fn round(
        &mut self,
        stand: &Stand,
        pipelines: &Pipelines,
        round: usize,
        what: &str,
        from: i64,
    ) -> Result<(), BenchError> {
        let joined = &pipelines.joined[round];
        self.joined.push(joined.catch_up(stand, AT_MOST).await?);
        stand.require_equal(&joined.database).await?;

        let apart = &pipelines.apart[round];
        let before = match from {
            0 => 0,
            _ => topic::bytes_on_disk(&stand.kafka.storage(), &apart.topic())?,
        };
        let capture = apart.catch_up_with(&[Part::Capture], stand, AT_MOST);
        self.captures.push(capture.await?);
        let now = topic::bytes_on_disk(&stand.kafka.storage(), &apart.topic())?;
        self.bytes_on_disk = now.saturating_sub(before);

        let sample = topic::sample(stand.kafka.brokers(), apart.topic(), from).await?;
        self.bytes_per_message = sample.bytes_per_message();
        let name = format!("bare-{what}{round}");
        let floor = bare::produced(stand, &name, &sample, self.rows);
        self.produced.push(floor.await?);

        let sink = apart.catch_up_with(&[Part::Sink], stand, AT_MOST);
        self.sinks.push(sink.await?);
        stand.require_equal(&apart.database).await
    }
}
