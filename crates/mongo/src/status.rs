//! What can be told of a pipeline from outside, whether it runs or not.
//!
//! Reads only, and everything once: a lease counts as alive when its process is seen to live, or,
//! where that cannot be seen, when it was renewed within the last seconds by the server's clock.

use crate::connect::Target;
use crate::control::STATUS;
use crate::error::Error;
use crate::holder::Holder;
use crate::lease::LEASES;
use crate::quarantine;
use crate::reply::Fault;
use crate::sink::{read_checkpoint, read_tables};
use bson::{Document, doc};
use flow::ports::Tail;
use futures::TryStreamExt;
use std::time::Duration;

/// A lease that was not renewed for so long belongs to nobody who lives.
const SILENCE: Duration = Duration::from_secs(5);

/// A pipeline as the control database shows it.
#[derive(Clone, Debug)]
pub struct PipelineStatus {
    /// Parts that ever ran, by name.
    pub parts: Vec<PartStatus>,
    pub tail: Tail,
    /// Whether the checkpoint lies inside something half applied, by the source's transaction or
    /// by the sink's own splitting.
    pub torn: bool,
    /// When the checkpoint was applied, in milliseconds since 1970.
    pub applied_at_ms: Option<i64>,
}

/// One part of a pipeline: `run`, `capture` or `sink`.
#[derive(Clone, Debug)]
pub struct PartStatus {
    pub part: String,
    /// Whether a process holds the lease and lives.
    pub running: bool,
    /// Who it is, or was last.
    pub holder: Option<String>,
    /// What it last published, as JSON.
    pub published: Option<String>,
    /// When it did, by the server's clock, in milliseconds since 1970.
    pub published_at_ms: Option<i64>,
}

impl PipelineStatus {
    /// Whether any part runs.
    pub fn running(&self) -> bool {
        self.parts.iter().any(|part| part.running)
    }
}

impl Target {
    /// Looks at the pipeline without touching it.
    ///
    /// # Errors
    /// That the target cannot be read within the retry limit, or holds what this version does not
    /// understand.
    pub async fn status(&self) -> Result<PipelineStatus, Error> {
        let parts = self.parts().await?;
        let stored = read_checkpoint(self).await?;
        let tables = read_tables(self).await?;
        let quarantine = quarantine::read(self).await?;
        let torn = stored.as_ref().is_some_and(|stored| {
            stored.torn_through.is_some()
                || stored
                    .checkpoint
                    .as_ref()
                    .is_some_and(|checkpoint| checkpoint.torn.is_some())
        });
        let applied_at_ms = stored.as_ref().and_then(|stored| stored.applied_at_ms);
        let (checkpoint, mapping) = stored
            .map(|stored| (stored.checkpoint, stored.mapping))
            .unwrap_or_default();
        Ok(PipelineStatus {
            parts,
            tail: Tail {
                checkpoint,
                tables,
                mapping,
                quarantine,
            },
            torn,
            applied_at_ms,
        })
    }

    pub(crate) async fn parts(&self) -> Result<Vec<PartStatus>, Error> {
        let action = "reading the status";
        let interrupted =
            |error: mongodb::error::Error| self.interruption(action, &Fault::from(error));
        let hello = self
            .client
            .database("admin")
            .run_command(doc! { "hello": 1 })
            .await
            .map_err(interrupted)?;
        let now = hello.get_datetime("localTime").ok().copied();
        let filter = doc! { "_id.pipeline": &*self.pipeline };
        let leases: Vec<Document> = self
            .collection(LEASES)
            .find(filter.clone())
            .sort(doc! { "_id": 1 })
            .await
            .map_err(interrupted)?
            .try_collect()
            .await
            .map_err(interrupted)?;
        let published: Vec<Document> = self
            .collection(STATUS)
            .find(filter)
            .await
            .map_err(interrupted)?
            .try_collect()
            .await
            .map_err(interrupted)?;
        Ok(leases
            .iter()
            .filter_map(|lease| {
                let part = part_of(lease)?;
                let published = published
                    .iter()
                    .find(|status| part_of(status) == Some(part));
                Some(PartStatus {
                    part: part.to_owned(),
                    running: is_alive(lease, now),
                    holder: holder_of(lease).map(|holder| holder.to_string()),
                    published: published
                        .and_then(|status| status.get_str("status").ok())
                        .map(str::to_owned),
                    published_at_ms: published
                        .and_then(|status| status.get_datetime("at").ok())
                        .map(|at| at.timestamp_millis()),
                })
            })
            .collect())
    }
}

fn part_of(document: &Document) -> Option<&str> {
    document.get_document("_id").ok()?.get_str("part").ok()
}

fn holder_of(lease: &Document) -> Option<Holder> {
    Holder::from_document(lease.get_document("holder").ok()?)
}

fn is_alive(lease: &Document, now: Option<bson::DateTime>) -> bool {
    let Some(holder) = holder_of(lease) else {
        return false;
    };
    if holder.is_alive() == Some(false) {
        return false;
    }
    let renewed = lease.get_datetime("renewed_at").ok();
    match (now, renewed) {
        (Some(now), Some(renewed)) => {
            let age = now.timestamp_millis() - renewed.timestamp_millis();
            age < SILENCE.as_millis() as i64
        }
        _ => false,
    }
}
