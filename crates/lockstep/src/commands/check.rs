//! `lockstep check`.

use std::path::Path;

use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Output;
use crate::{assembly, signals};

pub(super) async fn execute(config: &Path, output: &Output) -> Result<ExitStatus, Failure> {
    let configuration = super::load(config, Needs::BOTH)?;
    let stop = super::listen()?;
    let Some(findings) = signals::unless_stopped(&stop, assembly::check(&configuration)).await
    else {
        return Ok(ExitStatus::Interrupted);
    };
    let findings = findings?;
    output.findings(&findings);
    let forbidden = findings
        .iter()
        .any(|finding| finding.severity == flow::Severity::Forbids);
    Ok(if forbidden {
        ExitStatus::Refused
    } else {
        ExitStatus::Done
    })
}
