//! The arguments of `lockstep`, and the way from them to a command.
//! Only what works is in the help; each command has a file of its own.

mod check;
mod explain;
mod init;
mod plan;
mod quarantine;
mod recopy;
mod reset;
mod run;
mod status;
mod topics;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::assembly::Part;
use crate::config::{Configuration, Needs};
use crate::exit::{EXIT_CODES, ExitStatus};
use crate::failure::{Failure, UsageError};
use crate::output::Output;
use crate::{logging, signals};

/// Moves a live MySQL database into MongoDB and keeps both equal
///
/// A copy of all rows and the binary log flow into MongoDB while applications keep writing; kill the process anywhere and start it again, and nothing is lost or doubled.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, after_help = EXIT_CODES, arg_required_else_help = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Global {
    /// The configuration of the pipeline
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "lockstep.toml"
    )]
    config: PathBuf,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// How log lines on stderr are written
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Log more; twice and three times for still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Print nothing but errors and what was asked for
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose(u8),
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at the servers and write a configuration with every choice spelled out
    #[command(after_help = init::EXAMPLES)]
    Init(init::InitArguments),
    /// Show what becomes what, field by field, and how long a copy may take
    #[command(after_help = plan::EXAMPLES)]
    Plan,
    /// Copy all tables and follow the changes
    #[command(after_help = EXIT_CODES)]
    Run(run::RunArguments),
    /// Copy and follow into the log only: the half that stands near MySQL
    #[command(after_help = EXIT_CODES)]
    Capture(run::RunArguments),
    /// Apply the log to MongoDB only: the half that stands near MongoDB
    #[command(after_help = EXIT_CODES)]
    Sink(run::RunArguments),
    /// Look at both servers and say what stands in the way; changes nothing
    #[command(after_help = EXIT_CODES)]
    Check,
    /// Show where the pipeline stands, running or not
    #[command(after_help = EXIT_CODES)]
    Status(status::StatusArguments),
    /// Show the pipeline's topics, and the changes in them as people read them
    #[command(after_help = topics::EXAMPLES)]
    Topics(topics::TopicsArguments),
    /// Copy tables of the running pipeline anew, stopped ones too, or single rows
    #[command(after_help = recopy::EXAMPLES)]
    Recopy(recopy::RecopyArguments),
    /// Show rows that are kept back because no document can hold them or MongoDB refuses them
    #[command(after_help = quarantine::EXAMPLES)]
    Quarantine(quarantine::QuarantineArguments),
    /// Forget the pipeline's checkpoints, so that the next run begins anew
    #[command(after_help = EXIT_CODES)]
    Reset(reset::ResetArguments),
    /// Explain the code of an error or a finding; without a code, list them
    #[command(after_help = EXIT_CODES)]
    Explain(explain::ExplainArguments),
}

/// Does what the arguments ask for, and prints why where it can't.
pub fn execute(arguments: Arguments) -> ExitStatus {
    let Arguments { global, command } = arguments;
    let Global {
        config,
        json,
        log_format,
        verbose,
        quiet,
    } = global;
    let verbosity = match (quiet, verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, times) => Verbosity::Verbose(times),
    };
    let output = Output::new(json, quiet);
    logging::start(log_format, verbosity, output.bars());
    let ended = match command {
        Command::Explain(arguments) => explain::execute(&arguments, &output),
        Command::Init(arguments) => with_runtime(init::execute(arguments, &config, &output)),
        Command::Run(arguments) => {
            with_runtime(run::execute(Part::Run, &arguments, &config, &output))
        }
        Command::Capture(arguments) => {
            with_runtime(run::execute(Part::Capture, &arguments, &config, &output))
        }
        Command::Sink(arguments) => {
            with_runtime(run::execute(Part::Sink, &arguments, &config, &output))
        }
        Command::Plan => with_runtime(plan::execute(&config, &output)),
        Command::Check => with_runtime(check::execute(&config, &output)),
        Command::Status(arguments) => with_runtime(status::execute(&arguments, &config, &output)),
        Command::Topics(arguments) => with_runtime(topics::execute(&arguments, &config, &output)),
        Command::Recopy(arguments) => with_runtime(recopy::execute(arguments, &config, &output)),
        Command::Quarantine(arguments) => {
            with_runtime(quarantine::execute(arguments, &config, &output))
        }
        Command::Reset(arguments) => with_runtime(reset::execute(&arguments, &config, &output)),
    };
    ended.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.status
    })
}

fn with_runtime(
    work: impl Future<Output = Result<ExitStatus, Failure>>,
) -> Result<ExitStatus, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("lockstep")
        .build()
        .map_err(UsageError::Process)?;
    runtime.block_on(work)
}

fn load(path: &std::path::Path, needs: Needs) -> Result<Configuration, Failure> {
    Ok(Configuration::load(path, needs)?)
}

fn listen() -> Result<tokio_util::sync::CancellationToken, Failure> {
    Ok(signals::listen().map_err(UsageError::Process)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_of_the_arguments_is_sound() {
        Arguments::command().debug_assert();
    }
}
