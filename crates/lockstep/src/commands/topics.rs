//! `lockstep topics`: what the pipeline's topics hold, and the changes in them as people read them.

use std::path::Path;

use change::TableName;
use clap::{Args, Subcommand, ValueEnum};
use kafka::TailFrom;

use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::{Failure, UsageError};
use crate::output::{ChangePrinter, Output};
use crate::{assembly, signals};

pub(super) const EXAMPLES: &str = "\
Examples:
  lockstep topics list
  lockstep topics tail --table shop.orders
  lockstep topics tail --from beginning --json | jq .value.after";

#[derive(Debug, Args)]
pub(super) struct TopicsArguments {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    /// The topics, their partitions, and how much is in them
    List,
    /// The changes, each once it is committed, until interrupted
    Tail(TailArguments),
}

#[derive(Debug, Args)]
struct TailArguments {
    /// Only changes of this table, as DATABASE.TABLE; may be given several times
    #[arg(long, value_name = "TABLE")]
    table: Vec<String>,
    /// Where to begin
    #[arg(long, value_name = "PLACE", value_enum, default_value_t = Place::End)]
    from: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Place {
    /// The log's first barrier
    Beginning,
    /// What is committed from now on
    End,
}

pub(super) async fn execute(
    arguments: &TopicsArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let configuration = super::load(config, Needs::LOG)?;
    let stop = super::listen()?;
    match &arguments.command {
        TopicsCommand::List => {
            let listing = assembly::list_topics(&configuration);
            let Some(listed) = signals::unless_stopped(&stop, listing).await else {
                return Ok(ExitStatus::Interrupted);
            };
            output.topics(&listed?);
            Ok(ExitStatus::Done)
        }
        TopicsCommand::Tail(arguments) => {
            let tables = arguments.table.iter();
            let tables = tables.map(|name| table(name)).collect::<Result<_, _>>()?;
            let from = match arguments.from {
                Place::Beginning => TailFrom::Beginning,
                Place::End => TailFrom::End,
            };
            let opening = assembly::tail_topics(&configuration, tables, from);
            let Some(opened) = signals::unless_stopped(&stop, opening).await else {
                return Ok(ExitStatus::Interrupted);
            };
            let mut tail = opened?;
            let mut printer = ChangePrinter::new(&configuration.pipeline);
            loop {
                let Some(change) = signals::unless_stopped(&stop, tail.next()).await else {
                    return Ok(ExitStatus::Interrupted);
                };
                output.change(&mut printer, &change?);
            }
        }
    }
}

fn table(name: &str) -> Result<TableName, UsageError> {
    match name.split_once('.') {
        Some((database, table)) if !database.is_empty() && !table.is_empty() => {
            Ok(TableName::new(database, table))
        }
        Some(_) | None => Err(UsageError::NoTable(name.to_owned())),
    }
}
