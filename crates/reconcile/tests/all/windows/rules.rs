//! The rules of a window, kept or broken one at a time: a model that finds nothing wrong with a
//! broken rule would prove nothing about the kept one.

use super::Place;
use super::server::{Kind, Rows};
use change::{Gtid, GtidSet, LogPosition, SourceId};
use reconcile::WindowBounds;
use std::cmp::Ordering;
use std::sync::Arc;

/// Which rules are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// The view opens only when everything up to C is visible.
    pub waits_for_c: bool,
    /// `high` is the binlog's head, not the end of `gtid_executed`.
    pub high_is_the_head: bool,
    /// Keys of transactions after C are recorded.
    pub records_keys: bool,
    /// An update of a key records the key before, too.
    pub records_the_key_before: bool,
    /// The chunk waits for a barrier at or after `high`.
    pub waits_for_high: bool,
    /// `low` is read after the view was opened: a broken rule, when set.
    pub low_after_the_view: bool,
    /// Windows open inside a transaction that is emitted in parts: a broken rule, when set.
    pub names_while_torn: bool,
    /// That the table's changes are emitted is stored with the first of them.
    pub stores_live_with_changes: bool,
}

impl Rules {
    pub const KEPT: Rules = Rules {
        waits_for_c: true,
        high_is_the_head: true,
        records_keys: true,
        records_the_key_before: true,
        waits_for_high: true,
        low_after_the_view: false,
        names_while_torn: false,
        stores_live_with_changes: true,
    };
}

fn uuid() -> SourceId {
    SourceId::untagged([7; 16])
}

fn gtid(place: usize) -> Gtid {
    Gtid {
        source: uuid(),
        number: place as u64 + 1,
    }
}

fn log_position(transactions: usize) -> LogPosition {
    LogPosition::new("binlog.000001", 100 * transactions as u64)
}

fn gtid_set(places: impl Iterator<Item = usize>) -> GtidSet {
    let mut set = GtidSet::default();
    for place in places {
        set.insert(&gtid(place));
    }
    set
}

/// The keys of the chunk's rows that may be emitted now; `None` while the window stays open.
pub fn rows_to_emit(
    rules: &Rules,
    binlog: &[Kind],
    (after, low, high): (Place, u8, usize),
    emitted: Place,
    (chunk, rows): (&[u8], &Rows),
) -> Option<Vec<u8>> {
    let bounds = WindowBounds {
        server_uuid: "server".into(),
        low: Arc::new(gtid_set(
            (0..binlog.len()).filter(|place| low & 1 << place != 0),
        )),
        high: log_position(if rules.waits_for_high { high } else { 0 }),
    };
    if !log_position(emitted.transactions).has_reached(&bounds.high) {
        return None;
    }
    let mut touched = Vec::new();
    for (place, kind) in binlog.iter().enumerate().skip(after.transactions) {
        let changes = kind.changes();
        let first = if place == after.transactions {
            after.changes
        } else {
            0
        };
        let through = match place.cmp(&emitted.transactions) {
            Ordering::Less => changes.len(),
            Ordering::Equal => emitted.changes,
            Ordering::Greater => break,
        };
        for change in changes.into_iter().take(through).skip(first) {
            if rules.records_keys && !bounds.low.contains(&gtid(place)) {
                touched.extend(change.after);
                if rules.records_the_key_before || change.after.is_none() {
                    touched.extend(change.before);
                }
            }
        }
    }
    let kept = chunk
        .iter()
        .filter(|key| rows[usize::from(**key)].is_some() && !touched.contains(key));
    Some(kept.copied().collect())
}
