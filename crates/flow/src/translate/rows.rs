//! From changes to effects: each row by its table's mapper, and past the quarantine.
//!
//! A row that has no document goes to quarantine and its table goes on; only rows that nothing tells
//! apart, whose documents are counted copies, stop their table. While no row of a collection is kept
//! back, its rows are mapped as if there were no quarantine.

use super::Translator;
use crate::failure::{Disposition, Failure};
use change::{
    Change, ChangeKind, Effect, QuarantineKey, QuarantinedId, Row, RowState, Schema, Sighting,
    Trouble,
};
use mapping::{MappingError, RowCounter, TableMapper};
use reconcile::{Arrival, Passage, Quarantine, QuarantineFull, Refused};
use std::sync::Arc;

/// Why a run of changes was not mapped to its end.
enum Broken {
    /// The table can't go on.
    Table(Trouble),
    Full(QuarantineFull),
}

impl Translator {
    /// Appends what the changes do. Tables that can't go on are among the stopped afterwards.
    pub(super) fn map(
        &mut self,
        changes: &[Change],
        arrival: Arrival,
        counter: &mut RowCounter,
        out: &mut Vec<Effect>,
    ) -> Result<(), Failure> {
        let mut run = changes;
        while let Some(first) = run.first() {
            let length = run
                .iter()
                .take_while(|change| Arc::ptr_eq(&change.schema, &first.schema))
                .count();
            let (same, rest) = run.split_at(length);
            run = rest;
            if self.stopped.contains_key(&first.schema.name) {
                continue;
            }
            match self.map_run(&first.schema, same, arrival, counter, out) {
                Ok(()) => {}
                Err(Broken::Table(trouble)) => {
                    tracing::error!(table = %first.schema.name, code = %trouble.code,
                        "{}", trouble.message);
                    self.stopped.insert(first.schema.name.clone(), trouble);
                }
                Err(Broken::Full(full)) => return Err(is_full(full)),
            }
        }
        Ok(())
    }

    fn map_run(
        &mut self,
        schema: &Arc<Schema>,
        changes: &[Change],
        arrival: Arrival,
        counter: &mut RowCounter,
        out: &mut Vec<Effect>,
    ) -> Result<(), Broken> {
        let mapper = self.tables.mapper_for(schema).map_err(Broken::Table)?;
        let mut passing = Passing {
            mapper,
            quarantine: &mut self.quarantine,
            arrival,
        };
        let mut guarded = passing.quarantine.holds_any(mapper.collection());
        for change in changes {
            let before = out.len();
            match mapper.effects(&change.kind, counter, out) {
                Ok(()) if guarded => passing.filter(change, before, out),
                Ok(()) => {}
                Err(error) if !can_be_kept_back(mapper, change) => {
                    return Err(Broken::Table(trouble(&error)));
                }
                Err(_) => {
                    passing
                        .keep_back(change, counter, out)
                        .map_err(Broken::Full)?;
                    guarded = true;
                }
            }
        }
        Ok(())
    }
}

/// Rows of one table on their way past the quarantine.
struct Passing<'a> {
    mapper: &'a TableMapper,
    quarantine: &'a mut Quarantine,
    arrival: Arrival,
}

impl Passing<'_> {
    /// Takes back what waits, of the effects from this place on.
    fn filter(&mut self, change: &Change, from: usize, out: &mut Vec<Effect>) {
        let mut index = from;
        while index < out.len() {
            if self.passes(change, &mut out[index]) {
                index += 1;
            } else {
                out.remove(index);
            }
        }
    }

    fn passes(&mut self, change: &Change, effect: &mut Effect) -> bool {
        let (state, image) = match &effect.action {
            change::Action::Put { .. } => (RowState::Present, change.kind.after()),
            change::Action::Remove => (RowState::Gone, None),
            change::Action::Adjust { .. } => return true,
        };
        let key = QuarantineKey {
            collection: effect.collection.clone(),
            id: QuarantinedId::Document(effect.id.clone()),
        };
        let row = || image.and_then(|row| self.mapper.small_row(row));
        let sighting = || sighting(change);
        let passage = self
            .quarantine
            .passes(&key, self.arrival, state, sighting, row);
        if passage == Passage::Lifted
            && let change::Action::Put { unique_changed, .. } = &mut effect.action
        {
            // The document that stands there is of before, and so are its unique values.
            *unique_changed = true;
        }
        passage != Passage::Waits
    }

    /// A change that can't be mapped as a whole: what it takes away, and the row that it leaves.
    fn keep_back(
        &mut self,
        change: &Change,
        counter: &mut RowCounter,
        out: &mut Vec<Effect>,
    ) -> Result<(), QuarantineFull> {
        let before = change.kind.gone().map(|row| self.key_of(row));
        let after = change.kind.after();
        let key = after.map(|row| self.key_of(row));
        if let Some(before) = before.filter(|before| Some(before) != key.as_ref()) {
            self.take_away(change, before, out);
        }
        let (Some(row), Some(key)) = (after, key) else {
            return Ok(());
        };
        let from = out.len();
        // The row may be fine, and only the one before it is not.
        let alone = ChangeKind::Read { row: row.clone() };
        match self.mapper.effects(&alone, counter, out) {
            Ok(()) => {
                self.filter(change, from, out);
                Ok(())
            }
            Err(own) => {
                let refused = Refused {
                    key,
                    table: self.mapper.schema().name.clone(),
                    row_key: self.mapper.row_key(row).into(),
                    row_key_values: Some(self.mapper.row_key_values(row)),
                    column: own.column.clone(),
                    trouble: Trouble {
                        message: own.reason.as_ref().into(),
                        ..trouble(&own)
                    },
                    sighting: sighting(change),
                    row: self.mapper.small_row(row),
                };
                if self.quarantine.get(&refused.key).is_none() {
                    tracing::warn!(table = %refused.table, code = own.code,
                        "{}; the row goes to quarantine", own.message());
                }
                self.quarantine.refuse(refused, self.arrival)
            }
        }
    }

    fn take_away(&mut self, change: &Change, key: QuarantineKey, out: &mut Vec<Effect>) {
        let (gone, sighting) = (RowState::Gone, || sighting(change));
        let passage = self
            .quarantine
            .passes(&key, self.arrival, gone, sighting, || None);
        match key.id {
            QuarantinedId::Document(id) if passage != Passage::Waits => out.push(Effect {
                collection: key.collection,
                id,
                action: change::Action::Remove,
            }),
            // It has no document.
            QuarantinedId::Document(_) | QuarantinedId::Key(_) => {}
        }
    }

    fn key_of(&self, row: &Row) -> QuarantineKey {
        QuarantineKey {
            collection: self.mapper.collection().clone(),
            id: match self.mapper.document_id(row) {
                Ok(id) => QuarantinedId::Document(id),
                Err(_) => QuarantinedId::Key(self.mapper.row_identity(row)),
            },
        }
    }
}

/// Rows without a key are counted, and one that is left out is missing from the count for ever. A row
/// of another form than its schema says nothing that can be trusted.
fn can_be_kept_back(mapper: &TableMapper, change: &Change) -> bool {
    let columns = mapper.schema().columns.len();
    let images = change.kind.gone().into_iter().chain(change.kind.after());
    mapper.has_key() && images.into_iter().all(|row| row.len() == columns)
}

fn trouble(error: &MappingError) -> Trouble {
    Trouble {
        code: error.code().into(),
        message: error.message().into(),
        remedy: error.remedy.into(),
    }
}

fn sighting(change: &Change) -> Sighting {
    Sighting {
        ordinal: change.ordinal,
        transaction: change.origin.transaction.clone(),
        file: change.origin.file.clone(),
        offset: change.place.offset,
        committed_at_ms: change.origin.committed_at_ms,
    }
}

/// Nothing may go on: a row that is neither applied nor kept back would be lost.
pub(super) fn is_full(full: QuarantineFull) -> Failure {
    Failure {
        code: "LS4020",
        disposition: Disposition::Halt,
        message: format!("quarantine is full: {full}"),
        table: Some(full.table),
        remedy: "raise [quarantine] max_entries and start again; mend the rows that `lockstep \
                 quarantine list` shows, then `lockstep quarantine retry`"
            .to_owned(),
    }
}
