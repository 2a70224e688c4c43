//! Progress on a terminal: a bar for each table being copied, and a line for the whole below them.
//! Only as many bars as a screen holds; a change of state scrolls up as a line that stays.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::lines::Lines;
use super::snapshot::{Snapshot, TableProgress, TableState};
use super::words;

const BARS_AT_ONCE: usize = 12;
const LONGEST_NAME: usize = 28;

/// The bars that are on the screen.
pub(super) struct Bars {
    screen: MultiProgress,
    tables: BTreeMap<String, ProgressBar>,
    whole: Option<ProgressBar>,
    lines: Lines,
}

impl Bars {
    pub(super) fn new(screen: MultiProgress) -> Self {
        Self {
            screen,
            tables: BTreeMap::new(),
            whole: None,
            lines: Lines::default(),
        }
    }

    pub(super) fn show(&mut self, snapshot: &Snapshot) {
        for line in self.lines.changes(snapshot) {
            self.say(&line);
        }
        let copying: Vec<(&String, &TableProgress)> = snapshot
            .in_state(TableState::Copying)
            .chain(snapshot.in_state(TableState::Recopy))
            .filter(|(name, table)| table.rows_copied > 0 || self.tables.contains_key(*name))
            .take(BARS_AT_ONCE)
            .collect();
        self.tables.retain(|name, bar| {
            let stays = copying.iter().any(|(copying, _)| *copying == name);
            if !stays {
                bar.finish_and_clear();
                self.screen.remove(bar);
            }
            stays
        });
        let whole = self.whole.get_or_insert_with(|| {
            self.screen
                .add(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")))
        });
        for (name, table) in copying {
            let bar = self.tables.entry(name.clone()).or_insert_with(|| {
                let bar = ProgressBar::no_length().with_prefix(shortened(name));
                self.screen.insert_before(whole, bar)
            });
            match table.rows_total {
                Some(total) => {
                    // The total is an estimate: a bar never runs over its end.
                    bar.set_length(total.max(table.rows_copied));
                    bar.set_style(style("{prefix:28} [{bar:20}] {wide_msg}"));
                }
                None => bar.set_style(style("{prefix:28} {spinner} {wide_msg}")),
            }
            bar.set_position(table.rows_copied);
            bar.set_message(format!("{}{}", words::copied(table), words::pace(table)));
        }
        whole.set_message(format!(
            "{}: {}; {}",
            snapshot.pipeline,
            words::states(snapshot),
            words::lag(&snapshot.apply)
        ));
        whole.tick();
    }

    /// Leaves the last state on the screen as a line.
    pub(super) fn finish(&mut self, snapshot: &Snapshot) {
        for line in self.lines.changes(snapshot) {
            self.say(&line);
        }
        for bar in self.tables.values().chain(&self.whole) {
            bar.finish_and_clear();
        }
        self.say(&format!(
            "{}: {}; {}",
            snapshot.pipeline,
            words::states(snapshot),
            words::lag(&snapshot.apply)
        ));
    }

    fn say(&self, line: &str) {
        if self.screen.println(line).is_err() {
            tracing::debug!("the terminal is gone");
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are valid")
        .progress_chars("=> ")
}

/// The end of a long name tells more than its beginning.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= LONGEST_NAME {
        return name.to_string();
    }
    let tail: String = letters[letters.len() - LONGEST_NAME + 1..].iter().collect();
    format!("…{tail}")
}
