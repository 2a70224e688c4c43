//! What a look at an outside system before the start finds.
//!
//! A finding is for a person: it has a code with a page of its own, says what was seen and what to
//! do about it, and tells whether the start may go on. `check` prints findings; `run` refuses to
//! start while one of them forbids it.

use change::TableName;

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The start is refused until this is mended.
    Forbids,
    /// The start goes on; somebody should know.
    Warns,
    /// Nothing to do.
    Info,
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// A code with a page of its own: `lockstep explain CODE`.
    pub code: &'static str,
    pub severity: Severity,
    /// The table it is about, where it is about one.
    pub table: Option<TableName>,
    pub message: String,
    /// What to do, with the exact statement where there is one.
    pub remedy: String,
}

impl Finding {
    /// A finding that refuses the start.
    pub fn forbids(
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Forbids, message.into(), remedy.into())
    }

    /// A finding that lets the start go on.
    pub fn warns(
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(code, Severity::Warns, message.into(), remedy.into())
    }

    /// A finding that asks for nothing.
    pub fn info(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(code, Severity::Info, message.into(), remedy.into())
    }

    /// The same finding, about this table.
    pub fn about(self, table: &TableName) -> Self {
        Self {
            table: Some(table.clone()),
            ..self
        }
    }

    fn new(code: &'static str, severity: Severity, message: String, remedy: String) -> Self {
        Self {
            code,
            severity,
            table: None,
            message,
            remedy,
        }
    }
}
