//! A random workload on a real MySQL, as hard on replication as applications can be.
//!
//! Several writers at once draw transactions from seeded dice: whatever the interleaving, each
//! writer asks for the same sequence when the seed is the same, and the sum over `accounts` and
//! `savings` is constant in every committed state.

mod awkward;
mod counts;
pub mod dice;
mod keys;
mod literals;
mod operation;
mod schema;
mod transactions;
mod writer;

pub use counts::Counts;
pub use operation::Operation;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testbed::servers::Product;
use tokio::task::JoinHandle;

/// What is written, by how many, for how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// Printed at the start; the same seed asks for the same.
    pub seed: u64,
    pub writers: u64,
    /// The database, which `prepare` drops and creates.
    pub database: String,
    /// Rows of each large table at the start.
    pub rows: u64,
    pub large_transaction_rows: u64,
    /// Tables that each writer creates while running, at most.
    pub created_tables: u64,
    pub mix: Vec<(Operation, u32)>,
    pub duration: Option<Duration>,
    pub scripts_per_writer: Option<u64>,
    /// What the server is: not all types are on each.
    pub product: Product,
    /// Time from the start of one transaction of a writer to the next; none for as fast as possible.
    pub pause: Option<Duration>,
    /// What writers set `binlog_row_image` to, in turn. `FULL` is the server's own.
    pub row_images: &'static [&'static str],
}

impl Options {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            writers: 4,
            database: "work".to_owned(),
            rows: 2_000,
            large_transaction_rows: 30_000,
            created_tables: 3,
            mix: Operation::USUAL.to_vec(),
            duration: None,
            scripts_per_writer: None,
            product: Product::MySql,
            pause: None,
            row_images: &[],
        }
    }

    /// The sum of all balances, whenever a transaction is committed.
    pub fn constant_sum(&self) -> i64 {
        let total = 2 * self.rows * schema::FIRST_BALANCE;
        i64::try_from(total).expect("balances stay far below 2^63")
    }
}

/// The workload failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    #[error("{operation:?} of writer {writer} (seed {seed}): {cause}")]
    Operation {
        operation: Operation,
        writer: u64,
        seed: u64,
        cause: mysql_async::Error,
    },
    #[error("preparing with {statement:?}: {cause}")]
    Preparation {
        statement: String,
        cause: mysql_async::Error,
    },
    #[error("MySQL: {0}")]
    Mysql(#[from] mysql_async::Error),
    #[error("MySQL URL: {0}")]
    Url(#[from] mysql_async::UrlError),
    #[error("a writer ended by itself: {0}")]
    Writer(#[from] tokio::task::JoinError),
}

/// Connects as applications of old do: nothing is refused for being awkward.
async fn connect(mysql_url: &str) -> Result<Conn, WorkloadError> {
    let options = OptsBuilder::from_opts(Opts::from_url(mysql_url)?).prefer_socket(false);
    let mut connection = Conn::new(options).await?;
    connection
        .query_drop(
            "SET NAMES utf8mb4, SESSION sql_mode = '', SESSION time_zone = '+00:00', \
             SESSION innodb_lock_wait_timeout = 5 \
             /*!80000 , SESSION cte_max_recursion_depth = 100000000 */ \
             /*M! , SESSION max_recursive_iterations = 100000000 */",
        )
        .await?;
    Ok(connection)
}

/// Drops and creates the database and fills its tables.
pub async fn prepare(mysql_url: &str, options: &Options) -> Result<(), WorkloadError> {
    let mut connection = connect(mysql_url).await?;
    let mut statements = vec!["SET GLOBAL local_infile = ON".to_owned()];
    statements.extend(schema::preparation(
        &options.database,
        options.rows,
        options.product,
    ));
    let mut dice = dice::Dice::new(options.seed);
    for id in 0..awkward::longest() {
        let row = awkward::row(options.product, "every_type", "INSERT", id, &mut dice);
        statements.push(row);
    }
    for statement in statements {
        let outcome = connection.query_drop(&statement).await;
        outcome.map_err(|cause| WorkloadError::Preparation {
            statement: statement.chars().take(200).collect(),
            cause,
        })?;
    }
    connection.disconnect().await?;
    Ok(())
}

/// Writers at work.
pub struct Running {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Result<Counts, WorkloadError>>>,
}

/// Starts the writers and prints the seed.
pub async fn start(mysql_url: &str, options: &Options) -> Result<Running, WorkloadError> {
    println!(
        "workload: seed {}, {} writers",
        options.seed, options.writers
    );
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..options.writers {
        let mut connection = connect(mysql_url).await?;
        let select = format!("USE {}", options.database);
        connection.query_drop(select).await?;
        let work = writer::write(connection, writer, options.clone(), Arc::clone(&stop));
        writers.push(tokio::spawn(work));
    }
    Ok(Running { stop, writers })
}

impl Running {
    /// Lets every writer finish its transaction and tells what they did.
    pub async fn stop(self) -> Result<Counts, WorkloadError> {
        self.stop.store(true, Ordering::Relaxed);
        self.finished().await
    }

    /// Waits until the writers reach their own limits.
    pub async fn finished(self) -> Result<Counts, WorkloadError> {
        let mut counts = Counts::default();
        for writer in self.writers {
            counts.add(&writer.await??);
        }
        Ok(counts)
    }
}
