//! A scene for end-to-end tests: both stores, the workload's tables filled, a pipeline between them.
//!
//! What every such test asks is asked here: is the sum right, does the checkpoint move, are both
//! stores equal.

use crate::comparer::constant_sum::{CheckpointPlace, Look, Summand, look};
use crate::comparer::{Pair, Report, compare};
use crate::pipeline::{Pipeline, Process};
use crate::workload::{self, Operation, Options};
use bson::{Bson, Document, doc};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testbed::servers::{
    Kafka, KafkaOptions, Mongo, MongoOptions, MySql, MySqlOptions, ServerError,
};
use tokio::sync::OnceCell;

/// Tells apart the pipelines that share a broker.
static SCENES: AtomicU32 = AtomicU32::new(0);
/// A broker takes seconds to start and much memory, and pipelines there are told apart by their
/// names; so all tests of a program share one, which the kernel ends with the program.
static BROKER: OnceCell<Arc<Kafka>> = OnceCell::const_new();
/// Enough that the order across partitions is not the order inside one.
const PARTITIONS: u32 = 3;
const CONTROL_DATABASE: &str = "lockstep";
/// Tables that the workload begins with, the one with every type included.
const TABLES: usize = 14;

/// What carries the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// A channel inside the process.
    Direct,
    /// Topics of a broker that other scenes use too.
    Kafka,
    /// Topics of a broker of the scene's own, which may be killed.
    OwnKafka,
}

/// Both stores and a pipeline between them. Everything ends with this value.
#[derive(Debug)]
pub struct Scene {
    // First, because the processes have to end before their servers.
    pub pipeline: Pipeline,
    /// The pipeline's name.
    pub name: String,
    pub mysql: MySql,
    kafka: Option<Broker>,
    pub mongo: Mongo,
    pub client: mongodb::Client,
    pub options: Options,
}

/// A configuration of the usual form over a direct log, with more sections behind it.
#[must_use]
pub fn configuration(mysql_url: &str, mongo_url: &str, database: &str, sections: &str) -> String {
    written(
        "proof",
        "kind = \"direct\"",
        mysql_url,
        mongo_url,
        database,
        sections,
    )
}

fn written(
    name: &str,
    log: &str,
    mysql_url: &str,
    mongo_url: &str,
    database: &str,
    sections: &str,
) -> String {
    format!(
        "[pipeline]\nname = \"{name}\"\n\n\
         [source]\nurl = \"{mysql_url}\"\ntables = [\"{database}.*\"]\n\n\
         [log]\n{log}\n\n\
         [target]\nurl = \"{mongo_url}\"\ncontrol_database = \"{CONTROL_DATABASE}\"\n\n\
         {sections}"
    )
}

impl Scene {
    /// Starts the servers and fills the tables. Nothing is copied yet.
    ///
    /// # Errors
    /// Whatever a server, the workload or the missing binary has to say.
    pub async fn start(
        log: LogKind,
        options: Options,
        sections: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let source = MySqlOptions {
            product: options.product,
            ..MySqlOptions::default()
        };
        let (mysql, mongo, kafka) = tokio::try_join!(
            MySql::start(source),
            Mongo::start(MongoOptions::default()),
            broker(log),
        )?;
        workload::prepare(&mysql.url(), &options).await?;
        let number = SCENES.fetch_add(1, Ordering::Relaxed);
        let scene = Self {
            name: format!("proof-{number}"),
            pipeline: Pipeline::new("")?,
            client: mongodb::Client::with_uri_str(mongo.url()).await?,
            mysql,
            kafka,
            mongo,
            options,
        };
        scene.configure("", sections)?;
        Ok(scene)
    }

    /// Replaces the configuration: more lines of `[log]`, and sections behind all others.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configure(&self, log_lines: &str, sections: &str) -> Result<(), Box<dyn Error>> {
        let log = match &self.kafka {
            None => "kind = \"direct\"".to_owned(),
            Some(kafka) => {
                let brokers = kafka.0.brokers();
                format!(
                    "kind = \"kafka\"\nbrokers = \"{brokers}\"\npartitions = {PARTITIONS}\n\
                     {log_lines}"
                )
            }
        };
        let (source, target) = (self.mysql.url(), self.mongo.url());
        let database = &self.options.database;
        let text = written(&self.name, &log, &source, &target, database, sections);
        Ok(self.pipeline.configure(&text)?)
    }

    /// The broker.
    ///
    /// # Panics
    /// Over a direct log.
    #[must_use]
    pub fn kafka(&self) -> &Kafka {
        &self.kafka.as_ref().expect("this scene's log is Kafka").0
    }

    /// The sum of the workload and the checkpoint, of one instant.
    ///
    /// # Errors
    /// MongoDB's.
    pub async fn look(&self) -> Result<Look, Box<dyn Error>> {
        let place = CheckpointPlace {
            control_database: CONTROL_DATABASE.to_owned(),
            pipeline: self.name.clone(),
        };
        let summands = ["accounts", "savings"].map(|collection| Summand {
            database: self.options.database.clone(),
            collection: collection.to_owned(),
            field: "balance".to_owned(),
        });
        Ok(look(&self.client, &place, &summands).await?)
    }

    /// How far the pipeline is; none before its first checkpoint.
    ///
    /// # Errors
    /// MongoDB's.
    pub async fn ordinal(&self) -> Result<Option<Bson>, mongodb::error::Error> {
        let checkpoints = self
            .client
            .database(CONTROL_DATABASE)
            .collection::<Document>("checkpoints");
        let checkpoint = checkpoints.find_one(doc! { "_id": &self.name }).await?;
        Ok(checkpoint.and_then(|checkpoint| checkpoint.get("ordinal").cloned()))
    }

    /// Waits until this process, or another, has moved the checkpoint.
    ///
    /// # Errors
    /// MongoDB's.
    ///
    /// # Panics
    /// When this process ends before, or the checkpoint stays.
    pub async fn progress(&self, process: &mut Process, what: &str) -> Result<(), Box<dyn Error>> {
        let before = self.ordinal().await?;
        let moved = process.alive_until(what, async |_| match self.ordinal().await {
            Ok(now) if now == before => None,
            other => Some(other),
        });
        moved.await?;
        Ok(())
    }

    /// Compares every value of every table. Both stores must be at rest.
    ///
    /// # Errors
    /// The whole report where they differ, or where too little was compared.
    pub async fn require_equal(&self) -> Result<Report, Box<dyn Error>> {
        let pair = Pair::same_name(&self.options.database);
        let report = compare(&self.mysql.url(), &self.client, &[pair]).await?;
        report.require_equal(TABLES, 4 * self.options.rows)?;
        Ok(report)
    }
}

/// A scene's broker. Where the scene's test fails, the end of the broker's log is told: it outlives
/// the test, or is gone with it.
#[derive(Debug)]
struct Broker(Arc<Kafka>);

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the broker has said:\n{}", self.0.last_words());
        }
    }
}

async fn broker(log: LogKind) -> Result<Option<Broker>, ServerError> {
    let start = async || Kafka::start(KafkaOptions::default()).await.map(Arc::new);
    Ok(match log {
        LogKind::Direct => None,
        LogKind::Kafka => Some(Broker(Arc::clone(BROKER.get_or_try_init(start).await?))),
        LogKind::OwnKafka => Some(Broker(start().await?)),
    })
}

/// The usual mix, with more of what is large and of what concerns whole tables.
#[must_use]
pub fn rough_mix() -> Vec<(Operation, u32)> {
    let heavier = |operation, weight| match operation {
        Operation::LargeTransaction => 10,
        Operation::Truncate | Operation::DropAndCreate | Operation::CreateTable => 6,
        _ => weight,
    };
    Operation::USUAL
        .iter()
        .map(|(operation, weight)| (*operation, heavier(*operation, *weight)))
        .collect()
}
