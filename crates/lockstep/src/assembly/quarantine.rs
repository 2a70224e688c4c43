//! The quarantine as a person asks for it: read from the control database, changed by whoever runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use change::{QuarantineRecord, QuarantinedId};
use flow::Watch;

use super::{connections, refused, requests};
use crate::config::Configuration;
use crate::exit::ExitStatus;
use crate::failure::Failure;

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
    let answer = requests::ask(
        configuration,
        requests::DROP,
        &arguments,
        "start `lockstep run`, or `lockstep sink`: it takes the request then",
    );
    answer.await?;
    Ok(records)
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
