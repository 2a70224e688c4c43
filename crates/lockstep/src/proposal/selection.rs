//! Which tables the file takes, and which databases of the target they go to.
//! Patterns are checked against the tables that were found: a pattern that leaves one table out must not take another one with it.

use change::TableName;

use super::FoundTable;
use crate::config::TablePatterns;

/// The one database that all tables go to, where MySQL's names can't be kept.
#[derive(Debug, Clone)]
pub(super) struct TargetDatabase {
    pub(super) name: String,
    pub(super) reason: String,
}

/// What MongoDB doesn't take in the name of a database.
const FORBIDDEN: &[char] = &[
    '/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0',
];
const LONGEST_DATABASE: usize = 63;
const CONTROL_DATABASE: &str = "lockstep";
const OTHER_CONTROL_DATABASE: &str = "lockstep_control";

/// Where a name can't be kept, or two differ in case alone, all tables go to one database.
pub(super) fn target_database(tables: &[FoundTable]) -> Option<TargetDatabase> {
    let databases = databases(tables);
    let unfit = databases.iter().find(|name| !is_fit(name));
    let twin = databases.iter().enumerate().find_map(|(position, name)| {
        let others = &databases[position + 1..];
        others
            .iter()
            .any(|other| other.to_lowercase() == name.to_lowercase())
            .then_some(name)
    });
    let reason = match (unfit, twin) {
        (Some(name), _) => format!("MongoDB can't have a database named {name:?}"),
        (None, Some(name)) => format!(
            "two databases are called {name:?} but for the case of letters, which MongoDB refuses"
        ),
        (None, None) => return None,
    };
    let first = databases.first().copied().unwrap_or_default();
    Some(TargetDatabase {
        name: fitted(first),
        reason,
    })
}

/// Another control database than the default, where a database of the tables is called like it.
pub(super) fn control_database(
    target: Option<&str>,
    tables: &[FoundTable],
) -> Option<&'static str> {
    let databases = match target {
        Some(target) => vec![target],
        None => databases(tables),
    };
    databases
        .iter()
        .any(|name| name.eq_ignore_ascii_case(CONTROL_DATABASE))
        .then_some(OTHER_CONTROL_DATABASE)
}

/// The name of the pipeline: that of the only database, as far as it can be one.
pub(super) fn pipeline(tables: &[&TableName]) -> String {
    const LONGEST: usize = 40;
    let mut databases: Vec<&str> = tables.iter().map(|table| &*table.database).collect();
    databases.dedup();
    let name: String = match databases.as_slice() {
        [database] => database.to_ascii_lowercase(),
        _ => "migration".to_owned(),
    }
    .chars()
    .map(|character| {
        if character.is_ascii_lowercase() || character.is_ascii_digit() {
            character
        } else {
            '-'
        }
    })
    .take(LONGEST)
    .collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "migration".to_owned()
    } else {
        name.to_owned()
    }
}

/// Patterns that take exactly the tables that are to be taken, of those that were found; asked-for
/// patterns come first.
pub(super) fn patterns(asked: &[String], found: &[(&TableName, bool)]) -> Vec<String> {
    let mut patterns: Vec<String> = asked.to_vec();
    if patterns.is_empty() {
        let taken = found.iter().filter(|(_, taken)| *taken);
        patterns = taken
            .map(|(table, _)| format!("{}.*", database_pattern(&table.database)))
            .collect();
        patterns.dedup();
    }
    // Leaving out may leave out too much, where a name has a character that stands for others.
    for wanted in [false, true] {
        for (table, taken) in found {
            let now = TablePatterns::read(&patterns)
                .is_some_and(|patterns| patterns.takes(&table.database, &table.table));
            if *taken == wanted && now != wanted {
                let mark = if wanted { "" } else { "!" };
                patterns.push(format!(
                    "{mark}{}.{}",
                    database_pattern(&table.database),
                    table.table
                ));
            }
        }
    }
    patterns
}

/// The database in a pattern, where a dot ends it and a leading ! turns it round.
fn database_pattern(name: &str) -> String {
    let dotless = name.replace('.', "?");
    match dotless.strip_prefix('!') {
        Some(rest) => format!("?{rest}"),
        None => dotless,
    }
}

fn databases(tables: &[FoundTable]) -> Vec<&str> {
    let mut databases: Vec<&str> = tables.iter().map(|table| &*table.name.database).collect();
    databases.sort_unstable();
    databases.dedup();
    databases
}

fn is_fit(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_DATABASE
        && !name.contains(FORBIDDEN)
        && !matches!(name, "admin" | "config" | "local")
}

fn fitted(name: &str) -> String {
    let mut fitted = String::new();
    for character in name.chars() {
        let fit = if FORBIDDEN.contains(&character) {
            '_'
        } else {
            character
        };
        if fitted.len() + fit.len_utf8() > LONGEST_DATABASE {
            break;
        }
        fitted.push(fit);
    }
    if is_fit(&fitted) {
        fitted
    } else {
        format!("{fitted}_mysql")
    }
}
