//! Lanes and their fences (invariant 2).
//!
//! A lane is one writer: a session of its own and a fence document `{_id: {pipeline, lane}, epoch,
//! previous}`. Every transaction's first write moves `previous` on by one, where it still is what
//! this process last saw and the epoch is still its own. A process that was fenced matches nothing
//! and stops; one that had opened its transaction before it was fenced holds the document, so that
//! the takeover waits for it (or kills its session) and reads the state only afterwards. The count
//! also tells, after a commit whose reply was lost, whether it took effect.

use crate::connect::Target;
use crate::error::Error;
use crate::reply::{self, Fault, Verdict, code};
use crate::retry::{Patience, repeat};
use bson::{Document, doc};
use futures::TryStreamExt;
use futures::future::join_all;
use mongodb::ClientSession;
use mongodb::options::{
    ReadConcern, ReturnDocument, SessionOptions, TransactionOptions, WriteConcern,
};
use std::collections::BTreeSet;
use std::time::Duration;

const FENCES: &str = "fences";
/// How long raising a fence waits for a predecessor's open transaction before it kills it again.
const WAIT_FOR_PREDECESSOR: Duration = Duration::from_secs(1);
/// After this a commit that lacks its majority is settled by asking again.
const MAJORITY_WITHIN: Duration = Duration::from_secs(10);

/// One writer.
pub(crate) struct Lane {
    pub(crate) number: i32,
    pub(crate) session: ClientSession,
    pub(crate) epoch: i64,
    /// Transactions that this fence has let pass.
    pub(crate) previous: i64,
}

/// What a look at the fence says about a transaction whose outcome is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Settled {
    Committed,
    NotCommitted,
}

/// Takes every lane of the pipeline over: afterwards no transaction of a predecessor commits, and
/// what they had committed is visible to majority reads.
pub(crate) async fn take_over(target: &Target) -> Result<Vec<Lane>, Error> {
    let wanted = i32::try_from(target.options.lanes.max(1)).unwrap_or(i32::MAX);
    let fences = fences(target).await?;
    kill_sessions(target, &fences).await;
    let known = fences
        .iter()
        .filter_map(|fence| fence.get_document("_id").ok()?.get_i32("lane").ok());
    let numbers: BTreeSet<i32> = (0..wanted).chain(known).collect();
    // A predecessor may have had more lanes than this process: those are raised too. Side by side,
    // since each waits for a majority.
    let raising = numbers.into_iter().map(|number| async move {
        let session = session(target).await?;
        let fence = raise(target, number, session.id()).await?;
        let field = |name: &str| {
            fence
                .get_i64(name)
                .map_err(|error| Error::ControlUnreadable {
                    document: format!("{FENCES} of lane {number}"),
                    problem: error.to_string(),
                })
        };
        Ok(Lane {
            number,
            epoch: field("epoch")?,
            previous: field("previous")?,
            session,
        })
    });
    let mut lanes = join_all(raising)
        .await
        .into_iter()
        .collect::<Result<Vec<Lane>, Error>>()?;
    lanes.retain(|lane| lane.number < wanted);
    Ok(lanes)
}

/// Fences every writer of the pipeline out and starts the counts anew, for a reset.
pub(crate) async fn shut(target: &Target) -> Result<(), Error> {
    // The documents stay for ever: if epochs began anew, an old writer could match again.
    take_over(target).await?;
    repeat(target, "resetting the fences", || async {
        let filter = doc! { "_id.pipeline": &*target.pipeline };
        let update = doc! { "$set": { "previous": 0_i64 } };
        target
            .collection(FENCES)
            .update_many(filter, update)
            .await?;
        Ok(())
    })
    .await
}

/// Whether this pipeline ever wrote anything since its last reset.
pub(crate) async fn has_written(target: &Target) -> Result<bool, Error> {
    let fences = fences(target).await?;
    Ok(fences
        .iter()
        .any(|fence| reply::number(fence.get("previous")) != Some(0)))
}

impl Lane {
    /// The first write of every transaction. `false`: the fence does not match.
    pub(crate) async fn pass_fence(&mut self, target: &Target) -> Result<bool, Fault> {
        let command = doc! {
            "update": FENCES,
            "updates": [{
                "q": {
                    "_id": fence_id(target, self.number),
                    "epoch": self.epoch,
                    "previous": self.previous,
                },
                "u": { "$set": { "previous": self.previous + 1 } },
            }],
        };
        let answer = target
            .control
            .run_command(command)
            .session(&mut self.session)
            .await?;
        Ok(reply::written(&answer, None)? == 1)
    }

    /// Reads the fence after it did not match, or after a commit whose reply was lost.
    pub(crate) async fn settle(&self, target: &Target) -> Result<Settled, Error> {
        let id = fence_id(target, self.number);
        let fence = repeat(target, "reading a fence", || async {
            let filter = doc! { "_id": id.clone() };
            Ok(target.collection(FENCES).find_one(filter).await?)
        })
        .await?;
        let fenced = |evidence: String| Error::Fenced {
            pipeline: target.pipeline.to_string(),
            evidence,
        };
        let Some(fence) = fence else {
            return Err(fenced(format!("the fence of lane {} is gone", self.number)));
        };
        let epoch = fence.get_i64("epoch").unwrap_or(-1);
        if epoch != self.epoch {
            return Err(fenced(format!(
                "the fence of lane {} has epoch {epoch}, this process has {}",
                self.number, self.epoch
            )));
        }
        match fence.get_i64("previous") {
            Ok(previous) if previous == self.previous => Ok(Settled::NotCommitted),
            Ok(previous) if previous == self.previous + 1 => Ok(Settled::Committed),
            Ok(previous) => Err(fenced(format!(
                "the fence of lane {} counts {previous} transactions, this process {}",
                self.number, self.previous
            ))),
            Err(error) => Err(Error::ControlUnreadable {
                document: format!("{FENCES} of lane {}", self.number),
                problem: error.to_string(),
            }),
        }
    }
}

async fn session(target: &Target) -> Result<ClientSession, Error> {
    let transaction = TransactionOptions::builder()
        .read_concern(ReadConcern::snapshot())
        .write_concern(
            WriteConcern::builder()
                .w(mongodb::options::Acknowledgment::Majority)
                .w_timeout(MAJORITY_WITHIN)
                .build(),
        )
        .build();
    let options = SessionOptions::builder()
        // Order is kept by the fence, not by the session's clock.
        .causal_consistency(false)
        .default_transaction_options(transaction)
        .build();
    repeat(target, "opening a session", || async {
        Ok(target
            .client
            .start_session()
            .with_options(options.clone())
            .await?)
    })
    .await
}

async fn fences(target: &Target) -> Result<Vec<Document>, Error> {
    repeat(target, "reading the fences", || async {
        let filter = doc! { "_id.pipeline": &*target.pipeline };
        let found = target.collection(FENCES).find(filter).await?;
        Ok(found.try_collect().await?)
    })
    .await
}

async fn raise(target: &Target, number: i32, session_id: &Document) -> Result<Document, Error> {
    let action = "taking a lane over";
    let mut patience = Patience::new(target.options.retry_limit);
    loop {
        let raised = target
            .collection(FENCES)
            .find_one_and_update(
                doc! { "_id": fence_id(target, number) },
                doc! {
                    "$inc": { "epoch": 1_i64 },
                    "$setOnInsert": { "previous": 0_i64 },
                    "$set": { "session": session_id.clone() },
                },
            )
            .upsert(true)
            .return_document(ReturnDocument::After)
            .max_time(WAIT_FOR_PREDECESSOR)
            .await
            .map_err(Fault::from);
        match raised {
            Ok(Some(fence)) => return Ok(fence),
            // An upsert returns the new document; a concurrent takeover may have raced it.
            Ok(None) => patience.pause(action, &"no fence was returned").await?,
            Err(fault) => {
                match fault.verdict() {
                    Verdict::Again | Verdict::Duplicate => {}
                    Verdict::TooLarge
                    | Verdict::Refused
                    | Verdict::DocumentTooLarge
                    | Verdict::NotAllowed
                    | Verdict::NotACollection
                    | Verdict::AccessDenied
                    | Verdict::Unknown => return Err(target.refusal(action, &fault)),
                }
                let blocked = matches!(&fault, Fault::Server(server) if server.code == code::MAX_TIME_MS_EXPIRED);
                if blocked {
                    // A transaction of the predecessor holds the fence.
                    let fences = fences(target).await?;
                    kill_sessions(target, &fences).await;
                }
                patience.pause(action, &fault).await?;
            }
        }
    }
}

/// Ends what the sessions of these fences are doing. It only saves waiting, so a failure is noted
/// and no more.
async fn kill_sessions(target: &Target, fences: &[Document]) {
    let sessions: Vec<Document> = fences
        .iter()
        .filter_map(|fence| fence.get_document("session").ok().cloned())
        .collect();
    if sessions.is_empty() {
        return;
    }
    let command = doc! { "killSessions": sessions };
    if let Err(error) = target.client.database("admin").run_command(command).await {
        tracing::debug!(error = %Fault::from(error), "the predecessor's sessions could not be killed");
    }
}

fn fence_id(target: &Target, number: i32) -> Document {
    doc! { "pipeline": &*target.pipeline, "lane": number }
}
