//! Leases, status and requests: the port through which processes of a pipeline see one another.
//!
//! All of it lies in the control database, keyed by pipeline. A request is a document that stays
//! for ever: whoever asks inserts it, the running process acknowledges it once by
//! compare-and-store, and both can be looked up afterwards.

use crate::connect::Target;
use crate::error::Error;
use crate::holder::Holder;
use crate::lease;
use crate::reply::Fault;
use bson::{Document, doc, oid::ObjectId};
use flow::Failure;
use flow::ports::{Control, LeaseAnswer, Request};
use futures::TryStreamExt;
use std::time::Duration;

const REQUESTS: &str = "requests";
pub(crate) const STATUS: &str = "status";

/// The control database as one process of a pipeline sees it.
pub struct MongoControl {
    target: Target,
    me: Holder,
    part: Option<String>,
}

impl Target {
    /// A value per process and part.
    pub fn control(&self) -> MongoControl {
        MongoControl {
            target: self.clone(),
            me: Holder::current(),
            part: None,
        }
    }

    /// Leaves a request for the running process. Returns its id.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the target is away for the moment.
    pub async fn submit(&self, kind: &str, arguments: &str) -> Result<String, Error> {
        let id = ObjectId::new();
        let request = doc! {
            "_id": id,
            "pipeline": &*self.pipeline,
            "kind": kind,
            "arguments": arguments,
            "requested_at": bson::DateTime::now(),
            "requested_by": Holder::current().to_string(),
            "acknowledged": null,
        };
        self.collection(REQUESTS)
            .insert_one(request)
            .await
            .map_err(|error| self.interruption("leaving a request", &Fault::from(error)))?;
        Ok(id.to_hex())
    }

    /// How a request was answered; `None` while nobody has.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the target is away for the moment.
    pub async fn outcome(&self, id: &str) -> Result<Option<String>, Error> {
        let action = "looking for an answer";
        let id = ObjectId::parse_str(id).map_err(|error| Error::Unexpected {
            action: action.to_owned(),
            problem: error.to_string(),
        })?;
        let found = self.collection(REQUESTS).find_one(doc! { "_id": id }).await;
        let found = found.map_err(|error| self.interruption(action, &Fault::from(error)))?;
        let answer = found
            .as_ref()
            .and_then(|request| request.get_document("acknowledged").ok());
        Ok(answer
            .and_then(|answer| answer.get_str("outcome").ok())
            .map(str::to_owned))
    }
}

impl MongoControl {
    fn part(&self) -> Result<&str, Error> {
        self.part.as_deref().ok_or_else(|| Error::Unexpected {
            action: "using the lease".to_owned(),
            problem: "it was never taken".to_owned(),
        })
    }

    fn interruption(&self, action: &str, error: mongodb::error::Error) -> Error {
        self.target.interruption(action, &Fault::from(error))
    }
}

impl Control for MongoControl {
    async fn acquire(
        &mut self,
        part: &str,
        take_over: bool,
        silence: Duration,
    ) -> Result<LeaseAnswer, Failure> {
        let answer = lease::acquire(&self.target, part, &self.me, take_over, silence).await?;
        if answer == LeaseAnswer::Granted {
            self.part = Some(part.to_owned());
        }
        Ok(answer)
    }

    async fn renew(&mut self) -> Result<(), Failure> {
        Ok(lease::renew(&self.target, self.part()?, &self.me).await?)
    }

    async fn release(&mut self) -> Result<(), Failure> {
        Ok(lease::release(&self.target, self.part()?, &self.me).await?)
    }

    async fn publish(&mut self, status: &str) -> Result<(), Failure> {
        let id = self.target.id_of("part", self.part()?);
        let document = doc! {
            "$set": { "instance": self.me.instance, "status": status },
            "$currentDate": { "at": true },
        };
        self.target
            .collection(STATUS)
            .update_one(doc! { "_id": id }, document)
            .upsert(true)
            .await
            .map_err(|error| self.interruption("storing the status", error))?;
        Ok(())
    }

    async fn requests(&mut self) -> Result<Vec<Request>, Failure> {
        let action = "reading requests";
        let filter = doc! { "pipeline": &*self.target.pipeline, "acknowledged": null };
        let found = self
            .target
            .collection(REQUESTS)
            .find(filter)
            .sort(doc! { "requested_at": 1, "_id": 1 })
            .await
            .map_err(|error| self.interruption(action, error))?;
        let documents: Vec<Document> = found
            .try_collect()
            .await
            .map_err(|error| self.interruption(action, error))?;
        Ok(documents.iter().filter_map(request).collect())
    }

    async fn acknowledge(&mut self, id: &str, outcome: &str) -> Result<(), Failure> {
        let id = ObjectId::parse_str(id).map_err(|error| Error::Unexpected {
            action: format!("acknowledging the request {id:?}"),
            problem: error.to_string(),
        })?;
        let update = doc! { "$set": { "acknowledged": {
            "outcome": outcome,
            "at": bson::DateTime::now(),
            "by": self.me.to_string(),
        } } };
        // One that is acknowledged already keeps its first outcome.
        self.target
            .collection(REQUESTS)
            .update_one(doc! { "_id": id, "acknowledged": null }, update)
            .await
            .map_err(|error| self.interruption("acknowledging a request", error))?;
        Ok(())
    }
}

/// A document that is no request of ours is not for us to answer.
fn request(document: &Document) -> Option<Request> {
    Some(Request {
        id: document.get_object_id("_id").ok()?.to_hex(),
        kind: document.get_str("kind").ok()?.to_owned(),
        arguments: document.get_str("arguments").ok()?.to_owned(),
    })
}
