//! What can go wrong with the source, each with a code, a remedy, and what to do about it.
//!
//! The loops see only the [`Failure`] that an error turns into. Which errors are worth another try
//! is decided in one place, [`Error::disposition`], without a wildcard arm: an error that is added
//! has to be given a disposition before anything compiles.

use change::TableName;
use flow::{Disposition, Failure};

/// An error of the binlog side of the adapter. No variant holds a row's values or a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the address of the source can't be read: {reason}")]
    Address { reason: String },
    #[error("{address} can't be reached: {reason}")]
    Unreachable { address: String, reason: String },
    #[error("the connection to {address} was lost: {reason}")]
    Lost { address: String, reason: String },
    #[error("{address} refused the account {user:?}: {message}")]
    AccessDenied {
        address: String,
        user: String,
        message: String,
    },
    #[error("{address} asks for the authentication plugin {plugin:?}, which is not supported")]
    AuthenticationPlugin { address: String, plugin: String },
    #[error("the connection to {address} can't be encrypted as configured: {reason}")]
    Tls { address: String, reason: String },
    #[error("{address} sent something that is not MySQL's protocol: {reason}")]
    Protocol { address: String, reason: String },
    #[error("{address} can't take connections now: error {number}: {message}")]
    Busy {
        address: String,
        number: u16,
        message: String,
    },
    #[error("{address} answered {statement:?} with error {number}: {message}")]
    Statement {
        address: String,
        statement: String,
        number: u16,
        message: String,
    },
    #[error("{address} is {version}, which is no MySQL server that Lockstep can follow")]
    Family { address: String, version: String },
    #[error("gtid_mode of {address} is {mode}")]
    GtidMode { address: String, mode: String },
    #[error("{address} writes no binary log")]
    NoBinaryLog { address: String },
    #[error(
        "{place} commits the XA transaction {xid}, and no binary log of the source has its PREPARE"
    )]
    XaUnseen { xid: String, place: String },
    #[error("rows of XA transactions can't be kept in {folder}: {reason}")]
    Spill { folder: String, reason: String },
    #[error("{address} has purged transactions that the checkpoint lacks: {missing}")]
    Purged { address: String, missing: String },
    #[error(
        "{address} is the server {found}, and it lacks transactions that {expected} had: {missing}"
    )]
    OtherServer {
        address: String,
        expected: String,
        found: String,
        missing: String,
    },
    #[error("{address} lacks transactions that were already taken over from it: {missing}")]
    HistoryLost { address: String, missing: String },
    #[error(
        "the checkpoint lies inside the transaction {transaction} of the server {expected}, and {address} is the server {found}"
    )]
    TornElsewhere {
        address: String,
        transaction: String,
        expected: String,
        found: String,
    },
    #[error(
        "{address} ended the binlog stream in favour of another connection with the server id {server_id}: {message}"
    )]
    Replaced {
        address: String,
        server_id: u32,
        message: String,
    },
    #[error("{address} can't send its binlog: error {number}: {message}")]
    DumpRefused {
        address: String,
        number: u16,
        message: String,
    },
    #[error("the event that ends at {place} does not match its checksum")]
    Checksum { place: String },
    #[error("the event of type {event_type} that ends at {place} can't be read: {reason}")]
    Event {
        event_type: u8,
        place: String,
        reason: String,
    },
    #[error("{place} holds an event of the unknown type {event_type} that may not be skipped")]
    UnknownEvent { event_type: u8, place: String },
    #[error(
        "the source reports at {place} that its binlog is incomplete (incident {incident}): {message}"
    )]
    Incident {
        incident: u16,
        place: String,
        message: String,
    },
    #[error("{place} holds a transaction without a GTID")]
    Anonymous { place: String },
    #[error(
        "{place} ends the transaction {came}, which does not come after {last} of the same domain"
    )]
    OutOfOrder {
        place: String,
        last: String,
        came: String,
    },
    #[error("rows of {table} at {place} were logged without the names of their columns")]
    Metadata { table: TableName, place: String },
    #[error("the column {column:?} of {table} has the type {column_type}, which can't be read")]
    ColumnType {
        table: TableName,
        column: String,
        column_type: u8,
    },
    #[error("a row of {table} at {place} can't be read: {reason}")]
    Row {
        table: TableName,
        place: String,
        reason: String,
    },
    #[error("the character set {charset:?} can't be taken over from {address}: {reason}")]
    Charset {
        address: String,
        charset: String,
        reason: String,
    },
}

impl Error {
    /// The code that `lockstep explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Unreachable { .. } | Error::Lost { .. } | Error::Busy { .. } => "LS2001",
            Error::AccessDenied { .. } => "LS2002",
            Error::Tls { .. } => "LS2003",
            Error::Protocol { .. } => "LS2005",
            Error::Statement { .. } => "LS2006",
            Error::Family { .. } => "LS2007",
            Error::GtidMode { .. } => "LS2008",
            Error::Address { .. } => "LS2009",
            Error::AuthenticationPlugin { .. } => "LS2010",
            Error::NoBinaryLog { .. } => "LS2011",
            Error::XaUnseen { .. } => "LS2053",
            Error::Spill { .. } => "LS2026",
            Error::Purged { .. } => "LS2020",
            Error::OtherServer { .. } => "LS2021",
            Error::HistoryLost { .. } => "LS2022",
            Error::TornElsewhere { .. } => "LS2023",
            Error::Replaced { .. } => "LS2024",
            Error::DumpRefused { .. } => "LS2025",
            Error::Checksum { .. } => "LS2030",
            Error::Event { .. } | Error::UnknownEvent { .. } => "LS2031",
            Error::Incident { .. } => "LS2033",
            Error::Anonymous { .. } => "LS2034",
            Error::OutOfOrder { .. } => "LS2035",
            Error::Metadata { .. } => "LS2040",
            Error::ColumnType { .. } => "LS2042",
            Error::Row { .. } => "LS2043",
            Error::Charset { .. } => "LS2044",
        }
    }

    /// What the loops do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Error::Unreachable { .. }
            | Error::Lost { .. }
            | Error::Busy { .. }
            | Error::Replaced { .. } => Disposition::Transient,
            Error::Metadata { .. } | Error::ColumnType { .. } | Error::Row { .. } => {
                Disposition::Table
            }
            Error::Address { .. }
            | Error::AccessDenied { .. }
            | Error::AuthenticationPlugin { .. }
            | Error::Tls { .. }
            | Error::Protocol { .. }
            | Error::Statement { .. }
            | Error::Family { .. }
            | Error::GtidMode { .. }
            | Error::NoBinaryLog { .. }
            | Error::XaUnseen { .. }
            | Error::Spill { .. }
            | Error::Purged { .. }
            | Error::OtherServer { .. }
            | Error::HistoryLost { .. }
            | Error::TornElsewhere { .. }
            | Error::DumpRefused { .. }
            | Error::Checksum { .. }
            | Error::Event { .. }
            | Error::UnknownEvent { .. }
            | Error::Incident { .. }
            | Error::Anonymous { .. }
            | Error::OutOfOrder { .. }
            | Error::Charset { .. } => Disposition::Halt,
        }
    }

    /// The table at fault, where there is one.
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Error::Metadata { table, .. }
            | Error::ColumnType { table, .. }
            | Error::Row { table, .. } => Some(table),
            Error::Address { .. }
            | Error::Unreachable { .. }
            | Error::Lost { .. }
            | Error::Busy { .. }
            | Error::Replaced { .. }
            | Error::AccessDenied { .. }
            | Error::AuthenticationPlugin { .. }
            | Error::Tls { .. }
            | Error::Protocol { .. }
            | Error::Statement { .. }
            | Error::Family { .. }
            | Error::GtidMode { .. }
            | Error::NoBinaryLog { .. }
            | Error::XaUnseen { .. }
            | Error::Spill { .. }
            | Error::Purged { .. }
            | Error::OtherServer { .. }
            | Error::HistoryLost { .. }
            | Error::TornElsewhere { .. }
            | Error::DumpRefused { .. }
            | Error::Checksum { .. }
            | Error::Event { .. }
            | Error::UnknownEvent { .. }
            | Error::Incident { .. }
            | Error::Anonymous { .. }
            | Error::OutOfOrder { .. }
            | Error::Charset { .. } => None,
        }
    }

    /// What the operator can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Error::Address { .. } => "write source.url as mysql://user@host:3306",
            Error::Unreachable { .. } | Error::Lost { .. } | Error::Busy { .. } => {
                "see that the server runs and that this host may connect to it"
            }
            Error::AccessDenied { .. } => {
                "check user and password, and the account's host part: SHOW GRANTS FOR the account"
            }
            Error::AuthenticationPlugin { .. } => {
                "use an account of caching_sha2_password: ALTER USER … IDENTIFIED WITH caching_sha2_password BY …"
            }
            Error::Tls { .. } => {
                "check source.tls and source.tls_ca against the server's certificate"
            }
            Error::Protocol { .. } => {
                "see that source.url names MySQL's classic port (3306), not its X port or a proxy"
            }
            Error::Statement { .. } => {
                "read the server's answer; often a grant is missing, which `lockstep check` names"
            }
            Error::Family { .. } => "use MySQL 8.0 or later as the source",
            Error::GtidMode { .. } => {
                "set gtid_mode=ON and enforce_gtid_consistency=ON on the source"
            }
            Error::NoBinaryLog { .. } => {
                "start the source with log_bin, which is its default since MySQL 8.0"
            }
            Error::XaUnseen { .. } => {
                "its rows are in no binary log that the source still has: copy afresh with `lockstep reset --yes --drop-target`"
            }
            Error::Spill { .. } => "make room there, or name another folder: capture.spill_folder",
            Error::Purged { .. } => {
                "restore the purged binlog files, or copy afresh: `lockstep reset --yes --drop-target`; keep more with binlog_expire_logs_seconds"
            }
            Error::OtherServer { .. } => {
                "connect to the former server, or to one that has all its transactions"
            }
            Error::HistoryLost { .. } => {
                "the server was restored from an older state or reset: connect to one with the whole history, or copy afresh with `lockstep reset --yes --drop-target`"
            }
            Error::TornElsewhere { .. } => {
                "connect to the former server until the transaction is complete, or copy afresh"
            }
            Error::Replaced { .. } => {
                "see that no other replica or second instance uses the same server id"
            }
            Error::DumpRefused { .. } => {
                "read the server's answer; the account needs REPLICATION SLAVE"
            }
            Error::Checksum { .. } => {
                "check the source's disk: mysqlbinlog --verify-binlog-checksum; then copy afresh"
            }
            Error::Event { .. } | Error::UnknownEvent { .. } => {
                "use a release that knows this server version"
            }
            Error::Incident { .. } => "copy afresh: the source itself lost changes",
            Error::Anonymous { .. } => {
                "set gtid_mode=ON on the source (not ON_PERMISSIVE), then copy afresh"
            }
            Error::OutOfOrder { .. } => {
                "set gtid_strict_mode = ON on the source, give each server that takes writes a gtid_domain_id of its own, then copy afresh"
            }
            Error::Metadata { .. } => {
                "SET PERSIST binlog_row_metadata = FULL on the source, then copy the table again with `lockstep recopy`"
            }
            Error::ColumnType { .. } => {
                "change the column's type, or leave the table out of source.tables"
            }
            Error::Row { .. } => {
                "leave the table out of source.tables, or use a release that reads it"
            }
            Error::Charset { .. } => {
                "see that the account may run SELECT on the source, then start again"
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure {
            code: error.code(),
            disposition: error.disposition(),
            table: error.table().cloned(),
            message: error.to_string(),
            remedy: error.remedy().to_owned(),
        }
    }
}
