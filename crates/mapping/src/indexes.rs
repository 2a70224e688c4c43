//! The table's indexes, as far as MongoDB can have them.
//!
//! A unique index must never refuse what MySQL has accepted. MySQL compares by the column's
//! collation, which is never finer than MongoDB's comparison by bytes, and by a prefix where the
//! index has one; both only imply uniqueness of the whole value. NULLs are all different to MySQL
//! and all equal to MongoDB, so a nullable column makes the index partial (`$type`, since `$ne` is
//! not allowed there). Whatever would not be implied, or not mean the same, is not built but told.

use crate::collection::{CollectionPlan, IndexPlan};
use crate::mapper::Mapper;
use crate::problem::Problems;
use crate::table::{IdentityPlan, TableMapper};
use change::{Index, TableDescription};
use std::sync::Arc;

/// Indexes of one collection, `_id_` among them (MongoDB manual, "MongoDB Limits and Thresholds").
const MAX_INDEXES: usize = 64;

/// The name of the index on `_id`.
const ID_INDEX: &str = "_id_";

impl Mapper {
    /// The collection of this table, with the indexes to build and those that cannot be.
    pub fn collection_plan(&self, table: &TableDescription) -> Result<CollectionPlan, Problems> {
        let mapper = self.compile(&table.schema)?;
        let mut plan = CollectionPlan {
            collection: mapper.collection.clone(),
            unique: key_index(&mapper).into_iter().collect(),
            secondary: Vec::new(),
            inexpressible: Vec::new(),
        };
        let (unique, others): (Vec<&Index>, Vec<&Index>) =
            table.indexes.iter().partition(|index| index.unique);
        for index in unique.into_iter().chain(others) {
            match translate(&mapper, index).and_then(|index| fit(&plan, index)) {
                Ok(index) if index.unique => plan.unique.push(index),
                Ok(index) => plan.secondary.push(index),
                Err(reason) => plan.inexpressible.push((index.name.clone(), reason)),
            }
        }
        Ok(plan)
    }

    /// The columns that the collection's unique indexes stand on, for
    /// [`TableMapper::with_unique`].
    pub fn unique_columns(&self, table: &TableDescription) -> Result<Vec<Arc<str>>, Problems> {
        let mapper = self.compile(&table.schema)?;
        let mut columns: Vec<Arc<str>> = table
            .indexes
            .iter()
            .filter(|index| index.unique && translate(&mapper, index).is_ok())
            .flat_map(|index| index.parts.iter().filter_map(|part| part.column.clone()))
            .collect();
        columns.sort();
        columns.dedup();
        Ok(columns)
    }
}

/// With `identity = "object_id"` the key's columns are fields, and unique.
fn key_index(mapper: &TableMapper) -> Option<IndexPlan> {
    let IdentityPlan::ObjectId(columns) = &mapper.identity else {
        return None;
    };
    let keys: Option<Vec<_>> = columns
        .iter()
        .map(|&column| path(mapper, column).map(|path| (path, 1)))
        .collect();
    // Values that become arrays, or that meet, must not be held unique; the ObjectId still is.
    let implied = |&column: &usize| {
        let encoding = &mapper.encodings[column];
        !encoding.is_array() && encoding.merges().is_none()
    };
    Some(IndexPlan {
        name: "PRIMARY".into(),
        keys: keys?,
        unique: columns.iter().all(implied),
        partial: Vec::new(),
    })
}

/// The index as MongoDB can have it, or why it cannot.
fn translate(mapper: &TableMapper, index: &Index) -> Result<IndexPlan, String> {
    match &*index.kind {
        "FULLTEXT" => return Err("a FULLTEXT index: create a text or search index by hand".into()),
        "SPATIAL" | "RTREE" => {
            return Err("a SPATIAL index: create a 2dsphere index by hand".into());
        }
        _ => {}
    }
    let mut keys = Vec::new();
    let mut partial = Vec::new();
    let mut arrays = 0;
    for part in &index.parts {
        let Some(name) = &part.column else {
            return Err("a part is an expression, not a column".into());
        };
        let Some(column) = mapper.schema.column(name) else {
            return Err(format!(
                "its column {name} is not among the table's columns"
            ));
        };
        let encoding = &mapper.encodings[column];
        arrays += usize::from(encoding.is_array());
        if index.unique && encoding.is_array() {
            return Err(format!(
                "{name} becomes an array, whose items would have to be unique one by one"
            ));
        }
        if index.unique
            && let Some(word) = encoding.merges()
        {
            return Err(format!(
                "{word} makes different values of {name} equal, so uniqueness is not implied"
            ));
        }
        let Some(path) = path(mapper, column) else {
            return Err(format!("{name} is not in the document"));
        };
        if index.unique && mapper.schema.columns[column].nullable {
            let kinds = encoding.kinds().into_iter().map(|kind| kind.alias());
            partial.push((path.clone(), kinds.collect()));
        }
        keys.push((path, if part.descending { -1 } else { 1 }));
    }
    if keys.is_empty() {
        return Err("it has no columns".into());
    }
    if arrays > 1 {
        return Err("two of its columns become arrays, which MongoDB cannot index together".into());
    }
    Ok(IndexPlan {
        name: index.name.clone(),
        keys,
        unique: index.unique,
        partial,
    })
}

/// Makes room for an index among those already planned, or tells why there is none.
fn fit(plan: &CollectionPlan, mut index: IndexPlan) -> Result<IndexPlan, String> {
    if let [(path, _)] = index.keys.as_slice()
        && &**path == "_id"
    {
        return Err("the index on _id serves for it".into());
    }
    let planned = || plan.unique.iter().chain(&plan.secondary);
    let same = planned().find(|other| other.keys == index.keys && other.partial == index.partial);
    if let Some(other) = same {
        return Err(format!("the index {} serves for it", other.name));
    }
    if planned().count() + 1 >= MAX_INDEXES {
        return Err(format!(
            "MongoDB takes {MAX_INDEXES} indexes for a collection, that on _id included"
        ));
    }
    while &*index.name == ID_INDEX || planned().any(|other| other.name == index.name) {
        index.name = format!("{}_mysql", index.name).into();
    }
    Ok(index)
}

/// Where the column's value stands in the document.
fn path(mapper: &TableMapper, column: usize) -> Option<Arc<str>> {
    let text = |name: &[u8]| {
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        String::from_utf8_lossy(name).into_owned()
    };
    let field = mapper.fields.iter().find(|field| field.column == column);
    match &mapper.identity {
        IdentityPlan::Single(key) if *key == column => return Some("_id".into()),
        IdentityPlan::Composite(parts) => {
            let part = parts.iter().find(|part| part.column == column);
            if let Some(part) = part {
                return Some(format!("_id.{}", text(&part.name)).into());
            }
        }
        IdentityPlan::Single(_) | IdentityPlan::ObjectId(_) | IdentityPlan::Row => {}
    }
    field.map(|field| text(&field.name).into())
}
