//! Requests to a running pipeline: left in the control database, answered by the process that they
//! concern.

use std::collections::BTreeMap;
use std::time::Duration;

use change::{TableName, TableState};
use flow::Watch;
use flow::ports::Control;
use mongo::MongoControl;

use super::{connections, halted};
use crate::config::Configuration;
use crate::exit::ExitStatus;
use crate::failure::Failure;

const RECOPY: &str = "recopy";
/// Somebody who runs looks for requests every second.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What became of the request for each table: `None` where its copy begins, else why not.
type Outcome = BTreeMap<String, Option<String>>;

/// Answers what has come; what is for the other half is left to it.
pub(super) async fn answer(control: &mut MongoControl, part: &str, watch: &Watch) {
    let Ok(requests) = control.requests().await else {
        return;
    };
    for request in requests {
        let outcome = match (&*request.kind, part) {
            (RECOPY, "sink") => continue,
            // Capture has only just begun.
            (RECOPY, _) if watch.look().tables.is_empty() => continue,
            (RECOPY, _) => recopy(&request.arguments, watch),
            (other, _) => format!("refused: this version has no request {other:?}"),
        };
        if let Err(failure) = control.acknowledge(&request.id, &outcome).await {
            tracing::warn!(
                code = failure.code,
                "a request was not acknowledged: {failure}"
            );
        }
    }
}

fn recopy(arguments: &str, watch: &Watch) -> String {
    let Ok(wanted) = serde_json::from_str::<Vec<String>>(arguments) else {
        return "refused: its arguments are no list of tables".to_owned();
    };
    let known = watch.look().tables;
    let find = |wanted: &String| known.keys().find(|table| table.to_string() == *wanted);
    let mut outcome = Outcome::new();
    for name in wanted {
        let refusal = match find(&name).map(|table| (table, known[table].state)) {
            Some((table, TableState::Copying | TableState::Following | TableState::Recopy)) => {
                watch.recopy(TableName::clone(table));
                None
            }
            Some((_, TableState::Stopped)) => Some("it is stopped".to_owned()),
            Some((_, TableState::Dropped)) => Some("it was dropped".to_owned()),
            None => Some("the pipeline has no such table".to_owned()),
        };
        outcome.insert(name, refusal);
    }
    serde_json::to_string(&outcome).expect("an outcome is made of texts")
}

/// Asks the running pipeline to copy these tables, `database.table`, from the beginning.
pub async fn ask_for_recopy(
    configuration: &Configuration,
    tables: &[String],
) -> Result<(), Failure> {
    let target = connections::reached_target(configuration).await?;
    let arguments = serde_json::to_string(tables).expect("names are texts");
    let id = target.submit(RECOPY, &arguments).await.map_err(halted)?;
    let answered = tokio::time::timeout(ANSWERED_WITHIN, async {
        loop {
            if let Some(outcome) = target.outcome(&id).await.map_err(halted)? {
                return Ok::<String, Failure>(outcome);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    let failure = |code, message: String, remedy: &str| Failure {
        code,
        message,
        remedy: remedy.to_owned(),
        status: ExitStatus::Halted,
        table: None,
        mistakes: Vec::new(),
    };
    let Ok(answered) = answered.await else {
        return Err(failure(
            "LS4015",
            format!(
                "no process of pipeline {} has taken the request",
                configuration.pipeline
            ),
            "start `lockstep run`, or `lockstep capture`: it takes the request then",
        ));
    };
    let outcome = answered?;
    let refused: Vec<String> = match serde_json::from_str::<Outcome>(&outcome) {
        Ok(outcome) => outcome
            .into_iter()
            .filter_map(|(table, refusal)| Some(format!("{table}: {}", refusal?)))
            .collect(),
        Err(_) => vec![outcome],
    };
    if refused.is_empty() {
        return Ok(());
    }
    Err(failure(
        "LS4016",
        format!("not copied again: {}", refused.join("; ")),
        "name tables as `lockstep status` shows them; a table that is stopped is copied again by \
         `lockstep reset --yes --drop-target` and a new start alone",
    ))
}
