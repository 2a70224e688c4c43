//! `lockstep reset`.

use std::path::Path;

use clap::Args;

use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::{Failure, UsageError};
use crate::output::Output;
use crate::{assembly, signals};

#[derive(Debug, Args)]
pub(super) struct ResetArguments {
    /// Really do it
    #[arg(long)]
    yes: bool,
    /// Drop the collections that the pipeline filled, too
    #[arg(long)]
    drop_target: bool,
}

pub(super) async fn execute(
    arguments: &ResetArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let ResetArguments { yes, drop_target } = *arguments;
    let configuration = super::load(config, Needs::TARGET)?;
    if !yes {
        let pipeline = configuration.pipeline;
        return Err(UsageError::ResetNotConfirmed {
            pipeline,
            drop_target,
        }
        .into());
    }
    let stop = super::listen()?;
    let Some(removed) =
        signals::unless_stopped(&stop, assembly::reset(&configuration, drop_target)).await
    else {
        return Ok(ExitStatus::Interrupted);
    };
    for what in removed? {
        output.answer(
            &serde_json::json!({ "event": "removed", "what": what }),
            || format!("removed {what}"),
        );
    }
    Ok(ExitStatus::Done)
}
