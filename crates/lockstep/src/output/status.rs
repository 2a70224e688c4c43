//! `status` as text: where both ends stand, and a line for each table.

use super::snapshot::{Side, Snapshot};
use super::words;

pub(super) fn render(snapshot: &Snapshot) -> String {
    let running = running(snapshot);
    let torn = if snapshot.torn {
        ", inside an oversized transaction"
    } else {
        ""
    };
    let mut lines = vec![
        format!(
            "{}: {running}{torn}; {}",
            snapshot.pipeline,
            words::states(snapshot)
        ),
        format!("  capture  {}", side(&snapshot.capture)),
        format!("  apply    {}", side(&snapshot.apply)),
    ];
    let widest = snapshot
        .tables
        .keys()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, table) in &snapshot.tables {
        let reason = table
            .reason
            .as_ref()
            .map(|reason| format!("  {reason}"))
            .unwrap_or_default();
        let kept_back = match table.quarantined {
            0 => String::new(),
            rows => format!(", {} in quarantine", words::count(rows)),
        };
        let pace = words::pace(table);
        lines.push(format!(
            "  {name:widest$}  {:9}  {}{pace}{kept_back}{reason}",
            table.state.word(),
            words::copied(table)
        ));
    }
    if snapshot.quarantine > 0 {
        lines.push(format!(
            "  quarantine: {} (lockstep quarantine list)",
            words::rows(snapshot.quarantine)
        ));
    }
    if let Some(error) = &snapshot.last_error {
        lines.push(format!("  last error: {} [{}]", error.message, error.code));
    }
    lines.join("\n")
}

/// One word where one process does all of it; else each half by its name.
fn running(snapshot: &Snapshot) -> String {
    let word = |running| if running { "running" } else { "not running" };
    let halves: Vec<String> = ["capture", "sink"]
        .iter()
        .filter_map(|half| Some(format!("{half} {}", word(*snapshot.parts.get(*half)?))))
        .collect();
    if halves.is_empty() {
        return word(snapshot.running).to_owned();
    }
    halves.join(", ")
}

fn side(side: &Side) -> String {
    match &side.position {
        Some(position) => format!(
            "{}:{}, {}",
            position.file,
            position.offset,
            words::lag(side)
        ),
        None => "no position yet".into(),
    }
}
