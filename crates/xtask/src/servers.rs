//! `cargo xtask servers`: fetches what is missing, then lets testbed's program start, show and stop the servers.
//! How a server is started stands in testbed alone, where the tests use it too.

use std::process::Command as Program;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::program::openly;
use crate::provision::{Kind, provision};
use crate::{folders, machine};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Download servers into the cache, without starting them
    Fetch(Kinds),
    /// Start servers that go on running, and print where they listen
    Start {
        #[command(flatten)]
        kinds: Kinds,
        /// A name for this set of servers; sets of different names run side by side
        #[arg(long, default_value = "default")]
        name: String,
        /// One JSON object with the addresses on the last line
        #[arg(long)]
        json: bool,
    },
    /// Stop servers and remove their data
    Stop {
        /// The set to stop
        #[arg(long, default_value = "default")]
        name: String,
        /// Stop every set of this checkout
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Show which servers run, and where
    Status {
        /// One JSON object on the last line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct Kinds {
    /// Only these kinds, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
}

impl Kinds {
    fn chosen(&self) -> &[Kind] {
        if self.only.is_empty() {
            &Kind::USUAL
        } else {
            &self.only
        }
    }
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Fetch(kinds) => provision(kinds.chosen()),
        Command::Start { kinds, name, json } => {
            machine::prepare(&[machine::TO_BUILD])?;
            provision(kinds.chosen())?;
            let only = kinds
                .chosen()
                .iter()
                .filter(|kind| !matches!(kind, Kind::Connect | Kind::PythonClients))
                .map(|kind| kind.name())
                .collect::<Vec<_>>()
                .join(",");
            let mut arguments = vec!["start", "--only", &only, "--name", name];
            if *json {
                arguments.push("--json");
            }
            testbed(&arguments)
        }
        Command::Stop { all: true, .. } => testbed(&["stop", "--all"]),
        Command::Stop { name, all: false } => testbed(&["stop", "--name", name]),
        Command::Status { json } => {
            if *json {
                testbed(&["status", "--json"])
            } else {
                testbed(&["status"])
            }
        }
    }
}

/// Builds only the part of testbed that knows servers: it is small, and must not wait for the rest.
fn testbed(arguments: &[&str]) -> Result<(), Failure> {
    openly(
        Program::new("cargo")
            .args(["run", "--quiet", "--package", "testbed"])
            .args(["--no-default-features", "--bin", "testbed", "--", "servers"])
            .args(arguments)
            .current_dir(folders::workspace()),
    )
}
