//! One mistake of the configuration, and the list that gathers them while the file is read.
//! Reading goes on after a mistake, so that a person mends a file once and not once a line.

use std::cell::RefCell;
use std::ops::Range;

/// What is wrong at one place of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub code: &'static str,
    /// Byte range of the file; empty at the file's end for something that is absent altogether.
    pub span: Range<usize>,
    /// The whole path of the key, for instance `source.url`; empty where the file is not TOML.
    pub key: String,
    pub message: String,
    pub allowed: String,
    pub example: String,
    pub excerpt: Excerpt,
}

/// How much of the file's line may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excerpt {
    /// The line, its secrets masked.
    Line,
    /// The line to the end of the key: nobody knows what the value of an unknown key is.
    Key,
    /// Nothing: there is no line, or it can't be told whether it is part of a secret.
    Nothing,
}

/// The mistakes found so far. Shared by all that read the document.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    pub(super) fn add(&self, mistake: Mistake) {
        self.0.borrow_mut().push(mistake);
    }

    /// In the order of the file.
    pub(super) fn into_sorted(self) -> Vec<Mistake> {
        let mut mistakes = self.0.into_inner();
        mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        mistakes
    }
}
