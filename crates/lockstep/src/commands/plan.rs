//! `lockstep plan`: what a run would copy, field by field, and how long that may take.

use std::path::Path;

use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Output;
use crate::{assembly, signals};

pub(super) const EXAMPLES: &str = "\
Examples:
  lockstep plan | less
  lockstep plan --json | jq 'select(.event == \"table\") | {table, collection, chunks}'";

pub(super) async fn execute(config: &Path, output: &Output) -> Result<ExitStatus, Failure> {
    let configuration = super::load(config, Needs::SOURCE)?;
    let stop = super::listen()?;
    let Some(plan) = signals::unless_stopped(&stop, assembly::plan(&configuration)).await else {
        return Ok(ExitStatus::Interrupted);
    };
    output.plan(&plan?);
    Ok(ExitStatus::Done)
}
