//! Rows to documents: names, identity, types.

mod collection;

pub use collection::{CollectionPlan, IndexPlan};
