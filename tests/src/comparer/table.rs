//! One table against one collection, whatever the order in which either returns its rows.
//!
//! All documents are read first and leave a digest under their `_id`; then every row looks up and
//! removes its own. A row without an entry is missing, an entry without a row is extra, and a
//! differing digest sends for the document to name what differs.

use super::catalogue::Table;
use super::difference::{self, Difference, Kind};
use super::raw::{self, Field};
use super::rows::{ExpectedRow, Found, Plan};
use super::{CompareError, Identity, Report, TableReport, TableRules, every_document, multiset};
use bson::RawDocumentBuf;
use mongodb::Collection;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

/// Differing documents that are fetched to be shown; beyond that they are counted.
const FETCHED: usize = 200;

pub async fn compare(
    connection: &mut mysql_async::Conn,
    documents: &Collection<RawDocumentBuf>,
    table: &Table,
    rules: &TableRules,
    report: &mut Report,
) -> Result<(), CompareError> {
    let plan = Plan::new(table, rules)?;
    let (rows, held) = match rules.identity {
        Identity::Key | Identity::Columns(_) => keyed(connection, documents, &plan, report).await?,
        Identity::Row | Identity::ObjectId => {
            multiset::compare(connection, documents, &plan, &rules.identity, report).await?
        }
    };
    report.tables.push(TableReport {
        table: plan.table().to_owned(),
        collection: documents.name().to_owned(),
        rows,
        documents: held,
        values: rows * u64::try_from(plan.columns()).unwrap_or(u64::MAX),
    });
    Ok(())
}

async fn keyed(
    connection: &mut mysql_async::Conn,
    documents: &Collection<RawDocumentBuf>,
    plan: &Plan,
    report: &mut Report,
) -> Result<(u64, u64), CompareError> {
    let mut digests: HashMap<Box<[u8]>, u128> = HashMap::new();
    every_document(documents, |bytes| {
        let id = raw::fields(bytes)?
            .into_iter()
            .find(|field| field.name == "_id")
            .map(id_bytes)
            .unwrap_or_default();
        digests.insert(id.into_boxed_slice(), digest(bytes));
        Ok(())
    })
    .await?;
    let held = digests.len() as u64;

    let (mut rows, mut beyond) = (0_u64, 0_u64);
    let mut missing = Vec::new();
    let differing = plan
        .every_row(connection, |row| {
            rows += 1;
            match digests.remove(row.id.as_slice()) {
                Some(found) if found == digest(&row.document) => Found::Done,
                Some(_) => {
                    beyond += 1;
                    if beyond <= FETCHED as u64 {
                        Found::Keep(row)
                    } else {
                        Found::Done
                    }
                }
                None => {
                    missing.push(row.id);
                    Found::Done
                }
            }
        })
        .await?;
    for row in &differing {
        differences(documents, plan, row, report).await?;
    }
    let whole = |kind, id: &[u8], expected: &str, actual: &str| Difference {
        kind,
        table: plan.table().to_owned(),
        key: shown_id(id),
        column: String::new(),
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    };
    for id in &missing {
        report.add(whole(Kind::MissingDocument, id, "a document", "nothing"));
    }
    for id in digests.keys() {
        report.add(whole(Kind::ExtraDocument, id, "nothing", "a document"));
    }
    report.difference_count += beyond.saturating_sub(differing.len() as u64);
    Ok((rows, held))
}

async fn differences(
    documents: &Collection<RawDocumentBuf>,
    plan: &Plan,
    row: &ExpectedRow,
    report: &mut Report,
) -> Result<(), CompareError> {
    let malformed = |cause| CompareError::Document {
        collection: documents.name().to_owned(),
        cause,
    };
    let mut actual: Option<RawDocumentBuf> = None;
    every_matching(documents, row, |document| actual = Some(document)).await?;
    let key = shown_id(&row.id);
    let Some(actual) = actual else {
        report.add(Difference {
            kind: Kind::MissingDocument,
            table: plan.table().to_owned(),
            key,
            column: String::new(),
            expected: "a document".to_owned(),
            actual: "one that vanished during the comparison".to_owned(),
        });
        return Ok(());
    };
    let found = difference::between(&row.document, actual.as_bytes()).map_err(malformed)?;
    if found.is_empty() {
        report.add(Difference {
            kind: Kind::Value,
            table: plan.table().to_owned(),
            key: key.clone(),
            column: String::new(),
            expected: "a document at rest".to_owned(),
            actual: "one that changed during the comparison".to_owned(),
        });
    }
    for inside in found {
        report.add(Difference {
            kind: inside.kind,
            table: plan.table().to_owned(),
            key: key.clone(),
            column: inside.column,
            expected: inside.expected,
            actual: inside.actual,
        });
    }
    Ok(())
}

/// The document whose `_id` has exactly the expected bytes.
async fn every_matching(
    documents: &Collection<RawDocumentBuf>,
    row: &ExpectedRow,
    mut each: impl FnMut(RawDocumentBuf),
) -> Result<(), CompareError> {
    let mut filter = Vec::with_capacity(row.id.len() + 16);
    filter.extend_from_slice(&[0; 4]);
    filter.push(row.id[0]);
    filter.extend_from_slice(b"_id\0");
    filter.extend_from_slice(&row.id[1..]);
    filter.push(0);
    let length = u32::try_from(filter.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    filter[..4].copy_from_slice(&length);
    let filter = RawDocumentBuf::from_bytes(filter)
        .map_err(mongodb::error::Error::custom)
        .map_err(CompareError::Mongo)?;
    let filter = bson::Document::try_from(filter)
        .map_err(mongodb::error::Error::custom)
        .map_err(CompareError::Mongo)?;
    if let Some(document) = documents.find_one(filter).await? {
        each(document);
    }
    Ok(())
}

fn id_bytes(field: Field<'_>) -> Vec<u8> {
    let mut id = Vec::with_capacity(field.bytes.len() + 1);
    id.push(field.type_byte);
    id.extend_from_slice(field.bytes);
    id
}

fn shown_id(id: &[u8]) -> String {
    match id.split_first() {
        None => "no _id".to_owned(),
        Some((type_byte, bytes)) => raw::shown(&Field {
            type_byte: *type_byte,
            name: "_id",
            bytes,
        }),
    }
}

/// 128 bits of a document, from two differently seeded hashes.
pub fn digest(bytes: &[u8]) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(bytes);
        u128::from(hasher.finish())
    };
    (half(1) << 64) | half(2)
}
