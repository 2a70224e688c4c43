//! Debezium's connector beside Lockstep: both copy the same tables, both follow the same changes,
//! and what they leave in their topics is compared once both are done.

use super::difference::{Difference, differences};
use super::message::messages;
use super::sinks;
use crate::comparer::connect;
use crate::matrix;
use crate::pipeline::{PATIENCE, Pipeline};
use crate::topics::read_committed;
use crate::workload::{self, Operation};
use mysql_async::prelude::Queryable;
use std::error::Error;
use std::time::Instant;
use testbed::servers::{
    Connect, Connector, Kafka, KafkaOptions, Mongo, MongoOptions, MySql, MySqlOptions,
};
use testbed::waiting::until;

/// Both names begin so; nothing else in the broker does.
const OURS: &str = "compat-ours";
const THEIRS: &str = "compat-theirs";
/// It logs it when all rows that were there have been read.
const COPIED: &str = "Snapshot completed";

/// Tables beside those of the matrix and the workload, and what is written while both follow.
const BEFORE: &[&str] = &[
    "CREATE DATABASE beside",
    "CREATE TABLE beside.marks (id INT PRIMARY KEY)",
    "CREATE TABLE beside.keyless (a INT, b VARCHAR(9))",
    "INSERT INTO beside.keyless VALUES (1, 'a'), (1, 'a'), (2, NULL)",
    "CREATE TABLE beside.emptied (id INT PRIMARY KEY, b VARCHAR(9))",
    "INSERT INTO beside.emptied VALUES (1, 'a'), (2, NULL)",
    "CREATE TABLE beside.grown (code VARCHAR(9), line SMALLINT, amount DECIMAL(9, 3), \
     at DATETIME(3), body VARBINARY(9), PRIMARY KEY (line, code))",
    "CREATE TABLE beside.counted (id BIGINT PRIMARY KEY, note VARCHAR(20), number INT NOT NULL)",
    "INSERT INTO beside.counted VALUES (1, 'one', 1), (2, NULL, 2)",
    "INSERT INTO beside.grown VALUES ('a', 1, 1.5, '2024-01-02 03:04:05.678', x'00ff'), \
     ('é', 2, NULL, NULL, NULL)",
];
const AFTER: &[&str] = &[
    "UPDATE beside.keyless SET b = 'x' WHERE a = 2",
    "DELETE FROM beside.keyless WHERE a = 1 LIMIT 1",
    "INSERT INTO beside.keyless VALUES (3, 'c')",
    "TRUNCATE TABLE beside.emptied",
    "INSERT INTO beside.emptied VALUES (2, 'again')",
    "INSERT INTO beside.grown VALUES ('b', 1, -0.001, '1969-12-31 23:59:59.999', x'')",
    "UPDATE beside.grown SET amount = amount + 1, body = 'b'",
    "INSERT INTO beside.counted VALUES (9007199254740993, 'three', 3)",
    "UPDATE beside.counted SET number = number + 1, note = CONCAT('é ', note)",
];

/// How much is written.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub rows: u64,
    pub scripts_per_writer: u64,
}

impl Size {
    /// What a run of all tests has time for.
    pub const SHORT: Self = Self {
        rows: 60,
        scripts_per_writer: 120,
    };
    /// What `cargo xtask compat` does.
    pub const LONG: Self = Self {
        rows: 1_000,
        scripts_per_writer: 3_000,
    };
}

/// What was compared.
#[derive(Debug)]
pub struct Compared {
    pub messages: usize,
    pub differences: Vec<Difference>,
    /// Documents that the two connectors for MongoDB were judged by.
    pub documents: usize,
}

/// Runs both over everything, and the connectors for MongoDB over Lockstep's topics.
///
/// # Errors
/// Whatever a server or a program has to say.
///
/// # Panics
/// When one of them does not get there, or a connector leaves other documents than it should.
pub async fn compared(size: Size) -> Result<Compared, Box<dyn Error>> {
    let (mysql, mongo, kafka) = tokio::try_join!(
        MySql::start(MySqlOptions::default()),
        Mongo::start(MongoOptions::default()),
        Kafka::start(KafkaOptions::default()),
    )?;
    let mut sql = connect(&mysql.url()).await?;
    let tables = matrix::tables(&matrix::charsets(&mut sql).await?);
    matrix::prepare(&mut sql, &tables).await?;
    let options = options(size);
    workload::prepare(&mysql.url(), &options).await?;
    for statement in BEFORE {
        sql.query_drop(*statement).await?;
    }

    let pipeline = Pipeline::new(&configuration(&mysql, &mongo, &kafka))?;
    let mut connectors = vec![debezium(&mysql)?];
    connectors.extend(sinks::connectors(&mongo.url(), OURS));
    let worker = Connect::start(kafka.brokers(), true, connectors).await?;
    pipeline.part_catches_up("capture").await?;
    reached(&worker, "Debezium has copied every table", async || {
        Ok(worker.has_logged(COPIED))
    })
    .await?;

    matrix::go_on(&mut sql, &tables, false).await?;
    let writers = workload::start(&mysql.url(), &options).await?;
    println!("{}", writers.finished().await?);
    for statement in AFTER {
        sql.query_drop(*statement).await?;
    }
    pipeline.part_catches_up("capture").await?;
    // The second mark is read after all that was sent before the first was acknowledged.
    for mark in 1..=2 {
        let insert = format!("INSERT INTO beside.marks VALUES ({mark})");
        sql.query_drop(insert).await?;
        reached(&worker, "Debezium has read a mark", async || {
            let topic = format!("{THEIRS}.beside.marks");
            Ok(read_committed(&kafka, &topic).await?.len() >= mark)
        })
        .await?;
    }
    pipeline.part_catches_up("capture").await?;

    let client = mongodb::Client::with_uri_str(mongo.url()).await?;
    let mut judged = sinks::judged(&mut sql, &client, OURS).await?;
    let deadline = Instant::now() + PATIENCE;
    while !judged.differences.is_empty() && Instant::now() < deadline {
        if let Some(failure) = worker.failure() {
            return Err(failure.into());
        }
        judged = sinks::judged(&mut sql, &client, OURS).await?;
    }
    assert!(judged.differences.is_empty(), "{:#?}", judged.differences);

    let records = read_committed(&kafka, "compat-").await?;
    let [ours, theirs] = [OURS, THEIRS].map(|name| messages(&records, &format!("{name}.")));
    Ok(Compared {
        messages: ours.values().map(Vec::len).sum(),
        differences: differences(&ours, &theirs),
        documents: judged.documents,
    })
}

/// Waits for it as long as no connector has given up.
async fn reached(
    worker: &Connect,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<bool, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let looked = async || {
        if let Some(failure) = worker.failure() {
            return Some(Err(failure.into()));
        }
        match look().await {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    };
    until(what, PATIENCE, looked).await
}

/// What would be copied anew meanwhile is left out: when a copy reads a row is not the same for both.
fn options(size: Size) -> workload::Options {
    let whole_tables = [Operation::DropAndCreate, Operation::CreateTable];
    let mix = Operation::USUAL.iter().copied();
    workload::Options {
        writers: 2,
        rows: size.rows,
        large_transaction_rows: 500,
        scripts_per_writer: Some(size.scripts_per_writer),
        mix: mix
            .filter(|(operation, _)| !whole_tables.contains(operation))
            .collect(),
        ..workload::Options::new(71)
    }
}

fn configuration(mysql: &MySql, mongo: &Mongo, kafka: &Kafka) -> String {
    format!(
        "[pipeline]\nname = \"{OURS}\"\n\n\
         [source]\nurl = \"{}\"\ntables = [\"matrix.*\", \"work.*\", \"beside.*\"]\n\n\
         [log]\nkind = \"kafka\"\nbrokers = \"{}\"\npartitions = 1\nschema = true\n\
         max_message_bytes = \"8MiB\"\n\n\
         [target]\nurl = \"{}\"\n\n\
         [tables.\"beside.keyless\"]\nidentity = \"row\"\n",
        mysql.url(),
        kafka.brokers(),
        mongo.url()
    )
}

/// Its defaults, but for what this page of the documentation names: DECIMAL as text, TRUNCATE told.
fn debezium(mysql: &MySql) -> Result<Connector, Box<dyn Error>> {
    let url = mysql.url();
    let options = mysql_async::Opts::from_url(&url)?;
    let port = options.tcp_port().to_string();
    let settings = [
        (
            "connector.class",
            "io.debezium.connector.mysql.MySqlConnector",
        ),
        ("tasks.max", "1"),
        ("database.hostname", options.ip_or_hostname()),
        ("database.port", &port),
        ("database.user", options.user().unwrap_or_default()),
        ("database.password", options.pass().unwrap_or_default()),
        ("database.server.id", "77001"),
        ("driver.allowPublicKeyRetrieval", "true"),
        ("topic.prefix", THEIRS),
        ("database.include.list", "matrix,work,beside"),
        (
            "schema.history.internal",
            "io.debezium.storage.file.history.FileSchemaHistory",
        ),
        ("schema.history.internal.file.filename", "FOLDER/history"),
        ("decimal.handling.mode", "string"),
        ("skipped.operations", "none"),
        ("include.schema.changes", "false"),
    ];
    Ok(Connector {
        name: THEIRS.to_owned(),
        settings: settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    })
}
