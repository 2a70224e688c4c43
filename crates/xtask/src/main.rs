//! `cargo xtask`: prepares the machine and runs the project's tasks.
//! It builds with nothing but the Rust toolchain and depends on no other crate of the workspace, because it must run before the rest can be built.

mod failure;
mod folders;
mod machine;
mod program;
mod provision;
mod servers;
mod tasks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Prepares the machine and runs the project's tasks"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch, start and stop real servers
    #[command(subcommand)]
    Servers(servers::Command),
    /// Install what building and starting servers take, or name it
    Machine,
    /// Run all tests, servers included
    Test {
        /// Names of tests, and whatever else `cargo test` takes after `--`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Move a live database through Kafka before your eyes, kill both halves, compare every table
    Demo {
        /// Leave servers and pipeline running to explore
        #[arg(long)]
        keep: bool,
        /// Without Kafka: one process from MySQL to MongoDB
        #[arg(long)]
        direct: bool,
    },
    /// Break the product on purpose, one rule at a time, and demand that a test notices
    Mutants {
        /// Files in tests/mutants, with or without .patch; all of them without a name
        names: Vec<String>,
    },
    /// Hold the topics against Debezium's own and let connectors that are not ours read them
    Compat,
    /// Measure snapshot, stream, latency, CPU and memory, with floors beside them
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        part: Option<BenchPart>,
        /// One JSON object on the last line
        #[arg(long)]
        json: bool,
        /// A small table and one round: whether it works, and an order of magnitude
        #[arg(long)]
        quick: bool,
        /// A table and a backlog so many times as large
        #[arg(long, value_name = "FACTOR")]
        scale: Option<f64>,
    },
}

#[derive(Subcommand)]
enum BenchPart {
    /// Rows of row events decoded and encoded by one core, and what that allocates
    Decode,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Servers(command) => servers::run(&command),
        Task::Machine => tasks::machine(),
        Task::Test { filter } => tasks::test(&filter),
        Task::Demo { keep, direct } => tasks::demo(keep, direct),
        Task::Mutants { names } => tasks::mutants(&names),
        Task::Compat => tasks::compat(),
        Task::Bench {
            part: Some(BenchPart::Decode),
            ..
        } => tasks::bench_decode(),
        Task::Bench {
            part: None,
            json,
            quick,
            scale,
        } => tasks::bench(json, quick, scale),
    }
}
