//! Hides secrets in a line of the configuration before it is shown.
//! It works on the text alone, so that it also holds where the file is no valid TOML,
//! and it hides rather too much than too little: a hidden port costs a look into the file, a shown password costs a password.

use std::ops::Range;

use super::secret::HIDDEN;

/// A line with its secrets replaced, and the way from its old byte offsets to the new ones.
pub(super) struct MaskedLine {
    pub(super) text: String,
    replaced: Vec<Range<usize>>,
}

impl MaskedLine {
    pub(super) fn new(line: &str) -> Self {
        let replaced = secret_ranges(line);
        let mut text = String::with_capacity(line.len());
        let mut shown_through = 0;
        for range in &replaced {
            text.push_str(&line[shown_through..range.start]);
            text.push_str(HIDDEN);
            shown_through = range.end;
        }
        text.push_str(&line[shown_through..]);
        Self { text, replaced }
    }

    /// Where the byte `offset` of the original line is in the masked one; inside a secret, the secret's end.
    pub(super) fn offset(&self, offset: usize) -> usize {
        let mut moved = offset;
        for range in &self.replaced {
            if range.start >= offset {
                break;
            }
            let hidden_bytes = range.end.min(offset) - range.start;
            moved = moved + HIDDEN.len() - hidden_bytes;
        }
        moved
    }
}

/// Whether a value under this key is a secret itself, not the name of a place that holds one.
pub(super) fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let secretive = ["password", "passwd", "secret", "token", "credential"];
    secretive.iter().any(|word| key.contains(word))
        && !key.ends_with("_env")
        && !key.ends_with("_file")
}

/// Whether this is surely the name of an environment variable and not, by mistake, the password.
pub(super) fn is_plain_variable_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_uppercase() || first == '_')
        && characters.all(|character| {
            character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_'
        })
}

/// The byte ranges of a line that must not be shown: sorted, not overlapping.
fn secret_ranges(line: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (key, value) in assignments(line) {
        let content = value_content(line, value);
        let text = &line[content.clone()];
        if names_a_secret(key) || (key.ends_with("_env") && !is_plain_variable_name(text)) {
            ranges.push(content.start..content.end.max(content.start));
        } else if key.ends_with("url") && text.contains('@') && !text.contains("://") {
            let last_at = text.rfind('@').expect("the text contains an @");
            let start = text.find(':').filter(|colon| *colon < last_at);
            ranges
                .push(content.start + start.map_or(0, |colon| colon + 1)..content.start + last_at);
        }
    }
    for (scheme_end, _) in line.match_indices("://") {
        ranges.extend(secrets_of_url(line, scheme_end + "://".len()));
    }
    merge(ranges)
}

/// Each `key =` of the line outside quotes, with where its value begins.
fn assignments(line: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut token_start = 0;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '{' | ',') => token_start = at + 1,
            (None, '=') => {
                let token = &line[token_start..at];
                let last = token.rsplit('.').next().unwrap_or(token);
                found.push((last.trim().trim_matches(['"', '\'']), at + 1));
                token_start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// The range of a value without its quotes; without a closing quote it reaches to the line's end.
fn value_content(line: &str, from: usize) -> Range<usize> {
    let rest = &line[from..];
    let start = from + (rest.len() - rest.trim_start().len());
    match line[start..].chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inside = start + 1;
            let end = closing_quote(&line[inside..], quote).map_or(line.len(), |end| inside + end);
            inside..end
        }
        _ => start..line.len(),
    }
}

/// Where the string ends: an escaped quote of a basic string does not end it.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' && quote == '"' {
            escaped = true;
        } else if character == quote {
            return Some(at);
        }
    }
    None
}

/// What is secret in an address whose part after `://` begins at `start`.
fn secrets_of_url(line: &str, start: usize) -> Vec<Range<usize>> {
    let quote = line[..start]
        .chars()
        .rev()
        .find(|at| matches!(at, '"' | '\''));
    let rest = &line[start..];
    let end = match quote.and_then(|quote| closing_quote(rest, quote)) {
        Some(end) => end,
        None => rest.len(),
    };
    let url = &rest[..end];
    let mut ranges = Vec::new();
    let last_at = url.rfind('@');
    if let Some(at) = last_at {
        if let Some(colon) = url[..at].find(':') {
            ranges.push(start + colon + 1..start + at);
        }
    } else if !url.starts_with('[')
        && let Some(colon) = url.find(':')
    {
        let port = &url[colon + 1..];
        let digits = port.len() - port.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if !matches!(port[digits..].chars().next(), None | Some('/' | '?' | ',')) || digits == 0 {
            ranges.push(start + colon + 1..start + url.len());
        }
    }
    let query_from = last_at.unwrap_or(0);
    if let Some(question) = url[query_from..].find('?') {
        let mut at = query_from + question + 1;
        for pair in url[at..].split('&') {
            let equals = pair.find('=').unwrap_or(pair.len());
            let name = pair[..equals].to_ascii_lowercase();
            if (names_a_secret(&name) || name == "authmechanismproperties") && equals < pair.len() {
                ranges.push(start + at + equals + 1..start + at + pair.len());
            }
            at += pair.len() + 1;
        }
    }
    ranges
}

fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            Some(_) | None => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn masked(line: &str, expected: &str) {
        assert_eq!(MaskedLine::new(line).text, expected, "of {line}");
    }

    #[test]
    fn the_password_of_an_address_is_hidden_whatever_it_contains() {
        masked(
            r#"url = "mysql://a:pw@db:3306""#,
            r#"url = "mysql://a:***@db:3306""#,
        );
        masked(
            r#"url = "mysql://a:p@w:x/y@db""#,
            r#"url = "mysql://a:***@db""#,
        );
        masked(
            r#"url = "mysql://a:p\"w@db""#,
            r#"url = "mysql://a:***@db""#,
        );
        masked(r#"url = "mysql:/a:pw@db""#, r#"url = "mysql:***@db""#);
        masked(r#"url = "mysql://root:pw""#, r#"url = "mysql://root:***""#);
        masked(r#"url = "mysql://a:pw@db"#, r#"url = "mysql://a:***@db"#);
        masked(
            r#"u = "mongodb://a:pw@b:1,c:2/?x=1&tlsCertificateKeyFilePassword=pw&y=2""#,
            r#"u = "mongodb://a:***@b:1,c:2/?x=1&tlsCertificateKeyFilePassword=***&y=2""#,
        );
    }

    #[test]
    fn a_value_under_a_secret_key_is_hidden() {
        masked("password = \"pw\"", "password = \"***\"");
        masked("db-password=pw", "db-password=***");
        masked(
            r#"source = { user = "a", password = "p\"w" }"#,
            r#"source = { user = "a", password = "***" }"#,
        );
        masked(r#"password_env = "pw-x""#, r#"password_env = "***""#);
    }

    #[test]
    fn what_is_no_secret_stays() {
        for line in [
            r#"password_env = "SHOP_PASSWORD""#,
            r#"password_file = "/run/secrets/mysql""#,
            r#"url = "mysql://lockstep@db.example:3306""#,
            r#"url = "mongodb://a:1,b:2/?replicaSet=rs0""#,
            r#"url = "mysql://[::1]:3306""#,
            r#"tables = ["shop.*", "!shop.scratch_*"]"#,
        ] {
            masked(line, line);
        }
    }

    #[test]
    fn offsets_move_with_the_hidden_text() {
        let line = MaskedLine::new(r#"url = "mysql://a:secret@db""#);
        assert_eq!(line.text, r#"url = "mysql://a:***@db""#);
        assert_eq!((line.offset(6), line.offset(27)), (6, 24));
    }
}
