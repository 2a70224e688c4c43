//! The adapter for MySQL: its protocol, its binlog, its catalogue and its quoting.
//!
//! Nothing outside this crate speaks SQL or knows what an event looks like. Rows leave it as
//! [`change::Row`]s, equal whether they were read from the binlog or by SELECT, and errors leave it
//! as [`flow::Failure`]s.

mod binlog;
mod charset;
mod connect;
mod connection;
mod describe;
mod error;
mod handshake;
mod json;
mod packet;
mod plan;
mod quote;
mod snapshot;
mod statement;
mod stream;
mod tls;
mod wire;

pub use charset::Charsets;
pub use connect::{ConnectOptions, Password, TlsMode};
pub use connection::Connection;
pub use error::Error;
pub use stream::{KeyOverrides, KnownTables, Source, SourceOptions, Stream};
pub use snapshot::{Reader, ReaderOptions, SnapshotError};
