//! The names of a barrier's transactions, as its record tells them.
//!
//! A barrier may hold thousands of small transactions, so names that follow one another are told by
//! the first and the last of them.

use change::{Change, Gtid, GtidSet, MariaDbGtid};
use std::sync::Arc;

/// The transactions that the changes belong to; empty where they belong to none. Names that are no
/// GTIDs are left out.
pub(super) fn transactions(changes: &[Change]) -> String {
    let mut set = GtidSet::default();
    let mut spans: Vec<(MariaDbGtid, MariaDbGtid)> = Vec::new();
    let mut last: Option<&Arc<str>> = None;
    for change in changes {
        let Some(name) = &change.origin.transaction else {
            continue;
        };
        if last.is_some_and(|last| Arc::ptr_eq(last, name)) {
            continue;
        }
        last = Some(name);
        if let Ok(gtid) = name.parse::<Gtid>() {
            set.insert(&gtid);
        } else if let Ok(gtid) = name.parse::<MariaDbGtid>() {
            match spans.last_mut() {
                Some((_, end)) if follows(*end, gtid) => *end = gtid,
                Some(_) | None => spans.push((gtid, gtid)),
            }
        }
    }
    if spans.is_empty() {
        return set.to_string();
    }
    let spans: Vec<String> = spans
        .into_iter()
        .map(|(first, end)| {
            if first == end {
                first.to_string()
            } else {
                format!("{first}..{end}")
            }
        })
        .collect();
    spans.join(",")
}

fn follows(end: MariaDbGtid, next: MariaDbGtid) -> bool {
    (next.domain, next.server_id) == (end.domain, end.server_id)
        && matches!(next.sequence.checked_sub(end.sequence), Some(0 | 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::{ChangeKind, Ordinal, Origin, Place, Row, Schema, TableName};

    fn told(names: &[&str]) -> String {
        let schema = Arc::new(Schema {
            name: TableName::new("d", "t"),
            columns: Vec::new(),
            key: Vec::new(),
        });
        let change = |name: &&str| Change {
            schema: schema.clone(),
            ordinal: Ordinal::default(),
            kind: ChangeKind::Insert {
                after: Row::new(Vec::new()),
            },
            origin: Arc::new(Origin {
                transaction: Some((*name).into()),
                ..Origin::default()
            }),
            place: Place::default(),
        };
        transactions(&names.iter().map(change).collect::<Vec<_>>())
    }

    #[test]
    fn names_that_follow_one_another_are_told_by_their_ends() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        assert_eq!(
            told(&[&format!("{uuid}:5"), &format!("{uuid}:6")]),
            format!("{uuid}:5-6")
        );
        assert_eq!(
            told(&["0-1-5", "0-1-5", "0-1-6", "0-2-7", "0-2-9", "4-2-1"]),
            "0-1-5..0-1-6,0-2-7,0-2-9,4-2-1"
        );
        assert_eq!(told(&[]), "");
    }
}
