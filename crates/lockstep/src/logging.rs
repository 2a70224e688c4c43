//! The log on stderr, as text or JSON lines.
//! A line never breaks into the progress bars: they are taken away while it is written.

use std::io;

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::commands::{LogFormat, Verbosity};

/// Overrides -v and -q; the syntax is that of tracing's filters.
const FILTER_VARIABLE: &str = "LOCKSTEP_LOG";

/// Starts the log. Called once.
pub fn start(format: LogFormat, verbosity: Verbosity, bars: &MultiProgress) {
    let default = match verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "warn",
        Verbosity::Verbose(1) => "warn,lockstep=info,flow=info,mysql=info,mongo=info",
        Verbosity::Verbose(2) => "info,lockstep=debug,flow=debug,mysql=debug,mongo=debug",
        Verbosity::Verbose(_) => "debug,lockstep=trace,flow=trace,mysql=trace,mongo=trace",
    };
    let filter =
        EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(BesideBars(bars.clone()));
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

#[derive(Clone)]
struct BesideBars(MultiProgress);

impl MakeWriter<'_> for BesideBars {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl io::Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
