//! Two connectors that bring change topics into MongoDB, neither of them ours: MongoDB's own, with
//! its handler for Debezium's messages of MySQL, and Debezium's. Both make `_id` a document of the
//! key's columns and leave the others beside it, as they come in the message.
//!
//! Debezium's connector drops, without a word, the rest of what it was given where a batch of it
//! begins with a deletion. So it is given tables from which nothing is deleted.

use bson::{Bson, Document, doc};
use futures::TryStreamExt;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use testbed::servers::Connector;

/// Databases that they write.
const MONGODBS: &str = "by_mongodbs";
const DEBEZIUMS: &str = "by_debeziums";

/// Tables without a TRUNCATE, which no topic tells, and without values in an exact form.
const FOR_MONGODBS: &[&str] = &[
    "work.accounts",
    "work.savings",
    "work.seats",
    "work.items",
    "work.names_ci",
    "work.names_bin",
    "work.order_lines",
    "work.word_pairs",
    "work.by_bytes",
    "work.by_fixed_bytes",
    "work.loaded",
    "beside.counted",
    "beside.grown",
];
const FOR_DEBEZIUMS: &[&str] = &["beside.counted", "beside.grown"];

/// Both connectors, over the topics of a pipeline.
pub fn connectors(mongo_url: &str, pipeline: &str) -> Vec<Connector> {
    let topics = |tables: &[&str]| {
        let names: Vec<String> = tables
            .iter()
            .map(|table| table.replace('.', "\\."))
            .collect();
        format!("{pipeline}\\.({})", names.join("|"))
    };
    let made = |name: &str, settings: &[(&str, &str)]| Connector {
        name: name.to_owned(),
        settings: settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    vec![
        made(
            "mongodbs",
            &[
                (
                    "connector.class",
                    "com.mongodb.kafka.connect.MongoSinkConnector",
                ),
                ("topics.regex", &topics(FOR_MONGODBS)),
                ("connection.uri", mongo_url),
                ("database", MONGODBS),
                (
                    "change.data.capture.handler",
                    "com.mongodb.kafka.connect.sink.cdc.debezium.rdbms.mysql.MysqlHandler",
                ),
            ],
        ),
        made(
            "debeziums",
            &[
                (
                    "connector.class",
                    "io.debezium.connector.mongodb.MongoDbSinkConnector",
                ),
                ("topics.regex", &topics(FOR_DEBEZIUMS)),
                ("mongodb.connection.string", mongo_url),
                ("sink.database", DEBEZIUMS),
            ],
        ),
    ]
}

/// What the connectors have left, held against SQL.
pub struct Judged {
    pub documents: usize,
    /// Collections that are not what they should be.
    pub differences: Vec<String>,
}

/// Field to value; the key's are called `_id.…`.
type Fields = BTreeMap<String, Option<String>>;

/// Compares all their collections with the tables.
///
/// # Errors
/// A store's.
pub async fn judged(
    sql: &mut Conn,
    client: &mongodb::Client,
    pipeline: &str,
) -> Result<Judged, Box<dyn Error>> {
    let mut judged = Judged {
        documents: 0,
        differences: Vec::new(),
    };
    let theirs = [
        (MONGODBS, FOR_MONGODBS, "."),
        (DEBEZIUMS, FOR_DEBEZIUMS, "_"),
    ];
    for (database, tables, point) in theirs {
        for table in tables {
            let expected = rows(sql, table).await?;
            let collection = format!("{pipeline}.{table}").replace('.', point);
            let found = documents(client, database, &collection).await?;
            judged.documents += found.len();
            if found != expected {
                let missing = expected.difference(&found).count();
                let surplus = found.difference(&expected).count();
                judged.differences.push(format!(
                    "{database}.{collection}: {missing} documents are missing, {surplus} should not be there"
                ));
            }
        }
    }
    Ok(judged)
}

/// The rows as fields, the values as SQL prints them behind a letter for the type in MongoDB.
async fn rows(sql: &mut Conn, table: &str) -> Result<BTreeSet<Fields>, Box<dyn Error>> {
    let (database, name) = table.split_once('.').unwrap_or_default();
    let columns: Vec<(String, String, String)> = sql
        .exec(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_KEY FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
            (database, name),
        )
        .await?;
    let printed: Vec<String> = columns
        .iter()
        .map(|(column, data_type, _)| match &**data_type {
            "varchar" | "char" | "text" | "decimal" => format!("CONCAT('s', `{column}`)"),
            "varbinary" | "binary" | "blob" => format!("CONCAT('b', HEX(`{column}`))"),
            "datetime" => format!(
                "CONCAT('i', FLOOR(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', `{column}`) / 1000))"
            ),
            _ => format!("CONCAT('i', `{column}`)"),
        })
        .collect();
    let rows: Vec<mysql_async::Row> = sql
        .query(format!("SELECT {} FROM {table}", printed.join(", ")))
        .await?;
    let fields = rows.into_iter().map(|row| {
        let values = columns.iter().enumerate().map(|(index, (column, _, key))| {
            let name = match &**key {
                "PRI" => format!("_id.{column}"),
                _ => column.clone(),
            };
            (name, row.get::<Option<String>, _>(index).flatten())
        });
        values.collect()
    });
    Ok(fields.collect())
}

async fn documents(
    client: &mongodb::Client,
    database: &str,
    collection: &str,
) -> Result<BTreeSet<Fields>, Box<dyn Error>> {
    let collection = client.database(database).collection::<Document>(collection);
    let documents: Vec<Document> = collection.find(doc! {}).await?.try_collect().await?;
    Ok(documents.iter().map(fields).collect())
}

fn fields(document: &Document) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in document {
        match value {
            Bson::Document(key) if name == "_id" => {
                let key = key.iter();
                fields.extend(key.map(|(name, value)| (format!("_id.{name}"), printed(value))));
            }
            value => {
                fields.insert(name.clone(), printed(value));
            }
        }
    }
    fields
}

fn printed(value: &Bson) -> Option<String> {
    match value {
        Bson::Null => None,
        Bson::Int32(number) => Some(format!("i{number}")),
        Bson::Int64(number) => Some(format!("i{number}")),
        Bson::String(text) => Some(format!("s{text}")),
        Bson::Binary(binary) => {
            let digits = binary.bytes.iter().map(|byte| format!("{byte:02X}"));
            Some(format!("b{}", digits.collect::<String>()))
        }
        other => Some(format!("another type: {other}")),
    }
}
