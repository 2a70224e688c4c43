//! What ends a command without success: a code, a sentence, a remedy and the exit status.
//! Every crate's errors become this one form at the binary's edge, so that text and JSON say the same of all of them.

use std::path::PathBuf;

use serde::Serialize;

use crate::config::{ConfigurationError, RenderedMistake};
use crate::exit::ExitStatus;

/// The codes that this crate says, in order; a page for each.
#[cfg(test)]
pub const CODES: &[&str] = &[
    "LS1000", "LS1001", "LS1002", "LS1003", "LS1004", "LS1005", "LS1006", "LS1007", "LS1008",
    "LS1010", "LS1011", "LS1013", "LS1014", "LS1020", "LS1021", "LS1022", "LS1023", "LS1024",
];

/// Why a command did not do what it was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
    pub remedy: String,
    #[serde(skip)]
    pub status: ExitStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<RenderedMistake>,
}

/// What is wrong with how a command was called, beyond what its grammar can tell.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    #[error(
        "`lockstep {command}` is one half of a pipeline, and the log is direct: it has no halves"
    )]
    DirectLog { command: &'static str },
    #[error("{0:?} is not of the form DATABASE.TABLE")]
    NoTable(String),
    #[error("{0:?} is no code of Lockstep's")]
    UnknownCode(String),
    #[error("reset deletes the checkpoints of the pipeline {pipeline:?}{}, and --yes was not given", if *.drop_target { " and the collections that it filled" } else { "" })]
    ResetNotConfirmed { pipeline: String, drop_target: bool },
    #[error("{name}: {reason}")]
    Argument { name: &'static str, reason: String },
    #[error("{} is there already, and init never writes over a file", .0.display())]
    FileExists(PathBuf),
    #[error("{} can't be written: {reason}", file.display())]
    NotWritten { file: PathBuf, reason: String },
    #[error("the source has no table that could be moved, or the account sees none")]
    NothingToMove,
    #[error("no broker takes a connection: {0}")]
    NoBroker(String),
    #[error("the process could not set itself up: {0}")]
    Process(std::io::Error),
}

impl UsageError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::DirectLog { .. } => "LS1008",
            Self::UnknownCode(_) => "LS1010",
            Self::NoTable(_) => "LS1014",
            Self::ResetNotConfirmed { .. } => "LS1011",
            Self::Process(_) => "LS1013",
            Self::Argument { .. } => "LS1020",
            Self::FileExists(_) => "LS1021",
            Self::NotWritten { .. } => "LS1022",
            Self::NothingToMove => "LS1023",
            Self::NoBroker(_) => "LS1024",
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::DirectLog { .. } => {
                "use `lockstep run`, or give [log] kind = \"kafka\" and brokers".into()
            }
            Self::NoTable(_) => "`lockstep topics list` has the tables".into(),
            Self::UnknownCode(_) => "`lockstep explain` lists all codes".into(),
            Self::ResetNotConfirmed { drop_target, .. } => {
                let drop = if *drop_target { " --drop-target" } else { "" };
                format!(
                    "look at it with `lockstep status`, then repeat the command as `lockstep reset{drop} --yes`"
                )
            }
            Self::Argument { .. } => "`lockstep init --help` has examples".into(),
            Self::FileExists(_) => {
                "name another file with --output FILE, or move this one away".into()
            }
            Self::NotWritten { .. } => {
                "look at the folder: it has to be there, and this user has to be allowed to write in it"
                    .into()
            }
            Self::NothingToMove => {
                "look at the patterns of --tables, and grant the account SELECT on the tables: GRANT SELECT ON shop.* TO 'lockstep'@'%'"
                    .into()
            }
            Self::NoBroker(_) => {
                "compare with the brokers' advertised listeners; leave --brokers out for a log without Kafka"
                    .into()
            }
            Self::Process(_) => {
                "look at the limits of the process: memory, threads, open files".into()
            }
        }
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::DirectLog { .. }
            | Self::UnknownCode(_)
            | Self::NoTable(_)
            | Self::ResetNotConfirmed { .. }
            | Self::Argument { .. }
            | Self::FileExists(_)
            | Self::NotWritten { .. } => ExitStatus::Usage,
            Self::NothingToMove | Self::NoBroker(_) => ExitStatus::Refused,
            Self::Process(_) => ExitStatus::Halted,
        }
    }
}

impl Failure {
    /// A failure of a port that happened before anything was started.
    pub fn before_the_start(failure: flow::Failure) -> Self {
        Self {
            status: ExitStatus::Refused,
            ..Self::from(failure)
        }
    }
}

impl From<flow::Failure> for Failure {
    fn from(failure: flow::Failure) -> Self {
        let flow::Failure {
            code,
            disposition: _,
            table,
            message,
            remedy,
        } = failure;
        Self {
            code,
            message,
            remedy,
            status: ExitStatus::Halted,
            table: table.map(|table| table.to_string()),
            mistakes: Vec::new(),
        }
    }
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            remedy: error.remedy(),
            status: error.status(),
            table: None,
            mistakes: Vec::new(),
        }
    }
}

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        let (remedy, mistakes) = match error {
            ConfigurationError::Unreadable { .. } => (
                "name the file with --config FILE; without it, ./lockstep.toml is read".to_string(),
                Vec::new(),
            ),
            ConfigurationError::Mistaken { mistakes, .. } => (
                "mend the file; `lockstep explain CODE` says more about each".to_string(),
                mistakes,
            ),
        };
        Self {
            code,
            message,
            remedy,
            status: ExitStatus::Usage,
            table: None,
            mistakes,
        }
    }
}
