//! The adapter for MySQL: its protocol, its binlog, its catalogue and its quoting.
//!
//! Nothing outside this crate speaks SQL or knows what an event looks like. Rows leave it as
//! [`change::Row`]s, equal whether they were read from the binlog or by SELECT, and errors leave it
//! as [`flow::Failure`]s.

mod connect;
mod describe;
mod error;
mod plan;
mod quote;
mod snapshot;

pub use connect::{ConnectOptions, Password, TlsMode};
pub use error::Error;
pub use snapshot::{Reader, ReaderOptions, SnapshotError, TextDecoder};
