//! SQL text to tokens, by MySQL's rules for names, strings and comments (Reference Manual,
//! "Language Structure"). What executable comments hold is part of the statement.

use super::QuoteRules;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a bare name or a number.
    Word(String),
    /// A name in quotes.
    Name(String),
    Text(String),
    Symbol(char),
}

pub(super) fn tokens(text: &str, rules: QuoteRules) -> Vec<Token> {
    let mut scanner = Scanner { rest: text, rules };
    let mut tokens = Vec::new();
    while let Some(token) = scanner.next() {
        tokens.push(token);
    }
    tokens
}

struct Scanner<'a> {
    rest: &'a str,
    rules: QuoteRules,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start();
            let first = self.rest.chars().next()?;
            if self.skip_comment() {
                continue;
            }
            return Some(match first {
                '`' => Token::Name(self.quoted('`', false)),
                '"' if self.rules.ansi_quotes => Token::Name(self.quoted('"', false)),
                '"' | '\'' => Token::Text(self.quoted(first, !self.rules.no_backslash_escapes)),
                _ if is_word(first) => {
                    let end = self
                        .rest
                        .find(|character| !is_word(character))
                        .unwrap_or(self.rest.len());
                    let (word, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    Token::Word(word.to_owned())
                }
                _ => {
                    self.rest = &self.rest[first.len_utf8()..];
                    Token::Symbol(first)
                }
            });
        }
    }

    fn skip_comment(&mut self) -> bool {
        let rest = self.rest;
        let dashes_end =
            |rest: &str| rest.is_empty() || rest.starts_with(|next: char| next.is_whitespace());
        if rest.starts_with('#') || rest.strip_prefix("--").is_some_and(dashes_end) {
            self.rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if let Some(inside) = self.executed(rest) {
            // Only its marks and the version go, its content stays.
            self.rest = inside;
        } else if let Some(after) = rest.strip_prefix("*/") {
            self.rest = after;
        } else if let Some(inside) = rest.strip_prefix("/*") {
            self.rest = inside.split_once("*/").map_or("", |(_, after)| after);
        } else {
            return false;
        }
        true
    }

    /// What follows the mark of a comment that the server takes for a part of the statement. MariaDB
    /// has a mark of its own, and leaves out what is meant for MySQL 5.7 and later.
    fn executed<'t>(&self, rest: &'t str) -> Option<&'t str> {
        const ONLY_MYSQL: std::ops::RangeInclusive<u32> = 50_700..=99_999;
        let own = self
            .rules
            .mariadb
            .then(|| rest.strip_prefix("/*M!"))
            .flatten();
        let inside = own.or_else(|| rest.strip_prefix("/*!"))?;
        let content = inside.trim_start_matches(|character: char| character.is_ascii_digit());
        let version = inside[..inside.len() - content.len()].parse().unwrap_or(0);
        let is_left_out = self.rules.mariadb && own.is_none() && ONLY_MYSQL.contains(&version);
        (!is_left_out).then_some(content)
    }

    /// What stands between the quotes; a doubled quote is one.
    fn quoted(&mut self, quote: char, backslash_escapes: bool) -> String {
        let mut content = String::new();
        let mut characters = self.rest.chars();
        characters.next();
        while let Some(character) = characters.next() {
            if character == '\\' && backslash_escapes {
                content.extend(characters.next());
            } else if character != quote {
                content.push(character);
            } else if characters.as_str().starts_with(quote) {
                content.push(quote);
                characters.next();
            } else {
                break;
            }
        }
        self.rest = characters.as_str();
        content
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}
