//! Which tables a pipeline takes: patterns `database.table` with `*` and `?`, a leading `!` leaves out, the last match wins.
//! MySQL's own databases, and the one that Lockstep keeps its marks in, are never taken, whatever a pattern says.

/// Databases that are no user data.
pub const RESERVED_DATABASES: &[&str] = &[
    "mysql",
    "sys",
    "information_schema",
    "performance_schema",
    "lockstep",
];

/// The patterns of `source.tables`, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePatterns(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    takes: bool,
    database: String,
    table: String,
}

impl TablePatterns {
    pub(super) fn new(patterns: Vec<Pattern>) -> Self {
        Self(patterns)
    }

    /// The patterns of these texts; `None` where one of them is no pattern.
    pub fn read(texts: &[String]) -> Option<Self> {
        let patterns = texts.iter().map(|text| Pattern::parse(text).ok());
        patterns.collect::<Option<_>>().map(Self)
    }

    /// Databases that a taking pattern names without a wildcard.
    pub fn databases(&self) -> Vec<String> {
        let taking = self.0.iter().filter(|pattern| pattern.takes);
        let named = taking.filter(|pattern| !pattern.database.contains(['*', '?']));
        let mut databases: Vec<String> = named.map(|pattern| pattern.database.clone()).collect();
        databases.sort();
        databases.dedup();
        databases
    }

    /// Whether the pipeline takes this table.
    pub fn takes(&self, database: &str, table: &str) -> bool {
        if RESERVED_DATABASES.contains(&database) {
            return false;
        }
        self.0
            .iter()
            .rev()
            .find(|pattern| matches(&pattern.database, database) && matches(&pattern.table, table))
            .is_some_and(|pattern| pattern.takes)
    }
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (takes, name) = match text.strip_prefix('!') {
            Some(name) => (false, name),
            None => (true, text),
        };
        let (database, table) = name
            .split_once('.')
            .filter(|(database, table)| !database.is_empty() && !table.is_empty())
            .ok_or_else(|| format!("{text:?} is not of the form database.table"))?;
        if takes && RESERVED_DATABASES.contains(&database) {
            return Err(format!(
                "the database {database:?} is the server's own and can't be moved"
            ));
        }
        Ok(Self {
            takes,
            database: database.to_string(),
            table: table.to_string(),
        })
    }

    pub(super) fn takes(&self) -> bool {
        self.takes
    }
}

/// Whether `text` is what `pattern` says; linear in memory and at worst quadratic in time.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(expected) if *expected == '?' || *expected == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            Some(_) | None => match star {
                Some((star_pattern, star_text)) => {
                    star = Some((star_pattern, star_text + 1));
                    at_pattern = star_pattern + 1;
                    at_text = star_text + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> TablePatterns {
        TablePatterns::new(
            texts
                .iter()
                .map(|text| Pattern::parse(text).unwrap())
                .collect(),
        )
    }

    #[test]
    fn the_last_match_wins() {
        let patterns = patterns(&["shop.*", "!shop.scratch_*", "shop.scratch_keep"]);
        for (table, taken) in [
            ("orders", true),
            ("scratch_1", false),
            ("scratch_keep", true),
            ("scratch", true),
        ] {
            assert_eq!(patterns.takes("shop", table), taken, "{table}");
        }
        assert!(!patterns.takes("shop2", "orders"));
        assert!(!patterns.takes("SHOP", "orders"));
    }

    #[test]
    fn stars_and_question_marks_stand_for_what_they_should() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbX", false),
            ("?", "ä", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("**", "x", true),
            ("", "x", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_servers_own_databases_are_never_taken() {
        let all = patterns(&["*.*"]);
        assert!(all.takes("shop", "orders"));
        for database in RESERVED_DATABASES {
            assert!(!all.takes(database, "user"), "{database}");
        }
        assert!(Pattern::parse("mysql.user").is_err());
        assert!(Pattern::parse("!mysql.*").is_ok());
        for wrong in ["", "shop", ".x", "shop.", "!"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
