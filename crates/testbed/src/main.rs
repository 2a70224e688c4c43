//! `testbed servers`: starts, shows and stops real servers that go on running; `cargo xtask servers` calls it after it has fetched them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use testbed::servers::running::{self, Kind};
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions, ServerError};

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
        #[arg(long, default_value = "default")]
        name: String,
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Start a MySQL and a MongoDB that end with this command, and hold them until it is interrupted
    Hold,
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
                &Kind::USUAL[..]
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
        Command::Stop { name, all } => match running::stop((!*all).then_some(name.as_str()))? {
            0 => eprintln!("nothing was running"),
            count => eprintln!("stopped {count} and removed their data"),
        },
        Command::Hold => hold()?,
        Command::Status { json } => show(*json)?,
    }
    Ok(())
}

/// One line of JSON with address and process of each, then nothing until the end.
fn hold() -> Result<(), ServerError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(ServerError::Runtime)?;
    runtime.block_on(async {
        let mysql = MySql::start(MySqlOptions::default()).await?;
        let mongo = Mongo::start(MongoOptions::default()).await?;
        let held = serde_json::json!({
            Kind::Mysql.variable(): { "address": mysql.url(), "process": mysql.process_id() },
            Kind::Mongodb.variable(): { "address": mongo.url(), "process": mongo.process_id(0) },
        });
        println!("{held}");
        std::future::pending::<Result<(), ServerError>>().await
    })
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
