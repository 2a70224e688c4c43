//! Passwords: where the file says that they are, and which of them a command cannot do without.
//! One file serves two machines, and neither half is given a secret that it does not use. So a command says what it needs of each store's password: one that it does not use is not looked at, not even for a mistake.
//! Absence and damage are different things: a password that was never put on a machine may be on purpose, an empty variable or a file that can't be read never is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::document::{Key, Section};
use super::masking::is_plain_variable_name;
use super::mistake::Excerpt;
use super::secret::Secret;

/// Where a configuration finds what it only names. Handed in, so that tests need neither the process's environment nor its disk.
pub struct Surroundings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// What relative paths start at: the folder of the configuration file.
    pub folder: PathBuf,
}

/// What a command needs of one store's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must be where the file says.
    Required,
    /// Taken where it is there; the command can do without, and is told.
    Welcome,
    /// Not looked at.
    Unused,
}

/// What a command needs of the passwords of both stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    pub source: Need,
    pub target: Need,
}

impl Needs {
    /// Works with both stores.
    pub const BOTH: Self = Self {
        source: Need::Required,
        target: Need::Required,
    };
    /// Reads the source; the target only holds its lease and its picture.
    pub const CAPTURE: Self = Self {
        source: Need::Required,
        target: Need::Welcome,
    };
    /// Never speaks to the target.
    pub const SOURCE: Self = Self {
        source: Need::Required,
        target: Need::Unused,
    };
    /// Never speaks to the source.
    pub const TARGET: Self = Self {
        source: Need::Unused,
        target: Need::Required,
    };
    /// Speaks to the log alone.
    pub const LOG: Self = Self {
        source: Need::Unused,
        target: Need::Unused,
    };
    /// Reads the target; the source only tells how far it is ahead.
    pub const STATUS: Self = Self {
        source: Need::Welcome,
        target: Need::Required,
    };
}

/// Why a password that a command can do without is not there; no part of it is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentPassword(String);

impl fmt::Display for AbsentPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What became of a store's password.
pub(super) enum Password {
    /// The file names no place for it, it is not needed, or a mistake was told.
    Nothing,
    Found(Secret),
    Absent(AbsentPassword),
}

/// How a section names a password, and what else there is to say about it.
pub(super) struct PasswordKeys<'a> {
    pub(super) url: Key,
    pub(super) variable: Key,
    pub(super) file: Key,
    pub(super) in_url: bool,
    /// `None` where the address could not be read.
    pub(super) user: Option<Option<&'a str>>,
}

enum Lack {
    /// Nobody put it there.
    Absent(String),
    /// Something is there that can't be it.
    Damaged(String),
}

/// The password from its variable or file. What the file says wrong about it is told whatever the need.
pub(super) fn read_password(
    section: &mut Section<'_>,
    keys: &PasswordKeys<'_>,
    need: Need,
    surroundings: &Surroundings<'_>,
) -> Password {
    let variable = section.text(keys.variable);
    let file = section.text(keys.file);
    let places = [
        (keys.in_url, keys.url),
        (variable.is_some(), keys.variable),
        (file.is_some(), keys.file),
    ];
    let used: Vec<Key> = places
        .iter()
        .filter(|(used, _)| *used)
        .map(|(_, key)| *key)
        .collect();
    if let [first, .., last] = used[..] {
        let span = if last.name == keys.variable.name {
            variable.as_ref()
        } else {
            file.as_ref()
        };
        let span = span.map(|place| place.key_span.clone()).unwrap_or_default();
        let reason = format!(
            "contradicts {}: the password is given twice",
            section.path_of(first.name)
        );
        section.contradiction(last, span, reason);
        return Password::Nothing;
    }
    let Some(place) = variable.as_ref().or(file.as_ref()) else {
        return Password::Nothing;
    };
    let key = if variable.is_some() {
        keys.variable
    } else {
        keys.file
    };
    if keys.user == Some(None) {
        let reason = format!(
            "contradicts {}: it names no user whose password this is",
            section.path_of(keys.url.name)
        );
        section.contradiction(key, place.key_span.clone(), reason);
        return Password::Nothing;
    }
    if need == Need::Unused {
        return Password::Nothing;
    }
    let found = if variable.is_some() {
        password_of_variable(&place.value, surroundings)
    } else {
        password_of_file(&place.value, surroundings)
    };
    match found {
        Ok(secret) => Password::Found(secret),
        Err(Lack::Absent(reason)) if need == Need::Welcome => Password::Absent(AbsentPassword(
            format!("{}: {reason}", section.path_of(key.name)),
        )),
        Err(Lack::Absent(reason) | Lack::Damaged(reason)) => {
            section.add("LS1007", key, place.span.clone(), reason, Excerpt::Line);
            Password::Nothing
        }
    }
}

fn password_of_variable(name: &str, surroundings: &Surroundings<'_>) -> Result<Secret, Lack> {
    // What does not look like a variable may be the password itself, and stays unsaid.
    let shown = if is_plain_variable_name(name) {
        format!(" {name}")
    } else {
        String::new()
    };
    match (surroundings.variable)(name) {
        Some(value) if value.is_empty() => Err(Lack::Damaged(format!(
            "the environment variable{shown} is empty"
        ))),
        Some(value) => Ok(Secret::new(value)),
        None => Err(Lack::Absent(format!(
            "the environment variable{shown} is not set"
        ))),
    }
}

fn password_of_file(path: &str, surroundings: &Surroundings<'_>) -> Result<Secret, Lack> {
    let content = (surroundings.file)(&surroundings.folder.join(path)).map_err(|error| {
        let reason = format!(
            "the file {path:?} can't be read: {}",
            super::file_reason(&error)
        );
        match error.kind() {
            io::ErrorKind::NotFound => Lack::Absent(reason),
            _ => Lack::Damaged(reason),
        }
    })?;
    let password = content.strip_suffix('\n').unwrap_or(&content);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Lack::Damaged(format!("the file {path:?} is empty")));
    }
    Ok(Secret::new(password))
}
