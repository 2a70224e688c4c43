//! Words for what a sink is asked to do.

use super::barriers::{checkpoint, mapping};
use bson::spec::BinarySubtype;
use bson::{Binary, Document, doc};
use change::{Action, Collection, DocumentId, Effect};
use flow::ports::{ApplyBatch, Work};
use mapping::{CollectionPlan, IndexPlan};
use std::sync::Arc;

/// A collection with a unique index on `code` and another one on `wave`.
pub(super) fn plan(collection: &Arc<Collection>) -> CollectionPlan {
    let index = |name: &str, unique| IndexPlan {
        name: name.into(),
        keys: vec![(name.into(), 1)],
        unique,
        partial: if unique {
            vec![(name.into(), vec!["string", "int"])]
        } else {
            Vec::new()
        },
    };
    CollectionPlan {
        collection: collection.clone(),
        unique: vec![index("code", true)],
        secondary: vec![index("wave", false)],
        inexpressible: Vec::new(),
    }
}

pub(super) fn batch(transaction: u64, work: Work) -> ApplyBatch {
    ApplyBatch {
        work,
        checkpoint: checkpoint(transaction),
        progress: Vec::new(),
        mapping: mapping(),
        quarantine: Vec::new(),
    }
}

pub(super) fn put(collection: &Arc<Collection>, document: &Document) -> Effect {
    putting(collection, document, false)
}

/// A put of a document whose unique value differs from before.
pub(super) fn put_unique(collection: &Arc<Collection>, document: &Document) -> Effect {
    putting(collection, document, true)
}

pub(super) fn remove(collection: &Arc<Collection>, id: i64) -> Effect {
    Effect {
        collection: collection.clone(),
        id: id_of(&doc! { "_id": id }),
        action: Action::Remove,
    }
}

/// More or fewer copies of one keyless row.
pub(super) fn adjust(collection: &Arc<Collection>, delta: i64) -> Effect {
    Effect {
        collection: collection.clone(),
        id: id_of(&doc! { "_id": { "hash": hash() } }),
        action: Action::Adjust {
            delta,
            content: encoded(&doc! { "copy": true }).into(),
        },
    }
}

/// The documents of so many copies.
pub(super) fn copies(count: i64) -> Vec<Document> {
    let copy = |number| doc! { "_id": { "hash": hash(), "n": number }, "copy": true };
    (1..=count).map(copy).collect()
}

/// Documents in an order that does not depend on who lists them.
pub(super) fn sorted(mut documents: Vec<Document>) -> Vec<Document> {
    documents.sort_by_cached_key(encoded);
    documents
}

fn putting(collection: &Arc<Collection>, document: &Document, unique_changed: bool) -> Effect {
    Effect {
        collection: collection.clone(),
        id: id_of(document),
        action: Action::Put {
            document: encoded(document).into(),
            fresh: false,
            unique_changed,
        },
    }
}

fn hash() -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: vec![0xa5; 16],
    }
}

fn id_of(document: &Document) -> DocumentId {
    let id = document.get("_id").cloned().unwrap_or_default();
    DocumentId(encoded(&doc! { "_id": id }).into())
}

fn encoded(document: &Document) -> Vec<u8> {
    document
        .to_vec()
        .expect("a document of numbers and words can be encoded")
}
