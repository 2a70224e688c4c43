//! What a statement in the binlog does to tables.
//!
//! With row format, statements in the binlog are transaction marks and DDL. They are told apart by
//! their leading words and the names of tables at known places, over real tokens (quotes, comments
//! and executable comments taken into account). A full SQL parser is not used: the parsers there
//! are know less of MySQL's grammar than its DDL needs, and a statement that a parser refuses would
//! say nothing, while the leading words always do. What stays unknown is reported as such, and an
//! alteration in words that are not known has the strongest meaning.

mod alteration;
mod token;

use change::{Alteration, TableName};
use std::sync::Arc;
use token::Token;

/// What a statement means for the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    Begin,
    Commit,
    Rollback,
    /// ROLLBACK TO a savepoint: only logged where what it undoes is logged too.
    RollbackTo,
    /// A prepared transaction begins; the text names it.
    XaStart(String),
    /// A prepared transaction is decided.
    XaDecided {
        xid: String,
        committed: bool,
    },
    /// `rows_follow`: CREATE TABLE … SELECT, whose rows are in the same transaction.
    /// `replaces`: a table of that name is dropped first.
    CreateTable {
        table: TableName,
        replaces: bool,
        rows_follow: bool,
    },
    DropTables(Vec<TableName>),
    DropDatabase(Arc<str>),
    Truncate(TableName),
    /// Tables were altered, each in its way.
    Altered(Vec<(TableName, Alteration)>),
    /// Tables got other names, one after the other.
    Renamed(Vec<(TableName, TableName)>),
    /// A change of rows that was logged as a statement, or a statement that is not known, with
    /// every name in it that could be a table's.
    Changes {
        names: Vec<TableName>,
    },
    Unknown {
        names: Vec<TableName>,
        what: String,
    },
    /// Does nothing to rows: accounts, views, programs, SAVEPOINT and the like.
    Nothing,
}

/// How the session that logged the statement reads quotes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QuoteRules {
    /// Double quotes hold names instead of strings.
    pub(crate) ansi_quotes: bool,
    pub(crate) no_backslash_escapes: bool,
    /// Executable comments are MariaDB's.
    pub(crate) mariadb: bool,
}

pub(crate) fn classify(text: &str, default_database: &str, rules: QuoteRules) -> Statement {
    // The two statements that nearly every transaction has.
    match text {
        "BEGIN" => return Statement::Begin,
        "COMMIT" => return Statement::Commit,
        _ => {}
    }
    let tokens = token::tokens(text, rules);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        default_database,
    };
    reader.statement()
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    default_database: &'a str,
}

impl Reader<'_> {
    fn statement(&mut self) -> Statement {
        let Some(verb) = self.word() else {
            return Statement::Nothing;
        };
        match verb.as_str() {
            "BEGIN" => Statement::Begin,
            "START" if self.take("TRANSACTION") => Statement::Begin,
            "COMMIT" => Statement::Commit,
            "ROLLBACK" => {
                let _ = self.take("WORK");
                if self.take("TO") {
                    Statement::RollbackTo
                } else {
                    Statement::Rollback
                }
            }
            "XA" => self.xa(),
            "SAVEPOINT" | "RELEASE" => Statement::Nothing,
            "CREATE" => self.create(),
            "DROP" => self.drop(),
            "ALTER" => self.alter(),
            "TRUNCATE" => {
                let _ = self.take("TABLE");
                match self.table() {
                    Some(table) => Statement::Truncate(table),
                    None => self.unknown(),
                }
            }
            "RENAME" if self.take("USER") => Statement::Nothing,
            "RENAME" => self.rename(),
            "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "LOAD" | "WITH" | "CALL" | "DO"
            | "SELECT" | "TABLE" | "VALUES" | "EXECUTE" => Statement::Changes {
                names: self.all_names(),
            },
            // MariaDB: settings for one statement, which follows them.
            "SET" if self.take("STATEMENT") => {
                while self.at < self.tokens.len() && !self.take("FOR") {
                    self.at += 1;
                }
                self.statement()
            }
            // Accounts, plugins, statistics and settings. OPTIMIZE and REPAIR rebuild a table with
            // the same rows.
            "GRANT" | "REVOKE" | "SET" | "FLUSH" | "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK"
            | "CHECKSUM" | "INSTALL" | "UNINSTALL" | "CACHE" | "LOCK" | "UNLOCK" | "USE"
            | "RESET" | "KILL" | "SHOW" | "PURGE" | "CHANGE" | "STOP" | "CLONE" | "RESTART"
            | "SHUTDOWN" => Statement::Nothing,
            _ => self.unknown(),
        }
    }

    fn xa(&mut self) -> Statement {
        let verb = self.word().unwrap_or_default();
        let xid = self.tokens[self.at.min(self.tokens.len())..]
            .iter()
            .map(|token| match token {
                Token::Word(text) | Token::Name(text) | Token::Text(text) => text.clone(),
                Token::Symbol(symbol) => symbol.to_string(),
            })
            .collect();
        match verb.as_str() {
            "START" | "BEGIN" => Statement::XaStart(xid),
            "COMMIT" => Statement::XaDecided {
                xid,
                committed: true,
            },
            "ROLLBACK" => Statement::XaDecided {
                xid,
                committed: false,
            },
            _ => Statement::Nothing,
        }
    }

    fn create(&mut self) -> Statement {
        let replaces = self.take("OR") && self.take("REPLACE");
        if self.take("TEMPORARY") {
            return Statement::Nothing;
        }
        if self.take("TABLE") {
            self.if_exists();
            let Some(table) = self.table() else {
                return self.unknown();
            };
            // The server writes the statement of CREATE … SELECT anew, with this at its end.
            let rows_follow = matches!(
                self.tokens,
                [.., Token::Word(start), Token::Word(transaction)]
                    if start.eq_ignore_ascii_case("START") && transaction.eq_ignore_ascii_case("TRANSACTION")
            );
            return Statement::CreateTable {
                table,
                replaces,
                rows_follow,
            };
        }
        let before_kind = self.at;
        let unique = self.take("UNIQUE");
        let _ = self.take("FULLTEXT") || self.take("SPATIAL");
        if self.take("INDEX") {
            return self.index_on(if unique {
                Alteration::of_unique_keys()
            } else {
                Alteration::default()
            });
        }
        self.at = before_kind;
        self.object_without_rows()
    }

    fn drop(&mut self) -> Statement {
        if self.take("TEMPORARY") {
            return Statement::Nothing;
        }
        if self.take("TABLE") || self.take("TABLES") {
            self.if_exists();
            return match self.table_list() {
                Some(tables) => Statement::DropTables(tables),
                None => self.unknown(),
            };
        }
        if self.take("DATABASE") || self.take("SCHEMA") {
            self.if_exists();
            return match self.name() {
                Some(database) => Statement::DropDatabase(Arc::from(database)),
                None => self.unknown(),
            };
        }
        if self.take("INDEX") {
            let alteration = self.dropped_key();
            return self.index_on(alteration);
        }
        self.object_without_rows()
    }

    /// After CREATE, ALTER or DROP: a thing that holds no rows of its own, or something unknown.
    fn object_without_rows(&mut self) -> Statement {
        const WITHOUT_ROWS: &[&str] = &[
            "ALGORITHM",
            "AGGREGATE",
            "DATABASE",
            "DEFINER",
            "EVENT",
            "FUNCTION",
            "INSTANCE",
            "JSON",
            "LIBRARY",
            "LOGFILE",
            "PACKAGE",
            "PROCEDURE",
            "PREPARE",
            "RESOURCE",
            "ROLE",
            "SCHEMA",
            "SEQUENCE",
            "SERVER",
            "SPATIAL",
            "SQL",
            "TABLESPACE",
            "TRIGGER",
            "UNDO",
            "USER",
            "VIEW",
        ];
        if WITHOUT_ROWS.iter().any(|object| self.take(object)) {
            Statement::Nothing
        } else {
            self.unknown()
        }
    }

    fn unknown(&self) -> Statement {
        let words = self.tokens.iter().map_while(|token| match token {
            Token::Word(word) => Some(word.to_ascii_uppercase()),
            Token::Name(_) | Token::Text(_) | Token::Symbol(_) => None,
        });
        let what = words.take(3).collect::<Vec<_>>().join(" ");
        Statement::Unknown {
            names: self.all_names(),
            what,
        }
    }

    fn if_exists(&mut self) {
        if self.take("IF") {
            let _ = self.take("NOT");
            let _ = self.take("EXISTS");
        }
    }

    fn table_list(&mut self) -> Option<Vec<TableName>> {
        let mut tables = vec![self.table()?];
        while self.symbol(',') {
            tables.push(self.table()?);
        }
        Some(tables)
    }

    /// `name` or `database.name`.
    fn table(&mut self) -> Option<TableName> {
        let first = self.name()?;
        if self.symbol('.') {
            let table = self.name()?;
            return Some(TableName::new(first, table));
        }
        Some(TableName::new(self.default_database, first))
    }

    fn name(&mut self) -> Option<String> {
        let name = match self.tokens.get(self.at)? {
            Token::Word(word) => word.clone(),
            Token::Name(name) => name.clone(),
            Token::Text(_) | Token::Symbol(_) => return None,
        };
        self.at += 1;
        Some(name)
    }

    /// Everything in the statement that could be the name of a table.
    fn all_names(&self) -> Vec<TableName> {
        let mut names: Vec<TableName> = (0..self.tokens.len())
            .filter(|&at| at == 0 || self.tokens[at - 1] != Token::Symbol('.'))
            .filter_map(|at| {
                Reader {
                    tokens: self.tokens,
                    at,
                    default_database: self.default_database,
                }
                .table()
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn word(&mut self) -> Option<String> {
        let Token::Word(word) = self.tokens.get(self.at)? else {
            return None;
        };
        self.at += 1;
        Some(word.to_ascii_uppercase())
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Symbol(symbol));
        self.at += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests;
