//! What can go wrong while the catalogue and the rows are read, and what to do about it.
//!
//! A driver's error is taken apart by the server's error number; what the number does not name as
//! passing halts. A message never holds a row's values: the server's own texts are passed on only
//! for errors about names and rights.

use change::TableName;
use flow::{Disposition, Failure};

/// An error of the snapshot reader.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The connection could not be made, or was lost.
    #[error("the connection to the source was lost while {doing}: {reason}")]
    Connection { doing: String, reason: String },
    /// The account may not log in.
    #[error("the source refuses the account: {reason}")]
    AccessDenied { reason: String },
    /// The account lacks a right.
    #[error("the account may not do what {doing} needs: {reason}")]
    MissingGrant { doing: String, reason: String },
    /// The server did not reach C in time.
    #[error(
        "the source has not made everything up to {gtid_set} visible within {waited_seconds} s, so the next chunk of {table} was not read"
    )]
    NotVisible {
        table: TableName,
        gtid_set: String,
        waited_seconds: u64,
    },
    /// A lock was not granted in time, or the statement was interrupted.
    #[error("{doing} was held up by other work on the source: {reason}")]
    HeldUp { doing: String, reason: String },
    /// The server has no binary log that a window could end at.
    #[error("the source writes no binary log")]
    NoBinaryLog,
    /// A value cannot be read exactly.
    #[error("{table}: column {column} holds a value that cannot be read exactly: {reason}")]
    Value {
        table: TableName,
        column: String,
        reason: String,
    },
    /// A column's type is unknown.
    #[error("{table} is system-versioned: its binary log mixes rows of now and of before")]
    Versioned { table: TableName },
    #[error("{table}: column {column} has the type {column_type}, which cannot be read")]
    ColumnType {
        table: TableName,
        column: String,
        column_type: String,
    },
    /// The table of a character set could not be asked for.
    #[error("{0}")]
    Charset(Failure),
    /// The key of a range does not fit the table, or a chunk did not move on.
    #[error("{table}: the copy cannot go on along the key: {reason}")]
    Key { table: TableName, reason: String },
    /// The range is of another key than the table's: the table was made anew since it was planned.
    #[error("{table}: the range to be copied was planned for another key than the table has now")]
    RangeMisfit { table: TableName },
    /// The engine forgets what is written: the log has rows that the table never has.
    #[error("{table} is a {engine} table, which keeps none of the rows that are written to it")]
    KeepsNoRows { table: TableName, engine: String },
    /// A table without a key does not fit into one chunk.
    #[error(
        "{table} has no key and holds more than {max_bytes} bytes, the most that is read at once"
    )]
    TooLargeWithoutKey { table: TableName, max_bytes: usize },
    /// The server answered with an error that has no other name here.
    #[error("the source answered with error {number} while {doing}: {reason}")]
    Server {
        doing: String,
        number: u16,
        reason: String,
    },
    /// The server's answer does not have the form that was asked for.
    #[error("the source's answer while {doing} was not understood: {reason}")]
    Answer { doing: String, reason: String },
}

impl SnapshotError {
    /// The code with a page of its own.
    pub fn code(&self) -> &'static str {
        match self {
            SnapshotError::Connection { .. } => "LS2501",
            SnapshotError::AccessDenied { .. } => "LS2502",
            SnapshotError::MissingGrant { .. } => "LS2503",
            SnapshotError::NotVisible { .. } => "LS2504",
            SnapshotError::HeldUp { .. } => "LS2505",
            SnapshotError::NoBinaryLog => "LS2506",
            SnapshotError::Value { .. } => "LS2507",
            SnapshotError::Versioned { .. } => "LS2540",
            SnapshotError::ColumnType { .. } => "LS2508",
            SnapshotError::Charset(failure) => failure.code,
            SnapshotError::Key { .. } | SnapshotError::RangeMisfit { .. } => "LS2509",
            SnapshotError::TooLargeWithoutKey { .. } => "LS2510",
            SnapshotError::KeepsNoRows { .. } => "LS2513",
            SnapshotError::Server { .. } => "LS2511",
            SnapshotError::Answer { .. } => "LS2512",
        }
    }

    /// Takes a driver's error apart.
    pub(crate) fn from_driver(doing: impl Into<String>, error: mysql_async::Error) -> Self {
        let doing = doing.into();
        match error {
            mysql_async::Error::Server(error) => Self::from_server(doing, error),
            mysql_async::Error::Io(error) => Self::Connection {
                doing,
                reason: error.to_string(),
            },
            // The driver's other errors may carry a packet or a row in their text, so only the
            // kinds that cannot are printed.
            mysql_async::Error::Driver(mysql_async::DriverError::ConnectionClosed) => {
                Self::Connection {
                    doing,
                    reason: "the server closed the connection".to_owned(),
                }
            }
            mysql_async::Error::Driver(mysql_async::DriverError::PacketTooLarge) => Self::Answer {
                doing,
                reason: "a packet exceeds max_allowed_packet".to_owned(),
            },
            mysql_async::Error::Driver(mysql_async::DriverError::UnknownAuthPlugin { name }) => {
                Self::AccessDenied {
                    reason: format!("its authentication plugin {name} is not supported"),
                }
            }
            mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
                Self::AccessDenied {
                    reason: "TLS is asked for and the server does not offer it".to_owned(),
                }
            }
            mysql_async::Error::Driver(_) => Self::Answer {
                doing,
                reason: "the answer breaks the client protocol".to_owned(),
            },
            mysql_async::Error::Url(error) => Self::Answer {
                doing,
                reason: error.to_string(),
            },
            mysql_async::Error::Other(error) => Self::Connection {
                doing,
                reason: error.to_string(),
            },
        }
    }

    fn from_server(doing: String, error: mysql_async::ServerError) -> Self {
        let reason = error.message;
        match error.code {
            // Numbers by the MySQL Error Message Reference.
            1045 | 1698 | 1862 | 3118 | 1820 | 1130 | 1129 => Self::AccessDenied { reason },
            1044 | 1142 | 1143 | 1227 | 1370 => Self::MissingGrant { doing, reason },
            1205 | 1213 | 1317 | 3024 | 1637 | 1969 => Self::HeldUp { doing, reason },
            // Too many connections, shutdown, killed, and the read and write errors of the network.
            1040 | 1203 | 1226 | 1053 | 1927 | 1152..=1161 | 1184 | 3169 | 4031 => {
                Self::Connection { doing, reason }
            }
            number => Self::Server {
                doing,
                number,
                reason,
            },
        }
    }

    /// Whether the connection can no longer be used, or must not be.
    pub(crate) fn breaks_connection(&self) -> bool {
        match self {
            SnapshotError::Connection { .. }
            | SnapshotError::AccessDenied { .. }
            | SnapshotError::HeldUp { .. }
            | SnapshotError::Server { .. }
            | SnapshotError::Value { .. }
            | SnapshotError::Key { .. }
            | SnapshotError::RangeMisfit { .. }
            | SnapshotError::TooLargeWithoutKey { .. }
            | SnapshotError::Answer { .. } => true,
            SnapshotError::MissingGrant { .. }
            | SnapshotError::NotVisible { .. }
            | SnapshotError::NoBinaryLog
            | SnapshotError::Charset(_)
            | SnapshotError::Versioned { .. }
            | SnapshotError::ColumnType { .. }
            | SnapshotError::KeepsNoRows { .. } => false,
        }
    }

    fn disposition(&self) -> Disposition {
        match self {
            SnapshotError::Charset(failure) => failure.disposition.clone(),
            SnapshotError::Connection { .. }
            | SnapshotError::NotVisible { .. }
            | SnapshotError::HeldUp { .. } => Disposition::Transient,
            SnapshotError::Value { .. }
            | SnapshotError::Versioned { .. }
            | SnapshotError::ColumnType { .. }
            | SnapshotError::Key { .. }
            | SnapshotError::RangeMisfit { .. }
            | SnapshotError::KeepsNoRows { .. }
            | SnapshotError::TooLargeWithoutKey { .. } => Disposition::Table,
            SnapshotError::AccessDenied { .. }
            | SnapshotError::MissingGrant { .. }
            | SnapshotError::NoBinaryLog
            | SnapshotError::Server { .. }
            | SnapshotError::Answer { .. } => Disposition::Halt,
        }
    }

    fn table(&self) -> Option<&TableName> {
        match self {
            SnapshotError::Charset(failure) => failure.table.as_ref(),
            SnapshotError::NotVisible { table, .. }
            | SnapshotError::Value { table, .. }
            | SnapshotError::ColumnType { table, .. }
            | SnapshotError::Versioned { table }
            | SnapshotError::Key { table, .. }
            | SnapshotError::RangeMisfit { table }
            | SnapshotError::KeepsNoRows { table, .. }
            | SnapshotError::TooLargeWithoutKey { table, .. } => Some(table),
            SnapshotError::Connection { .. }
            | SnapshotError::AccessDenied { .. }
            | SnapshotError::MissingGrant { .. }
            | SnapshotError::HeldUp { .. }
            | SnapshotError::NoBinaryLog
            | SnapshotError::Server { .. }
            | SnapshotError::Answer { .. } => None,
        }
    }

    fn remedy(&self) -> &str {
        match self {
            SnapshotError::Charset(failure) => &failure.remedy,
            SnapshotError::Connection { .. } => {
                "check that the server runs and can be reached; the connection is made again by itself"
            }
            SnapshotError::AccessDenied { .. } => {
                "check user, password and the host the account is defined for"
            }
            SnapshotError::MissingGrant { .. } => {
                "run `lockstep check`: it prints the exact GRANT that is missing"
            }
            SnapshotError::NotVisible { .. } => {
                "check that url names the server whose binary log is followed, and that it is not stalled"
            }
            SnapshotError::HeldUp { .. } => {
                "look for long transactions and locks on the table (SHOW PROCESSLIST); it is tried again by itself"
            }
            SnapshotError::NoBinaryLog => "start the server with --log-bin",
            SnapshotError::Value { .. } => {
                "find the row by its key, store the value again, then copy the table anew"
            }
            SnapshotError::ColumnType { .. } => {
                "leave the table out with tables = [\"!database.table\"], or change the column's type"
            }
            SnapshotError::Versioned { .. } => {
                "leave the table out with tables = [\"!database.table\"], or drop its versioning"
            }
            SnapshotError::RangeMisfit { .. } => {
                "nothing: lockstep plans the copy of the table again"
            }
            SnapshotError::Key { .. } => {
                "give the table a primary key, or name other identity_columns"
            }
            SnapshotError::TooLargeWithoutKey { .. } => {
                "give the table a primary key, or name identity_columns for it"
            }
            SnapshotError::KeepsNoRows { .. } => {
                "leave the table out with tables = [\"!database.table\"], or give it an engine that keeps rows"
            }
            SnapshotError::Server { .. } | SnapshotError::Answer { .. } => {
                "see the server's error log; report the message where it makes no sense"
            }
        }
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        Failure {
            code: error.code(),
            disposition: error.disposition(),
            table: error.table().cloned(),
            remedy: error.remedy().to_owned(),
            message: error.to_string(),
        }
    }
}
