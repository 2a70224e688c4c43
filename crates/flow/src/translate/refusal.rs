//! What the target refuses: one document, whose row goes to quarantine, or a whole table.
//!
//! A refusal is told while batches are under way: some handed over, one translated ahead. Nothing of
//! them is durable, so that each can be given again without what was refused. A document is left
//! out of the first of them that has it, and of all behind: what they would have done to it waits
//! like any change of a row that is kept back.

use super::rows::is_full;
use super::{Step, Translator};
use crate::failure::{Disposition, Failure};
use crate::given_up::GivenUp;
use crate::ports::Work;
use change::{
    Action, Collection, DocumentId, Effect, QuarantineChange, QuarantineKey, QuarantineRecord,
    QuarantinedId, RowState, Sighting, TableName, Trouble, Value,
};
use mapping::printable;
use reconcile::{Decided, Quarantine, Refused, left_out};
use std::sync::Arc;

impl Translator {
    /// Takes what was refused out of the steps, in whose order they are given again. `kept`: the
    /// rows that are kept back durably. The failure itself where it concerns nothing of them.
    pub fn go_on_without(
        &mut self,
        failure: Failure,
        kept: &Quarantine,
        steps: &mut [&mut Step],
    ) -> Result<(), Failure> {
        let (document, table) = match (&failure.disposition, &failure.table) {
            (Disposition::Table, Some(table)) => (None, table),
            (Disposition::Document(id), Some(table)) => (Some((**id).clone()), table),
            (Disposition::Table | Disposition::Document(_), None)
            | (Disposition::Transient | Disposition::Fenced | Disposition::Halt, _) => {
                return Err(failure);
            }
        };
        let collection = Collection {
            database: table.database.clone(),
            name: table.table.clone(),
        };
        let goes_on = |table: &TableName| !self.stopped.contains_key(table);
        let Some(table) = self.tables.written_to(&collection, goes_on) else {
            return Err(failure);
        };
        match document {
            Some(id) if self.tables.has_key(&table) => {
                let key = QuarantineKey {
                    collection: Arc::new(collection),
                    id: QuarantinedId::Document(id.clone()),
                };
                self.keep_back(failure, &id, key, table, kept, steps)
            }
            Some(_) | None => {
                self.give_up(failure, table, collection, steps);
                Ok(())
            }
        }
    }

    fn give_up(
        &mut self,
        failure: Failure,
        table: TableName,
        collection: Collection,
        steps: &mut [&mut Step],
    ) {
        tracing::error!(%table, code = failure.code, "{failure}");
        let trouble = trouble(failure);
        self.stopped.insert(table.clone(), trouble.clone());
        let given_up = GivenUp {
            table,
            collection,
            trouble,
        };
        for (index, step) in steps.iter_mut().enumerate() {
            if given_up.is_over_with(step) {
                // It is copied anew.
                self.stopped.remove(&given_up.table);
                given_up.lift_with(step);
                break;
            }
            given_up.leave_out_of(step, index == 0);
        }
    }

    fn keep_back(
        &mut self,
        failure: Failure,
        id: &DocumentId,
        key: QuarantineKey,
        table: TableName,
        kept: &Quarantine,
        steps: &mut [&mut Step],
    ) -> Result<(), Failure> {
        let first = steps.iter().position(|step| {
            let mut effects = effects(&step.batch.work).iter();
            effects.any(|effect| effect.id == *id && effect.collection == key.collection)
        });
        let Some(first) = first else {
            return Err(failure);
        };
        let document = effects(&steps[first].batch.work).iter().find_map(|effect| {
            let of_row = effect.id == *id && effect.collection == key.collection;
            match &effect.action {
                Action::Put { document, .. } if of_row => Some(document.clone()),
                Action::Put { .. } | Action::Remove | Action::Adjust { .. } => None,
            }
        });
        let mapper = self.tables.last_mapper(&table);
        let row = mapper.and_then(|mapper| mapper.row_of_document(id, document.as_deref()));
        let named = mapper.zip(row.as_ref());
        if kept.get(&key).is_none() {
            tracing::warn!(%table, code = failure.code, "{failure}; the row goes to quarantine");
        }
        let refused = Refused {
            row_key: match named {
                Some((mapper, row)) => mapper.row_key(row).into(),
                None => format!("_id {}", printable(&Value::Bytes(id.0.clone()))).into(),
            },
            row_key_values: named.map(|(mapper, row)| mapper.row_key_values(row)),
            key: key.clone(),
            table,
            column: None,
            trouble: trouble(failure),
            sighting: sighting(steps[first]),
            row: None,
        };
        let mut record = kept.get(&key).cloned();
        for step in &mut steps[first..] {
            if empties(step, &key.collection) {
                record = None;
                break;
            }
            record = leave_out(step, id, record, &refused);
        }
        self.quarantine.amend(&key, record).map_err(is_full)
    }
}

/// Leaves the row out of the step, which keeps it back instead; gives the record as it stands then.
fn leave_out(
    step: &mut Step,
    id: &DocumentId,
    before: Option<Arc<QuarantineRecord>>,
    refused: &Refused,
) -> Option<Arc<QuarantineRecord>> {
    let refused = Refused {
        sighting: sighting(step),
        ..refused.clone()
    };
    let key = &refused.key;
    let of_row = |effect: &Effect| effect.id == *id && *effect.collection == *key.collection;
    let batch = Arc::make_mut(&mut step.batch);
    let effect = effects(&batch.work).iter().rfind(|effect| of_row(effect));
    let effect = effect.map(|effect| match effect.action {
        Action::Remove => RowState::Gone,
        Action::Put { .. } | Action::Adjust { .. } => RowState::Present,
    });
    let noted = batch.quarantine.iter().rfind(|change| match change {
        QuarantineChange::Kept(record) => record.key == *key,
        QuarantineChange::Lifted(lifted) => lifted == key,
        QuarantineChange::Cleared(_) => false,
    });
    let decided = Decided {
        effect,
        lifted: matches!(noted, Some(QuarantineChange::Lifted(_))),
        kept: match noted {
            Some(QuarantineChange::Kept(record)) => Some(record),
            Some(QuarantineChange::Lifted(_) | QuarantineChange::Cleared(_)) | None => None,
        },
    };
    let Some(record) = left_out(before.as_deref(), decided, &refused) else {
        return before;
    };
    let record = Arc::new(record);
    match &mut batch.work {
        Work::Atomic(effects) | Work::Chunks(effects) => effects.retain(|effect| !of_row(effect)),
        Work::Empty(_) => {}
    }
    batch.quarantine.retain(|change| match change {
        QuarantineChange::Kept(record) => record.key != *key,
        QuarantineChange::Lifted(lifted) => lifted != key,
        QuarantineChange::Cleared(_) => true,
    });
    batch
        .quarantine
        .push(QuarantineChange::Kept(record.clone()));
    Some(record)
}

fn effects(work: &Work) -> &[Effect] {
    match work {
        Work::Atomic(effects) | Work::Chunks(effects) => effects,
        Work::Empty(_) => &[],
    }
}

fn empties(step: &Step, collection: &Arc<Collection>) -> bool {
    match &step.batch.work {
        Work::Empty(collections) => collections.contains(collection),
        Work::Atomic(_) | Work::Chunks(_) => false,
    }
}

/// The batch stands for the changes in it: which of them it was is not known any more.
fn sighting(step: &Step) -> Sighting {
    let checkpoint = &step.batch.checkpoint;
    let log = checkpoint.position.log();
    Sighting {
        ordinal: checkpoint.ordinal,
        transaction: None,
        file: log.file.clone(),
        offset: log.offset,
        committed_at_ms: checkpoint.committed_at_ms,
    }
}

fn trouble(failure: Failure) -> Trouble {
    Trouble {
        code: failure.code.into(),
        message: failure.message.into(),
        remedy: failure.remedy.into(),
    }
}
