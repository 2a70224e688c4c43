//! Creating collections.
//!
//! That fits into no transaction; it is done by the holder of the lease alone and is repeatable: what
//! is there already is fine, what is no collection is an error that names it. Collections are created
//! explicitly, so that no first write in a transaction has to.

use crate::connect::Target;
use crate::error::Error;
use crate::indexes;
use crate::reply::{Fault, code};
use crate::retry::repeat;
use bson::doc;
use change::Collection;
use mapping::CollectionPlan;

/// The collection and its unique indexes.
pub(crate) async fn prepare(target: &Target, plan: &CollectionPlan) -> Result<(), Error> {
    create(target, &plan.collection).await?;
    indexes::build(target, &plan.collection, &plan.unique).await
}

async fn create(target: &Target, collection: &Collection) -> Result<(), Error> {
    let database = target.client.database(&collection.database);
    let action = format!("creating the collection {collection}");
    let existed = repeat(target, &action, || async {
        let command = doc! {
            "create": &*collection.name,
            "writeConcern": { "w": "majority" },
        };
        match database.run_command(command).await.map_err(Fault::from) {
            Ok(_) => Ok(false),
            Err(Fault::Server(fault)) if fault.code == code::NAMESPACE_EXISTS => Ok(true),
            Err(fault) => Err(fault),
        }
    })
    .await?;
    if existed {
        let kind = kind(target, collection).await?;
        if let Some(kind) = kind.filter(|kind| kind != "collection") {
            return Err(Error::NotACollection {
                collection: collection.clone(),
                kind,
            });
        }
    }
    Ok(())
}

/// `collection`, `view` or `timeseries`; `None` where there is nothing of that name.
pub(crate) async fn kind(
    target: &Target,
    collection: &Collection,
) -> Result<Option<String>, Error> {
    let database = target.client.database(&collection.database);
    let action = format!("looking at {collection}");
    repeat(target, &action, || async {
        let command = doc! {
            "listCollections": 1,
            "filter": { "name": &*collection.name },
            "nameOnly": true,
            "authorizedCollections": true,
        };
        let answer = database.run_command(command).await?;
        let first = answer
            .get_document("cursor")
            .and_then(|cursor| cursor.get_array("firstBatch"))
            .ok()
            .and_then(|batch| batch.first()?.as_document())
            .and_then(|found| found.get_str("type").ok())
            .map(str::to_owned);
        Ok(first)
    })
    .await
}
