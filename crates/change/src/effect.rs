//! What a change does to the target: the vocabulary between mapping, folding and the sink.
//!
//! A change becomes zero or more effects, each on one document of one collection. Folding and
//! lanes go by the document's identity; nothing here knows how a document is written, only that
//! it is encoded BSON.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A collection's qualified name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Collection {
    pub database: Arc<str>,
    pub name: Arc<str>,
}

impl std::fmt::Display for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.database, self.name)
    }
}

/// A document's identity: the encoded BSON document `{_id: …}`. Equal bytes, equal identity.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DocumentId(pub Bytes);

/// What becomes of the document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// The document (encoded BSON with its `_id` first) stands there afterwards.
    Put {
        document: Bytes,
        /// The source says that no such row existed before: an insert can be tried first.
        fresh: bool,
        /// A uniquely indexed field differs from the image before: the old document has to go
        /// before the new one comes, or a swap of two values would collide.
        unique_changed: bool,
    },
    /// No document stands there afterwards.
    Remove,
    /// For tables without a key, whose documents are a multiset of equal rows
    /// (`_id: {hash, n}`): so many more, or fewer, documents of this content. The effect's id is
    /// `{_id: {hash}}`; the sink numbers the copies, the highest number goes first.
    Adjust {
        /// Never 0 after folding.
        delta: i64,
        /// The encoded document without its `_id`.
        content: Bytes,
    },
}

/// One document's change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    pub collection: Arc<Collection>,
    pub id: DocumentId,
    pub action: Action,
}
