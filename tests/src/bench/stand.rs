//! The servers that are measured, and the states that a round begins with.
//!
//! A backlog is made once and drained many times: MongoDB's data, as they were when the backlog
//! began, are kept beside and put back before each round, so that all rounds do the same work.

use std::path::{Path, PathBuf};

use mongodb::Client;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use testbed::servers::{Java, Kafka, KafkaOptions, Mongo, MongoOptions, MySql, MySqlOptions};

use super::BenchError;
use super::backlog::{Backlog, Transaction};
use super::ledger::{self, Row};
use super::machine::Look;

const ROWS_PER_INSERT: u64 = 1_000;
const TRANSACTIONS_PER_PACKET: usize = 64;
/// Connections that fill the table and make the backlog.
const WRITERS: usize = 2;
/// Where Lockstep keeps its own state.
const CONTROL_DATABASE: &str = "lockstep";

/// A MySQL, a MongoDB and a Kafka for nothing else.
///
/// The broker runs as Kafka's own scripts start it, with the optimising compiler. The tests leave that
/// out to have a broker soon, which makes each message cost it more, whoever writes it.
#[derive(Debug)]
pub struct Stand {
    pub mysql: MySql,
    pub mongo: Mongo,
    pub kafka: Kafka,
}

impl Stand {
    /// Starts all three.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn start() -> Result<Self, BenchError> {
        let mysql = MySql::start(MySqlOptions {
            arguments: vec!["--innodb-buffer-pool-size=512M".to_owned()],
            ..MySqlOptions::default()
        });
        let mongo = Mongo::start(MongoOptions {
            cache_gib: 1.0,
            oplog_mib: 1_024,
            // A restart between rounds need not wait for secondaries that there are not.
            parameters: vec!["shutdownTimeoutMillisForSignaledShutdown=0".to_owned()],
            ..MongoOptions::default()
        });
        let kafka = Kafka::start(KafkaOptions {
            java: Java::Usual,
            ..KafkaOptions::default()
        });
        Ok(Self {
            mysql: mysql.await?,
            mongo: mongo.await?,
            kafka: kafka.await?,
        })
    }

    /// The processor times now.
    ///
    /// # Errors
    /// When a server has ended.
    pub fn look(&self) -> Result<Look, BenchError> {
        let mysqld = self.mysql.process_id().ok_or(BenchError::Gone("mysqld"))?;
        let mongod = self.mongo.process_id(0).ok_or(BenchError::Gone("mongod"))?;
        let broker = self.kafka.process_id().ok_or(BenchError::Gone("broker"))?;
        Look::now(mysqld, mongod, broker)
    }

    /// A connection to the source, in UTC.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn source(&self) -> Result<Conn, BenchError> {
        let options = OptsBuilder::from_opts(Opts::from_url(&self.mysql.url())?)
            .prefer_socket(false)
            .init(vec!["SET time_zone = '+00:00'"]);
        Ok(Conn::new(options).await?)
    }

    /// A client of the target.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn target(&self) -> Result<Client, BenchError> {
        Ok(Client::with_uri_str(self.mongo.url()).await?)
    }

    /// Whether each commit of the source reaches the disk, which is its default and what latencies
    /// are measured with; making the data does not wait for it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn durable_commits(&self, durable: bool) -> Result<(), BenchError> {
        let mut connection = self.source().await?;
        let number = u8::from(durable);
        for variable in ["sync_binlog", "innodb_flush_log_at_trx_commit"] {
            execute(
                &mut connection,
                &format!("SET GLOBAL {variable} = {number}"),
            )
            .await?;
        }
        Ok(connection.disconnect().await?)
    }

    /// Creates the table with the rows 1 to `rows`.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn fill(&self, rows: u64) -> Result<(), BenchError> {
        let mut connection = self.source().await?;
        execute(&mut connection, "CREATE DATABASE bench").await?;
        execute(&mut connection, ledger::CREATE).await?;
        connection.disconnect().await?;
        let mut texts = Vec::new();
        for first in (1..=rows).step_by(ROWS_PER_INSERT as usize) {
            let ids = first..=rows.min(first + ROWS_PER_INSERT - 1);
            texts.push(ids);
        }
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let mut connection = self.source().await?;
            let mine: Vec<_> = texts
                .iter()
                .skip(writer)
                .step_by(WRITERS)
                .cloned()
                .collect();
            writers.push(tokio::spawn(async move {
                for ids in mine {
                    let values: Vec<String> =
                        ids.map(|id| Row { id, version: 1 }.values()).collect();
                    let text = format!("INSERT INTO bench.ledger VALUES {}", values.join(","));
                    execute(&mut connection, &text).await?;
                }
                Ok::<(), BenchError>(connection.disconnect().await?)
            }));
        }
        for writer in writers {
            writer.await??;
        }
        Ok(())
    }

    /// Commits the backlog: small transactions by two connections side by side, each large one alone.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn commit(&self, backlog: &Backlog) -> Result<(), BenchError> {
        let mut connections = Vec::new();
        for _ in 0..WRITERS {
            connections.push(self.source().await?);
        }
        let is_small = |transaction: &Transaction| matches!(transaction, Transaction::Small(_));
        let same_kind = |left: &Transaction, right: &Transaction| is_small(left) && is_small(right);
        for run in backlog.transactions.chunk_by(same_kind) {
            let share = run.len().div_ceil(connections.len());
            let writers = connections
                .iter_mut()
                .zip(run.chunks(share))
                .map(|(connection, transactions)| commit_all(connection, transactions));
            futures::future::try_join_all(writers).await?;
        }
        for connection in connections {
            connection.disconnect().await?;
        }
        Ok(())
    }

    /// Removes everything that the direct runs left in the target.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn empty_target(&self) -> Result<(), BenchError> {
        let target = self.target().await?;
        for database in [ledger::DATABASE, CONTROL_DATABASE] {
            target.database(database).drop().await?;
        }
        Ok(())
    }

    /// Keeps the target's data as they are now; it restarts.
    ///
    /// # Errors
    /// When the server does not stop or come back, or the disk is full.
    pub async fn keep_target(&self) -> Result<Kept, BenchError> {
        let folder = self.mongo.member_folder(0);
        let kept = Kept {
            data: folder.join("data"),
            copy: folder.join("kept"),
        };
        self.mongo.stop().await?;
        replace(&kept.data, &kept.copy)?;
        self.mongo.restart().await?;
        Ok(kept)
    }

    /// Puts kept data back; the target restarts.
    ///
    /// # Errors
    /// When the server does not stop or come back, or the disk is full.
    pub async fn put_back(&self, kept: &Kept) -> Result<(), BenchError> {
        self.mongo.stop().await?;
        replace(&kept.copy, &kept.data)?;
        Ok(self.mongo.restart().await?)
    }
}

/// Data of the target, kept beside.
#[derive(Clone, Debug)]
pub struct Kept {
    data: PathBuf,
    copy: PathBuf,
}

/// Runs one statement, or several in one text.
///
/// # Errors
/// When the server refuses one; the error shows the text's beginning.
pub async fn execute(connection: &mut Conn, text: &str) -> Result<(), BenchError> {
    let outcome = connection.query_drop(text).await;
    outcome.map_err(|cause| BenchError::Statement {
        statement: text.chars().take(120).collect(),
        cause,
    })
}

async fn commit_all(connection: &mut Conn, transactions: &[Transaction]) -> Result<(), BenchError> {
    for packet in transactions.chunks(TRANSACTIONS_PER_PACKET) {
        let text: String = packet.iter().map(Transaction::statements).collect();
        execute(connection, &text).await?;
    }
    Ok(())
}

/// Makes `to` a copy of the folder `from`.
fn replace(from: &Path, to: &Path) -> Result<(), BenchError> {
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(BenchError::file("remove", to))?;
    }
    copy(from, to)
}

fn copy(from: &Path, to: &Path) -> Result<(), BenchError> {
    std::fs::create_dir_all(to).map_err(BenchError::file("create", to))?;
    for entry in std::fs::read_dir(from).map_err(BenchError::file("list", from))? {
        let entry = entry.map_err(BenchError::file("list", from))?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).map_err(BenchError::file("copy to", &target))?;
        }
    }
    Ok(())
}
