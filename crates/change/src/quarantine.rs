//! Quarantine: what is known of a row that has no place in its collection for now.
//!
//! A value that its policy cannot take, or a document that the target refuses, keeps one row back
//! and not its table. The collection keeps that row's document of before, and one record says so.
//! There is no queue of images behind it: a retry reads the row as it is then, so that only what
//! the newest change was has to be remembered.

use crate::{Collection, DocumentId, Identity, Ordinal, TableName, Trouble, Value};
use std::sync::Arc;

/// What a quarantined row is known by in its collection.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum QuarantinedId {
    /// The document that it would be.
    Document(DocumentId),
    /// Its key, which is itself what no document can hold: such a row never had a document.
    Key(Identity),
}

/// A row in quarantine, exactly.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct QuarantineKey {
    pub collection: Arc<Collection>,
    pub id: QuarantinedId,
}

/// A change of a quarantined row, as far as it is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    pub ordinal: Ordinal,
    /// The transaction's name on its server; `None` for a row that the snapshot read, and where the
    /// target refused what a whole barrier came to.
    pub transaction: Option<Arc<str>>,
    /// The log's file, and the place in it.
    pub file: Arc<str>,
    pub offset: u64,
    /// When the source committed it, in milliseconds since 1970.
    pub committed_at_ms: i64,
}

/// What the newest change left at the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowState {
    Present,
    Gone,
}

/// One row in quarantine.
#[derive(Clone, PartialEq, Debug)]
pub struct QuarantineRecord {
    pub key: QuarantineKey,
    pub table: TableName,
    /// The key's columns with their values, as people read them.
    pub row_key: Arc<str>,
    /// The key's values in key order, which a retry reads the row by; `None` where they cannot be
    /// told from what the target refused.
    pub row_key_values: Option<Arc<[Value]>>,
    /// The column whose value was not taken, where it was one column's.
    pub column: Option<Arc<str>>,
    pub trouble: Trouble,
    pub first: Sighting,
    pub newest: Sighting,
    pub state: RowState,
    /// Changes that came after the first one and wait behind it.
    pub waiting: u64,
    /// The newest image as JSON, a value per column, if it is small.
    pub row: Option<Arc<str>>,
}

/// What a batch does to the quarantine.
#[derive(Clone, PartialEq, Debug)]
pub enum QuarantineChange {
    /// The record stands like this afterwards.
    Kept(Arc<QuarantineRecord>),
    /// No record of this row stands afterwards.
    Lifted(QuarantineKey),
    /// No record of any row of the collection stands afterwards.
    Cleared(Arc<Collection>),
}
