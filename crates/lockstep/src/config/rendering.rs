//! Turns mistakes into what a person reads: place, sentence, the line with a mark under it, what is allowed, an example.
//! Plain text that is the same on a terminal and in a pipe; every line of the file passes the masking first.

use std::fmt;
use std::path::Path;

use super::masking::MaskedLine;
use super::mistake::{Excerpt, Mistake};

/// A mistake that is ready to be shown: no part of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RenderedMistake {
    pub code: &'static str,
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub key: String,
    pub message: String,
    pub allowed: String,
    pub example: String,
    /// The line as far as it may be shown.
    pub text: Option<String>,
    /// What stands under the line to point at the place.
    #[serde(skip)]
    marks: String,
}

impl RenderedMistake {
    pub(super) fn new(path: &Path, text: &str, mistake: &Mistake) -> Self {
        let start = mistake.span.start.min(text.len());
        let end = mistake.span.end.min(text.len());
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..]
            .find('\n')
            .map_or(text.len(), |newline| start + newline);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let from = (start - line_start).min(line.len());
        let to = (end - line_start).clamp(from, line.len());
        let excerpt = match mistake.excerpt {
            Excerpt::Line => Some(marked(&MaskedLine::new(line), from, to, "")),
            Excerpt::Key => Some(marked(&MaskedLine::new(&line[..to]), from, to, " …")),
            Excerpt::Nothing => None,
        };
        let (text_shown, marks) = excerpt.unzip();
        Self {
            code: mistake.code,
            file: path.display().to_string(),
            line: text[..start].matches('\n').count() + 1,
            column: line[..from].chars().count() + 1,
            key: mistake.key.clone(),
            message: mistake.message.clone(),
            allowed: mistake.allowed.clone(),
            example: mistake.example.clone(),
            text: text_shown,
            marks: marks.unwrap_or_default(),
        }
    }
}

/// The line, and the marks that stand under a part of it.
fn marked(line: &MaskedLine, from: usize, to: usize, rest: &str) -> (String, String) {
    let (from, to) = (line.offset(from), line.offset(to));
    let before: String = line.text[..from]
        .chars()
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect();
    let width = line.text[from..to].chars().count().max(1);
    (
        format!("{}{rest}", line.text),
        format!("{before}{}", "^".repeat(width)),
    )
}

impl fmt::Display for RenderedMistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            file,
            line,
            column,
            key,
            message,
            allowed,
            example,
            text,
            marks,
        } = self;
        write!(formatter, "{file}:{line}:{column}: ")?;
        if !key.is_empty() {
            write!(formatter, "{key}: ")?;
        }
        writeln!(formatter, "{message} [{code}]")?;
        if let Some(text) = text {
            let number = line.to_string();
            writeln!(formatter, "  {number} | {text}")?;
            writeln!(formatter, "  {} | {marks}", " ".repeat(number.len()))?;
        }
        if !allowed.is_empty() {
            writeln!(formatter, "  allowed: {allowed}")?;
        }
        for (position, line) in example.lines().enumerate() {
            let label = if position == 0 {
                "  example: "
            } else {
                "           "
            };
            writeln!(formatter, "{label}{line}")?;
        }
        Ok(())
    }
}

/// Where the file is not TOML, some of what was read is not what was meant: only the mistakes that are certain stay.
pub(super) fn with_syntax_errors(
    text: &str,
    mistakes: Vec<Mistake>,
    broken: &[toml::de::Error],
) -> Vec<Mistake> {
    let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count();
    // A line inside a string of several lines may be all secret, and nothing on it would tell.
    let may_show = !text.contains("\"\"\"") && !text.contains("'''");
    let mut all: Vec<Mistake> = broken
        .iter()
        .map(|error| Mistake {
            code: "LS1002",
            span: error.span().unwrap_or(text.len()..text.len()),
            key: String::new(),
            message: format!("this is not TOML: {}", error.message()),
            allowed: String::new(),
            example: "key = \"value\"".to_string(),
            excerpt: if may_show {
                Excerpt::Line
            } else {
                Excerpt::Nothing
            },
        })
        .collect();
    let mut lines: Vec<usize> = Vec::new();
    all.retain(|mistake| {
        let line = line_of(mistake.span.start);
        let first_of_line = !lines.contains(&line);
        lines.push(line);
        first_of_line
    });
    let certain = |mistake: &Mistake| {
        mistake.code != "LS1004" && !lines.contains(&line_of(mistake.span.start))
    };
    all.extend(mistakes.into_iter().filter(certain));
    all.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    all
}
