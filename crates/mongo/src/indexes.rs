//! Building indexes, and dropping those that a schema change has outdated.
//!
//! Neither fits into a transaction; both are done by the holder of the lease alone and are
//! repeatable: what is there already and equal is fine. What differs and was built here makes room;
//! what somebody else has built is never touched, and where it stands in the way, the error names
//! it. Whose an index is stands in the control database, written before the index is there.

use crate::connect::Target;
use crate::error::Error;
use crate::reply::{Fault, ServerFault, code};
use crate::retry::repeat;
use bson::{Document, doc};
use change::Collection;
use mapping::{CollectionPlan, IndexPlan};
use std::collections::BTreeSet;

/// Names of indexes that were built here, by collection.
pub(crate) const INDEXES: &str = "indexes";

/// The other indexes, and no more than those of the plan.
pub(crate) async fn finish(target: &Target, plan: &CollectionPlan) -> Result<(), Error> {
    let planned = plan.unique.iter().chain(&plan.secondary);
    let planned: BTreeSet<&str> = planned.map(|index| &*index.name).collect();
    for index in own(target, &plan.collection).await? {
        if !planned.contains(&*index.name) {
            drop_index(target, &plan.collection, &index.name).await?;
        }
    }
    build(target, &plan.collection, &plan.secondary).await
}

/// Drops the unique ones that were built here.
pub(crate) async fn loosen(target: &Target, collection: &Collection) -> Result<(), Error> {
    for index in own(target, collection).await? {
        if index.unique {
            drop_index(target, collection, &index.name).await?;
        }
    }
    Ok(())
}

pub(crate) async fn build(
    target: &Target,
    collection: &Collection,
    indexes: &[IndexPlan],
) -> Result<(), Error> {
    if indexes.is_empty() {
        return Ok(());
    }
    let present: BTreeSet<String> = present(target, collection)
        .await?
        .into_iter()
        .map(|index| index.name)
        .collect();
    let missing = indexes
        .iter()
        .map(|index| &*index.name)
        .filter(|name| !present.contains(*name));
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        claim(target, collection, &missing).await?;
    }
    // One at a time, so that a refusal is about one index.
    for index in indexes {
        match create(target, collection, index).await? {
            None => {}
            Some(Error::IndexConflict { .. }) if make_room(target, collection, index).await? => {
                if let Some(error) = create(target, collection, index).await? {
                    return Err(error);
                }
            }
            Some(error) => return Err(error),
        }
    }
    Ok(())
}

/// What the server refuses the index for, if it does.
async fn create(
    target: &Target,
    collection: &Collection,
    index: &IndexPlan,
) -> Result<Option<Error>, Error> {
    let database = target.client.database(&collection.database);
    let action = format!("building the index {} of {collection}", index.name);
    repeat(target, &action, || async {
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
    .await
}

/// Drops what was built here and has the name or the keys of this index; whether there was any.
async fn make_room(
    target: &Target,
    collection: &Collection,
    index: &IndexPlan,
) -> Result<bool, Error> {
    let wanted = index_document(index);
    let mut dropped = false;
    for other in own(target, collection).await? {
        let same_keys = wanted.get("key") == Some(&other.keys.into());
        if same_keys || *other.name == *index.name {
            drop_index(target, collection, &other.name).await?;
            dropped = true;
        }
    }
    if dropped {
        claim(target, collection, &[&*index.name]).await?;
    }
    Ok(dropped)
}

async fn drop_index(target: &Target, collection: &Collection, name: &str) -> Result<(), Error> {
    let database = target.client.database(&collection.database);
    let action = format!("dropping the index {name} of {collection}");
    repeat(target, &action, || async {
        let command = doc! {
            "dropIndexes": &*collection.name,
            "index": name,
            "writeConcern": { "w": "majority" },
        };
        match database.run_command(command).await.map_err(Fault::from) {
            Ok(_) => Ok(()),
            Err(Fault::Server(fault))
                if [code::INDEX_NOT_FOUND, code::NAMESPACE_NOT_FOUND].contains(&fault.code) =>
            {
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    })
    .await?;
    repeat(target, "giving an index up", || async {
        let names = doc! { "$pull": { "names": name } };
        let indexes = target.collection(INDEXES);
        indexes.update_one(id(target, collection), names).await?;
        Ok(())
    })
    .await
}

/// An index of the collection.
struct Present {
    name: String,
    keys: Document,
    unique: bool,
}

/// Those that were built here.
async fn own(target: &Target, collection: &Collection) -> Result<Vec<Present>, Error> {
    let found = repeat(target, "reading whose the indexes are", || async {
        let indexes = target.collection(INDEXES);
        Ok(indexes.find_one(id(target, collection)).await?)
    })
    .await?;
    let names: BTreeSet<String> = found
        .as_ref()
        .and_then(|found| found.get_array("names").ok())
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut present = present(target, collection).await?;
    present.retain(|index| names.contains(&index.name));
    Ok(present)
}

async fn present(target: &Target, collection: &Collection) -> Result<Vec<Present>, Error> {
    let database = target.client.database(&collection.database);
    let action = format!("listing the indexes of {collection}");
    repeat(target, &action, || async {
        // A collection has 64 indexes at most, fewer than one reply holds.
        let command = doc! { "listIndexes": &*collection.name };
        let answer = match database.run_command(command).await.map_err(Fault::from) {
            Ok(answer) => answer,
            Err(Fault::Server(fault)) if fault.code == code::NAMESPACE_NOT_FOUND => {
                return Ok(Vec::new());
            }
            Err(fault) => return Err(fault),
        };
        let batch = answer
            .get_document("cursor")
            .and_then(|cursor| cursor.get_array("firstBatch"));
        let found = batch.into_iter().flatten().filter_map(|index| {
            let index = index.as_document()?;
            Some(Present {
                name: index.get_str("name").ok()?.to_owned(),
                keys: index.get_document("key").ok()?.clone(),
                unique: index.get_bool("unique").unwrap_or(false),
            })
        });
        Ok(found.collect())
    })
    .await
}

/// Notes that these indexes, which are not there yet, are built here.
async fn claim(target: &Target, collection: &Collection, names: &[&str]) -> Result<(), Error> {
    repeat(target, "noting whose the indexes are", || async {
        let names = doc! { "$addToSet": { "names": { "$each": names.to_vec() } } };
        let indexes = target.collection(INDEXES);
        let noted = indexes.update_one(id(target, collection), names);
        noted.upsert(true).await?;
        Ok(())
    })
    .await
}

fn id(target: &Target, collection: &Collection) -> Document {
    doc! { "_id": target.id_of("collection", &collection.to_string()) }
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
