//! What an answer of the server means.
//!
//! A command that "succeeds" may carry its failure inside: `writeErrors` and `writeConcernError`
//! stand in replies with `ok: 1`, and a transaction that outgrew the cache says so only there,
//! without a label. So every reply to a write passes through [`written`], which knows success by
//! the count it expected and by nothing else; and every failure, from whichever place it came,
//! becomes one [`Fault`] with one [`Verdict`].

use bson::{Bson, Document};
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};

/// A failure in its raw form.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// No connection, or lost on the way: the server may or may not have done it.
    Connection { message: String },
    /// The account was not accepted.
    Authentication { message: String },
    /// The server said no.
    Server(ServerFault),
    /// The driver itself, or an answer that cannot be understood.
    Driver { message: String },
}

/// What the server said.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerFault {
    pub(crate) code: i32,
    pub(crate) name: String,
    pub(crate) message: String,
    /// The label `TransientTransactionError`.
    pub(crate) transient: bool,
    /// Which statement of the command, counted from 0.
    pub(crate) statement: Option<usize>,
    /// For E11000: the fields of the index that refused, as `a, b`.
    pub(crate) index: Option<String>,
}

/// What to do about a fault inside a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Abort and do the whole transaction again.
    Again,
    /// Abort and do it in smaller ones.
    TooLarge,
    /// E11000: by `_id` it asks for an upsert, by another index it is an error.
    Duplicate,
    /// The server refuses what is in the document.
    Refused,
    /// The document has outgrown the limit.
    DocumentTooLarge,
    /// A privilege is missing.
    NotAllowed,
    /// The name is a view's or a time series'.
    NotACollection,
    /// The account was not accepted.
    AccessDenied,
    /// Nobody here knows.
    Unknown,
}

impl Fault {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Fault::Connection { .. } => Verdict::Again,
            Fault::Authentication { .. } => Verdict::AccessDenied,
            Fault::Server(fault) => fault.verdict(),
            Fault::Driver { .. } => Verdict::Unknown,
        }
    }

    /// Whether the server answered at all.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Fault::Server(_) => true,
            Fault::Connection { .. } | Fault::Authentication { .. } | Fault::Driver { .. } => false,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Connection { message }
            | Fault::Authentication { message }
            | Fault::Driver { message } => f.write_str(message),
            // The message of a duplicate holds the values of the row.
            Fault::Server(fault) if fault.code == code::DUPLICATE_KEY => {
                write!(f, "{} (error {})", fault.name, fault.code)
            }
            Fault::Server(fault) => {
                write!(f, "{} (error {} {})", fault.message, fault.code, fault.name)
            }
        }
    }
}

impl ServerFault {
    fn verdict(&self) -> Verdict {
        match self.code {
            // These two are never worth the same transaction again, whatever label they carry.
            code::TRANSACTION_TOO_LARGE_FOR_CACHE
            | code::TRANSACTION_TOO_LARGE
            | code::TRANSACTION_EXCEEDED_LIFETIME => Verdict::TooLarge,
            code::DUPLICATE_KEY => Verdict::Duplicate,
            code::BSON_OBJECT_TOO_LARGE
            | code::DOCUMENT_TO_INSERT_TOO_LARGE
            | code::UPDATED_DOCUMENT_TOO_LARGE => Verdict::DocumentTooLarge,
            code::DOCUMENT_VALIDATION_FAILURE
            | code::DOLLAR_PREFIXED_FIELD_NAME
            | code::DOTTED_FIELD_NAME
            | code::INVALID_ID_FIELD
            | code::IMMUTABLE_FIELD
            | code::CANNOT_INDEX_PARALLEL_ARRAYS
            | code::CANNOT_BUILD_INDEX_KEYS => Verdict::Refused,
            code::UNAUTHORIZED => Verdict::NotAllowed,
            code::AUTHENTICATION_FAILED => Verdict::AccessDenied,
            code::COMMAND_NOT_SUPPORTED_ON_VIEW => Verdict::NotACollection,
            known if self.transient || AGAIN.contains(&known) => Verdict::Again,
            _ => Verdict::Unknown,
        }
    }
}

/// The server's error codes, by mongo/base/error_codes.yml.
pub(crate) mod code {
    pub(crate) const UNAUTHORIZED: i32 = 13;
    pub(crate) const AUTHENTICATION_FAILED: i32 = 18;
    pub(crate) const NAMESPACE_NOT_FOUND: i32 = 26;
    pub(crate) const INDEX_NOT_FOUND: i32 = 27;
    pub(crate) const NAMESPACE_EXISTS: i32 = 48;
    pub(crate) const MAX_TIME_MS_EXPIRED: i32 = 50;
    pub(crate) const DOLLAR_PREFIXED_FIELD_NAME: i32 = 52;
    pub(crate) const INVALID_ID_FIELD: i32 = 53;
    pub(crate) const DOTTED_FIELD_NAME: i32 = 57;
    pub(crate) const IMMUTABLE_FIELD: i32 = 66;
    pub(crate) const CANNOT_CREATE_INDEX: i32 = 67;
    pub(crate) const INDEX_ALREADY_EXISTS: i32 = 68;
    pub(crate) const INDEX_OPTIONS_CONFLICT: i32 = 85;
    pub(crate) const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
    pub(crate) const DOCUMENT_VALIDATION_FAILURE: i32 = 121;
    pub(crate) const COMMAND_NOT_SUPPORTED_ON_VIEW: i32 = 166;
    pub(crate) const CANNOT_INDEX_PARALLEL_ARRAYS: i32 = 171;
    pub(crate) const CANNOT_BUILD_INDEX_KEYS: i32 = 201;
    pub(crate) const TRANSACTION_TOO_LARGE: i32 = 257;
    pub(crate) const TRANSACTION_EXCEEDED_LIFETIME: i32 = 290;
    pub(crate) const TRANSACTION_TOO_LARGE_FOR_CACHE: i32 = 388;
    pub(crate) const BSON_OBJECT_TOO_LARGE: i32 = 10334;
    pub(crate) const DUPLICATE_KEY: i32 = 11000;
    pub(crate) const DOCUMENT_TO_INSERT_TOO_LARGE: i32 = 17420;
    pub(crate) const UPDATED_DOCUMENT_TOO_LARGE: i32 = 17419;
}

/// Codes that the outside heals: elections, shutdowns, networks, conflicts with a transaction that
/// is about to end. A server tells most of them by the label; these also come without it.
const AGAIN: &[i32] = &[
    6,     // HostUnreachable
    7,     // HostNotFound
    24,    // LockTimeout
    50,    // MaxTimeMSExpired
    64,    // WriteConcernFailed (timed out)
    89,    // NetworkTimeout
    91,    // ShutdownInProgress
    100,   // UnsatisfiableWriteConcern (while members are away)
    112,   // WriteConflict
    117,   // ConflictingOperationInProgress
    189,   // PrimarySteppedDown
    206,   // NoSuchSession
    225,   // TransactionTooOld
    237,   // CursorKilled
    239,   // SnapshotTooOld
    244,   // TransactionAborted
    246,   // SnapshotUnavailable
    251,   // NoSuchTransaction
    262,   // ExceededTimeLimit
    276,   // IndexBuildAborted
    279,   // ClientDisconnect
    317,   // ConnectionPoolExpired
    365,   // TemporarilyUnavailable
    9001,  // SocketException
    10107, // NotWritablePrimary
    11600, // InterruptedAtShutdown
    11601, // Interrupted
    11602, // InterruptedDueToReplStateChange
    13388, // StaleConfig
    13435, // NotPrimaryNoSecondaryOk
    13436, // NotPrimaryOrSecondary
];

/// Looks into the reply to a write command that came back as a success. `expected` is the count of
/// statements that must all have taken effect; `None` where fewer are fine (deletes).
pub(crate) fn written(reply: &Document, expected: Option<usize>) -> Result<u64, Fault> {
    if let Some(errors) = reply.get("writeErrors") {
        return Err(write_error(reply, errors));
    }
    if let Some(error) = reply.get("writeConcernError") {
        return Err(match error {
            Bson::Document(error) => Fault::Server(server_fault(error, reply)),
            other => unreadable("writeConcernError", other),
        });
    }
    if number(reply.get("ok")) != Some(1) {
        return Err(unreadable("ok", reply.get("ok").unwrap_or(&Bson::Null)));
    }
    let Some(count) = number(reply.get("n")) else {
        return Err(unreadable("n", reply.get("n").unwrap_or(&Bson::Null)));
    };
    match expected {
        Some(expected) if count != expected as u64 => Err(Fault::Driver {
            message: format!("of {expected} writes the server says it did {count}"),
        }),
        Some(_) | None => Ok(count),
    }
}

fn write_error(reply: &Document, errors: &Bson) -> Fault {
    let first = match errors {
        Bson::Array(errors) => errors.first(),
        _ => None,
    };
    match first {
        Some(Bson::Document(error)) => {
            let statement =
                number(error.get("index")).and_then(|index| usize::try_from(index).ok());
            Fault::Server(ServerFault {
                statement,
                ..server_fault(error, reply)
            })
        }
        Some(_) | None => unreadable("writeErrors", errors),
    }
}

fn server_fault(error: &Document, reply: &Document) -> ServerFault {
    let text = |name: &str| error.get_str(name).unwrap_or_default().to_owned();
    let transient = reply.get_array("errorLabels").is_ok_and(|labels| {
        labels
            .iter()
            .any(|label| label.as_str() == Some(TRANSIENT_TRANSACTION))
    });
    ServerFault {
        code: error.get_i32("code").unwrap_or_default(),
        name: text("codeName"),
        message: text("errmsg"),
        transient,
        statement: None,
        index: index_of(error),
    }
}

fn index_of(error: &Document) -> Option<String> {
    let pattern = error.get_document("keyPattern").ok()?;
    Some(pattern.keys().cloned().collect::<Vec<_>>().join(", "))
}

const TRANSIENT_TRANSACTION: &str = "TransientTransactionError";

fn unreadable(field: &str, value: &Bson) -> Fault {
    Fault::Driver {
        message: format!("the server's reply has {field} = {value}"),
    }
}

/// A whole number in whichever type the server chose.
pub(crate) fn number(value: Option<&Bson>) -> Option<u64> {
    match value? {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        Bson::Double(number) if number.fract() == 0.0 && *number >= 0.0 => Some(*number as u64),
        _ => None,
    }
}

impl From<DriverError> for Fault {
    fn from(error: DriverError) -> Self {
        let transient = error.contains_label(TRANSIENT_TRANSACTION);
        let reply = error
            .server_response()
            .and_then(|raw| Document::try_from(raw.as_ref()).ok());
        let index = reply.as_ref().and_then(index_of);
        // The driver may add kinds at any time: those are not known here, and not retried.
        match &*error.kind {
            ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::DnsResolve { .. } => Fault::Connection {
                message: plain(&error.kind),
            },
            ErrorKind::Authentication { message, .. } => Fault::Authentication {
                message: message.clone(),
            },
            ErrorKind::Command(refusal) => Fault::Server(ServerFault {
                code: refusal.code,
                name: refusal.code_name.clone(),
                message: refusal.message.clone(),
                transient,
                statement: None,
                index,
            }),
            ErrorKind::Write(WriteFailure::WriteConcernError(refusal)) => {
                Fault::Server(ServerFault {
                    code: refusal.code,
                    name: refusal.code_name.clone(),
                    message: refusal.message.clone(),
                    transient,
                    statement: None,
                    index,
                })
            }
            ErrorKind::Write(WriteFailure::WriteError(refusal)) => Fault::Server(ServerFault {
                code: refusal.code,
                name: refusal.code_name.clone().unwrap_or_default(),
                message: refusal.message.clone(),
                transient,
                statement: None,
                index,
            }),
            _ => Fault::Driver {
                message: plain(&error.kind),
            },
        }
    }
}

/// The driver's message without what it appends: labels, causes, the raw bytes of a reply.
fn plain(kind: &ErrorKind) -> String {
    let message = kind.to_string();
    match message.split_once(", labels: {") {
        Some((plain, _)) => plain.to_owned(),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;

    #[test]
    fn an_error_inside_an_ok_reply_is_an_error() {
        let reply = doc! { "ok": 1.0, "n": 2, "writeErrors": [
            { "index": 2, "code": 388, "codeName": "TransactionTooLargeForCache", "errmsg": "…" },
        ] };
        let fault = written(&reply, Some(3)).unwrap_err();
        assert_eq!(fault.verdict(), Verdict::TooLarge);
        let Fault::Server(fault) = fault else {
            panic!("{fault}")
        };
        assert_eq!(fault.statement, Some(2));
    }

    #[test]
    fn a_write_concern_error_inside_an_ok_reply_is_an_error() {
        let reply = doc! { "ok": 1.0, "n": 1, "writeConcernError": {
            "code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out",
        } };
        assert_eq!(
            written(&reply, Some(1)).unwrap_err().verdict(),
            Verdict::Again
        );
    }

    #[test]
    fn success_is_known_by_its_count_alone() {
        assert_eq!(written(&doc! { "ok": 1.0, "n": 3 }, Some(3)).unwrap(), 3);
        assert_eq!(written(&doc! { "ok": 1, "n": 1_i64 }, None).unwrap(), 1);
        for reply in [
            doc! { "ok": 1.0, "n": 2 },
            doc! { "ok": 1.0 },
            doc! { "n": 3 },
            doc! { "ok": 1.0, "n": 3, "writeErrors": "?" },
            doc! { "ok": 1.0, "n": 3, "writeErrors": [] },
        ] {
            assert!(written(&reply, Some(3)).is_err(), "{reply}");
        }
    }

    #[test]
    fn an_unknown_code_is_not_tried_again() {
        let reply = doc! { "ok": 1.0, "n": 0, "writeErrors": [{ "index": 0, "code": 424_242 }] };
        assert_eq!(
            written(&reply, Some(1)).unwrap_err().verdict(),
            Verdict::Unknown
        );
    }

    #[test]
    fn the_values_of_a_duplicate_are_not_told() {
        let reply = doc! { "ok": 1.0, "n": 0, "writeErrors": [{
            "index": 0, "code": 11000, "codeName": "DuplicateKey",
            "errmsg": "E11000 duplicate key error dup key: { email: \"someone@example.org\" }",
        }] };
        let fault = written(&reply, Some(1)).unwrap_err();
        assert!(!fault.to_string().contains("someone"));
    }
}
