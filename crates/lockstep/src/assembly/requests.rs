//! Requests to a running pipeline: left in the control database, answered by the process that they
//! concern.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use change::{Ordinal, Value};
use flow::ports::{Control, Request};
use flow::{Recopied, Recopy, Watch};
use mongo::{MongoControl, Target};
use serde::{Deserialize, Serialize};

use super::{halted, quarantine};
use crate::exit::ExitStatus;
use crate::failure::Failure;

const RECOPY: &str = "recopy";
/// Rows in quarantine are to be forgotten.
pub(super) const DROP: &str = "quarantine-drop";
/// Somebody who runs looks for requests every second.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The arguments of a request to copy anew.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Arguments {
    /// As versions before this one left it: each to be copied from the beginning.
    List(Vec<String>),
    Keys {
        table: String,
        /// Each in key order, its values as they are stored with the tables' progress.
        keys: Vec<Vec<Value>>,
    },
    Tables {
        tables: Vec<String>,
    },
}

/// What became of a request.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    /// Why not, by table.
    refused: BTreeMap<String, String>,
    /// What was done is durable in the log up to here: transaction and change.
    ordinal: Ordinal,
}

/// Answers what has come; what is for the other half is left to it.
pub(super) async fn answer(control: &mut MongoControl, part: &str, watch: &Watch) {
    let Ok(requests) = control.requests().await else {
        return;
    };
    for request in requests {
        let outcome = match (&*request.kind, part) {
            (RECOPY, "sink") => continue,
            (RECOPY, _) => match recopy(&request, watch) {
                Some(outcome) => outcome,
                None => continue,
            },
            (DROP, "capture") => continue,
            (DROP, _) => match quarantine::answer_drop(&request.arguments, watch) {
                Some(outcome) => outcome,
                // Asked again until it is stored.
                None => continue,
            },
            (other, _) => format!("refused: this version has no request {other:?}"),
        };
        match control.acknowledge(&request.id, &outcome).await {
            Ok(()) => watch.forget_recopy(&request.id),
            Err(failure) => tracing::warn!(
                code = failure.code,
                "a request was not acknowledged: {failure}"
            ),
        }
    }
}

/// The answer, once what the request wants is durable. Until then capture has it.
fn recopy(request: &Request, watch: &Watch) -> Option<String> {
    if let Some(Recopied { refused, ordinal }) = watch.recopied(&request.id) {
        let outcome = Outcome { refused, ordinal };
        let text = serde_json::to_string(&outcome);
        return Some(text.expect("an outcome is made of texts and numbers"));
    }
    let Ok(arguments) = serde_json::from_str::<Arguments>(&request.arguments) else {
        return Some("refused: its arguments name neither tables nor keys of one".to_owned());
    };
    let (tables, keys) = match arguments {
        Arguments::List(tables) | Arguments::Tables { tables } => (tables, None),
        Arguments::Keys { table, keys } => (vec![table], Some(keys)),
    };
    watch.recopy(Recopy {
        id: request.id.clone(),
        tables,
        keys,
    });
    None
}

/// Asks the running pipeline to copy anew. Gives how far the log has to be applied for that to have
/// begun in the target.
pub(super) async fn ask(
    target: &Target,
    pipeline: &str,
    arguments: &Arguments,
) -> Result<Ordinal, Failure> {
    let arguments = serde_json::to_string(arguments).expect("arguments are texts and values");
    let id = target.submit(RECOPY, &arguments).await.map_err(halted)?;
    let asked = Instant::now();
    let outcome = loop {
        if let Some(outcome) = target.outcome(&id).await.map_err(halted)? {
            break outcome;
        }
        // One that runs answers when it is done, and a large collection is not emptied at once.
        if asked.elapsed() > ANSWERED_WITHIN && !is_captured(target).await? {
            return Err(failure(
                "LS4015",
                format!("no process of pipeline {pipeline} has taken the request"),
                "start `lockstep run`, or `lockstep capture`: it takes the request then",
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let refused = match serde_json::from_str::<Outcome>(&outcome) {
        Ok(Outcome { refused, ordinal }) if refused.is_empty() => return Ok(ordinal),
        Ok(Outcome { refused, .. }) => {
            let refused = refused.into_iter();
            let refused: Vec<String> = refused
                .map(|(table, why)| format!("{table}: {why}"))
                .collect();
            refused.join("; ")
        }
        Err(_) => outcome,
    };
    Err(failure(
        "LS4016",
        format!("not copied again: {refused}"),
        "name tables as `lockstep status` shows them",
    ))
}

/// Whether somebody runs who takes such requests.
async fn is_captured(target: &Target) -> Result<bool, Failure> {
    let status = target.status().await.map_err(halted)?;
    let mut parts = status.parts.iter();
    Ok(parts.any(|part| part.running && part.part != "sink"))
}

pub(super) fn failure(code: &'static str, message: String, remedy: &str) -> Failure {
    Failure {
        code,
        message,
        remedy: remedy.to_owned(),
        status: ExitStatus::Halted,
        table: None,
        mistakes: Vec::new(),
    }
}
