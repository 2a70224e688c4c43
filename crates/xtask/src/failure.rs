//! What can go wrong in a task, as one enum.
//! Every variant says what was attempted, where, and what to do, because a task is run by someone who has never seen this code and wants the machine to be ready.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot run `{command}`: {source}")]
    NotStarted {
        command: String,
        source: std::io::Error,
    },
    #[error("`{command}` failed ({status}){output}")]
    Command {
        command: String,
        status: String,
        output: String,
    },
    #[error(
        "missing on this machine: {what}; install it with: {remedy}\n(as root this task would have done it itself)"
    )]
    Missing { what: String, remedy: String },
    #[error("{0}")]
    Unsupported(String),
    #[error(
        "{} has the SHA-256 {found}, but {expected} is pinned; delete it and try again, and if it happens again do not use it",
        path.display()
    )]
    Checksum {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("{what}: {problem}")]
    Unexpected { what: String, problem: String },
    /// The program that did the work has already said what was wrong.
    #[error("`{command}` ended with {code}")]
    Ended { command: String, code: i32 },
}

impl Failure {
    pub(crate) fn file(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// The exit code that `xtask` ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Ended { code, .. } => u8::try_from(*code).unwrap_or(1),
            Self::File { .. }
            | Self::NotStarted { .. }
            | Self::Command { .. }
            | Self::Missing { .. }
            | Self::Unsupported(_)
            | Self::Checksum { .. }
            | Self::Unexpected { .. } => 1,
        }
    }
}
