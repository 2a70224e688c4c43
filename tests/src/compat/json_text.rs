//! Two texts of one JSON document: blanks and the spelling of numbers do not count, all else does.

/// Whether both texts are of the same document. A number is what it is as a double, unless both are
/// whole and short.
#[must_use]
pub fn same_document(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (Tokens(one), Tokens(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if same_token(one, other) => {}
            (None | Some(_), None | Some(_)) => return false,
        }
    }
}

fn same_token(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    if one.starts_with('"') && other.starts_with('"') {
        let parsed = |text| serde_json::from_str::<String>(text).ok();
        return parsed(one).is_some() && parsed(one) == parsed(other);
    }
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.to_bits() == other.to_bits(),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

/// Strings, punctuation, words and numbers.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let first = text.chars().next()?;
        let length = match first {
            '"' => string_length(text),
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            _ => text.find([',', ']', '}', ':', ' ']).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::same_document;

    #[test]
    fn blanks_and_spellings_of_numbers_do_not_count_and_all_else_does() {
        for (one, other) in [
            ("[1, 2]", "[1,2]"),
            ("[1e+16]", "[10000000000000000]"),
            (r#"{"a b": "\u00e9"}"#, r#"{"a b":"é"}"#),
        ] {
            assert!(same_document(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("[1,2]", "[1,3]"),
            ("[1]", "[1,1]"),
            (r#"["a b"]"#, r#"["ab"]"#),
            (r#"["1"]"#, "[1]"),
            ("[0.0]", "[-0.0]"),
        ] {
            assert!(!same_document(one, other), "{one} {other}");
        }
    }
}
