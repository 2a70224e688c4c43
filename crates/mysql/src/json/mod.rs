//! MySQL's binary JSON: documents, and the differences of a partial update.

mod diff;
mod document;

pub(crate) use diff::apply_diffs;
pub(crate) use document::read_document;
