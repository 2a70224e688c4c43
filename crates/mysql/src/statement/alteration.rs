//! What ALTER TABLE, RENAME TABLE, CREATE INDEX and DROP INDEX do to a table's rows (Reference
//! Manual, "ALTER TABLE Statement").
//!
//! An ALTER is a list of clauses, each told by its first words; the strongest meaning among them is
//! the statement's. A clause that is not known means that anything may have become of the rows.

use super::token::Token;
use super::{Reader, Statement};
use change::{Alteration, TableName};

/// Words that begin an option of the table, its partitions or the way that it is altered; none of
/// them changes a row, the engine's name excepted.
const OPTIONS: &[&str] = &[
    "ALGORITHM",
    "ANALYZE",
    "AUTOEXTEND_SIZE",
    "AUTO_INCREMENT",
    "AVG_ROW_LENGTH",
    "CHARACTER",
    "CHARSET",
    "CHECK",
    "CHECKSUM",
    "COALESCE",
    "COLLATE",
    "COMMENT",
    "COMPRESSION",
    "CONNECTION",
    "DATA",
    "DEFAULT",
    "DELAY_KEY_WRITE",
    "DISABLE",
    "ENABLE",
    "ENCRYPTION",
    "ENGINE",
    "ENGINE_ATTRIBUTE",
    "FORCE",
    "INDEX",
    "KEY_BLOCK_SIZE",
    "LOCK",
    "MAX_ROWS",
    "MIN_ROWS",
    "OPTIMIZE",
    "ORDER",
    "PACK_KEYS",
    "PARTITION",
    "REBUILD",
    "REMOVE",
    "REORGANIZE",
    "REPAIR",
    "ROW_FORMAT",
    "SECONDARY_ENGINE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "SECONDARY_LOAD",
    "SECONDARY_UNLOAD",
    "STATS_AUTO_RECALC",
    "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES",
    "STORAGE",
    "TABLESPACE",
    "UPGRADE",
    "WITH",
    "WITHOUT",
];

/// Engines that keep all rows of a table that is moved to them.
const ENGINES: &[&str] = &[
    "ARCHIVE",
    "ARIA",
    "INNODB",
    "MEMORY",
    "MYISAM",
    "NDB",
    "NDBCLUSTER",
    "ROCKSDB",
];

impl Reader<'_> {
    /// After ALTER.
    pub(super) fn alter(&mut self) -> Statement {
        let start = self.at;
        let _ = self.take("ONLINE");
        let _ = self.take("IGNORE");
        if !self.take("TABLE") {
            self.at = start;
            return self.object_without_rows();
        }
        self.if_exists();
        let Some(table) = self.table() else {
            return self.unknown();
        };
        self.waiting();
        let mut altered = vec![(table.clone(), Alteration::default())];
        let mut renamed = None;
        let mut in_order = false;
        for clause in clauses(&self.tokens[self.at..]) {
            if is_list_of_partitions(clause) {
                break;
            }
            if in_order && is_direction(clause) {
                continue;
            }
            in_order = is_word(clause.first(), "ORDER");
            let mut clause = Reader {
                tokens: clause,
                at: 0,
                default_database: self.default_database,
            };
            let alteration = match clause.clause() {
                Clause::Alters(alteration) => alteration,
                Clause::Renames(new) => {
                    renamed = Some(new);
                    Alteration::default()
                }
                Clause::Exchanges(other) => {
                    altered.push((other, Alteration::of_rows()));
                    Alteration::of_rows()
                }
                Clause::Unfollowed => return self.unknown(),
            };
            let (_, so_far) = &mut altered[0];
            *so_far = so_far.clone().and(alteration);
        }
        match renamed {
            // Whoever looks at the table of the new name sees all that was altered, too.
            Some(new) if new != table => Statement::Renamed(vec![(table, new)]),
            Some(_) | None => Statement::Altered(altered),
        }
    }

    /// After RENAME.
    pub(super) fn rename(&mut self) -> Statement {
        if !self.take("TABLE") && !self.take("TABLES") {
            return self.unknown();
        }
        self.if_exists();
        let mut renamed = Vec::new();
        loop {
            let old = self.table();
            self.waiting();
            let (Some(old), true, Some(new)) = (old, self.take("TO"), self.table()) else {
                return self.unknown();
            };
            renamed.push((old, new));
            if !self.symbol(',') {
                return Statement::Renamed(renamed);
            }
        }
    }

    /// How long MariaDB waits for the table.
    fn waiting(&mut self) {
        if self.take("WAIT") {
            self.at += 1;
        } else {
            let _ = self.take("NOWAIT");
        }
    }

    /// After CREATE INDEX or DROP INDEX.
    pub(super) fn index_on(&mut self, alteration: Alteration) -> Statement {
        while self.at < self.tokens.len() {
            if self.take("ON") {
                if let Some(table) = self.table() {
                    return Statement::Altered(vec![(table, alteration)]);
                }
            } else {
                self.at += 1;
            }
        }
        self.unknown()
    }

    /// What dropping the key or constraint that is named here means: it may be a unique one.
    pub(super) fn dropped_key(&mut self) -> Alteration {
        self.if_exists();
        match self.name() {
            Some(name) if name.eq_ignore_ascii_case("PRIMARY") => Alteration::of_rows(),
            Some(_) => Alteration::of_unique_keys(),
            None => Alteration::of_rows(),
        }
    }

    fn clause(&mut self) -> Clause {
        let Some(first) = self.word() else {
            return Clause::Alters(Alteration::of_rows());
        };
        Clause::Alters(match first.as_str() {
            // MariaDB: rows of before are kept in the table, or no longer.
            "ADD" | "DROP" if self.takes_both("SYSTEM", "VERSIONING") => return Clause::Unfollowed,
            "ADD" => self.adds(),
            "DROP" => self.drops(),
            "MODIFY" | "CHANGE" => {
                let _ = self.take("COLUMN");
                self.if_exists();
                self.column().and(self.keys_of_column())
            }
            // Only the default of a column, or whether an index or a check counts.
            "ALTER" => Alteration::default(),
            // MariaDB: rows go to another table, or come from one.
            "CONVERT" if self.is_at_one_of(&["PARTITION", "TABLE"]) => return Clause::Unfollowed,
            "CONVERT" => Alteration::of_texts(),
            "RENAME" => return self.renames(),
            "EXCHANGE" => return self.exchanges(),
            "ENGINE" => self.engine(),
            option if OPTIONS.contains(&option) => self.engine_among_options(),
            // TRUNCATE, DISCARD and IMPORT among them.
            _ => Alteration::of_rows(),
        })
    }

    fn adds(&mut self) -> Alteration {
        if self.take("CONSTRAINT") {
            // Its name may be left out.
            if !self.is_at_one_of(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]) {
                let _ = self.name();
            }
            return if self.take("UNIQUE") {
                Alteration::of_unique_keys()
            } else if self.is_at_one_of(&["FOREIGN", "CHECK"]) {
                Alteration::default()
            } else {
                Alteration::of_rows()
            };
        }
        if self.take("PRIMARY") {
            return Alteration::of_rows();
        }
        if self.take("UNIQUE") {
            return Alteration::of_unique_keys();
        }
        let without_rows = [
            "INDEX",
            "KEY",
            "FULLTEXT",
            "SPATIAL",
            "FOREIGN",
            "CHECK",
            "PARTITION",
        ];
        if self.is_at_one_of(&without_rows) {
            return Alteration::default();
        }
        // Columns: no value of before is another one now.
        Alteration::of_columns().and(self.keys_of_column())
    }

    fn drops(&mut self) -> Alteration {
        if self.take("PRIMARY") || self.take("PARTITION") {
            return Alteration::of_rows();
        }
        if self.take("FOREIGN") || self.take("CHECK") {
            return Alteration::default();
        }
        if self.take("INDEX") || self.take("KEY") || self.take("CONSTRAINT") {
            return self.dropped_key();
        }
        let _ = self.take("COLUMN");
        self.if_exists();
        self.column()
    }

    fn renames(&mut self) -> Clause {
        if self.take("COLUMN") {
            self.if_exists();
            return Clause::Alters(self.column());
        }
        if self.take("INDEX") || self.take("KEY") {
            return Clause::Alters(Alteration::default());
        }
        let _ = self.take("TO") || self.take("AS") || self.symbol('=');
        match self.table() {
            Some(new) => Clause::Renames(new),
            None => Clause::Alters(Alteration::of_rows()),
        }
    }

    /// EXCHANGE PARTITION p WITH TABLE other.
    fn exchanges(&mut self) -> Clause {
        while self.at < self.tokens.len() {
            if self.take("WITH") && self.take("TABLE") {
                if let Some(other) = self.table() {
                    return Clause::Exchanges(other);
                }
            } else {
                self.at += 1;
            }
        }
        Clause::Alters(Alteration::of_rows())
    }

    /// The column that is named here.
    fn column(&mut self) -> Alteration {
        match self.name() {
            Some(name) => Alteration::of_column(name),
            None => Alteration::of_rows(),
        }
    }

    /// What a column's definition says of keys: `KEY` alone makes it the primary one.
    fn keys_of_column(&self) -> Alteration {
        let mut found = Alteration::default();
        let mut after_unique = false;
        for token in &self.tokens[self.at..] {
            let is = |keyword| is_word(Some(token), keyword);
            found.unique_keys |= is("UNIQUE");
            found.rows |= is("PRIMARY") || (is("KEY") && !after_unique);
            after_unique = is("UNIQUE");
        }
        found
    }

    /// Options may stand behind one another without a comma.
    fn engine_among_options(&mut self) -> Alteration {
        while self.at < self.tokens.len() {
            if self.take("ENGINE") {
                return self.engine();
            }
            self.at += 1;
        }
        Alteration::default()
    }

    fn engine(&mut self) -> Alteration {
        let _ = self.symbol('=');
        let name = match self.tokens.get(self.at) {
            Some(Token::Word(name) | Token::Name(name) | Token::Text(name)) => name,
            Some(Token::Symbol(_)) | None => return Alteration::of_rows(),
        };
        if ENGINES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            Alteration::default()
        } else {
            Alteration::of_rows()
        }
    }

    fn takes_both(&mut self, first: &str, second: &str) -> bool {
        is_word(self.tokens.get(self.at + 1), second) && self.take(first)
    }

    fn is_at_one_of(&self, keywords: &[&str]) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(word))
            if keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)))
    }
}

/// An operation that leaves all rows in the partitions that it names, between commas; nothing else
/// follows it.
fn is_list_of_partitions(clause: &[Token]) -> bool {
    let operations = [
        "ANALYZE",
        "CHECK",
        "COALESCE",
        "OPTIMIZE",
        "REBUILD",
        "REORGANIZE",
        "REPAIR",
    ];
    let is_operation = operations.iter().any(|word| is_word(clause.first(), word));
    is_operation && is_word(clause.get(1), "PARTITION")
}

/// A further column of ORDER BY.
fn is_direction(clause: &[Token]) -> bool {
    match clause {
        [Token::Word(_) | Token::Name(_)] => true,
        [Token::Word(_) | Token::Name(_), direction] => {
            is_word(Some(direction), "ASC") || is_word(Some(direction), "DESC")
        }
        _ => false,
    }
}

fn is_word(token: Option<&Token>, keyword: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
}

enum Clause {
    Alters(Alteration),
    Renames(TableName),
    Exchanges(TableName),
    /// What becomes of the rows is not followed here.
    Unfollowed,
}

/// What stands between the commas that are in no parentheses.
fn clauses(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let parts = tokens.split(|token| {
        match token {
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') => depth = depth.saturating_sub(1),
            Token::Symbol(_) | Token::Word(_) | Token::Name(_) | Token::Text(_) => {}
        }
        depth == 0 && *token == Token::Symbol(',')
    });
    // A statement's end is no clause.
    let end = |part: &&[Token]| !part.iter().all(|token| *token == Token::Symbol(';'));
    parts.filter(end).collect()
}
