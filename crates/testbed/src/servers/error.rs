//! What can go wrong with a server, as one enum; each says which server and what to look at.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a server could not be started, reached or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server was never fetched.
    #[error("{kind} is not in {}; fetch it with `cargo xtask servers fetch --only {kind}`", cache.display())]
    NotProvisioned {
        /// Name of the kind of server.
        kind: &'static str,
        /// The cache that was looked at.
        cache: PathBuf,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program could not be executed.
    #[error("cannot run {}: {source}", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server ended before it was ready, or a tool ended with an error.
    #[error("{what} ended with {status}; its last words:\n{last_words}")]
    Ended {
        /// The server or tool.
        what: &'static str,
        /// How it ended.
        status: String,
        /// The end of its log.
        last_words: String,
    },
    /// The server runs but does not answer.
    #[error("{what} was not ready within {} s; its last words:\n{last_words}", waited.as_secs())]
    NotReady {
        /// The server.
        what: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// The end of its log.
        last_words: String,
    },
    /// The server refused an administrative command.
    #[error("{what} refused {command}: {answer}")]
    Refused {
        /// The server.
        what: &'static str,
        /// The command.
        command: &'static str,
        /// What it said.
        answer: String,
    },
    /// The server was asked for something that needs it running.
    #[error("{what} does not run; start it again with restart()")]
    NotRunning {
        /// The server.
        what: &'static str,
    },
    /// The state of detached servers cannot be read.
    #[error("{} is not a state of servers: {problem}; remove it once nothing of it runs", path.display())]
    State {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// No runtime could be made.
    #[error("cannot make an async runtime: {0}")]
    Runtime(std::io::Error),
    /// The runtime ended while the server was being started.
    #[error("the runtime ended while a server was being started or stopped")]
    Cancelled,
}

impl ServerError {
    pub(super) fn file(
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
}
