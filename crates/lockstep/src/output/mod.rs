//! Everything that reaches stdout and stderr: answers and progress on stdout, failures on stderr, or JSON lines on stdout for all of it.
//! A reader that went away, as in `lockstep status | head -1`, is no error.

mod bars;
mod changes;
mod columns;
mod lines;
mod plan;
mod quarantine;
mod reporter;
mod snapshot;
mod status;
#[cfg(test)]
mod tests;
mod text;
pub mod words;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use change::QuarantineRecord;
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::plan::Plan;

pub use changes::ChangePrinter;
pub use reporter::Reporter;
pub use snapshot::{
    Family, LastError, Side, Snapshot, SourceHead, SourcePosition, TableProgress, TableState,
};

const CLEAR_SCREEN: &str = "\x1b[2J\x1b[H";

/// Where and how a command speaks.
#[derive(Clone)]
pub struct Output {
    json: bool,
    quiet: bool,
    terminal: bool,
    bars: MultiProgress,
}

impl Output {
    pub fn new(json: bool, quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        let terminal = std::io::stdout().is_terminal() && !dumb;
        let target = if terminal && !json && !quiet {
            ProgressDrawTarget::stdout()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            json,
            quiet,
            terminal,
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// The screen that the log has to share.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// What was asked for: printed even with `-q`.
    pub fn answer(&self, value: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            print_json(value)
        } else {
            print_line(&text())
        }
    }

    /// Findings, the worst first.
    pub fn findings(&self, findings: &[flow::Finding]) {
        let mut sorted: Vec<&flow::Finding> = findings.iter().collect();
        sorted.sort_by_key(|finding| finding.severity);
        for finding in &sorted {
            self.answer(&text::finding_json(finding), || text::finding(finding));
        }
        if !self.json {
            print_line(&text::verdict(&sorted));
        }
    }

    pub fn status(&self, snapshot: &Snapshot, again: bool) {
        let clear = if again && self.terminal {
            CLEAR_SCREEN
        } else {
            ""
        };
        self.answer(snapshot, || format!("{clear}{}", status::render(snapshot)));
    }

    /// What a run would do: a JSON line for each table and one for the whole, or a page of text.
    pub fn plan(&self, plan: &Plan) {
        if self.json {
            for table in &plan.tables {
                let mut line = json!({ "event": "table" });
                merge(&mut line, table);
                print_json(&line);
            }
            let mut line = json!({ "event": "plan" });
            merge(&mut line, plan);
            print_json(&line);
        } else {
            print_line(&plan::render(plan, self.width()));
        }
    }

    /// The width of the screen in characters, or a usual one.
    fn width(&self) -> usize {
        let screen = terminal_size::terminal_size().filter(|_| self.terminal);
        screen.map_or(plan::USUAL_WIDTH, |(width, _)| usize::from(width.0))
    }

    /// Rows in quarantine: a JSON line for each, or two lines of text and a sum.
    pub fn quarantine(&self, records: &[Arc<QuarantineRecord>]) {
        if self.json {
            for record in records {
                print_json(&quarantine::as_json(record, false));
            }
            return;
        }
        for record in records {
            print_line(&quarantine::line(record));
        }
        print_line(&match records.len() {
            0 => "Nothing is in quarantine.".to_owned(),
            rows => format!("In quarantine: {}.", words::rows(rows as u64)),
        });
    }

    /// One row in quarantine with all that is known of it.
    pub fn quarantined(&self, record: &QuarantineRecord) {
        self.answer(&quarantine::as_json(record, true), || {
            quarantine::page(record)
        });
    }

    pub fn topics(&self, listed: &[kafka::TopicListing]) {
        if self.json {
            listed
                .iter()
                .for_each(|topic| print_json(&changes::topic_json(topic)));
        } else {
            print_line(&changes::topics(listed, self.width()));
        }
    }

    /// A change of a topic, at once.
    pub fn change(&self, printer: &mut ChangePrinter, change: &change::Change) {
        if self.json {
            printer.json(change).iter().for_each(print_json);
            return;
        }
        let colours = match self.terminal {
            true => changes::Colours::Ansi,
            false => changes::Colours::None,
        };
        print_line(&changes::line(change, colours));
    }

    /// A sentence about what happens now.
    pub fn note(&self, event: &str, text: &str) {
        if self.json {
            print_json(&json!({ "event": event, "message": text }));
        } else if !self.quiet {
            self.bars.suspend(|| print_line(text));
        }
    }

    /// The last words of a run, with the command that goes on from here.
    pub fn end(&self, reason: &str, text: &str, resume: &str, kept_back: u64) {
        if self.json {
            print_json(
                &json!({ "event": "end", "reason": reason, "message": text, "resume": resume, "quarantine": kept_back }),
            );
            return;
        }
        if !self.quiet {
            print_line(&format!("{text}\nGo on with: {resume}"));
        }
        if kept_back > 0 {
            let rows = words::rows(kept_back);
            let warning = format!(
                "warning: {rows} in quarantine: their documents are not what MySQL holds\n  \
                 remedy: look at them with `lockstep quarantine list`"
            );
            print_to(std::io::stderr().lock(), &warning);
        }
    }

    pub fn failure(&self, failure: &Failure) {
        if self.json {
            let mut line = json!({ "event": "error", "exit": failure.status.number() });
            merge(&mut line, failure);
            print_json(&line);
        } else {
            self.bars
                .suspend(|| print_to(std::io::stderr().lock(), &text::failure(failure)));
        }
    }

    /// For one run.
    pub fn reporter(&self) -> Reporter {
        match (self.json, self.quiet, self.terminal) {
            (true, _, _) => Reporter::json(),
            (false, true, _) => Reporter::silent(),
            (false, false, true) => Reporter::bars(self.bars.clone()),
            (false, false, false) => Reporter::lines(),
        }
    }
}

fn print_line(text: &str) {
    print_to(std::io::stdout().lock(), text);
}

fn print_json(value: &impl Serialize) {
    let line = serde_json::to_string(value).expect("what is printed has text as its keys");
    print_line(&line);
}

/// A reader that is gone has said that it wants no more.
fn print_to(mut stream: impl Write, text: &str) {
    let written = writeln!(stream, "{text}").and_then(|()| stream.flush());
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        tracing::warn!(%error, "the output can't be written");
    }
}

/// Adds the fields of `value` to the object `line`.
fn merge(line: &mut Value, value: &impl Serialize) {
    let fields = serde_json::to_value(value).expect("what is printed has text as its keys");
    if let (Value::Object(line), Value::Object(fields)) = (line, fields) {
        line.extend(fields);
    }
}
