//! `lockstep recopy`.

use std::path::Path;

use clap::Args;

use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Output;
use crate::{assembly, signals};

#[derive(Debug, Args)]
pub(super) struct RecopyArguments {
    /// Tables, as `database.table`
    #[arg(required = true, value_name = "TABLE")]
    tables: Vec<String>,
}

pub(super) async fn execute(
    arguments: &RecopyArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let configuration = super::load(config, Needs::TARGET)?;
    let stop = super::listen()?;
    let asking = assembly::ask_for_recopy(&configuration, &arguments.tables);
    let Some(asked) = signals::unless_stopped(&stop, asking).await else {
        return Ok(ExitStatus::Interrupted);
    };
    asked?;
    for table in &arguments.tables {
        output.answer(
            &serde_json::json!({ "event": "recopy", "table": table }),
            || format!("{table} is copied from the beginning"),
        );
    }
    Ok(ExitStatus::Done)
}
