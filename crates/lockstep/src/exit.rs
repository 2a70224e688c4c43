//! How the process ends: the numbers that scripts rely on, in one place.

use std::process::ExitCode;

/// The exit code of a command. Printed with `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    Done,
    /// The pipeline can't go on: halted, fenced, or a server stayed away for too long.
    Halted,
    /// Usage or configuration.
    Usage,
    /// Refused before the start.
    Refused,
    /// A signal, after a clean stop.
    Interrupted,
}

/// What `--help` says about exit codes; 4 belongs to verification.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    halted; also fenced by a successor, or a server was lost for longer than the retries allow
  2    usage or configuration
  3    refused before the start: a finding forbids it, unreachable, access denied
  4    verification found differences
  130  SIGINT or SIGTERM, after a clean stop";

impl ExitStatus {
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Halted => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.number())
    }
}
