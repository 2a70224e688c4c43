//! What went wrong at a port, and what to do about it.
//!
//! Every adapter has an error enum of its own and one exhaustive function that turns it into a
//! [`Failure`]: the loops only ever see this type. The unknown halts; the list of what is retried
//! is short.

use change::{DocumentId, TableName};

/// What the loops do with a failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// The outside may recover: try again with back-off, within the retry limit.
    Transient,
    /// One document is at fault: its row goes to quarantine, its table goes on.
    Document(Box<DocumentId>),
    /// One table's data is at fault: that table stops, the others go on.
    Table,
    /// A successor has taken over: stop at once, write nothing.
    Fenced,
    /// Nothing may go on.
    Halt,
}

/// A failure with all that an operator needs.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// A code with a page of its own: `lockstep explain CODE`.
    pub code: &'static str,
    pub disposition: Disposition,
    pub table: Option<TableName>,
    /// What failed and where (table, key, position), without row values of secrets.
    pub message: String,
    /// What the operator can do about it, with the exact command where there is one.
    pub remedy: String,
}
