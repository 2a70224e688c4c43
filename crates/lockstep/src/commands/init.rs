//! `lockstep init`: looks at the stores and writes a configuration with every choice spelled out.
//! A file that is there is never written over, and a password that was given never gets into the file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::assembly::{self, InitRequest};
use crate::config::{Secret, SourceAddress, TargetAddress};
use crate::exit::ExitStatus;
use crate::failure::{Failure, UsageError};
use crate::output::{Output, words};
use crate::proposal::{Proposal, SOURCE_VARIABLE, TARGET_VARIABLE};
use crate::signals;

pub(super) const EXAMPLES: &str = "\
Examples:
  lockstep init --source mysql://lockstep@db.example:3306 --target 'mongodb://mongo.example/?replicaSet=rs0'
  lockstep init --source mysql://lockstep@db.example:3306 --tables 'shop.*' '!shop.scratch_*' --output shop.toml

A password may stand in the address, or in LOCKSTEP_MYSQL_PASSWORD and LOCKSTEP_MONGODB_PASSWORD,
where other users of the machine can't see it. It never gets into the file.";

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// MySQL: mysql://USER[:PASSWORD]@HOST:PORT
    #[arg(long, value_name = "URL", value_parser = secret)]
    source: Secret,
    /// MongoDB: mongodb://[USER[:PASSWORD]@]HOST:PORT/?replicaSet=NAME
    #[arg(long, value_name = "URL", value_parser = secret)]
    target: Option<Secret>,
    /// Kafka, HOST:PORT and several separated by commas; without it changes go through the process itself
    #[arg(long, value_name = "LIST")]
    brokers: Option<String>,
    /// Which tables to take: database.table with * and ?, a leading ! leaves out; all without it
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    tables: Vec<String>,
    /// Where to write the configuration; without it, where --config says
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

pub(super) async fn execute(
    arguments: InitArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let file = arguments
        .output
        .clone()
        .unwrap_or_else(|| config.to_owned());
    if file.symlink_metadata().is_ok() {
        return Err(UsageError::FileExists(file).into());
    }
    let request = request(arguments, file.clone())?;
    let stop = super::listen()?;
    let Some(proposed) = signals::unless_stopped(&stop, assembly::init(&request)).await else {
        return Ok(ExitStatus::Interrupted);
    };
    let proposed = proposed?;
    write_new(&file, &proposed.proposal.text)?;
    tell(&proposed.proposal, &file, output);
    output.findings(&proposed.findings);
    let next = format!("lockstep check --config {}", file.display());
    output.note("next", &format!("Read the file, then go on with: {next}"));
    Ok(ExitStatus::Done)
}

fn request(arguments: InitArguments, output: PathBuf) -> Result<InitRequest, Failure> {
    let InitArguments {
        source,
        target,
        brokers,
        tables,
        output: _,
    } = arguments;
    let wrong = |name| {
        move |reason| UsageError::Argument {
            name,
            reason: format!("the address can't be used: {reason}"),
        }
    };
    let mut source = SourceAddress::parse(source.reveal()).map_err(wrong("--source"))?;
    if source.password.is_none() {
        source.password = variable(SOURCE_VARIABLE);
    }
    let target = target
        .map(|target| TargetAddress::parse(target.reveal()).map_err(wrong("--target")))
        .transpose()?
        .map(|mut target| {
            if target.user().is_some()
                && target.password().is_none()
                && let Some(password) = variable(TARGET_VARIABLE)
            {
                target.set_password(password);
            }
            target
        });
    if let Some(brokers) = &brokers {
        crate::config::brokers(brokers).map_err(|reason| UsageError::Argument {
            name: "--brokers",
            reason,
        })?;
    }
    Ok(InitRequest {
        source,
        target,
        brokers,
        patterns: tables,
        output,
    })
}

fn variable(name: &str) -> Option<Secret> {
    let value = std::env::var(name).ok();
    value.filter(|value| !value.is_empty()).map(Secret::new)
}

/// Writes a file that is not there yet, also where one came up meanwhile.
fn write_new(file: &Path, text: &str) -> Result<(), UsageError> {
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let written = opened.and_then(|mut opened| opened.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => UsageError::FileExists(file.to_owned()),
        _ => UsageError::NotWritten {
            file: file.to_owned(),
            reason: error.to_string(),
        },
    })
}

fn tell(proposal: &Proposal, file: &Path, output: &Output) {
    let decisions: Vec<_> = proposal
        .decisions
        .iter()
        .map(|(table, reason)| serde_json::json!({ "table": table.to_string(), "reason": reason }))
        .collect();
    let written = serde_json::json!({
        "event": "written",
        "file": file.display().to_string(),
        "tables": proposal.tables,
        "rows_estimated": proposal.rows,
        "bytes_estimated": proposal.bytes,
        "decisions": decisions,
        "variables": proposal.variables,
    });
    output.answer(&written, || {
        let mut lines = vec![format!(
            "Wrote {}: {} tables, about {} rows, {}.",
            file.display(),
            proposal.tables,
            words::count(proposal.rows),
            words::bytes(proposal.bytes)
        )];
        if !proposal.decisions.is_empty() {
            lines.push("Decided for you, look at these in the file:".to_owned());
        }
        for (table, reason) in &proposal.decisions {
            lines.push(format!("  {table}: {reason}"));
        }
        if !proposal.variables.is_empty() {
            let variables = proposal.variables.join(" and ");
            lines.push(format!("The file has no password: set {variables}."));
        }
        lines.join("\n")
    });
}
