//! Emptying a collection without dropping it.
//!
//! TRUNCATE and DROP of a table leave an empty collection with its indexes. No transaction can hold
//! the removal of any number of documents, so they go in fenced batches; the ids of a batch are
//! read before, which is safe because nobody else writes while the fence holds, and harmless where
//! somebody does: a batch deletes by id and an id that is gone deletes nothing.

use crate::connect::Target;
use crate::error::Error;
use crate::retry::repeat;
use bson::{RawDocumentBuf, doc};
use change::{Action, Collection, DocumentId, Effect};
use futures::TryStreamExt;
use std::sync::Arc;

const DOCUMENTS_PER_BATCH: i64 = 5_000;

/// Removals of the next documents; `None` when the collection is empty.
pub(crate) async fn next_documents(
    target: &Target,
    collection: &Collection,
) -> Result<Option<Vec<Effect>>, Error> {
    let action = format!("emptying {collection}");
    let ids: Vec<RawDocumentBuf> = repeat(target, &action, || async {
        let found = target
            .client
            .database(&collection.database)
            .collection::<RawDocumentBuf>(&collection.name)
            .find(doc! {})
            .projection(doc! { "_id": 1 })
            .hint(mongodb::options::Hint::Keys(doc! { "_id": 1 }))
            .limit(DOCUMENTS_PER_BATCH)
            .await?;
        Ok(found.try_collect().await?)
    })
    .await?;
    if ids.is_empty() {
        return Ok(None);
    }
    let collection = Arc::new(collection.clone());
    Ok(Some(
        ids.into_iter()
            .map(|id| Effect {
                collection: collection.clone(),
                id: DocumentId(id.into_bytes().into()),
                action: Action::Remove,
            })
            .collect(),
    ))
}
