//! What only `check` looks at: values of the rows themselves, and whether there is time enough for a copy.
//! It reads tables, so it is no part of a start; it is bounded in time, and what it could not look at it says.

use std::time::{Duration, Instant};

use change::{ColumnKind, TableDescription, TableName};
use flow::Finding;
use mapping::{FormChoice, MappingConfig, ZeroDateChoice};
use mysql::{Inspection, Seen, Suspects};

use super::connections::Connections;
use super::refused;
use crate::config::{Configuration, Log};
use crate::failure::Failure;
use crate::output::words;
use crate::plan::Estimate;

/// How long values are looked at: those of one table, and all of them.
const LOOK_AT_ONE: Duration = Duration::from_secs(2);
const LOOK_FOR: Duration = Duration::from_secs(30);
/// The largest document that MongoDB takes.
const LARGEST_DOCUMENT_BYTES: u64 = 16 << 20;
/// The declared types that can hold more than that, or nearly.
const LARGE_TYPES: &[&str] = &[
    "mediumtext",
    "longtext",
    "mediumblob",
    "longblob",
    "json",
    "geometry",
    "linestring",
    "polygon",
    "multi",
    "geom",
];
/// A copy should take no more than this share of the time for which changes are kept.
const SHARE_OF_RETENTION: u32 = 2;

/// What rows and clocks say against a start, or for thought.
pub(super) async fn findings(
    configuration: &Configuration,
    connections: &Connections,
) -> Result<Vec<Finding>, Failure> {
    let mut reader = connections.reader();
    let tables = reader.inspect_all().await.map_err(refused)?;
    let mut findings = Vec::new();
    let mut in_part = Vec::new();
    let began = Instant::now();
    let (mut rows, mut bytes) = (0, 0);
    for (name, table) in &tables {
        rows += table.rows_estimated;
        bytes += table.bytes_estimated;
        let Ok(description) = &table.description else {
            continue;
        };
        let suspects = suspects(&configuration.mapping, description, table);
        if began.elapsed() > LOOK_FOR {
            in_part.push(name);
            continue;
        }
        match reader.look_at_values(name, &suspects, LOOK_AT_ONE).await {
            Ok(seen) => {
                findings.extend(of_values(name, &seen));
                if !seen.complete {
                    in_part.push(name);
                }
            }
            // It may be gone meanwhile. A server that is gone is told by the next question.
            Err(failure) => {
                tracing::debug!(code = failure.code, "{name} was not looked at: {failure}");
                in_part.push(name);
            }
        }
    }
    findings.extend(of_what_was_not_looked_at(&in_part));
    let kept = reader.binlog_retention().await.map_err(refused)?;
    findings.extend(of_time(
        &Estimate::of(rows, bytes),
        kept,
        &configuration.log,
    ));
    Ok(findings)
}

fn suspects(
    mapping: &MappingConfig,
    table: &TableDescription,
    inspection: &Inspection,
) -> Suspects {
    let mut suspects = Suspects {
        rows_estimated: inspection.rows_estimated,
        ..Suspects::default()
    };
    for column in &table.schema.columns {
        let choice = mapping.choice(&table.schema.name, column);
        let name = column.name.to_string();
        let declared = inspection
            .columns
            .iter()
            .find(|other| other.name == column.name);
        match &column.kind {
            ColumnKind::Date | ColumnKind::DateTime { .. } | ColumnKind::Timestamp { .. }
                if choice
                    .zero_date
                    .is_none_or(|zero| zero == ZeroDateChoice::String)
                    && choice.form != Some(FormChoice::String) =>
            {
                suspects.dates.push(name);
            }
            ColumnKind::Integer { .. } if choice.form == Some(FormChoice::Boolean) => {
                suspects.booleans.push(name);
            }
            _ if declared.is_some_and(|declared| is_large(&declared.declared)) => {
                suspects.large.push(name);
            }
            _ => {}
        }
    }
    suspects
}

fn is_large(declared: &str) -> bool {
    LARGE_TYPES.iter().any(|name| declared.starts_with(name))
}

fn of_values(table: &TableName, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    for column in &seen.zero_dates {
        let message = format!(
            "column {column} holds dates that no calendar has, such as 0000-00-00: they become \
             Strings among its Dates"
        );
        let remedy = format!(
            "under [tables.\"{table}\"], columns.{column:?} = {{ zero_dates = \"null\" }} (or \
             \"epoch\", \"year1\", all lossy) makes something else of them; leave it as it is to \
             keep them as they are"
        );
        findings.push(Finding::warns("LS4030", message, remedy).about(table));
    }
    for column in &seen.not_booleans {
        let message = format!(
            "column {column} is to become a Boolean and holds other numbers than 0 and 1: such \
             rows go to quarantine"
        );
        let remedy = format!(
            "leave out type = \"boolean\" for columns.{column:?}, or correct the values (SELECT \
             … WHERE … NOT IN (0, 1))"
        );
        findings.push(Finding::warns("LS4031", message, remedy).about(table));
    }
    if seen.largest_bytes > LARGEST_DOCUMENT_BYTES {
        let message = format!(
            "it has a row of {}, and a document takes 16 MiB at most: it goes to quarantine",
            words::bytes(seen.largest_bytes)
        );
        let remedy = "shorten or delete such rows, or leave the table out of source.tables";
        findings.push(Finding::warns("LS4032", message, remedy).about(table));
    }
    findings
}

fn of_what_was_not_looked_at(tables: &[&TableName]) -> Option<Finding> {
    const SHOWN: usize = 5;
    if tables.is_empty() {
        return None;
    }
    let names: Vec<String> = tables.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if tables.len() > SHOWN { ", …" } else { "" };
    Some(Finding::info(
        "LS4033",
        format!(
            "not every row of {} tables was looked at for values that need a decision: {}{more}",
            tables.len(),
            names.join(", ")
        ),
        "nothing has to be done; a row that no document can hold goes to quarantine and is named then",
    ))
}

/// Whether changes are kept for long enough: `kept` is the source's own time, `None` for ever.
fn of_time(estimate: &Estimate, kept: Option<Duration>, log: &Log) -> Vec<Finding> {
    let copy = Duration::from_secs(estimate.copy_seconds);
    let too_short = |kept: &Duration| copy.saturating_mul(SHARE_OF_RETENTION) > *kept;
    let shown = |time: Duration| words::seconds(time.as_secs_f64());
    let mut findings = Vec::new();
    if let Some(kept) = kept.filter(too_short) {
        let wanted = copy
            .as_secs()
            .saturating_mul(u64::from(SHARE_OF_RETENTION))
            .max(604_800);
        findings.push(Finding::warns(
            "LS4034",
            format!(
                "the copy may take {}, and the server keeps its binlog for {}: a pause meanwhile \
                 could lose the place",
                shown(copy),
                shown(kept)
            ),
            format!("SET PERSIST binlog_expire_logs_seconds = {wanted}"),
        ));
    }
    if let Log::Kafka(kafka) = log
        && let Some(kept) = kafka.retention.filter(too_short)
    {
        findings.push(Finding::warns(
            "LS4035",
            format!(
                "the copy may take {}, and the topics keep changes for {}: a sink that is slow or \
                 down could find the beginning gone",
                shown(copy),
                shown(kept)
            ),
            "retention = \"unlimited\" under [log], or a longer time",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(copy_seconds: u64, kept: Option<u64>, retention: Option<u64>) -> Vec<&'static str> {
        let estimate = Estimate {
            copy_seconds,
            ..Estimate::of(0, 0)
        };
        let log = Log::Kafka(crate::config::KafkaLog {
            retention: retention.map(Duration::from_secs),
            ..crate::config::KafkaLog::over(vec!["kafka.example:9092".to_owned()])
        });
        let found = of_time(&estimate, kept.map(Duration::from_secs), &log);
        found.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn changes_have_to_be_kept_for_twice_the_time_of_the_copy() {
        assert_eq!(codes(100, Some(199), None), ["LS4034"]);
        assert_eq!(codes(100, Some(200), Some(199)), ["LS4035"]);
        assert!(codes(100, Some(200), Some(200)).is_empty());
        assert!(codes(u64::MAX, None, None).is_empty());
    }

    #[test]
    fn a_row_of_exactly_what_a_document_takes_is_not_told() {
        let table = TableName::new("shop", "t");
        let seen = |largest_bytes| Seen {
            largest_bytes,
            ..Seen::default()
        };
        assert!(of_values(&table, &seen(LARGEST_DOCUMENT_BYTES)).is_empty());
        let found = of_values(&table, &seen(LARGEST_DOCUMENT_BYTES + 1));
        assert_eq!(found[0].code, "LS4032");
    }
}
