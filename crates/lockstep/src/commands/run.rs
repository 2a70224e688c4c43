//! `lockstep run`, `capture` and `sink`: move the pipeline, or one half of it, until it is caught up, stopped or has failed.
//! It shows what the composition root tells and turns how it ended into words and an exit code; the loops know nothing of terminals.

use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::assembly::{self, Ended, Part, RunOptions};
use crate::config::Log;
use crate::exit::ExitStatus;
use crate::failure::{Failure, UsageError};
use crate::output::{Output, Reporter, Snapshot};

/// Often enough for a bar to move, seldom enough to cost nothing.
const REPORT_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// End by itself once this is reached
    #[arg(long, value_name = "STATE", value_enum)]
    until: Option<Until>,
    /// Take over from another process that still runs this pipeline; it will stop
    #[arg(long)]
    takeover: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    /// Every table follows, and what the source held at that moment is applied (capture: durable in the log; sink: what the log held at that moment is applied)
    CaughtUp,
}

pub(super) async fn execute(
    part: Part,
    arguments: &RunArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let RunArguments { until, takeover } = arguments;
    let options = RunOptions {
        part,
        until_caught_up: *until == Some(Until::CaughtUp),
        takeover: *takeover,
    };
    let configuration = super::load(config, part.needs())?;
    if part != Part::Run && configuration.log == Log::Direct {
        let command = part.command();
        return Err(UsageError::DirectLog { command }.into());
    }
    let stop = super::listen()?;
    let (progress, pictures) = watch::channel(Snapshot::new(&configuration.pipeline));
    let last = pictures.clone();
    let over = CancellationToken::new();
    let reporting = tokio::spawn(report(pictures, output.reporter(), over.clone()));
    let stopping = tokio::spawn(announce_stop(stop.clone(), output.clone()));
    let ended = assembly::run(&configuration, options, stop, progress).await;
    stopping.abort();
    over.cancel();
    // The sender is gone with the run, so the reporter ends by itself with the last picture.
    if let Err(error) = reporting.await {
        tracing::error!(%error, "the progress display failed");
    }
    let kept_back = last.borrow().quarantine;
    let resume = format!("lockstep {} --config {}", part.command(), config.display());
    match ended? {
        Ended::CaughtUp => {
            output.end(
                "caught-up",
                match part {
                    Part::Run => {
                        "Caught up: every table follows, and all that the source held is applied."
                    }
                    Part::Capture => {
                        "Caught up: every table follows, and all that the source held is durable in the log."
                    }
                    Part::Sink => {
                        "Caught up: every table follows, and all that the log held is applied."
                    }
                },
                &resume,
                kept_back,
            );
            Ok(ExitStatus::Done)
        }
        Ended::Stopped => {
            output.end(
                "interrupted",
                "Stopped at a barrier; nothing is lost, and the next run goes on from here.",
                &resume,
                kept_back,
            );
            Ok(ExitStatus::Interrupted)
        }
    }
}

/// Shows pictures until they end; nobody waits for the next one to be due when all is over.
async fn report(
    mut pictures: watch::Receiver<Snapshot>,
    mut reporter: Reporter,
    over: CancellationToken,
) {
    let began = tokio::time::Instant::now();
    while pictures.changed().await.is_ok() {
        let picture = pictures.borrow_and_update().clone();
        reporter.show(&picture, began.elapsed());
        tokio::select! {
            () = over.cancelled() => {}
            () = tokio::time::sleep(REPORT_EVERY) => {}
        }
    }
    let last = pictures.borrow().clone();
    reporter.finish(&last);
}

async fn announce_stop(stop: CancellationToken, output: Output) {
    stop.cancelled().await;
    output.note(
        "stopping",
        "Stopping at the next barrier; once more to stop at once.",
    );
}
