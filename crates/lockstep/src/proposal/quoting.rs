//! Texts and keys as TOML wants them written, whatever characters a name of MySQL's has.

use std::fmt::Write as _;

/// A basic string: quotes, backslashes and control characters are escaped.
pub(super) fn text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(control)).expect("a String takes every text");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A key, bare where it can be.
pub(super) fn key(name: &str) -> String {
    let bare =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        text(name)
    }
}

/// What stands in a comment: no line may end inside it.
pub(super) fn comment(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_as_it_was() {
        for name in [
            "a",
            "a.b",
            "it's \"x\"",
            "back\\slash",
            "Ü\u{301}😀",
            "a\nb\u{7f}",
            "",
        ] {
            let document = format!("{} = {}", key(name), text(name));
            let read: toml::Table = document.parse().unwrap();
            let (read_key, value) = read.iter().next().unwrap();
            assert_eq!((read_key.as_str(), value.as_str()), (name, Some(name)));
        }
        assert_eq!(comment("a\nb"), "a\u{fffd}b");
    }
}
