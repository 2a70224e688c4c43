//! Progress as plain lines, for pipes and log files: at once when a table's state changes, every few seconds else.
//! Which lines are due depends only on the picture and the time handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::snapshot::{Snapshot, TableState};
use super::words;

const SUMMARY_EVERY: Duration = Duration::from_secs(5);
/// Lines about single tables in one summary, so that thousands of tables stay readable.
const TABLES_AT_ONCE: usize = 8;

/// Remembers what was said.
#[derive(Debug, Default)]
pub(super) struct Lines {
    states: BTreeMap<String, TableState>,
    last_summary: Option<Duration>,
}

impl Lines {
    /// What is to be printed of this picture, `at` this time since the start.
    pub(super) fn due(&mut self, snapshot: &Snapshot, at: Duration) -> Vec<String> {
        let mut lines = self.changes(snapshot);
        let due = self
            .last_summary
            .is_none_or(|last| at >= last + SUMMARY_EVERY);
        if due && !snapshot.tables.is_empty() {
            self.last_summary = Some(at);
            lines.extend(summary(snapshot));
        }
        lines
    }

    /// The last words, whatever the time.
    pub(super) fn last(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let mut lines = self.changes(snapshot);
        if !snapshot.tables.is_empty() {
            lines.extend(summary(snapshot));
        }
        lines
    }

    /// One line for each table whose state is another than before.
    pub(super) fn changes(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, table) in &snapshot.tables {
            if self.states.get(name) == Some(&table.state) {
                continue;
            }
            self.states.insert(name.clone(), table.state);
            let state = table.state.word();
            lines.push(match (table.state, &table.reason) {
                (_, Some(reason)) => format!("{name}: {state}: {reason}"),
                (TableState::Following, None) if table.rows_copied > 0 => {
                    format!(
                        "{name}: {state}, {} rows copied",
                        words::count(table.rows_copied)
                    )
                }
                (_, None) => format!("{name}: {state}"),
            });
        }
        let gone: Vec<String> = self
            .states
            .keys()
            .filter(|name| !snapshot.tables.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.states.remove(&name);
            lines.push(format!("{name}: gone"));
        }
        lines
    }
}

fn summary(snapshot: &Snapshot) -> Vec<String> {
    let moving = |state| snapshot.in_state(state);
    let mut lines: Vec<String> = moving(TableState::Copying)
        .chain(moving(TableState::Recopy))
        .filter(|(_, table)| table.rows_copied > 0)
        .take(TABLES_AT_ONCE)
        .map(|(name, table)| {
            format!(
                "{name}: {}, {}{}",
                table.state.word(),
                words::copied(table),
                words::pace(table)
            )
        })
        .collect();
    lines.push(format!(
        "{}: {}; {}",
        snapshot.pipeline,
        words::states(snapshot),
        words::lag(&snapshot.apply)
    ));
    lines
}
