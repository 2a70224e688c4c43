//! `testbed servers`: starts, shows and stops real servers that go on running; `cargo xtask servers` calls it after it has fetched them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use testbed::servers::ServerError;
use testbed::servers::running::{self, Kind};

#[derive(Parser)]
#[command(about = "Starts, shows and stops real servers")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Real servers that go on running
    #[command(subcommand)]
    Servers(Command),
}

#[derive(Subcommand)]
enum Command {
    /// Start what does not run yet, and print where all listen
    Start {
        #[arg(long, value_delimiter = ',')]
        only: Vec<Kind>,
        #[arg(long, default_value = "default")]
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Stop one set, or every set
    Stop {
        #[arg(long)]
        name: Option<String>,
    },
    /// Show every set
    Status {
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let Part::Servers(command) = Arguments::parse().part;
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), ServerError> {
    match command {
        Command::Start { only, name, json } => {
            let kinds = if only.is_empty() {
                &Kind::ALL[..]
            } else {
                only
            };
            let servers = running::start(name, kinds)?;
            let addresses: serde_json::Map<_, _> = servers
                .iter()
                .map(|(kind, server)| (kind.variable().to_owned(), server.address.clone().into()))
                .collect();
            if *json {
                println!("{}", serde_json::Value::Object(addresses));
            } else {
                for (kind, server) in &servers {
                    println!("{}={}", kind.variable(), server.address);
                }
            }
        }
        Command::Stop { name } => match running::stop(name.as_deref())? {
            0 => eprintln!("nothing was running"),
            count => eprintln!("stopped {count} and removed their data"),
        },
        Command::Status { json } => show(*json)?,
    }
    Ok(())
}

fn show(json: bool) -> Result<(), ServerError> {
    let sets = running::status()?;
    if json {
        let shown: serde_json::Map<_, _> = sets
            .iter()
            .map(|(name, servers)| {
                let servers: serde_json::Map<_, _> = servers
                    .iter()
                    .map(|(kind, server)| {
                        let shown =
                            serde_json::json!({ "address": server.address, "runs": server.runs() });
                        (kind.variable().to_owned(), shown)
                    })
                    .collect();
                (name.clone(), servers.into())
            })
            .collect();
        println!("{}", serde_json::Value::Object(shown));
        return Ok(());
    }
    if sets.is_empty() {
        println!("nothing runs");
    }
    for (name, servers) in sets {
        println!("{name}");
        for (kind, server) in servers {
            let runs = if server.runs() { "runs" } else { "has ended" };
            println!("  {}={}  {runs}", kind.variable(), server.address);
        }
    }
    Ok(())
}
