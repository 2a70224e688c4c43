//! A log that does not tell whole rows, and a target that is damaged where keys are read anew.

use super::source::{KEYLESS, Rows, Telling, schema};
use change::{ChangeKind, PartialChange, Place, Row, RowChange, TableProgress, TableState, Value};
use reconcile::Capture;

/// How much the log tells, by a number.
pub fn telling(number: u8) -> Telling {
    match number {
        0 => Telling::Whole,
        1 => Telling::Minimal,
        _ => Telling::Keyless,
    }
}

/// Gives capture a change as the log tells it.
pub fn deliver(capture: &mut Capture, table: usize, kind: ChangeKind, telling: Telling) {
    let place = Place::default();
    if telling == Telling::Whole {
        capture.rows(&schema(table), vec![RowChange { place, kind }]);
        return;
    }
    let told = |row: &Row, value: bool| -> Box<[Option<Value>]> {
        let key = (telling == Telling::Minimal).then(|| row[0].clone());
        [key, value.then(|| row[1].clone())].into()
    };
    let mut change = PartialChange {
        place,
        before: kind.before().map(|row| told(row, false)),
        after: kind.after().map(|row| told(row, kind.before().is_some())),
    };
    // A key that an update leaves alone is not told again.
    if let (Some(before), Some(after)) = (&change.before, &mut change.after)
        && before[0] == after[0]
    {
        after[0] = None;
    }
    capture.partial(&schema(table), vec![change]);
}

/// Damages what the target holds of keys that wait in a table that was complete: whoever reads them
/// anew has to mend it.
pub fn damage(table: usize, rows: &mut Rows, progress: &TableProgress) {
    let is_whole = progress.planned && progress.remaining.is_empty();
    if table == KEYLESS || progress.state != TableState::Recopy || !is_whole || progress.anew {
        return;
    }
    for key in &progress.keys {
        if let [Value::Int(key)] = key[..] {
            rows.retain(|row, _| row.0 != key);
            if key % 2 == 0 {
                rows.insert((key, -1), 1);
            }
        }
    }
}
