//! `lockstep explain [CODE]`.

use clap::Args;

use crate::exit::ExitStatus;
use crate::explain;
use crate::failure::{Failure, UsageError};
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The code, for instance LS1005
    code: Option<String>,
}

pub(super) fn execute(
    arguments: &ExplainArguments,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let ExplainArguments { code } = arguments;
    match code {
        Some(code) => {
            let page = explain::page(code).ok_or_else(|| UsageError::UnknownCode(code.clone()))?;
            output.answer(&page, || page.text.trim_end().to_string());
        }
        None => {
            for page in explain::pages() {
                let entry = serde_json::json!({ "code": page.code, "title": page.title });
                output.answer(&entry, || format!("{}  {}", page.code, page.title));
            }
        }
    }
    Ok(ExitStatus::Done)
}
