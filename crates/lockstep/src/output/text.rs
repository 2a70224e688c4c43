//! Findings and failures as text and JSON: the sentence first, then what to do about it.

use std::fmt::Write as _;

use flow::{Finding, Severity};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The form of the contract.
pub(super) fn finding_json(finding: &Finding) -> Value {
    let Finding {
        code,
        severity,
        table,
        message,
        remedy,
    } = finding;
    let table = table.as_ref().map(ToString::to_string);
    json!({ "code": code, "severity": severity, "table": table, "message": message, "remedy": remedy })
}

pub(super) fn finding(finding: &Finding) -> String {
    let Finding {
        code,
        severity,
        table,
        message,
        remedy,
    } = finding;
    let word = match severity {
        Severity::Forbids => "forbids",
        Severity::Warns => "warns",
        Severity::Info => "info",
    };
    let table = table
        .as_ref()
        .map(|table| format!("{table}: "))
        .unwrap_or_default();
    let mut text = format!("{word}: {table}{message} [{code}]");
    append_remedy(&mut text, remedy);
    text
}

/// The last line of `check`.
pub(super) fn verdict(findings: &[&Finding]) -> String {
    let count = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    match (count(Severity::Forbids), count(Severity::Warns)) {
        (0, 0) => "Nothing stands in the way of `lockstep run`.".into(),
        (0, warnings) => format!("Nothing forbids the start; {warnings} to know about."),
        (forbidding, warnings) => {
            format!("{forbidding} to mend before the start; {warnings} more to know about.")
        }
    }
}

pub(super) fn failure(failure: &Failure) -> String {
    let Failure {
        code,
        message,
        remedy,
        status: _,
        table,
        mistakes,
    } = failure;
    let table = table
        .as_ref()
        .map(|table| format!("{table}: "))
        .unwrap_or_default();
    let mut text = format!("error: {table}{message} [{code}]");
    if !mistakes.is_empty() {
        text.push('\n');
    }
    for mistake in mistakes {
        write!(text, "\n{mistake}").expect("a String takes every text");
    }
    append_remedy(&mut text, remedy);
    text
}

/// Statements of several lines keep their lines, indented.
fn append_remedy(text: &mut String, remedy: &str) {
    for (position, line) in remedy.lines().enumerate() {
        let label = if position == 0 {
            "  remedy: "
        } else {
            "          "
        };
        write!(text, "\n{label}{line}").expect("a String takes every text");
    }
}
