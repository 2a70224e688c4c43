//! A table whose rows have no key of their own: equal rows must be as many as equal documents.
//!
//! The `_id` carries no value of the row, so it is held only against its prescribed form; what
//! follows it is compared as a multiset of bytes.

use super::difference::{Difference, Kind};
use super::raw::{self, Malformed};
use super::rows::{Found, Plan};
use super::table::digest;
use super::{CompareError, Identity, Report, every_document};
use bson::RawDocumentBuf;
use mongodb::Collection;
use std::collections::{HashMap, HashSet};

/// Rows and documents that are shown in full; beyond that they are counted.
const SHOWN: usize = 50;

/// Returns the number of rows and of documents.
pub async fn compare(
    connection: &mut mysql_async::Conn,
    documents: &Collection<RawDocumentBuf>,
    plan: &Plan,
    identity: &Identity,
    report: &mut Report,
) -> Result<(u64, u64), CompareError> {
    let difference = |kind, key: String, expected: String, actual: String| Difference {
        kind,
        table: plan.table().to_owned(),
        key,
        column: String::new(),
        expected,
        actual,
    };
    let mut counts: HashMap<u128, i64> = HashMap::new();
    let mut held = 0;
    every_document(documents, |bytes| {
        held += 1;
        let (form, rest) = parts(bytes, identity)?;
        if let Err(found) = form {
            let wanted = format!("the form of {identity:?}");
            report.add(difference(
                Kind::IdentityForm,
                "_id".to_owned(),
                wanted,
                found,
            ));
        }
        *counts.entry(digest(&rest)).or_default() += 1;
        Ok(())
    })
    .await?;

    let mut rows = 0;
    let mut lacking: HashSet<u128> = HashSet::new();
    let shown = plan
        .every_row(connection, |row| {
            rows += 1;
            let content = digest(&row.document[4..]);
            let count = counts.entry(content).or_default();
            *count -= 1;
            if *count < 0 && lacking.len() < SHOWN && lacking.insert(content) {
                Found::Keep(row)
            } else {
                Found::Done
            }
        })
        .await?;
    for row in shown {
        let short = -counts[&digest(&row.document[4..])];
        report.add(difference(
            Kind::Multiplicity,
            shown_document(&row.document),
            format!("{short} more documents"),
            "rows without a document".to_owned(),
        ));
    }
    let unshown = counts
        .iter()
        .filter(|(content, count)| **count < 0 && !lacking.contains(content))
        .count();
    report.difference_count += unshown as u64;

    if counts.values().any(|count| *count > 0) {
        every_document(documents, |bytes| {
            let (_, rest) = parts(bytes, identity)?;
            if let Some(surplus) = counts.remove(&digest(&rest)).filter(|count| *count > 0) {
                report.add(difference(
                    Kind::Multiplicity,
                    shown_document(bytes),
                    format!("{surplus} fewer documents"),
                    "documents without a row".to_owned(),
                ));
            }
            Ok(())
        })
        .await?;
    }
    Ok((rows, held))
}

/// Whether the `_id` is first and of the prescribed form, and the bytes behind it.
fn parts(document: &[u8], identity: &Identity) -> Result<(Result<(), String>, Vec<u8>), Malformed> {
    let fields = raw::fields(document)?;
    let Some(id) = fields.first().filter(|field| field.name == "_id") else {
        let rest = document[4..].to_vec();
        return Ok((
            Err("a document that does not begin with _id".to_owned()),
            rest,
        ));
    };
    let fits = match identity {
        Identity::ObjectId => id.type_byte == 0x07,
        Identity::Row if id.type_byte == 0x03 => {
            let inner = raw::fields(id.bytes)?;
            inner.iter().map(|field| field.name).eq(["hash", "n"])
        }
        Identity::Row | Identity::Key | Identity::Columns(_) => false,
    };
    let form = if fits { Ok(()) } else { Err(raw::shown(id)) };
    // Length, type byte, `_id` and its end, then the value.
    let behind = 4 + 1 + 4 + id.bytes.len();
    Ok((form, document[behind..].to_vec()))
}

fn shown_document(document: &[u8]) -> String {
    raw::shown(&raw::Field {
        type_byte: 0x03,
        name: "",
        bytes: document,
    })
}
