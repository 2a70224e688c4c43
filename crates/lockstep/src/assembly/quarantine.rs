//! The quarantine as a person asks for it: read from the control database, changed by whoever runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use change::{QuarantineRecord, QuarantinedId, TableName, Value};
use flow::Watch;

use super::requests::{self, Arguments};
use super::{connections, halted, refused};
use crate::config::Configuration;
use crate::exit::ExitStatus;
use crate::failure::Failure;

/// Keys stand in one progress record until they are read.
const KEYS_IN_A_REQUEST: usize = 1_000;

/// Which rows are meant.
#[derive(Debug, Clone)]
pub struct Selected {
    /// `database.table`; all tables without it.
    pub table: Option<String>,
    /// As it is shown; of a key of one column the value alone will do.
    pub key: Option<String>,
}

impl Selected {
    fn takes(&self, record: &QuarantineRecord) -> bool {
        let of_table = |table: &String| record.table.to_string() == *table;
        let of_key = |key: &String| is_key(&record.row_key, key);
        self.table.as_ref().is_none_or(of_table) && self.key.as_ref().is_none_or(of_key)
    }
}

/// Spaces and quotes do not tell keys apart here: they are how values are shown.
fn is_key(shown: &str, asked: &str) -> bool {
    let bare = |text: &str| text.replace([' ', '"', '\''], "");
    let (shown, asked) = (bare(shown), bare(asked));
    let value = shown.split_once('=').map(|(_, value)| value);
    shown == asked || value == Some(&*asked)
}

/// The rows in quarantine, running or not.
pub async fn quarantined(
    configuration: &Configuration,
    selected: &Selected,
) -> Result<Vec<Arc<QuarantineRecord>>, Failure> {
    let target = connections::reached_target(configuration).await?;
    let mut records = target.quarantine().await.map_err(refused)?;
    records.retain(|record| selected.takes(record));
    Ok(records)
}

/// The rows, of which somebody is sure that there are some.
pub fn at_least_one(
    records: Vec<Arc<QuarantineRecord>>,
    selected: &Selected,
) -> Result<Vec<Arc<QuarantineRecord>>, Failure> {
    if !records.is_empty() {
        return Ok(records);
    }
    let row = selected.key.as_ref();
    let row = row.map_or_else(String::new, |key| format!(", row {key}"));
    let table = selected.table.as_deref().unwrap_or("any table");
    Err(Failure {
        code: "LS4021",
        message: format!("nothing of {table}{row} is in quarantine"),
        remedy: "`lockstep quarantine list` shows what is, by table and key".to_owned(),
        status: ExitStatus::Halted,
        table: None,
        mistakes: Vec::new(),
    })
}

/// Asks the running pipeline to forget rows; gives those that it has forgotten.
pub async fn drop_quarantined(
    configuration: &Configuration,
    selected: &Selected,
) -> Result<Vec<Arc<QuarantineRecord>>, Failure> {
    let records = at_least_one(quarantined(configuration, selected).await?, selected)?;
    let names: Vec<String> = records.iter().map(|record| name(record)).collect();
    let arguments = serde_json::to_string(&names).expect("names are texts");
    let target = connections::reached_target(configuration).await?;
    let id = target.submit(requests::DROP, &arguments).await;
    let id = id.map_err(halted)?;
    let asked = tokio::time::Instant::now();
    while target.outcome(&id).await.map_err(halted)?.is_none() {
        if asked.elapsed() > requests::ANSWERED_WITHIN {
            return Err(requests::failure(
                "LS4015",
                format!(
                    "no process of pipeline {} has taken the request",
                    configuration.pipeline
                ),
                "start `lockstep run`, or `lockstep sink`: it takes the request then",
            ));
        }
        tokio::time::sleep(requests::LOOK_EVERY).await;
    }
    Ok(records)
}

/// What a retry comes to, by what can be asked for.
#[derive(Debug, Default)]
pub struct Retried {
    /// Rows that are read again by their keys.
    pub asked: Vec<Arc<QuarantineRecord>>,
    /// Rows whose keys cannot be told: they are read again with their table.
    pub unnamed: Vec<Arc<QuarantineRecord>>,
}

/// Asks the running pipeline to read rows again as they are now.
pub async fn retry_quarantined(
    configuration: &Configuration,
    selected: &Selected,
) -> Result<Retried, Failure> {
    let records = at_least_one(quarantined(configuration, selected).await?, selected)?;
    let target = connections::reached_target(configuration).await?;
    let mut retried = Retried::default();
    let mut by_table: BTreeMap<TableName, Vec<Arc<QuarantineRecord>>> = BTreeMap::new();
    for record in records {
        match record.row_key_values {
            Some(_) => by_table
                .entry(record.table.clone())
                .or_default()
                .push(record),
            None => retried.unnamed.push(record),
        }
    }
    for (table, records) in by_table {
        for some in records.chunks(KEYS_IN_A_REQUEST) {
            let keys = some
                .iter()
                .filter_map(|record| record.row_key_values.as_deref());
            let arguments = Arguments::Keys {
                table: table.to_string(),
                keys: keys.map(<[Value]>::to_vec).collect(),
            };
            requests::ask(&target, &configuration.pipeline, &arguments).await?;
        }
        retried.asked.extend(records);
    }
    Ok(retried)
}

/// Has rows forgotten that a request names; the answer once none of them is left.
pub(super) fn answer_drop(arguments: &str, watch: &Watch) -> Option<String> {
    let Ok(names) = serde_json::from_str::<BTreeSet<String>>(arguments) else {
        return Some("refused: its arguments are no list of rows".to_owned());
    };
    let look = watch.look();
    // Nothing is known of the target yet.
    look.applied.as_ref()?;
    let mut left = look.quarantine.iter();
    let mut done = true;
    while let Some(record) = left.find(|record| names.contains(&name(record))) {
        watch.forget(record.key.clone());
        done = false;
    }
    done.then(|| "dropped".to_owned())
}

/// This very record: a row that enters again later is another matter.
fn name(record: &QuarantineRecord) -> String {
    let hexadecimal = |bytes: &[u8]| {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    };
    let row = match &record.key.id {
        QuarantinedId::Document(id) => format!("document {}", hexadecimal(&id.0)),
        QuarantinedId::Key(identity) => format!("key {}", hexadecimal(identity.as_bytes())),
    };
    format!(
        "{} {row} since {}",
        record.key.collection, record.first.ordinal
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_meant_by_how_it_is_shown_or_by_its_value() {
        assert!(is_key("id = 42", "42"));
        assert!(is_key("id = 42", "id=42"));
        assert!(is_key("code = \"a b\"", "a b"));
        assert!(is_key("tenant = 7, number = 12", "tenant=7,number=12"));
        assert!(!is_key("id = 42", "2"));
        assert!(!is_key("tenant = 7, number = 12", "7"));
    }
}
