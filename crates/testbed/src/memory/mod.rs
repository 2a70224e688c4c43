//! The ports in memory: small, exact, and quick enough for thousands of runs.
//!
//! Each keeps every promise of its port, and the conformance suites hold it to that, so that a loop
//! which fails over memory fails by its own fault. Nothing here is a second design: a server is a
//! list of transactions, a log a list of barriers, a store a map of documents.

mod control;
mod log;
mod reader;
mod server;
mod sink;
mod source;
mod statement;
mod store;

pub use control::{ControlRoom, MemoryControl};
pub use log::{MemoryLog, MemoryReader as MemoryLogReader, MemoryWriter};
pub use reader::MemorySnapshot;
pub use server::{MemoryServer, MemoryTable, State};
pub use sink::MemorySink;
pub use source::{MemorySource, MemoryStream};
pub use statement::{Statement, keyed_table, keyless_table, labelled_row};
pub use store::{Held, Store};

use flow::{Disposition, Failure};

/// A failure of a port in memory.
pub fn failure(disposition: Disposition, message: impl Into<String>) -> Failure {
    Failure {
        code: "MEMORY",
        disposition,
        table: None,
        message: message.into(),
        remedy: "look at the test that made it".to_owned(),
    }
}
