//! How keys are spelt: as TOML wants them written, and how far a mistyped one is from a known one.

/// A key as TOML wants it written.
pub(super) fn shown_key(name: &str) -> String {
    let bare =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        name.to_string()
    } else {
        format!("{name:?}")
    }
}

/// How many letters must be put in, left out or changed to make one word of the other.
pub(super) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (row_number, left) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = row_number + 1;
        for (column, right) in right.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_is_near_to_the_one_that_was_meant() {
        assert_eq!(distance("tables", "tabels"), 2);
        assert_eq!(distance("url", "url"), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(shown_key("shop.orders"), "\"shop.orders\"");
    }
}
