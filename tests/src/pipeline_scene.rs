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
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};

/// The pipeline's name.
pub const NAME: &str = "proof";
const CONTROL_DATABASE: &str = "lockstep";
/// Tables that the workload begins with, the one with every type included.
const TABLES: usize = 14;

/// Both stores and a pipeline between them. Everything ends with this value.
#[derive(Debug)]
pub struct Scene {
    // First, because the processes have to end before their servers.
    pub pipeline: Pipeline,
    pub mysql: MySql,
    pub mongo: Mongo,
    pub client: mongodb::Client,
    pub options: Options,
}

/// A configuration of the usual form, with more sections behind it.
#[must_use]
pub fn configuration(mysql_url: &str, mongo_url: &str, database: &str, sections: &str) -> String {
    format!(
        "[pipeline]\nname = \"{NAME}\"\n\n\
         [source]\nurl = \"{mysql_url}\"\ntables = [\"{database}.*\"]\n\n\
         [log]\nkind = \"direct\"\n\n\
         [target]\nurl = \"{mongo_url}\"\ncontrol_database = \"{CONTROL_DATABASE}\"\n\n\
         {sections}"
    )
}

impl Scene {
    /// Starts the servers and fills the tables. Nothing is copied yet.
    ///
    /// # Errors
    /// Whatever a server, the workload or the missing binary has to say.
    pub async fn start(options: Options, sections: &str) -> Result<Self, Box<dyn Error>> {
        let mysql = MySql::start(MySqlOptions::default()).await?;
        let mongo = Mongo::start(MongoOptions::default()).await?;
        workload::prepare(&mysql.url(), &options).await?;
        let text = configuration(&mysql.url(), &mongo.url(), &options.database, sections);
        Ok(Self {
            pipeline: Pipeline::new(&text)?,
            client: mongodb::Client::with_uri_str(mongo.url()).await?,
            mysql,
            mongo,
            options,
        })
    }

    /// The sum of the workload and the checkpoint, of one instant.
    ///
    /// # Errors
    /// MongoDB's.
    pub async fn look(&self) -> Result<Look, Box<dyn Error>> {
        let place = CheckpointPlace {
            control_database: CONTROL_DATABASE.to_owned(),
            pipeline: NAME.to_owned(),
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
        let checkpoint = checkpoints.find_one(doc! { "_id": NAME }).await?;
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
