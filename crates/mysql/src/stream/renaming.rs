//! What a RENAME means for each of the names in it.
//!
//! A statement may rename in chains and circles, as the tools do that alter tables by filling a new
//! one: `RENAME TABLE a TO _a_old, _a_new TO a`. It takes effect as a whole, so all that counts is
//! which table a name meant before it and which one it means after it.

use change::{Alteration, TableEventKind, TableName};
use std::collections::BTreeMap;

/// One event for each name that means another table, or none, or is new. Names that end come first,
/// so that no collection gets a table before it lost the former one.
pub(super) fn events_of_renaming(
    renamed: &[(TableName, TableName)],
) -> Vec<(TableName, TableEventKind)> {
    // By name: the table of before, and the one of after, each called by its first name.
    let mut before: BTreeMap<&TableName, Option<&TableName>> = BTreeMap::new();
    let mut after: BTreeMap<&TableName, Option<&TableName>> = BTreeMap::new();
    for (old, new) in renamed {
        // A name that is given up was there, and one that is taken was not, unless the statement
        // has told of it before.
        before.entry(old).or_insert(Some(old));
        before.entry(new).or_insert(None);
        let moved = after.insert(old, None).unwrap_or(Some(old));
        after.insert(new, moved);
    }
    let mut ended = Vec::new();
    let mut begun = Vec::new();
    for (name, table) in before {
        let now = after.get(name).copied().flatten();
        match (table, now) {
            (Some(_), None) => ended.push((name.clone(), TableEventKind::Dropped)),
            (None, Some(_)) => begun.push((name.clone(), TableEventKind::Created)),
            (Some(former), Some(present)) if former != present => {
                let other = TableEventKind::Altered(Alteration::of_rows());
                begun.push((name.clone(), other));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    ended.extend(begun);
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> Vec<String> {
        let name = |name: &str| TableName::new("d", name);
        let renamed: Vec<_> = pairs
            .iter()
            .map(|(old, new)| (name(old), name(new)))
            .collect();
        let events = events_of_renaming(&renamed).into_iter();
        let words = events.map(|(table, kind)| {
            let word = match kind {
                TableEventKind::Dropped => "ends",
                TableEventKind::Created => "begins",
                TableEventKind::Altered(_) => "is another",
                TableEventKind::Truncated | TableEventKind::Unsupported(_) => "is strange",
            };
            format!("{} {word}", table.table)
        });
        words.collect()
    }

    #[test]
    fn each_name_is_told_by_what_it_meant_before_and_means_after_the_whole_statement() {
        assert_eq!(told(&[("a", "b")]), ["a ends", "b begins"]);
        assert_eq!(
            told(&[("a", "_a_old"), ("_a_new", "a")]),
            ["_a_new ends", "_a_old begins", "a is another"]
        );
        assert_eq!(
            told(&[("a", "t"), ("b", "a"), ("t", "b")]),
            ["a is another", "b is another"]
        );
        assert_eq!(told(&[("a", "t"), ("t", "a")]), [""; 0]);
        assert_eq!(told(&[("a", "b"), ("b", "c")]), ["a ends", "c begins"]);
    }
}
