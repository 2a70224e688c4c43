//! The look at the target before the start.
//!
//! Everything that would stop a copy after hours is asked for in the first second, and everything
//! that is wrong is told at once. A finding has the code of the error that would come later.

use crate::collections;
use crate::connect::Target;
use crate::error::Error;
use crate::fence;
use crate::privileges;
use crate::reply::{Fault, Verdict};
use crate::sink::read_checkpoint;
use bson::{Document, RawDocumentBuf, doc};
use flow::finding::Finding;
use mapping::CollectionPlan;
use mongodb::Client;
use std::collections::BTreeSet;

/// The wire version of MongoDB 4.4: the first whose transactions and error details are relied on.
const OLDEST_WIRE_VERSION: i32 = 9;
const OLDEST_RELEASE: &str = "4.4";
/// A barrier is one transaction, and a transaction should stay below this share of the cache.
const CACHE_PER_BARRIER: u64 = 50;

impl Target {
    /// Proves that the replica set is there and takes the account. What is done without it would
    /// be tried again for a long time, and a standalone server would take some of the writes.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::AccessDenied`], and the kinds of target that can't serve.
    pub async fn reach(&self) -> Result<(), Error> {
        let hello = self.hello().await?;
        self.suits(&hello)
    }

    fn suits(&self, hello: &Document) -> Result<(), Error> {
        let hosts = self.hosts.to_string();
        if is_router(hello) {
            return Err(Error::Sharded { hosts });
        }
        if hello.get_str("setName").is_err() {
            return Err(Error::Standalone { hosts });
        }
        Ok(())
    }

    /// Looks whether these collections can be written to.
    pub async fn check(&self, plans: &[CollectionPlan]) -> Vec<Finding> {
        let hello = match self.hello().await {
            Ok(hello) => hello,
            Err(error) => return vec![forbids(&error)],
        };
        let mut findings = Vec::new();
        if let Err(error) = self.suits(&hello) {
            findings.push(forbids(&error));
        }
        findings.extend(self.check_version(&hello).await);
        findings.extend(self.check_privileges(plans).await);
        // What is left needs to read, and transactions: nothing to add while those are missing.
        if findings.is_empty() {
            findings.extend(self.check_cache().await);
            findings.extend(self.check_collections(plans).await);
        }
        findings
    }

    /// The primary's `hello`, after authenticating; where there is none, the reason.
    async fn hello(&self) -> Result<Document, Error> {
        let admin = self.client.database("admin");
        match admin.run_command(doc! { "hello": 1 }).await {
            // `hello` needs no account; this does.
            Ok(hello) => match admin.run_command(doc! { "connectionStatus": 1 }).await {
                Ok(_) => Ok(hello),
                Err(error) => Err(self.refusal("connecting to MongoDB", &error.into())),
            },
            Err(error) => {
                let fault = Fault::from(error);
                match fault.verdict() {
                    Verdict::Again => Err(self.why_unreachable(&fault).await),
                    Verdict::AccessDenied
                    | Verdict::NotAllowed
                    | Verdict::TooLarge
                    | Verdict::Duplicate
                    | Verdict::Refused
                    | Verdict::DocumentTooLarge
                    | Verdict::NotACollection
                    | Verdict::Unknown => Err(self.refusal("connecting to MongoDB", &fault)),
                }
            }
        }
    }

    /// The driver finds no primary of the set: asks the servers of the address one by one.
    async fn why_unreachable(&self, fault: &Fault) -> Error {
        let hosts = self.hosts.to_string();
        for host in &self.driver_options.hosts {
            let mut options = (*self.driver_options).clone();
            options.hosts = vec![host.clone()];
            options.direct_connection = Some(true);
            options.repl_set_name = None;
            let Ok(client) = Client::with_options(options) else {
                continue;
            };
            let answer = client
                .database("admin")
                .run_command(doc! { "hello": 1 })
                .await;
            client.shutdown().await;
            let Ok(hello) = answer else { continue };
            if is_router(&hello) {
                return Error::Sharded { hosts };
            }
            let Ok(found) = hello.get_str("setName") else {
                return Error::Standalone { hosts };
            };
            if let Some(asked) = &self.driver_options.repl_set_name
                && asked != found
            {
                return Error::OtherReplicaSet {
                    hosts,
                    found: found.to_owned(),
                    asked: asked.clone(),
                };
            }
        }
        Error::Unreachable {
            hosts,
            problem: fault.to_string(),
        }
    }

    async fn check_version(&self, hello: &Document) -> Vec<Finding> {
        let remedy = format!("upgrade the target to MongoDB {OLDEST_RELEASE} or later");
        let wire = hello.get_i32("maxWireVersion").unwrap_or_default();
        if wire < OLDEST_WIRE_VERSION {
            return vec![Finding::forbids(
                "LS3007",
                format!("the MongoDB server is older than {OLDEST_RELEASE}"),
                remedy,
            )];
        }
        // Needs a monitoring role; without it the server's own version has to do.
        let command = doc! { "getParameter": 1, "featureCompatibilityVersion": 1 };
        let answer = self.client.database("admin").run_command(command).await;
        let version = answer.ok().and_then(|answer| {
            let feature = answer.get_document("featureCompatibilityVersion").ok()?;
            Some(feature.get_str("version").ok()?.to_owned())
        });
        match version {
            Some(version) if older(&version, OLDEST_RELEASE) => vec![Finding::forbids(
                "LS3007",
                format!("the MongoDB server's featureCompatibilityVersion is {version}"),
                format!(
                    "db.adminCommand({{setFeatureCompatibilityVersion: \"{OLDEST_RELEASE}\"}})"
                ),
            )],
            Some(_) | None => Vec::new(),
        }
    }

    async fn check_privileges(&self, plans: &[CollectionPlan]) -> Vec<Finding> {
        let answer = self
            .client
            .database("admin")
            .run_command(privileges::command())
            .await;
        let Ok(answer) = answer else {
            return Vec::new();
        };
        let mut databases: BTreeSet<String> = plans
            .iter()
            .map(|plan| plan.collection.database.to_string())
            .collect();
        databases.insert(self.options.control_database.clone());
        let missing = privileges::missing(&answer, &databases);
        let (user, home) = privileges::account(&answer).unwrap_or_default();
        missing
            .into_iter()
            .map(|missing| {
                Finding::forbids(
                    "LS3004",
                    format!(
                        "the account {user} may not {} in the database {}",
                        missing.actions.join(", "),
                        missing.database
                    ),
                    format!(
                        "db.getSiblingDB(\"{home}\").grantRolesToUser(\"{user}\", [{{role: \"readWrite\", db: \"{}\"}}])",
                        missing.database
                    ),
                )
            })
            .collect()
    }

    async fn check_cache(&self) -> Vec<Finding> {
        let command = doc! {
            "serverStatus": 1, "repl": 0, "metrics": 0, "locks": 0, "wiredTiger": 1,
        };
        // Needs a monitoring role; without it the sink splits what turns out too large.
        let Ok(answer) = self.client.database("admin").run_command(command).await else {
            return Vec::new();
        };
        let configured = answer
            .get_document("wiredTiger")
            .and_then(|engine| engine.get_document("cache"))
            .ok()
            .and_then(|cache| crate::reply::number(cache.get("maximum bytes configured")));
        let barrier = self.options.max_barrier_bytes;
        match configured {
            Some(bytes) if barrier > bytes / CACHE_PER_BARRIER => vec![Finding::warns(
                "LS3020",
                format!(
                    "a barrier of {} MiB is more than 2% of the target's cache of {} MiB",
                    barrier >> 20,
                    bytes >> 20
                ),
                format!(
                    "give mongod a cache of {} MiB or more (--wiredTigerCacheSizeGB); without that, large barriers are applied in several transactions",
                    (barrier * CACHE_PER_BARRIER) >> 20
                ),
            )],
            Some(_) | None => Vec::new(),
        }
    }

    async fn check_collections(&self, plans: &[CollectionPlan]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let ours = match self.has_started().await {
            Ok(ours) => ours,
            Err(error) => return vec![forbids(&error)],
        };
        for plan in plans {
            match self.foreign(plan, ours).await {
                Ok(finding) => findings.extend(finding),
                Err(error) => findings.push(forbids(&error)),
            }
        }
        findings
    }

    /// Whether documents in the target may be this pipeline's own.
    async fn has_started(&self) -> Result<bool, Error> {
        Ok(read_checkpoint(self).await?.is_some() || fence::has_written(self).await?)
    }

    async fn foreign(&self, plan: &CollectionPlan, ours: bool) -> Result<Option<Finding>, Error> {
        let collection = &plan.collection;
        if let Some(kind) = collections::kind(self, collection).await?
            && kind != "collection"
        {
            return Err(Error::NotACollection {
                collection: (**collection).clone(),
                kind,
            });
        }
        if ours {
            return Ok(None);
        }
        let action = format!("looking into {collection}");
        let first = self
            .client
            .database(&collection.database)
            .collection::<RawDocumentBuf>(&collection.name)
            .find_one(doc! {})
            .projection(doc! { "_id": 1 })
            .await
            .map_err(|error| self.refusal(&action, &error.into()))?;
        Ok(first.map(|_| {
            Finding::forbids(
                "LS3008",
                format!("the collection {collection} holds documents that this pipeline did not write"),
                format!(
                    "drop it (db.getSiblingDB(\"{}\").getCollection(\"{}\").drop()), or give the table another collection",
                    collection.database, collection.name
                ),
            )
        }))
    }
}

fn forbids(error: &Error) -> Finding {
    Finding::forbids(error.code(), error.to_string(), error.remedy())
}

/// A `mongos`, by its own word.
fn is_router(hello: &Document) -> bool {
    matches!(hello.get_str("msg"), Ok("isdbgrid"))
}

fn older(version: &str, than: &str) -> bool {
    let parts = |text: &str| -> Vec<u32> {
        text.split('.')
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    parts(version) < parts(than)
}

#[cfg(test)]
mod tests {
    use super::older;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(older("4.2", "4.4"));
        assert!(!older("4.4", "4.4"));
        assert!(!older("10.0", "4.4"));
    }
}
