//! `lockstep recopy`.

use std::path::Path;
use std::time::{Duration, Instant};

use change::{TableProgress, TableState};
use clap::Args;

use crate::assembly::Wanted;
use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Output;
use crate::{assembly, signals};

/// While somebody waits.
const TELL_EVERY: Duration = Duration::from_secs(2);

pub(super) const EXAMPLES: &str = "\
Examples:
  lockstep recopy shop.orders                    # from the beginning, a stopped table too
  lockstep recopy shop.orders --wait             # and returns once it follows
  lockstep recopy shop.orders --key 17 --key 18  # two rows, while the table goes on following
  lockstep recopy shop.lines --key '{\"order\":17,\"line\":\"b\"}'";

#[derive(Debug, Args)]
pub(super) struct RecopyArguments {
    /// Tables, as `database.table`
    #[arg(required = true, value_name = "TABLE")]
    tables: Vec<String>,
    /// Read only the row of this key anew: JSON, an object by column where the key has several; of one table, several times for several keys
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Return once all that was asked for follows in the target
    #[arg(long)]
    wait: bool,
}

pub(super) async fn execute(
    arguments: RecopyArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let RecopyArguments { tables, keys, wait } = arguments;
    let configuration = super::load(config, Needs::TARGET)?;
    let stop = super::listen()?;
    let whole = keys.is_empty();
    let wanted = match (&tables[..], whole) {
        (_, true) => Wanted::Tables(tables.clone()),
        ([table], false) => Wanted::Keys {
            table: table.clone(),
            keys,
        },
        (_, false) => return Err(several_tables()),
    };
    let mut told: Option<Instant> = None;
    let tell = |progress: &TableProgress| {
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            told = Some(Instant::now());
            output.note("recopy", &line(progress));
        }
    };
    let asking = assembly::recopy(&configuration, wanted, wait, tell);
    let Some(asked) = signals::unless_stopped(&stop, asking).await else {
        return Ok(ExitStatus::Interrupted);
    };
    asked?;
    for table in &tables {
        output.answer(
            &serde_json::json!({ "event": "recopy", "table": table, "whole": whole, "follows": wait }),
            || match (whole, wait) {
                (true, false) => format!("{table} is copied from the beginning"),
                (false, false) => format!("keys of {table} are read anew"),
                (_, true) => format!("{table} follows"),
            },
        );
    }
    Ok(ExitStatus::Done)
}

fn line(progress: &TableProgress) -> String {
    let table = &progress.table;
    match progress.state {
        TableState::Copying | TableState::Recopy if !progress.keys.is_empty() => {
            format!("{table}: {} keys to be read", progress.keys.len())
        }
        TableState::Copying | TableState::Recopy => format!(
            "{table}: {} of about {} rows copied",
            progress.rows_copied, progress.rows_estimated
        ),
        TableState::Following | TableState::Stopped | TableState::Dropped => {
            format!("{table}: waiting for the sink")
        }
    }
}

fn several_tables() -> Failure {
    Failure {
        code: "LS4016",
        message: "not copied again: keys are of one table, and several are named".to_owned(),
        remedy: "name one table with its keys".to_owned(),
        status: ExitStatus::Usage,
        table: None,
        mistakes: Vec::new(),
    }
}
