//! What a table's collection looks like: its name and its indexes.

use change::Collection;
use std::sync::Arc;

/// A collection to be created, with its indexes.
#[derive(Clone, PartialEq, Debug)]
pub struct CollectionPlan {
    pub collection: Arc<Collection>,
    /// Built before the copy, and proven by it.
    pub unique: Vec<IndexPlan>,
    /// Built after the copy.
    pub secondary: Vec<IndexPlan>,
    /// Indexes of the table that MongoDB cannot express, with the reason, for the operator.
    pub inexpressible: Vec<(Arc<str>, String)>,
}

/// One index, as the arguments of `createIndexes`.
#[derive(Clone, PartialEq, Debug)]
pub struct IndexPlan {
    /// MySQL's name.
    pub name: Arc<str>,
    /// Field path and direction (1 or -1), in order.
    pub keys: Vec<(Arc<str>, i32)>,
    pub unique: bool,
    /// Fields that must have one of these BSON types (`$type` aliases) for the document to be in
    /// the index: how a unique index lets several NULLs pass.
    pub partial: Vec<(Arc<str>, Vec<&'static str>)>,
}
