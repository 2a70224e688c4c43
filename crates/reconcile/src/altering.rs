//! What becomes of a table's copy when the table is altered.
//!
//! No statement that alters a table logs rows. Where the rows are what they were, only the
//! description is asked for again. Where each of them may hold other values, and is identified as
//! before, chunks rewrite the collection while the table goes on following: a change is applied as it
//! comes, and a chunk row is the whole document. Where rows may have gone without a word, or are
//! identified by something else, nothing of the collection can be relied on: it is emptied and
//! copied from the beginning.

use crate::copy::Copies;
use change::{Alteration, TableName, TableProgress, TableState};

/// What the barrier of an alteration has to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Altered {
    /// The collection is to be emptied.
    pub(crate) emptied: bool,
    /// Unique keys of before may no longer hold.
    pub(crate) loosened: bool,
}

impl Copies {
    pub(crate) fn alter(&mut self, table: &TableName, alteration: &Alteration) -> Altered {
        let Some(copy) = self.get_mut(table) else {
            return Altered::default();
        };
        let progress = &copy.progress;
        let incomplete = match progress.state {
            TableState::Stopped | TableState::Dropped => return Altered::default(),
            // Of a new shape and half copied in the old one: that is no table that follows.
            TableState::Copying => alteration.columns,
            TableState::Following | TableState::Recopy => false,
        };
        let identity = match &progress.key {
            Some(key) => key.may_change_by(alteration),
            None => alteration.is_of_keys(),
        };
        if alteration.rows || identity || incomplete {
            return Altered {
                emptied: self.start_over(table),
                loosened: true,
            };
        }
        if alteration.columns {
            self.rewrite(table);
        } else {
            copy.redescribe();
        }
        Altered {
            emptied: false,
            loosened: alteration.loosens(),
        }
    }

    /// The table is no longer the one that was described, and the stream has not said so yet. Where
    /// its collection is complete, that is left to the stream.
    pub(crate) fn outdate(&mut self, table: &TableName) -> Altered {
        let Some(copy) = self.get_mut(table) else {
            return Altered::default();
        };
        match copy.progress.state {
            TableState::Copying => Altered {
                emptied: self.start_over(table),
                loosened: true,
            },
            TableState::Recopy if copy.is_whole() => {
                copy.redescribe();
                Altered::default()
            }
            TableState::Recopy => {
                self.rewrite(table);
                Altered::default()
            }
            TableState::Following | TableState::Stopped | TableState::Dropped => Altered::default(),
        }
    }

    /// Copies a table from the beginning because somebody wants it. One that was stopped begins as
    /// if it never had been.
    pub(crate) fn copy_anew(&mut self, table: &TableName) -> Altered {
        match self.get(table).map(|copy| copy.progress.state) {
            Some(TableState::Copying | TableState::Following | TableState::Recopy) => Altered {
                emptied: self.start_over(table),
                loosened: true,
            },
            Some(TableState::Stopped) => {
                self.start_over(table);
                Altered {
                    emptied: true,
                    loosened: true,
                }
            }
            Some(TableState::Dropped) | None => Altered::default(),
        }
    }

    /// Copies the table from the beginning; gives whether its collection may hold anything.
    fn start_over(&mut self, table: &TableName) -> bool {
        let live = self.get(table).is_some_and(|copy| copy.is_live());
        self.begin_anew(table, TableProgress::unplanned(table.clone()));
        live
    }

    /// Copies the table over what there is, which goes on following.
    fn rewrite(&mut self, table: &TableName) {
        let Some(copy) = self.get(table) else { return };
        let progress = TableProgress {
            state: TableState::Recopy,
            planned: false,
            remaining: Vec::new(),
            rows_copied: 0,
            keys: copy.keys.to_store(),
            ..copy.progress.clone()
        };
        self.begin_anew(table, progress);
    }
}
