//! The adapter for MySQL: its protocol, its binlog, its catalogue and its quoting.
//!
//! Nothing outside this crate speaks SQL or knows what an event looks like. Rows leave it as
//! [`change::Row`]s, equal whether they were read from the binlog or by SELECT, and errors leave it
//! as [`flow::Failure`]s.

mod binlog;
mod charset;
mod connect;
mod connection;
pub mod decoding;
mod describe;
mod error;
mod family;
mod handshake;
mod json;
mod packet;
mod plan;
mod preflight;
mod quote;
mod snapshot;
mod statement;
mod stream;
mod tls;
mod wire;

pub use charset::Charsets;
pub use connect::{ConnectOptions, Password, TlsMode};
pub use connection::Connection;
pub use describe::{DeclaredColumn, Inspection, Readings};
pub use error::Error;
pub use family::Family;
pub use preflight::{Seen, Suspects, Wishes};
pub use snapshot::{Reader, ReaderOptions, SnapshotError};
pub use stream::{KeyOverrides, KnownTables, LogSizes, Source, SourceOptions, Stream};

/// The codes that this crate can say, each with a page: `lockstep explain CODE`.
pub const CODES: &[&str] = &[
    "LS2001", "LS2002", "LS2003", "LS2004", "LS2005", "LS2006", "LS2007", "LS2008", "LS2009",
    "LS2010", "LS2011", "LS2020", "LS2021", "LS2022", "LS2023", "LS2024", "LS2025", "LS2026",
    "LS2030", "LS2031", "LS2033", "LS2034", "LS2035", "LS2040", "LS2041", "LS2042", "LS2043",
    "LS2044", "LS2051", "LS2052", "LS2053", "LS2054", "LS2501", "LS2502", "LS2503", "LS2504",
    "LS2505", "LS2506", "LS2507", "LS2508", "LS2509", "LS2510", "LS2511", "LS2512", "LS2513",
    "LS2520", "LS2521", "LS2522", "LS2523", "LS2524", "LS2525", "LS2526", "LS2527", "LS2528",
    "LS2529", "LS2530", "LS2531", "LS2532", "LS2533", "LS2534", "LS2535", "LS2536", "LS2537",
    "LS2538", "LS2539", "LS2540", "LS2541",
];
