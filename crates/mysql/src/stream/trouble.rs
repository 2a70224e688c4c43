//! What stops one table while the stream goes on, each with its code and its remedy.

use crate::error::Error;
use change::Trouble;

/// Rows were logged that the same transaction undid.
pub(super) fn rolled_back(place: &str) -> Trouble {
    trouble(
        "LS2051",
        format!(
            "rows of the table were logged and then rolled back in the transaction that ends at {place}"
        ),
        "keep tables of other engines than InnoDB out of transactions with this one, then copy the table again with `lockstep recopy`",
    )
}

/// Rows were changed in an XA transaction.
pub(super) fn xa(place: &str) -> Trouble {
    trouble(
        "LS2052",
        format!(
            "rows of the table were changed at {place} inside an XA transaction, which is not followed on servers before MySQL 8.0.30"
        ),
        "upgrade the source, or change the table without XA transactions, then copy it again with `lockstep recopy`, or leave it out of source.tables",
    )
}

/// An unknown statement names the table.
pub(super) fn unknown_statement(what: &str, place: &str) -> Trouble {
    trouble(
        "LS2054",
        format!("the statement {what} … at {place} is not known, and names the table"),
        "use a release that knows the statement, or copy the table again with `lockstep recopy`",
    )
}

/// An error about the table's own rows.
pub(super) fn of_error(error: &Error) -> Trouble {
    trouble(error.code(), error.to_string(), error.remedy())
}

fn trouble(code: &'static str, message: String, remedy: &'static str) -> Trouble {
    Trouble {
        code: code.into(),
        message: message.into(),
        remedy: remedy.into(),
    }
}
