//! What mapping refuses, and how it says so: before the start as a list of problems (all of a
//! table's at once), while running as the error of one row.
//!
//! Both carry a code with a page of remedies. A row's error names the row by its key and never
//! shows any other value, so that it can be logged.

use change::TableName;
use std::sync::Arc;

/// Something about a table that keeps it from being mapped. Found without looking at rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// `lockstep explain CODE` tells more.
    pub code: &'static str,
    pub table: TableName,
    pub column: Option<Arc<str>>,
    pub message: String,
    pub remedy: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: table {}", self.code, self.table)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {} {}", self.message, self.remedy)
    }
}

/// All problems that were found, never none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// `Ok` when the list is empty.
    pub fn unless_empty(found: Vec<Problem>) -> Result<(), Self> {
        if found.is_empty() {
            Ok(())
        } else {
            Err(Self(found))
        }
    }

    /// The code of the first one.
    pub fn code(&self) -> &'static str {
        self.0
            .first()
            .expect("a list of problems is never empty")
            .code
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// A row that cannot become a document.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {} {remedy}", self.message())]
pub struct MappingError {
    /// `lockstep explain CODE` tells more.
    pub code: &'static str,
    pub table: TableName,
    /// The row's key columns with their values; no other value of the row.
    pub key: Box<str>,
    pub column: Option<Arc<str>>,
    pub reason: Box<str>,
    pub remedy: &'static str,
}

impl MappingError {
    /// Where it is and what is wrong, for whoever tells the code and the remedy beside it.
    pub fn message(&self) -> String {
        let Self {
            table, key, reason, ..
        } = self;
        format!(
            "table {table}, row {key}{}: {reason}",
            in_column(&self.column)
        )
    }

    pub fn code(&self) -> &'static str {
        self.code
    }
}

fn in_column(column: &Option<Arc<str>>) -> String {
    column
        .as_ref()
        .map_or_else(String::new, |name| format!(", column {name}"))
}

/// Why one value, or one document, has no BSON form. Gets its table, row and column from the
/// caller, who alone knows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// Text whose bytes are invalid in the column's character set.
    InvalidText,
    /// A BOOLEAN choice met another number than 0 and 1.
    NotABoolean,
    /// The value is of another kind than the column.
    Mismatch { expected: &'static str },
    /// The bytes of a geometry or vector are not what the server writes.
    BrokenBytes { what: &'static str },
    /// A JSON member's name holds a zero byte, which BSON's names cannot.
    ZeroByteInName,
    /// The zone's clocks went past this one.
    ClockSkipped,
    /// The zone's clocks showed this one twice.
    ClockTwice,
    /// The instant lies outside the years that a date has.
    ClockOutOfRange,
    /// More containers inside one another than MongoDB takes.
    TooDeep { limit: usize },
    /// The document is larger than MongoDB takes.
    TooLarge { bytes: usize, limit: usize },
}

impl Refusal {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Refusal::InvalidText => "LS5020",
            Refusal::NotABoolean => "LS5021",
            Refusal::Mismatch { .. } | Refusal::BrokenBytes { .. } => "LS5022",
            Refusal::ZeroByteInName => "LS5023",
            Refusal::TooDeep { .. } => "LS5024",
            Refusal::TooLarge { .. } => "LS5025",
            Refusal::ClockSkipped | Refusal::ClockTwice | Refusal::ClockOutOfRange => "LS5026",
        }
    }

    pub(crate) fn reason(&self) -> String {
        match self {
            Refusal::InvalidText => {
                "the text holds bytes that are invalid in the column's character set.".into()
            }
            Refusal::NotABoolean => {
                "the choice boolean takes 0 and 1 only, and the value is another.".into()
            }
            Refusal::Mismatch { expected } => {
                format!("the value is not what the column was described as ({expected}).")
            }
            Refusal::BrokenBytes { what } => {
                format!("the bytes of the {what} are not as the server writes them.")
            }
            Refusal::ZeroByteInName => {
                "a member's name in the JSON value holds a zero byte, which BSON cannot hold."
                    .into()
            }
            Refusal::ClockSkipped => {
                "the clocks of the column's zone went forward past this time, so it is no instant."
                    .into()
            }
            Refusal::ClockTwice => {
                "the clocks of the column's zone went back and showed this time twice.".into()
            }
            Refusal::ClockOutOfRange => "the time in UTC lies outside the years 1 to 9999.".into(),
            Refusal::TooDeep { limit } => {
                format!("the value nests deeper than the {limit} levels that MongoDB takes.")
            }
            Refusal::TooLarge { bytes, limit } => {
                format!("the document would be {bytes} bytes long; MongoDB takes {limit}.")
            }
        }
    }

    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Refusal::InvalidText => {
                "Correct the value in MySQL, or choose type = \"binary\" for the column."
            }
            Refusal::NotABoolean => "Correct the value, or remove the choice boolean.",
            Refusal::Mismatch { .. } => "Copy the table again; if it comes back, please report it.",
            Refusal::BrokenBytes { .. } => {
                "Read the value in MySQL (ST_IsValid, VECTOR_DIM) and write it again."
            }
            Refusal::ZeroByteInName => "Rename the member in MySQL.",
            Refusal::ClockSkipped | Refusal::ClockTwice | Refusal::ClockOutOfRange => {
                "Correct the value in MySQL, or remove the choice zone to take the wall clock as UTC."
            }
            Refusal::TooDeep { .. } => "Flatten the value in MySQL.",
            Refusal::TooLarge { .. } => {
                "Shorten the row, or leave the table out of this migration."
            }
        }
    }
}
