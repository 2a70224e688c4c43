//! A chat server's database to move: the tables of OpenIM 3.4, filled with generated rows, and
//! writers that keep changing it.
//!
//! Rows are made by the server itself from their number, so that half a million take seconds and are
//! the same every time; every thirtieth or so holds what applications never expect: NULL, empty,
//! trailing spaces, four-byte characters, long text, zero dates, smallest and largest numbers.

mod fill;
mod writers;

pub use fill::{DATABASE, fill};
pub use writers::{Changes, Writers};

/// The table without a key, whose identity is that of its whole row.
pub const KEYLESS_TABLE: &str = "meeting_video_record";

/// The number of tables.
pub const TABLES: usize = 15;

/// The database could not be filled or changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenImError {
    #[error("{statement}…: {cause}")]
    Statement {
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

/// Connects as the application does, with nothing refused for being awkward.
async fn connect(mysql_url: &str) -> Result<mysql_async::Conn, OpenImError> {
    use mysql_async::prelude::Queryable;
    let options = mysql_async::OptsBuilder::from_opts(mysql_async::Opts::from_url(mysql_url)?)
        .prefer_socket(false);
    let mut connection = mysql_async::Conn::new(options).await?;
    connection
        .query_drop(
            "SET NAMES utf8mb4, SESSION sql_mode = '', SESSION time_zone = '+00:00', \
             SESSION cte_max_recursion_depth = 1000000",
        )
        .await?;
    Ok(connection)
}

async fn run(connection: &mut mysql_async::Conn, statement: &str) -> Result<u64, OpenImError> {
    use mysql_async::prelude::Queryable;
    let outcome = connection.query_drop(statement).await;
    outcome.map_err(|cause| OpenImError::Statement {
        statement: statement.chars().take(120).collect(),
        cause,
    })?;
    Ok(connection.affected_rows())
}
