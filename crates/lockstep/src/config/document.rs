//! Reads the keys of one section of the document, each by its declaration, and reports everything else in it as unknown.
//! A section knows where it stands in the file, so every mistake has a place; no value is ever taken without its declaration.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Excerpt, Mistake, Mistakes};
use super::spelling::{distance, shown_key};
use super::{masking, quantities};

/// One key of the configuration: its name, what may stand there, and a line to copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) allowed: &'static str,
    pub(super) example: &'static str,
}

/// A value with its place and the place of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
    pub(super) key_span: Range<usize>,
}

impl<T> Placed<T> {
    pub(super) fn with<U>(self, value: U) -> Placed<U> {
        Placed {
            value,
            span: self.span,
            key_span: self.key_span,
        }
    }
}

/// One table of the document while it is being read.
pub(super) struct Section<'doc> {
    path: String,
    span: Range<usize>,
    entries: &'doc DeTable<'doc>,
    known: Vec<Key>,
    mistakes: &'doc Mistakes,
}

impl<'doc> Section<'doc> {
    pub(super) fn root(
        document: &'doc Spanned<DeTable<'doc>>,
        end: usize,
        mistakes: &'doc Mistakes,
    ) -> Self {
        Self {
            path: String::new(),
            span: end..end,
            entries: document.get_ref(),
            known: Vec::new(),
            mistakes,
        }
    }

    pub(super) fn mistakes(&self) -> &'doc Mistakes {
        self.mistakes
    }

    /// The key's whole path.
    pub(super) fn path_of(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => shown_key(name),
            path => format!("{path}.{}", shown_key(name)),
        }
    }

    pub(super) fn section(&mut self, key: Key) -> Option<Section<'doc>> {
        let entry = self.take(key)?;
        self.as_section(key.name, entry, key)
    }

    /// All sections under a key whose names the user chose.
    pub(super) fn named_sections(&mut self, key: Key) -> Vec<(Placed<String>, Section<'doc>)> {
        let Some(parent) = self.section(key) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, value) in parent.entries {
            let entry = Placed {
                value,
                span: value.span(),
                key_span: name.span(),
            };
            if let Some(section) = parent.as_section(name.get_ref(), entry, key) {
                sections.push((
                    Placed {
                        value: name.get_ref().to_string(),
                        span: name.span(),
                        key_span: name.span(),
                    },
                    section,
                ));
            }
        }
        sections
    }

    pub(super) fn text(&mut self, key: Key) -> Option<Placed<String>> {
        let entry = self.take(key)?;
        match entry.value.get_ref() {
            DeValue::String(text) => {
                let text = text.to_string();
                Some(entry.with(text))
            }
            other => self.wrong_kind(key, &entry, "a string", other),
        }
    }

    /// A text that `parse` understands; its error completes a sentence about the value.
    pub(super) fn parsed<T>(
        &mut self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let text = self.text(key)?;
        match parse(&text.value) {
            Ok(value) => Some(text.with(value)),
            Err(reason) => {
                self.wrong_value(key, text.span, reason);
                None
            }
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, key: Key, words: &[(&str, T)]) -> Option<Placed<T>> {
        self.parsed(key, |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("{text:?} is none of its words"))
        })
    }

    pub(super) fn boolean(&mut self, key: Key) -> Option<Placed<bool>> {
        let entry = self.take(key)?;
        match entry.value.get_ref() {
            DeValue::Boolean(value) => {
                let value = *value;
                Some(entry.with(value))
            }
            other => self.wrong_kind(key, &entry, "true or false", other),
        }
    }

    pub(super) fn integer(&mut self, key: Key, range: RangeInclusive<u64>) -> Option<Placed<u64>> {
        let entry = self.take(key)?;
        match entry.value.get_ref() {
            DeValue::Integer(number) => {
                match u64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(value) if range.contains(&value) => Some(entry.with(value)),
                    Ok(_) | Err(_) => {
                        let reason =
                            format!("{number} is not from {} to {}", range.start(), range.end());
                        self.wrong_value(key, entry.span, reason);
                        None
                    }
                }
            }
            other => self.wrong_kind(key, &entry, "a whole number", other),
        }
    }

    pub(super) fn bytes(&mut self, key: Key, range: RangeInclusive<u64>) -> Option<Placed<u64>> {
        self.parsed(key, |text| match quantities::parse_bytes(text) {
            Some(bytes) if range.contains(&bytes) => Ok(bytes),
            Some(_) => Err(format!(
                "{text:?} is not from {} to {}",
                quantities::show_bytes(*range.start()),
                quantities::show_bytes(*range.end()),
            )),
            None => Err(format!("{text:?} is not a size")),
        })
    }

    pub(super) fn duration(
        &mut self,
        key: Key,
        range: RangeInclusive<Duration>,
    ) -> Option<Placed<Duration>> {
        self.parsed(key, |text| match quantities::parse_duration(text) {
            Some(duration) if range.contains(&duration) => Ok(duration),
            Some(_) => Err(format!(
                "{text:?} is not from {} to {}",
                quantities::show_duration(*range.start()),
                quantities::show_duration(*range.end()),
            )),
            None => Err(format!("{text:?} is not a span of time")),
        })
    }

    /// A list of texts, of which at least one.
    pub(super) fn texts(&mut self, key: Key) -> Option<Placed<Vec<Placed<String>>>> {
        let entry = self.take(key)?;
        let DeValue::Array(items) = entry.value.get_ref() else {
            return self.wrong_kind(key, &entry, "a list of strings", entry.value.get_ref());
        };
        if items.is_empty() {
            self.wrong_value(key, entry.span, "the list is empty".into());
            return None;
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => {
                    texts.push(Placed {
                        value: text.to_string(),
                        span: item.span(),
                        key_span: entry.key_span.clone(),
                    });
                }
                other => {
                    let reason =
                        format!("a list of strings is expected, and here is {}", kind(other));
                    self.wrong_value(key, item.span(), reason);
                }
            }
        }
        (texts.len() == items.len()).then(|| entry.with(texts))
    }

    /// Reports the key as missing where nothing stands in its place.
    pub(super) fn require<T>(&self, key: Key, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            let message = "is missing".to_string();
            let excerpt = if self.span.is_empty() {
                Excerpt::Nothing
            } else {
                Excerpt::Line
            };
            self.add("LS1004", key, self.span.clone(), message, excerpt);
        }
        value
    }

    pub(super) fn has(&self, key: Key) -> bool {
        self.entries.keys().any(|name| name.get_ref() == key.name)
    }

    pub(super) fn wrong_value(&self, key: Key, span: Range<usize>, reason: String) {
        self.add("LS1005", key, span, reason, Excerpt::Line);
    }

    pub(super) fn contradiction(&self, key: Key, span: Range<usize>, reason: String) {
        self.add("LS1006", key, span, reason, Excerpt::Line);
    }

    pub(super) fn add(
        &self,
        code: &'static str,
        key: Key,
        span: Range<usize>,
        message: String,
        excerpt: Excerpt,
    ) {
        self.mistakes.add(Mistake {
            code,
            span,
            key: self.path_of(key.name),
            message,
            allowed: key.allowed.to_string(),
            example: key.example.to_string(),
            excerpt,
        });
    }

    /// Refuses what nobody asked for. The last thing done with a section.
    pub(super) fn finish(self) {
        for name in self.entries.keys() {
            let text = name.get_ref().as_ref();
            if self.known.iter().any(|key| key.name == text) {
                continue;
            }
            let nearest = self.known.iter().filter_map(|key| {
                let distance = distance(key.name, text);
                (distance <= 2 && distance < text.chars().count()).then_some((distance, key))
            });
            let nearest = nearest
                .min_by_key(|(distance, _)| *distance)
                .map(|(_, key)| key);
            let secret = self.known.iter().find(|key| key.name == "password_env");
            let (message, example) = match (nearest, secret) {
                (_, Some(key)) if masking::names_a_secret(text) => {
                    ("is not a key: a password does not stand in a key of its own, but in an environment variable or a file".into(), key.example)
                }
                (Some(key), _) => (format!("is not a key; did you mean {}?", key.name), key.example),
                (None, _) => ("is not a key".into(), self.known.first().map_or("", |key| key.example)),
            };
            let names: Vec<_> = self.known.iter().map(|key| key.name).collect();
            self.mistakes.add(Mistake {
                code: "LS1003",
                span: name.span(),
                key: self.path_of(text),
                message,
                allowed: names.join(", "),
                example: example.to_string(),
                excerpt: Excerpt::Key,
            });
        }
    }

    fn take(&mut self, key: Key) -> Option<Placed<&'doc Spanned<DeValue<'doc>>>> {
        self.known.push(key);
        let (name, value) = self
            .entries
            .iter()
            .find(|(name, _)| name.get_ref() == key.name)?;
        Some(Placed {
            value,
            span: value.span(),
            key_span: name.span(),
        })
    }

    fn as_section(
        &self,
        name: &str,
        entry: Placed<&'doc Spanned<DeValue<'doc>>>,
        key: Key,
    ) -> Option<Section<'doc>> {
        match entry.value.get_ref() {
            DeValue::Table(entries) => Some(Section {
                path: self.path_of(name),
                span: entry.span,
                entries,
                known: Vec::new(),
                mistakes: self.mistakes,
            }),
            other => {
                self.mistakes.add(Mistake {
                    code: "LS1005",
                    span: entry.span,
                    key: self.path_of(name),
                    message: format!("a section is expected, and here is {}", kind(other)),
                    allowed: key.allowed.to_string(),
                    example: key.example.to_string(),
                    excerpt: Excerpt::Line,
                });
                None
            }
        }
    }

    fn wrong_kind<T>(
        &self,
        key: Key,
        entry: &Placed<&Spanned<DeValue<'_>>>,
        expected: &str,
        found: &DeValue<'_>,
    ) -> Option<T> {
        self.wrong_value(
            key,
            entry.span.clone(),
            format!("{expected} is expected, and here is {}", kind(found)),
        );
        None
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
