//! Changes of which the log does not tell whole rows, and keys that are read anew.
//!
//! An image that lacks columns is never applied. What the log does tell of it is certain: a column
//! that the image after an update lacks is as it was, and a row whose end has a key is gone. So the
//! end of a key is emitted in its place, like any change, and a key that still has a row waits to be
//! read. Where the key itself is not told, the table is copied from the beginning.

use super::Capture;
use crate::copy::Extent;
use crate::window::{Standing, Window, WindowBounds};
use change::{
    BarrierKind, Change, ChangeKind, Identity, Ordinal, PartialChange, Place, Row, Schema,
    TableName, Value,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a partial change says of keys.
struct Keys {
    /// No row has this one any more.
    gone: Option<Vec<Value>>,
    /// The row of this one is another than before.
    standing: Option<Vec<Value>>,
}

type Columns = [Option<Value>];

impl Capture {
    /// Changes of one table inside the current transaction, of which the log does not tell whole
    /// rows.
    pub fn partial(&mut self, schema: &Arc<Schema>, rows: Vec<PartialChange>) {
        let table = &schema.name;
        let by_key = self.copies.get_mut(table).map(|copy| copy.by_key(schema));
        let schema = by_key.as_ref().unwrap_or(schema);
        let copy = self.copies.get(table);
        let emitted = copy.is_some_and(|copy| copy.emits(schema));
        let is_keyed = copy.is_some_and(|copy| copy.progress.key.is_some());
        for change in rows {
            let Some((ordinal, origin)) = self.number() else {
                continue;
            };
            let keys = keys_of(schema, &change).filter(|_| is_keyed);
            if let Some(copy) = self.copies.get_mut(table) {
                match &keys {
                    Some(keys) => copy.record_partial(schema, &keys.gone, &keys.standing),
                    None => copy.record_table_change(),
                }
            }
            if !emitted {
                continue;
            }
            let Some(keys) = keys else {
                self.copies.mark_anew(table);
                self.wanted.insert(table.clone());
                continue;
            };
            if let Some(key) = keys.standing {
                let loosens = self.changes_unique(schema, &change);
                self.copies.keep_key(table, key, loosens, &self.limits);
            }
            if let Some(key) = keys.gone {
                self.emit(Change {
                    schema: schema.clone(),
                    ordinal,
                    kind: gone(schema, key),
                    origin,
                    place: change.place,
                });
            }
        }
    }

    /// Whether the row may have given a unique value up that its document still holds.
    fn changes_unique(&self, schema: &Schema, change: &PartialChange) -> bool {
        let (Some(_), Some(after)) = (&change.before, &change.after) else {
            return false;
        };
        let copy = self.copies.get(&schema.name);
        let Some(description) = copy.and_then(|copy| copy.description.as_ref()) else {
            return true;
        };
        let told = |name: &str| {
            let column = schema.column(name);
            column.is_none_or(|column| after.get(column).is_none_or(Option::is_some))
        };
        let mut unique = description.indexes.iter().filter(|index| index.unique);
        unique.any(|index| {
            let mut columns = index.parts.iter().map(|part| part.column.as_deref());
            columns.any(|column| column.is_none_or(told))
        })
    }

    /// Somebody wants these keys of the table read anew, each in key order. Tells whether they are:
    /// not in a table that is stopped, dropped or not copied yet.
    pub fn read_keys(&mut self, table: &TableName, keys: &[Vec<Value>]) -> bool {
        self.copies.want_keys(table, keys, &self.limits)
    }

    /// Says of the keys that a window read how they stand at the present position.
    pub(super) fn emit_keys(
        &mut self,
        table: &TableName,
        keys: Vec<Vec<Value>>,
        window: Window,
        (schema, rows, bounds, rest): (Arc<Schema>, Vec<Row>, WindowBounds, Option<Extent>),
    ) {
        let unread: BTreeSet<Identity> = match rest {
            Some(Extent::Keys(keys)) => keys.iter().map(Identity::of).collect(),
            Some(Extent::Range(_)) | None => BTreeSet::new(),
        };
        let is_read = |key: &Vec<Value>| !unread.contains(&Identity::of(key));
        let keys = keys.into_iter().filter(is_read).collect();
        let Ok(standing) = window.close_keys(&schema, keys, rows, &bounds.low) else {
            return;
        };
        if standing.is_empty() {
            return;
        }
        if self.settled.0 > 0 {
            self.close_settled();
        }
        let transaction = self.last.transaction + 1;
        let (origin, offset) = self.here(&bounds);
        let mut settled = Vec::with_capacity(standing.len());
        let mut changes = Vec::with_capacity(standing.len());
        for (change, standing) in (0..).zip(standing) {
            let (schema, kind) = match standing {
                Standing::Row(schema, row) => {
                    settled.push(schema.identity(&row));
                    (schema, ChangeKind::Read { row })
                }
                Standing::Gone(key) => {
                    settled.push(Identity::of(&key));
                    let kind = gone(&schema, key);
                    (schema.clone(), kind)
                }
            };
            changes.push(Change {
                schema,
                ordinal: Ordinal {
                    transaction,
                    change,
                },
                kind,
                origin: origin.clone(),
                place: Place {
                    offset,
                    row: u32::try_from(change).unwrap_or(u32::MAX),
                },
            });
        }
        self.copies.settled(table, settled.iter());
        self.last = Ordinal {
            transaction,
            change: changes.len() as u64 - 1,
        };
        let checkpoint = self.checkpoint(self.last);
        let kind = BarrierKind::Keys;
        self.push(checkpoint, changes, kind, Vec::new(), Vec::new());
        self.moved = false;
    }
}

/// What the change says of keys; `None` where it does not tell them.
fn keys_of(schema: &Schema, change: &PartialChange) -> Option<Keys> {
    if schema.key.is_empty() {
        return None;
    }
    let key = |value: &dyn Fn(usize) -> Option<Value>| -> Option<Vec<Value>> {
        schema.key.iter().map(|&column| value(column)).collect()
    };
    let of = |columns: &Option<Box<Columns>>, column: usize| -> Option<Value> {
        columns.as_ref()?.get(column)?.clone()
    };
    let before = |column| of(&change.before, column);
    let after = |column| of(&change.after, column);
    let (gone, standing) = match (&change.before, &change.after) {
        (Some(_), Some(_)) => {
            let old = key(&before)?;
            let new = key(&|column| after(column).or_else(|| before(column)))?;
            let moved = Identity::of(&old) != Identity::of(&new);
            (moved.then_some(old), Some(new))
        }
        (Some(_), None) => (Some(key(&before)?), None),
        (None, Some(_)) => (None, Some(key(&after)?)),
        (None, None) => return None,
    };
    Some(Keys { gone, standing })
}

/// That no row has the key.
fn gone(schema: &Schema, key: Vec<Value>) -> ChangeKind {
    let mut values = vec![Value::Null; schema.columns.len()];
    for (&column, value) in schema.key.iter().zip(key) {
        values[column] = value;
    }
    ChangeKind::Gone {
        key: Row::new(values),
    }
}
