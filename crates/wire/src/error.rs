//! What cannot be encoded or decoded, and what to do about it.
//!
//! All of it is fatal: a log that says something else than was written to it is not guessed at.
//! No error shows a row's values.

use change::{Ordinal, TableName};
use std::sync::Arc;

/// Why a change or a message was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WireError {
    /// A message is not what this layout writes.
    #[error(
        "{table}: the {part} of change {ordinal} cannot be read: {expected} is missing at byte {at}{}; \
         look for another program that writes to the topic, or start the version that wrote it",
        in_column(.column)
    )]
    Unreadable {
        table: TableName,
        ordinal: Ordinal,
        /// The column that was being read.
        column: Option<Arc<str>>,
        /// `key` or `value`.
        part: &'static str,
        /// Byte of the part, from 0.
        at: usize,
        expected: &'static str,
    },
    /// Header and value disagree.
    #[error(
        "{table}: a message has the ordinal {header} in its header and {source_ordinal} in its value; \
         look for another program that writes to the topic"
    )]
    Ordinal {
        table: TableName,
        header: Ordinal,
        source_ordinal: Ordinal,
    },
    /// The messages are not the ones of one change.
    #[error(
        "{table}: the {messages} messages of change {ordinal} do not make one change; \
         look for another program that writes to the topic, or for messages that were deleted"
    )]
    Incomplete {
        table: TableName,
        ordinal: Ordinal,
        messages: usize,
    },
    /// A header is missing, or says something that this version does not write.
    #[error(
        "the header {name} is not {expected}; \
         look for another program that writes to the topic, or start the version that wrote it"
    )]
    Header {
        name: &'static str,
        expected: &'static str,
    },
    /// A row has not one value per column. The source's decoder would have to be wrong.
    #[error(
        "{table}: change {ordinal} has {values} values for {columns} columns; \
         report this with the table's definition"
    )]
    Width {
        table: TableName,
        ordinal: Ordinal,
        values: usize,
        columns: usize,
    },
}

impl WireError {
    /// `lockstep explain CODE` tells more.
    pub fn code(&self) -> &'static str {
        match self {
            WireError::Unreadable { .. }
            | WireError::Ordinal { .. }
            | WireError::Incomplete { .. } => "LS5401",
            WireError::Header { .. } => "LS5402",
            WireError::Width { .. } => "LS5403",
        }
    }
}

fn in_column(column: &Option<Arc<str>>) -> String {
    column
        .as_ref()
        .map_or_else(String::new, |name| format!(" in column {name}"))
}
