//! Creating collections and their indexes.
//!
//! Neither fits into a transaction; both are done by the holder of the lease alone and are
//! repeatable: what is there already and equal is fine, what differs is an error that names it.
//! Collections are created explicitly, so that no first write in a transaction has to.

use crate::connect::Target;
use crate::error::Error;
use crate::reply::{Fault, ServerFault, code};
use crate::retry::repeat;
use bson::{Document, doc};
use change::Collection;
use mapping::{CollectionPlan, IndexPlan};

/// The collection and its unique indexes.
pub(crate) async fn prepare(target: &Target, plan: &CollectionPlan) -> Result<(), Error> {
    create(target, &plan.collection).await?;
    build(target, &plan.collection, &plan.unique).await
}

/// The other indexes.
pub(crate) async fn finish(target: &Target, plan: &CollectionPlan) -> Result<(), Error> {
    build(target, &plan.collection, &plan.secondary).await
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

async fn build(
    target: &Target,
    collection: &Collection,
    indexes: &[IndexPlan],
) -> Result<(), Error> {
    let database = target.client.database(&collection.database);
    // One at a time, so that a refusal is about one index.
    for index in indexes {
        let action = format!("building the index {} of {collection}", index.name);
        let refused = repeat(target, &action, || async {
            let command = doc! {
                "createIndexes": &*collection.name,
                "indexes": [index_document(index)],
                "writeConcern": { "w": "majority" },
            };
            match database.run_command(command).await.map_err(Fault::from) {
                Ok(_) => Ok(None),
                Err(Fault::Server(fault)) => match refusal(collection, index, &fault) {
                    Some(error) => Ok(Some(error)),
                    None => Err(Fault::Server(fault)),
                },
                Err(fault) => Err(fault),
            }
        })
        .await?;
        if let Some(error) = refused {
            return Err(error);
        }
    }
    Ok(())
}

fn refusal(collection: &Collection, index: &IndexPlan, fault: &ServerFault) -> Option<Error> {
    let collection = collection.clone();
    let name = index.name.to_string();
    match fault.code {
        code::INDEX_ALREADY_EXISTS
        | code::INDEX_OPTIONS_CONFLICT
        | code::INDEX_KEY_SPECS_CONFLICT
        | code::CANNOT_CREATE_INDEX => Some(Error::IndexConflict {
            collection,
            index: name,
            problem: fault.message.clone(),
        }),
        code::DUPLICATE_KEY => Some(Error::IndexViolated {
            collection,
            index: name,
        }),
        // Everything else is judged like any other failure.
        _ => None,
    }
}

fn index_document(index: &IndexPlan) -> Document {
    let keys: Document = index
        .keys
        .iter()
        .map(|(field, direction)| (field.to_string(), (*direction).into()))
        .collect();
    let mut document = doc! { "key": keys, "name": &*index.name };
    if index.unique {
        document.insert("unique", true);
    }
    if !index.partial.is_empty() {
        let filter: Document = index
            .partial
            .iter()
            .map(|(field, types)| {
                let types: Vec<&str> = types.clone();
                (field.to_string(), doc! { "$type": types }.into())
            })
            .collect();
        document.insert("partialFilterExpression", filter);
    }
    document
}
