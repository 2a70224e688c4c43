//! `lockstep status`.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Output;
use crate::{assembly, signals};

const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Look again every second until interrupted
    #[arg(long)]
    watch: bool,
}

pub(super) async fn execute(
    arguments: &StatusArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let StatusArguments { watch } = *arguments;
    let configuration = super::load(config, Needs::STATUS)?;
    let stop = super::listen()?;
    loop {
        let Some(snapshot) = signals::unless_stopped(&stop, assembly::status(&configuration)).await
        else {
            return Ok(ExitStatus::Interrupted);
        };
        output.status(&snapshot?, watch);
        if !watch {
            return Ok(ExitStatus::Done);
        }
        if signals::unless_stopped(&stop, tokio::time::sleep(LOOK_EVERY))
            .await
            .is_none()
        {
            return Ok(ExitStatus::Interrupted);
        }
    }
}
