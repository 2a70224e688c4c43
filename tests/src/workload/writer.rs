//! One writer: a connection that carries out one script after another until it is told to stop.
//!
//! Deadlocks and lock timeouts are tried again, collisions of keys and statements that lost a race
//! with DROP are given up and counted; any other answer ends the workload with an error. Only what
//! was committed, and changed a row, counts as done.

use super::counts::Counts;
use super::dice::Dice;
use super::operation::{Ending, Operation, Script, Sizes, script};
use super::{Options, WorkloadError};
use futures::StreamExt;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How one try of a script ended.
enum Outcome {
    Done { changed: u64 },
    GivenUp,
    TryAgain,
}

/// Runs scripts until `stop` is set or the options' limits are reached.
pub async fn write(
    mut connection: Conn,
    writer: u64,
    options: Options,
    stop: std::sync::Arc<AtomicBool>,
) -> Result<Counts, WorkloadError> {
    let mut dice = Dice::for_writer(options.seed, writer);
    let sizes = Sizes {
        rows: options.rows,
        large_transaction_rows: options.large_transaction_rows,
        writer,
        created_tables: options.created_tables,
        product: options.product,
    };
    let total: u64 = options
        .mix
        .iter()
        .map(|(_, weight)| u64::from(*weight))
        .sum();
    let began = Instant::now();
    let mut pace = options.pause.map(tokio::time::interval);
    let mut counts = Counts::default();
    let mut scripts = 0;
    while !stop.load(Ordering::Relaxed)
        && options
            .scripts_per_writer
            .is_none_or(|limit| scripts < limit)
        && options.duration.is_none_or(|limit| began.elapsed() < limit)
    {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        if !options.row_images.is_empty() {
            let turn = usize::try_from(scripts).unwrap_or_default() % options.row_images.len();
            let image = options.row_images[turn];
            let set = format!("SET binlog_row_image = {image}");
            set_image(&mut connection, &set, writer, &options).await?;
        }
        scripts += 1;
        let operation = drawn(&options.mix, dice.below(total));
        let wanted = script(operation, &mut dice, &sizes);
        loop {
            let outcome = attempt(&mut connection, &wanted).await;
            match outcome.map_err(|cause| WorkloadError::Operation {
                operation,
                writer,
                seed: options.seed,
                cause,
            })? {
                Outcome::Done { changed } => counts.done(operation, changed),
                Outcome::GivenUp => counts.given_up += 1,
                Outcome::TryAgain => {
                    counts.tried_again += 1;
                    continue;
                }
            }
            break;
        }
    }
    connection.disconnect().await?;
    Ok(counts)
}

async fn set_image(
    connection: &mut Conn,
    set: &str,
    writer: u64,
    options: &Options,
) -> Result<(), WorkloadError> {
    let outcome = connection.query_drop(set).await;
    outcome.map_err(|cause| WorkloadError::Operation {
        operation: options.mix.first().expect("a mix is not empty").0,
        writer,
        seed: options.seed,
        cause,
    })
}

fn drawn(mix: &[(Operation, u32)], mut point: u64) -> Operation {
    for (operation, weight) in mix {
        if point < u64::from(*weight) {
            return *operation;
        }
        point -= u64::from(*weight);
    }
    mix.first().expect("a mix is not empty").0
}

async fn attempt(connection: &mut Conn, script: &Script) -> Result<Outcome, mysql_async::Error> {
    match statements(connection, script).await {
        Ok(outcome) => Ok(outcome),
        Err(mysql_async::Error::Server(answer)) => {
            let outcome = match answer.code {
                // Lock wait timeout, deadlock.
                1205 | 1213 => Outcome::TryAgain,
                // Table exists, duplicate key, no such table, table definition has changed.
                1050 | 1062 | 1146 | 1412 => Outcome::GivenUp,
                // The new shape of a table that was dropped meanwhile does not take the row.
                1136 | 1264 | 1292 | 1366 if script.ending == Ending::Definition => {
                    Outcome::GivenUp
                }
                _ => return Err(mysql_async::Error::Server(answer)),
            };
            connection.query_drop("ROLLBACK").await?;
            Ok(outcome)
        }
        Err(other) => Err(other),
    }
}

async fn statements(connection: &mut Conn, script: &Script) -> Result<Outcome, mysql_async::Error> {
    if script.ending != Ending::Definition {
        connection.query_drop("BEGIN").await?;
    }
    if let Some(file) = &script.file {
        let content = bytes::Bytes::from(file.clone());
        connection
            .set_infile_handler(async move { Ok(futures::stream::iter([Ok(content)]).boxed()) });
    }
    let mut changed = 0;
    for statement in &script.statements {
        connection.query_drop(&statement.sql).await?;
        let affected = connection.affected_rows();
        changed += affected;
        if statement.must_change && affected == 0 {
            connection.query_drop("ROLLBACK").await?;
            return Ok(Outcome::GivenUp);
        }
    }
    match script.ending {
        Ending::Commit => connection.query_drop("COMMIT").await?,
        Ending::RollBack => connection.query_drop("ROLLBACK").await?,
        Ending::Definition => {}
    }
    Ok(Outcome::Done { changed })
}
