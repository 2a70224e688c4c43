//! `lockstep recopy`: asks the running pipeline, and waits for what was asked where that is wanted.

use std::time::Duration;

use change::{TableName, TableProgress, TableState};
use mongo::Target;

use super::requests::{self, Arguments};
use super::{connections, halted, keys};
use crate::config::Configuration;
use crate::exit::ExitStatus;
use crate::failure::Failure;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is to be copied anew.
#[derive(Debug)]
pub enum Wanted {
    /// Tables, each from the beginning.
    Tables(Vec<String>),
    /// Keys of one table, as JSON.
    Keys { table: String, keys: Vec<String> },
}

/// Asks for it. Where `wait` is set, returns when all of it follows in the target, and tells the
/// tables' progress meanwhile.
pub async fn recopy(
    configuration: &Configuration,
    wanted: Wanted,
    wait: bool,
    mut tell: impl FnMut(&TableProgress),
) -> Result<(), Failure> {
    let target = connections::reached_target(configuration).await?;
    let (tables, arguments) = match wanted {
        Wanted::Tables(tables) => (tables.clone(), Arguments::Tables { tables }),
        Wanted::Keys { table, keys } => {
            let known = progress_of(&target, &table).await?;
            let key = known.and_then(|progress| progress.key).ok_or_else(|| {
                let message = format!("not copied again: {table}: it has no key, or no copy yet");
                let remedy = "name a table as `lockstep status` shows it; one without a key is \
                              copied as a whole";
                requests::failure("LS4016", message, remedy)
            })?;
            let read = keys.iter().map(|text| {
                keys::key_of(text, &key).map_err(|why| Failure {
                    status: ExitStatus::Usage,
                    ..requests::failure(
                        "LS4016",
                        format!("not copied again: {table}: a key is not understood: {why}"),
                        "write a key of one column as its value, one of several as an object, \
                         for example --key 17 or --key '{\"a\":1,\"b\":\"x\"}'",
                    )
                })
            });
            let keys = read.collect::<Result<_, _>>()?;
            (vec![table.clone()], Arguments::Keys { table, keys })
        }
    };
    let ordinal = requests::ask(&target, &configuration.pipeline, &arguments).await?;
    if !wait {
        return Ok(());
    }
    loop {
        let status = target.status().await.map_err(halted)?;
        let applied = status.tail.checkpoint.map(|checkpoint| checkpoint.ordinal);
        let is_there = applied >= Some(ordinal);
        let asked = |progress: &&TableProgress| tables.contains(&progress.table.to_string());
        let asked: Vec<&TableProgress> = status.tail.tables.iter().filter(asked).collect();
        if is_there && let Some(stopped) = asked.iter().find(|one| is_stopped(one)) {
            return Err(is_given_up(&stopped.table, stopped));
        }
        let follows = |one: &&TableProgress| match one.state {
            TableState::Following | TableState::Dropped => true,
            TableState::Copying | TableState::Recopy | TableState::Stopped => false,
        };
        if is_there && asked.iter().all(follows) {
            return Ok(());
        }
        asked.into_iter().for_each(&mut tell);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn progress_of(target: &Target, table: &str) -> Result<Option<TableProgress>, Failure> {
    let status = target.status().await.map_err(halted)?;
    let mut tables = status.tail.tables.into_iter();
    Ok(tables.find(|progress| progress.table.to_string() == table))
}

fn is_stopped(progress: &TableProgress) -> bool {
    progress.state == TableState::Stopped
}

fn is_given_up(table: &TableName, progress: &TableProgress) -> Failure {
    let trouble = progress.trouble.as_ref();
    let reason = trouble.map(|trouble| trouble.to_string());
    requests::failure(
        "LS4011",
        format!("{table} is stopped: {}", reason.unwrap_or_default()),
        "mend what the reason names, then ask for the copy again",
    )
}
