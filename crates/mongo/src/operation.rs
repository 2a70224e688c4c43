//! Effects as write operations, in the one order that cannot collide (invariant 6).
//!
//! First everything goes that has to go, then documents whose unique fields changed come back, then
//! new documents are inserted, then the others replaced, and last the multisets are adjusted. The
//! order is kept as a list rather than as commands, because a transaction that turns out too large
//! is cut at any place of this list and stays right: a document that is deleted and inserted again
//! has one operation in each stage.

use crate::error::Error;
use bson::{Document, RawDocument};
use change::{Action, Collection, DocumentId, Effect};
use std::collections::HashMap;
use std::sync::Arc;

/// MongoDB's limit for a document, in bytes.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// When an operation is done, earliest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stage {
    /// Removals, and the old form of documents whose unique fields changed.
    Delete,
    /// The new form of those.
    Reinsert,
    /// Documents that the source says are new.
    Insert,
    /// Everything else that stands there afterwards.
    Upsert,
    /// Multisets of equal rows: not repeatable, so never split from the checkpoint.
    Adjust,
}

/// One write of one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) stage: Stage,
    /// Counts the collections of this list.
    collection: u32,
    pub(crate) effect: &'a Effect,
}

/// Effects of one transaction or barrier, already folded, as operations in their order.
pub(crate) fn in_order(effects: &[Effect]) -> Result<Vec<Operation<'_>>, Error> {
    let mut collections = Numbers::default();
    let mut operations = Vec::with_capacity(effects.len());
    for effect in effects {
        check_size(effect)?;
        let collection = collections.of(&effect.collection);
        let mut push = |stage| {
            operations.push(Operation {
                stage,
                collection,
                effect,
            });
        };
        match &effect.action {
            Action::Remove => push(Stage::Delete),
            Action::Put {
                unique_changed: true,
                ..
            } => {
                push(Stage::Delete);
                push(Stage::Reinsert);
            }
            Action::Put { fresh: true, .. } => push(Stage::Insert),
            Action::Put { fresh: false, .. } => push(Stage::Upsert),
            Action::Adjust { .. } => push(Stage::Adjust),
        }
    }
    operations.sort_by_key(|operation| (operation.stage, operation.collection));
    Ok(operations)
}

/// Rows of a copy: all inserts at first, whatever they say of themselves.
pub(crate) fn of_chunk(effects: &[Effect]) -> Result<Vec<Operation<'_>>, Error> {
    let mut collections = Numbers::default();
    effects
        .iter()
        .map(|effect| {
            check_size(effect)?;
            let stage = match &effect.action {
                Action::Put { .. } => Stage::Insert,
                Action::Remove | Action::Adjust { .. } => {
                    return Err(Error::Unexpected {
                        action: format!("copying rows to {}", effect.collection),
                        problem: "a chunk holds something else than rows".to_owned(),
                    });
                }
            };
            Ok(Operation {
                stage,
                collection: collections.of(&effect.collection),
                effect,
            })
        })
        .collect()
}

/// Consecutive operations of one stage on one collection.
pub(crate) fn runs<'list, 'a>(
    operations: &'list [Operation<'a>],
) -> impl Iterator<Item = &'list [Operation<'a>]> {
    operations.chunk_by(|one, next| (one.stage, one.collection) == (next.stage, next.collection))
}

/// Bytes of the document that an operation sends.
pub(crate) fn bytes(effect: &Effect) -> usize {
    match &effect.action {
        Action::Put { document, .. } => document.len(),
        Action::Adjust { content, .. } => content.len(),
        Action::Remove => effect.id.0.len(),
    }
}

/// An id for a message: its value, shortened.
pub(crate) fn show(id: &DocumentId) -> String {
    const LONGEST: usize = 200;
    let shown = RawDocument::from_bytes(&id.0)
        .ok()
        .and_then(|raw| Document::try_from(raw).ok())
        .and_then(|mut document| document.remove("_id"))
        .map_or_else(|| "(unreadable)".to_owned(), |value| value.to_string());
    match shown.char_indices().nth(LONGEST) {
        None => shown,
        Some((end, _)) => format!("{}…", &shown[..end]),
    }
}

fn check_size(effect: &Effect) -> Result<(), Error> {
    let bytes = bytes(effect);
    if bytes > MAX_DOCUMENT_BYTES {
        return Err(Error::DocumentTooLarge {
            collection: (*effect.collection).clone(),
            id: effect.id.clone(),
            bytes: bytes as u64,
        });
    }
    Ok(())
}

/// Numbers collections in order of appearance. Neighbours mostly share one allocation.
#[derive(Default)]
struct Numbers<'a> {
    last: Option<(&'a Arc<Collection>, u32)>,
    known: HashMap<&'a Collection, u32>,
}

impl<'a> Numbers<'a> {
    fn of(&mut self, collection: &'a Arc<Collection>) -> u32 {
        if let Some((last, number)) = self.last
            && Arc::ptr_eq(last, collection)
        {
            return number;
        }
        let next = u32::try_from(self.known.len()).expect("a server has fewer tables than 2^32");
        let number = *self.known.entry(collection).or_insert(next);
        self.last = Some((collection, number));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;
    use bytes::Bytes;

    fn effect(collection: &str, id: i32, action: Action) -> Effect {
        Effect {
            collection: Arc::new(Collection {
                database: "shop".into(),
                name: collection.into(),
            }),
            id: DocumentId(doc! { "_id": id }.to_vec().unwrap().into()),
            action,
        }
    }

    fn put(fresh: bool, unique_changed: bool) -> Action {
        Action::Put {
            document: Bytes::from_static(b"12345"),
            fresh,
            unique_changed,
        }
    }

    #[test]
    fn everything_that_goes_goes_before_anything_comes() {
        let effects = [
            effect("a", 1, put(false, false)),
            effect("b", 1, put(true, false)),
            effect("a", 2, put(false, true)),
            effect("b", 2, Action::Remove),
            effect("a", 3, put(true, false)),
        ];
        let operations = in_order(&effects).unwrap();
        let shown: Vec<_> = operations
            .iter()
            .map(|operation| {
                let name = &*operation.effect.collection.name;
                (operation.stage, name, show(&operation.effect.id))
            })
            .collect();
        let one = || "1".to_owned();
        let two = || "2".to_owned();
        assert_eq!(
            shown,
            [
                (Stage::Delete, "a", two()),
                (Stage::Delete, "b", two()),
                (Stage::Reinsert, "a", two()),
                (Stage::Insert, "a", "3".to_owned()),
                (Stage::Insert, "b", one()),
                (Stage::Upsert, "a", one()),
            ]
        );
        assert_eq!(runs(&operations).count(), 6);
    }

    #[test]
    fn a_document_past_the_limit_is_named() {
        let document = Bytes::from(vec![0; MAX_DOCUMENT_BYTES + 1]);
        let action = Action::Put {
            document,
            fresh: true,
            unique_changed: false,
        };
        let effects = [effect("a", 7, action)];
        let Err(Error::DocumentTooLarge { id, bytes, .. }) = in_order(&effects) else {
            panic!("it was taken");
        };
        assert_eq!((show(&id).as_str(), bytes), ("7", 16_777_217));
    }
}
