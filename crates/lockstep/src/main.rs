//! The `lockstep` command: it reads arguments and configuration, puts the crates together, and shows what they do.
//! Nothing is decided here that concerns data; a command parses, calls one function of the composition root, and prints.

mod assembly;
mod commands;
mod config;
mod exit;
mod explain;
mod failure;
mod logging;
mod output;
mod plan;
mod proposal;
mod signals;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    commands::execute(arguments).into()
}
