//! The benchmark's parts: the table and its backlog, the floors by a bare driver, the measuring of
//! processes, latencies, and the report.
//!
//! It knows no crate of Lockstep: it starts the `lockstep` binary as a user would, and looks from
//! outside at the time, the processor time and the memory that this takes. Floor and pipeline write
//! the same documents into the same server, and the documents are compared before a figure counts.

pub mod arrival;
pub mod backlog;
pub mod bare;
pub mod binary;
pub mod floor;
pub mod latency;
pub mod ledger;
pub mod machine;
pub mod oversized;
pub mod probe;
pub mod report;
pub mod restart;
pub mod scale;
pub mod snapshot;
pub mod stand;
pub mod stream;
pub mod through_kafka;
pub mod topic;

use std::path::PathBuf;
use std::time::Duration;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("{0}")]
    Server(#[from] testbed::servers::ServerError),
    #[error("MySQL, at {statement:?}: {cause}")]
    Statement {
        statement: String,
        cause: mysql_async::Error,
    },
    #[error("MySQL: {0}")]
    MySql(#[from] mysql_async::Error),
    #[error("MySQL's address: {0}")]
    Address(#[from] mysql_async::UrlError),
    #[error("MongoDB: {0}")]
    Mongo(#[from] mongodb::error::Error),
    #[error("Kafka, with {what}: {cause}")]
    Kafka {
        what: String,
        cause: rdkafka::error::KafkaError,
    },
    #[error("a document that was made or read is not one: {0}")]
    Document(#[from] bson::error::Error),
    #[error("a writer ended by itself: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("could not {act} {path}: {cause}")]
    File {
        act: &'static str,
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("there is no lockstep binary at {0}; build it or set LOCKSTEP_BIN")]
    NoBinary(PathBuf),
    #[error("lockstep {what} ended with {status}; its last words:\n{last_words}")]
    Run {
        what: String,
        status: String,
        last_words: String,
    },
    #[error("lockstep {what} did not end within {waited:?}; its last words:\n{last_words}")]
    Endless {
        what: String,
        waited: Duration,
        last_words: String,
    },
    #[error("{what} was not visible in MongoDB within {waited:?}")]
    Invisible { what: String, waited: Duration },
    #[error("what arrived is not what was sent, hence no figure counts: {0}")]
    Different(String),
    #[error("the {0} is not running")]
    Gone(&'static str),
}

impl BenchError {
    pub(crate) fn kafka(
        what: impl Into<String>,
    ) -> impl FnOnce(rdkafka::error::KafkaError) -> Self {
        let what = what.into();
        move |cause| BenchError::Kafka { what, cause }
    }

    pub(crate) fn file(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| BenchError::File { act, path, cause }
    }
}
