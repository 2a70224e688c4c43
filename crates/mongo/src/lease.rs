//! The lease of a part of a pipeline: only one process runs it.
//!
//! The lease is a courtesy, not the guard: what keeps an old writer from writing is the fence. It
//! keeps two instances from taking over from one another for ever. Its document holds who has it
//! and a counter that the holder moves every second. A contender never compares clocks: it watches
//! the counter by its own monotonic clock, and every change of hands is a compare-and-store on the
//! holder and the counter it saw.

use crate::connect::Target;
use crate::error::Error;
use crate::holder::Holder;
use crate::reply::{Fault, code};
use crate::retry::repeat;
use bson::{Bson, Document, doc};
use flow::ports::LeaseAnswer;
use std::time::Duration;
use tokio::time::Instant;

pub(crate) const LEASES: &str = "leases";
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A lease as it was seen.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    /// As stored; null when the lease is free.
    holder: Bson,
    beat: i64,
}

/// Takes the lease or tells who has it.
pub(crate) async fn acquire(
    target: &Target,
    part: &str,
    me: &Holder,
    take_over: bool,
    silence: Duration,
) -> Result<LeaseAnswer, Error> {
    let mut watched: Option<(Seen, Instant)> = None;
    loop {
        let Some(seen) = look(target, part).await? else {
            if create(target, part, me).await? {
                return Ok(LeaseAnswer::Granted);
            }
            continue;
        };
        let holder = seen.holder.as_document().and_then(Holder::from_document);
        let vacant = match &holder {
            None => seen.holder == Bson::Null,
            Some(holder) => holder.instance == me.instance || holder.is_alive() == Some(false),
        };
        let silent = watched
            .as_ref()
            .is_some_and(|(before, since)| *before == seen && since.elapsed() >= silence);
        if vacant || take_over || silent {
            if replace(target, part, &seen, me).await? {
                return Ok(LeaseAnswer::Granted);
            }
            // Somebody moved: with a takeover the next look decides, else that is a beat.
            if take_over {
                continue;
            }
        }
        match &watched {
            Some((before, _)) if *before != seen => {
                return Ok(LeaseAnswer::Held {
                    holder: holder.map_or_else(
                        || "an unknown process".to_owned(),
                        |holder| holder.to_string(),
                    ),
                });
            }
            Some(_) => {}
            None => watched = Some((seen, Instant::now())),
        }
        tokio::time::sleep(LOOK_AGAIN.min(silence)).await;
    }
}

/// Moves the counter on. The caller repeats it every second, so a fault is told at once.
pub(crate) async fn renew(target: &Target, part: &str, me: &Holder) -> Result<(), Error> {
    let action = "renewing the lease";
    let filter = doc! { "_id": target.id_of("part", part), "holder.instance": me.instance };
    let update = doc! { "$inc": { "beat": 1_i64 }, "$currentDate": { "renewed_at": true } };
    let renewed = target
        .collection(LEASES)
        .update_one(filter, update)
        .await
        .map_err(|error| target.interruption(action, &Fault::from(error)))?;
    if renewed.matched_count == 1 {
        return Ok(());
    }
    let holder = look(target, part)
        .await?
        .and_then(|seen| Holder::from_document(seen.holder.as_document()?));
    Err(Error::Fenced {
        pipeline: target.pipeline.to_string(),
        evidence: match holder {
            Some(holder) => format!("{holder} holds the lease"),
            None => "the lease was given away".to_owned(),
        },
    })
}

/// Gives the lease back, if it is still ours.
pub(crate) async fn release(target: &Target, part: &str, me: &Holder) -> Result<(), Error> {
    repeat(target, "giving the lease back", || async {
        let filter = doc! { "_id": target.id_of("part", part), "holder.instance": me.instance };
        let update = doc! { "$set": { "holder": null }, "$inc": { "beat": 1_i64 } };
        target.collection(LEASES).update_one(filter, update).await?;
        Ok(())
    })
    .await
}

async fn look(target: &Target, part: &str) -> Result<Option<Seen>, Error> {
    let found = repeat(target, "reading the lease", || async {
        let filter = doc! { "_id": target.id_of("part", part) };
        Ok(target.collection(LEASES).find_one(filter).await?)
    })
    .await?;
    Ok(found.map(|lease| Seen {
        holder: lease.get("holder").cloned().unwrap_or(Bson::Null),
        beat: lease.get_i64("beat").unwrap_or_default(),
    }))
}

/// The first lease of this part. `false`: somebody else was quicker.
async fn create(target: &Target, part: &str, me: &Holder) -> Result<bool, Error> {
    repeat(target, "taking the lease", || async {
        let filter = doc! { "_id": target.id_of("part", part) };
        let update = doc! {
            "$setOnInsert": { "holder": me.to_document(), "beat": 0_i64 },
            "$currentDate": { "renewed_at": true },
        };
        let written = target
            .collection(LEASES)
            .update_one(filter, update)
            .upsert(true)
            .await
            .map_err(Fault::from);
        match written {
            Ok(written) => Ok(written.upserted_id.is_some()),
            Err(Fault::Server(fault)) if fault.code == code::DUPLICATE_KEY => Ok(false),
            Err(fault) => Err(fault),
        }
    })
    .await
}

/// Takes the lease from what was seen. `false`: it has moved since.
async fn replace(target: &Target, part: &str, seen: &Seen, me: &Holder) -> Result<bool, Error> {
    repeat(target, "taking the lease", || async {
        let filter: Document = doc! {
            "_id": target.id_of("part", part),
            "holder": seen.holder.clone(),
            "beat": seen.beat,
        };
        let update = doc! {
            "$set": { "holder": me.to_document() },
            "$inc": { "beat": 1_i64 },
            "$currentDate": { "renewed_at": true },
        };
        let written = target.collection(LEASES).update_one(filter, update).await?;
        Ok(written.matched_count == 1)
    })
    .await
}
