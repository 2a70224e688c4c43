//! `lockstep topics`: what the pipeline's topics hold, and the changes in them as people read them.

use std::path::Path;

use change::{Date, DateTime, TableName};
use clap::{Args, Subcommand};
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
  lockstep topics tail --from 2026-11-21T03:00:00Z
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
    /// Where to begin: beginning (the log's first barrier), end (what is committed from now on), or
    /// what was written from a time on, in UTC: 2026-11-21T03:00:00Z
    #[arg(long, value_name = "PLACE", default_value = "end", value_parser = place)]
    from: TailFrom,
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
            let opening = assembly::tail_topics(&configuration, tables, arguments.from);
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

/// A place as `--from` takes it; the error completes what clap says.
fn place(text: &str) -> Result<TailFrom, String> {
    match text {
        "beginning" => Ok(TailFrom::Beginning),
        "end" => Ok(TailFrom::End),
        _ => moment(text).map(TailFrom::Time).ok_or_else(|| {
            "it is none of beginning, end, or a time such as 2026-11-21T03:00:00Z".to_owned()
        }),
    }
}

/// A time in UTC as RFC 3339 spells it, in milliseconds since 1970.
fn moment(text: &str) -> Option<i64> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let microsecond = match fraction {
        None => 0,
        Some(digits) if (1..=6).contains(&digits.len()) => {
            let [microsecond] = numbers(&format!("{digits:0<6}"), '.', [6])?;
            microsecond
        }
        Some(_) => return None,
    };
    let clock = DateTime {
        date: Date {
            year: u16::try_from(year).ok()?,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
        },
        hour: u8::try_from(hour).ok().filter(|hour| *hour < 24)?,
        minute: u8::try_from(minute).ok().filter(|minute| *minute < 60)?,
        second: u8::try_from(second).ok().filter(|second| *second < 60)?,
        microsecond,
    };
    Some(clock.microseconds_since_epoch()? / 1000)
}

/// Numbers of so many digits each.
fn numbers<const COUNT: usize>(
    text: &str,
    separator: char,
    digits: [usize; COUNT],
) -> Option<[u32; COUNT]> {
    let mut numbers = [0; COUNT];
    let mut parts = text.split(separator);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        let spelled = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| spelled)?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_or_a_time() {
        assert_eq!(place("beginning"), Ok(TailFrom::Beginning));
        assert_eq!(place("end"), Ok(TailFrom::End));
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-01-02T03:04:05Z", 1_704_164_645_000),
            ("2024-01-02T03:04:05.12Z", 1_704_164_645_120),
            ("2024-02-29T23:59:59.999999Z", 1_709_251_199_999),
        ] {
            assert_eq!(place(text), Ok(TailFrom::Time(milliseconds)), "{text}");
        }
        for text in [
            "",
            "now",
            "2024-01-02",
            "2024-01-02T03:04:05",
            "2024-01-02T03:04:05+01:00",
            "2024-1-02T03:04:05Z",
            "2023-02-29T03:04:05Z",
            "2024-01-02T24:00:00Z",
            "2024-01-02T03:04:05.Z",
            "2024-01-02T03:04:05.+1Z",
            "2024-01-02T03:04Z",
        ] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
