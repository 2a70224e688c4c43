//! The benchmark: snapshot, stream, latency, processor time and memory of the real `lockstep` binary
//! between real servers, with floors beside them, in one run.
//!
//! What is measured, and why it may be believed, is written in the modules of `tests::bench`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use tests::bench::binary::Lockstep;
use tests::bench::report::Report;
use tests::bench::scale::Scale;
use tests::bench::stand::Stand;
use tests::bench::through_kafka::{Pipelines, ThroughKafka};
use tests::bench::{BenchError, latency, oversized, restart, snapshot, stream};

const USAGE: &str = "usage: bench [--quick] [--scale FACTOR] [--rounds COUNT] [--json]";

struct Arguments {
    scale: Scale,
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(arguments) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let measured = tokio::select! {
        measured = measure(arguments.scale) => measured,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("interrupted");
            return ExitCode::from(130);
        }
    };
    match measured {
        Ok(report) if arguments.json => {
            eprintln!("\n{}", report.text());
            println!("{}", report.json());
            ExitCode::SUCCESS
        }
        Ok(report) => {
            println!("\n{}", report.text());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nThe benchmark failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Option<Arguments> {
    let mut parsed = Arguments {
        scale: Scale::full(),
        json: false,
    };
    let (mut factor, mut rounds) = (1.0, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => parsed.scale = Scale::quick(),
            "--json" => parsed.json = true,
            "--scale" => factor = arguments.next()?.parse().ok()?,
            "--rounds" => rounds = Some(arguments.next()?.parse().ok()?),
            _ => return None,
        }
    }
    parsed.scale = parsed.scale.times(factor);
    parsed.scale.rounds = rounds.unwrap_or(parsed.scale.rounds).max(1);
    (factor > 0.0).then_some(parsed)
}

async fn measure(scale: Scale) -> Result<Report, BenchError> {
    let began = Instant::now();
    let folder = Folder::create()?;
    heading(began, "starting a MySQL, a MongoDB and a Kafka of its own");
    let stand = Stand::start().await?;
    let lockstep = Lockstep::direct(&folder.0, &stand)?;
    let pipelines = Pipelines::new(&folder.0, &stand, scale)?;
    heading(began, &format!("filling a table of {} rows", scale.rows));
    stand.durable_commits(false).await?;
    stand.fill(scale.rows).await?;
    heading(began, "snapshot, end to end, and its floor");
    let snapshot = snapshot::measure(&stand, &lockstep, scale).await?;
    heading(began, "snapshot through Kafka, and its floors");
    let snapshot_through_kafka = pipelines.snapshot(&stand, scale).await?;
    heading(
        began,
        &format!(
            "stream: a backlog of {} changes, and its floor",
            scale.changes
        ),
    );
    let prepared = stream::prepare(&stand, scale).await?;
    let stream = stream::measure(&stand, &lockstep, scale, &prepared).await?;
    heading(began, "stream through Kafka, and its floor");
    let stream_through_kafka = pipelines.stream(&stand, scale, &prepared).await?;
    heading(began, "latency, idle and busy");
    let latency = latency::measure(&stand, &lockstep, scale).await?;
    heading(began, "latency through Kafka, idle and busy");
    let through_kafka = pipelines.following();
    let latency_through_kafka = latency::measure(&stand, through_kafka, scale).await?;
    heading(began, "restarts after a kill, direct and through Kafka");
    let restarts = restart::measure(&stand, &lockstep, scale.restarts).await?;
    let restarts_through_kafka = restart::measure(&stand, through_kafka, scale.restarts).await?;
    heading(began, "oversized transactions");
    let oversized = oversized::measure(&stand, &lockstep, scale).await?;
    Ok(Report {
        scale,
        snapshot,
        stream,
        latency,
        restarts,
        oversized,
        kafka: ThroughKafka {
            snapshot: snapshot_through_kafka,
            stream: stream_through_kafka,
            latency: latency_through_kafka,
            restarts: restarts_through_kafka,
        },
        took: began.elapsed(),
    })
}

/// Progress goes to the error output, so that `--json` can be piped.
fn heading(began: Instant, text: &str) {
    eprintln!("{:>4} s  {text}", began.elapsed().as_secs());
}

/// A folder that is removed with its value.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, BenchError> {
        let path = std::env::temp_dir().join(format!("lockstep-bench-{}", std::process::id()));
        match std::fs::create_dir_all(&path) {
            Ok(()) => Ok(Self(path)),
            Err(cause) => Err(BenchError::File {
                act: "create",
                path,
                cause,
            }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost when the folder stays: it holds a generated file and a log.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
