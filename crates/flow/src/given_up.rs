//! A table that apply gives up because the target refuses its documents, until it is copied anew.

use crate::ports::Work;
use crate::translate::Step;
use change::{Collection, TableName, TableProgress, TableState, Trouble};
use mapping::CollectionPlan;
use std::sync::Arc;

/// A table that is given up because the target refuses its documents.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) table: TableName,
    pub(crate) collection: Collection,
    pub(crate) trouble: Trouble,
}

impl GivenUp {
    /// Whether the step begins the table's copy anew, so that what was refused before is over.
    pub(crate) fn is_over_with(&self, step: &Step) -> bool {
        match &step.batch.work {
            Work::Empty(collections) => {
                let emptied = collections.iter().any(|one| **one == self.collection);
                emptied && begins_anew(&step.batch.progress, &self.table)
            }
            Work::Atomic(_) | Work::Chunks(_) => false,
        }
    }

    /// The step takes the table up again.
    pub(crate) fn lift_with(&self, step: &mut Step) {
        step.lifted.push(self.table.clone());
    }

    /// Leaves the table out of a step that is to be taken again. `tell`: the step stores that the
    /// table stands still, even if it says nothing of it otherwise.
    pub(crate) fn leave_out_of(&self, step: &mut Step, tell: bool) {
        let others = |plan: &CollectionPlan| *plan.collection != self.collection;
        step.loosen
            .retain(|collection| **collection != self.collection);
        step.prepare.retain(others);
        step.finish.retain(others);
        let batch = Arc::make_mut(&mut step.batch);
        match &mut batch.work {
            Work::Atomic(effects) | Work::Chunks(effects) => {
                effects.retain(|effect| *effect.collection != self.collection);
            }
            Work::Empty(collections) => {
                collections.retain(|collection| **collection != self.collection);
            }
        }
        let mut known = batch.progress.iter_mut();
        match known.find(|progress| progress.table == self.table) {
            Some(progress) => stop(progress, &self.trouble),
            None if tell => {
                let mut progress = TableProgress::unplanned(self.table.clone());
                stop(&mut progress, &self.trouble);
                batch.progress.push(progress);
            }
            None => return,
        }
        step.stopped
            .push((self.table.clone(), self.trouble.clone()));
    }
}

/// Whether the table's copy begins, or its table went, with a collection that is empty.
pub(crate) fn begins_anew(progress: &[TableProgress], table: &TableName) -> bool {
    let mut known = progress.iter();
    let progress = known.find(|progress| progress.table == *table);
    progress.is_some_and(|progress| match progress.state {
        TableState::Copying => !progress.live,
        TableState::Dropped => true,
        TableState::Following | TableState::Recopy | TableState::Stopped => false,
    })
}

pub(crate) fn stop(progress: &mut TableProgress, trouble: &Trouble) {
    progress.state = TableState::Stopped;
    progress.live = false;
    progress.trouble = Some(trouble.clone());
}
