//! The change stream: the binlog as the port [`flow::ports::ChangeSource`].
//!
//! `source` opens it and checks that nothing is missing, `follow` turns events into what the loops
//! want to know, `batch` collects rows, `trouble` says what stops a table.

mod batch;
mod follow;
mod history;
mod known;
mod mariadb;
mod prepared;
mod query;
mod reach;
mod renaming;
mod resume;
mod sizes;
mod source;
mod spill;
mod trouble;

pub use known::{KeyOverrides, KnownTables};
pub use sizes::LogSizes;
pub use source::{Source, SourceOptions, Stream};
