//! Compares every table of a MySQL database with its MongoDB collection, value by value.
//!
//! It judges Lockstep from outside and therefore shares nothing with it: what a value is comes from
//! what SQL prints for it, what a document holds comes from raw BSON (type bytes and bytes), and the
//! rules between the two are written here a second time. Both stores must be at rest. The memory it
//! takes is a digest and a key for each row of the table being compared.

pub mod calendar;
pub mod catalogue;
mod column;
pub mod constant_sum;
mod difference;
mod expected;
mod form;
mod geometry;
mod json;
mod multiset;
mod raw;
mod report;
mod rows;
mod table;

pub use column::ColumnTrouble;
pub use difference::{Difference, Kind};
pub use form::{Choice, ColumnRules, ZeroDates};
pub use report::{Report, TableReport};

use futures::TryStreamExt;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeMap, BTreeSet};

/// How a table's rows become `_id`s.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Identity {
    /// The key's value, or a document of its columns in key order.
    #[default]
    Key,
    /// These columns, in this order, are unique.
    Columns(Vec<String>),
    /// An ObjectId; the key's columns are ordinary fields.
    ObjectId,
    /// `{hash, n}`: a multiset of equal rows.
    Row,
}

/// What is configured for one table, beyond the defaults.
#[derive(Clone, Debug, Default)]
pub struct TableRules {
    pub collection: Option<String>,
    pub identity: Identity,
    pub keep_key_columns: bool,
    pub columns: BTreeMap<String, ColumnRules>,
}

/// One MySQL database and the MongoDB database that must equal it.
#[derive(Clone, Debug)]
pub struct Pair {
    pub source_database: String,
    pub target_database: String,
    /// By table name, without the database.
    pub rules: BTreeMap<String, TableRules>,
    /// Tables that are left out, by name.
    pub without: BTreeSet<String>,
}

impl Pair {
    /// A pair of equal names and no departures from the defaults.
    pub fn same_name(database: &str) -> Self {
        Self {
            source_database: database.to_owned(),
            target_database: database.to_owned(),
            rules: BTreeMap::new(),
            without: BTreeSet::new(),
        }
    }

    /// With these rules for one table.
    pub fn with_rules(mut self, table: &str, rules: TableRules) -> Self {
        self.rules.insert(table.to_owned(), rules);
        self
    }

    /// Without one table.
    pub fn without(mut self, table: &str) -> Self {
        self.without.insert(table.to_owned());
        self
    }
}

/// The comparison itself could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("MySQL: {0}")]
    Mysql(#[from] mysql_async::Error),
    #[error("MongoDB: {0}")]
    Mongo(#[from] mongodb::error::Error),
    #[error("table {table}: {cause}")]
    Column { table: String, cause: ColumnTrouble },
    #[error("table {table}: {cause}")]
    Decimal {
        table: String,
        cause: expected::NotADecimal,
    },
    #[error("collection {collection}: {cause}")]
    Document {
        collection: String,
        cause: raw::Malformed,
    },
    #[error("table {table} has no column {column}")]
    NoSuchColumn { table: String, column: String },
    #[error("table {table} has no key; give it the identity of its rows")]
    NoKey { table: String },
    #[error("MySQL URL: {0}")]
    Url(#[from] mysql_async::UrlError),
}

/// Connects to MySQL such that values print as the comparer reads them: UTF-8, UTC, nothing refused.
pub async fn connect(mysql_url: &str) -> Result<mysql_async::Conn, CompareError> {
    let options = mysql_async::OptsBuilder::from_opts(mysql_async::Opts::from_url(mysql_url)?)
        .max_allowed_packet(Some(1 << 30))
        .prefer_socket(false);
    let mut connection = mysql_async::Conn::new(options).await?;
    connection
        .query_drop(
            "SET NAMES utf8mb4, SESSION time_zone = '+00:00', SESSION sql_mode = '', \
             SESSION net_write_timeout = 3600 \
             /*!80000 , SESSION cte_max_recursion_depth = 4294967295 */",
        )
        .await?;
    Ok(connection)
}

/// Compares all tables of all pairs.
pub async fn compare(
    mysql_url: &str,
    mongo: &mongodb::Client,
    pairs: &[Pair],
) -> Result<Report, CompareError> {
    let mut connection = connect(mysql_url).await?;
    let mut report = Report::default();
    for pair in pairs {
        let target = mongo.database(&pair.target_database);
        let mut collections: BTreeSet<String> =
            target.list_collection_names().await?.into_iter().collect();
        for source in catalogue::tables(&mut connection, &pair.source_database).await? {
            let rules = pair.rules.get(&source.name).cloned().unwrap_or_default();
            let collection = rules.collection.as_ref().unwrap_or(&source.name).clone();
            let existed = collections.remove(&collection);
            if pair.without.contains(&source.name) {
                continue;
            }
            if !existed {
                report.add(Difference {
                    kind: Kind::MissingDocument,
                    table: format!("{}.{}", source.database, source.name),
                    key: "the whole table".to_owned(),
                    column: String::new(),
                    expected: format!("a collection {collection}"),
                    actual: "nothing".to_owned(),
                });
            }
            let documents = target.collection(&collection);
            table::compare(&mut connection, &documents, &source, &rules, &mut report).await?;
        }
        for extra in collections {
            report.add(Difference {
                kind: Kind::ExtraCollection,
                table: format!("{}.{extra}", pair.target_database),
                key: "the whole collection".to_owned(),
                column: String::new(),
                expected: "no such collection".to_owned(),
                actual: extra,
            });
        }
    }
    connection.disconnect().await?;
    Ok(report)
}

/// Calls `each` with the raw bytes of every majority-committed document of a collection.
async fn every_document(
    collection: &mongodb::Collection<bson::RawDocumentBuf>,
    mut each: impl FnMut(&[u8]) -> Result<(), raw::Malformed>,
) -> Result<(), CompareError> {
    let mut cursor = collection
        .find(bson::doc! {})
        .read_concern(mongodb::options::ReadConcern::majority())
        .batch_size(5000)
        .await?;
    while let Some(document) = cursor.try_next().await? {
        each(document.as_bytes()).map_err(|cause| CompareError::Document {
            collection: collection.name().to_owned(),
            cause,
        })?;
    }
    Ok(())
}
