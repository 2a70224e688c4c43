//! One run's progress in the form that suits where it goes: bars, plain lines, JSON lines or nothing.

use std::time::Duration;

use indicatif::MultiProgress;
use serde_json::json;

use super::bars::Bars;
use super::lines::Lines;
use super::snapshot::Snapshot;

/// A picture as a JSON line this often.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Shows the pictures of one run.
pub struct Reporter(Form);

enum Form {
    Bars(Bars),
    Lines(Lines),
    Json { last: Option<Duration> },
    Silent,
}

impl Reporter {
    pub(super) fn bars(screen: MultiProgress) -> Self {
        Self(Form::Bars(Bars::new(screen)))
    }

    pub(super) fn lines() -> Self {
        Self(Form::Lines(Lines::default()))
    }

    pub(super) fn json() -> Self {
        Self(Form::Json { last: None })
    }

    pub(super) fn silent() -> Self {
        Self(Form::Silent)
    }

    /// A picture, `at` this time since the start; not every picture is shown.
    pub fn show(&mut self, snapshot: &Snapshot, at: Duration) {
        match &mut self.0 {
            Form::Bars(bars) => bars.show(snapshot),
            Form::Lines(lines) => lines
                .due(snapshot, at)
                .iter()
                .for_each(|line| super::print_line(line)),
            Form::Json { last } => {
                if last.is_none_or(|last| at >= last + JSON_EVERY) {
                    *last = Some(at);
                    print_progress(snapshot);
                }
            }
            Form::Silent => {}
        }
    }

    /// The last picture, always shown.
    pub fn finish(&mut self, snapshot: &Snapshot) {
        match &mut self.0 {
            Form::Bars(bars) => bars.finish(snapshot),
            Form::Lines(lines) => lines
                .last(snapshot)
                .iter()
                .for_each(|line| super::print_line(line)),
            Form::Json { .. } => print_progress(snapshot),
            Form::Silent => {}
        }
    }
}

fn print_progress(snapshot: &Snapshot) {
    let mut line = json!({ "event": "progress" });
    super::merge(&mut line, snapshot);
    super::print_json(&line);
}
