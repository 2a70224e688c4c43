//! The copy of one table: what is known of it, which of its ranges are read, and which of its changes
//! are emitted meanwhile.

use crate::copy::{Extent, WindowId};
use crate::keys::Keys;
use crate::window::Window;
use change::{
    ChangeKind, Identity, KeyRange, Row, Schema, TableDescription, TableKey, TableProgress,
    TableState, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One table's copy.
#[derive(Debug)]
pub(crate) struct TableCopy {
    pub(crate) progress: TableProgress,
    pub(crate) description: Option<Arc<TableDescription>>,
    /// Ranges that nobody reads; `progress.remaining` is made of these and the claimed ones.
    pub(crate) free: Vec<KeyRange>,
    pub(crate) claimed: BTreeMap<WindowId, (Extent, Window)>,
    /// Keys to be read anew; `progress.keys` is made of them when it is handed out.
    pub(crate) keys: Keys,
    /// The description has to be told once more when the copy is complete: unique indexes of the
    /// target went, or were not built.
    pub(crate) unindexed: bool,
    /// A describe or plan task is out.
    pub(crate) asked: bool,
    /// What the describe task that is out will tell is of before an alteration.
    pub(crate) outdated: bool,
    /// The schema of the last changes, as it came and by the key of what was copied.
    by_key: Option<(Arc<Schema>, Arc<Schema>)>,
    /// The catalogue had no such table; a CREATE will tell.
    pub(crate) absent: bool,
}

impl TableCopy {
    pub(crate) fn new(progress: TableProgress) -> Self {
        let free = progress.remaining.clone();
        let claimed = BTreeMap::new();
        let keys = Keys::new(&progress.keys);
        Self {
            progress,
            keys,
            unindexed: false,
            description: None,
            free,
            claimed,
            asked: false,
            outdated: false,
            by_key: None,
            absent: false,
        }
    }

    /// Begins anew from this progress. A description that was asked for before does not count.
    pub(crate) fn replace(&mut self, progress: TableProgress) {
        let describing = self.asked && self.description.is_none();
        *self = Self::new(progress);
        self.asked = describing;
        self.outdated = describing;
    }

    /// Has the table described again, with all else as it is.
    pub(crate) fn redescribe(&mut self) {
        let describing = self.asked && self.description.is_none();
        self.description = None;
        self.absent = false;
        self.asked = describing;
        self.outdated = describing;
    }

    /// Whether nothing is left to be done, so that the table follows.
    pub(crate) fn is_complete(&self) -> bool {
        let progress = &self.progress;
        let is_read = progress.planned && progress.remaining.is_empty();
        is_read && self.keys.is_empty() && !progress.anew
    }

    /// Whether every row was copied, and no more than keys are to be read anew.
    pub(crate) fn is_whole(&self) -> bool {
        let progress = &self.progress;
        match progress.state {
            TableState::Following => true,
            TableState::Recopy => progress.planned && progress.remaining.is_empty(),
            TableState::Copying | TableState::Stopped | TableState::Dropped => false,
        }
    }

    /// Whether the description identifies rows as the copy does, so that keys can be read by it.
    pub(crate) fn reads_keys(&self) -> bool {
        let (Some(description), Some(key)) = (&self.description, &self.progress.key) else {
            return false;
        };
        let schema = &description.schema;
        let described = schema.key.iter().map(|&index| &schema.columns[index].name);
        self.is_copying() && described.eq(key.columns.iter().map(|column| &column.name))
    }

    pub(crate) fn is_copying(&self) -> bool {
        matches!(
            self.progress.state,
            TableState::Copying | TableState::Recopy
        )
    }

    /// Whether changes of the table are emitted now.
    pub(crate) fn is_live(&self) -> bool {
        self.progress.live
    }

    /// What identifies the rows that are copied from now on.
    pub(crate) fn set_key(&mut self, key: TableKey) {
        self.progress.key = Some(key);
        self.by_key = None;
    }

    /// The schema with the key that the rows in the collection are identified by, where it has those
    /// columns. Where the key is not the primary one, events are read by what the catalogue says,
    /// which may be of before or after them.
    pub(crate) fn by_key(&mut self, schema: &Arc<Schema>) -> Arc<Schema> {
        if let Some((came, by_key)) = &self.by_key
            && Arc::ptr_eq(came, schema)
        {
            return by_key.clone();
        }
        let key = self.progress.key.as_ref().and_then(|key| {
            let columns = key.columns.iter();
            let places: Option<Vec<usize>> =
                columns.map(|column| schema.column(&column.name)).collect();
            places
        });
        let by_key = match key.filter(|key| *key != schema.key) {
            Some(key) => Arc::new(Schema {
                key,
                ..Schema::clone(schema)
            }),
            None => schema.clone(),
        };
        self.by_key = Some((schema.clone(), by_key.clone()));
        by_key
    }

    /// Whether a change is of the table as it was described. By another key, its row would be met as
    /// another one; by other columns, unique keys that were described need not hold for it.
    pub(crate) fn describes(&self, schema: &Schema) -> bool {
        let Some(description) = &self.description else {
            return true;
        };
        let described = &description.schema;
        match self.progress.state {
            TableState::Copying => {
                has_same_key(described, schema) && has_same_columns(described, schema)
            }
            TableState::Recopy => has_same_key(described, schema),
            TableState::Following | TableState::Stopped | TableState::Dropped => true,
        }
    }

    /// Whether changes by this schema are emitted now. In a recopy, equal rows that are counted are
    /// left alone until they are counted anew.
    pub(crate) fn emits(&self, schema: &Schema) -> bool {
        let fits = match self.progress.state {
            TableState::Copying => self.describes(schema),
            TableState::Recopy => !schema.key.is_empty(),
            TableState::Following | TableState::Stopped | TableState::Dropped => true,
        };
        self.progress.live && fits
    }

    /// Whether windows are open, which want to see every change.
    pub(crate) fn has_windows(&self) -> bool {
        !self.claimed.is_empty()
    }

    /// Records what is told of keys, and not of their rows.
    pub(crate) fn record_partial(
        &mut self,
        schema: &Schema,
        gone: &Option<Vec<Value>>,
        standing: &Option<Vec<Value>>,
    ) {
        if !self.describes(schema) {
            self.record_table_change();
            return;
        }
        for (_, window) in self.claimed.values_mut() {
            if let Some(key) = gone {
                window.record_gone(Identity::of(key));
            }
            if let Some(key) = standing {
                window.record_untold(Identity::of(key));
            }
        }
    }

    pub(crate) fn record(&mut self, schema: &Arc<Schema>, change: &ChangeKind<Row>) {
        if !self.describes(schema) {
            self.record_table_change();
            return;
        }
        for (_, window) in self.claimed.values_mut() {
            window.record(schema, change);
        }
    }

    pub(crate) fn record_table_change(&mut self) {
        for (_, window) in self.claimed.values_mut() {
            window.record_table_change();
        }
    }

    pub(crate) fn wants_description_or_plan(&self) -> bool {
        match self.progress.state {
            TableState::Copying | TableState::Recopy => {
                self.description.is_none() || !self.progress.planned
            }
            TableState::Following => self.description.is_none(),
            TableState::Stopped | TableState::Dropped => false,
        }
    }

    pub(crate) fn update_remaining(&mut self) {
        let claimed = self
            .claimed
            .values()
            .filter_map(|(extent, _)| match extent {
                Extent::Range(range) => Some(range),
                Extent::Keys(_) => None,
            });
        self.progress.remaining = self.free.iter().chain(claimed).cloned().collect();
    }
}

fn has_same_key(one: &Schema, other: &Schema) -> bool {
    fn names(schema: &Schema) -> impl Iterator<Item = &Arc<str>> {
        let columns = &schema.columns;
        schema.key.iter().map(|&index| &columns[index].name)
    }
    names(one).eq(names(other))
}

fn has_same_columns(one: &Schema, other: &Schema) -> bool {
    let mut pairs = one.columns.iter().zip(&other.columns);
    one.columns.len() == other.columns.len()
        && pairs.all(|(one, other)| one.name == other.name && one.nullable == other.nullable)
}
