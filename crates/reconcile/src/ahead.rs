//! Descriptions of tables that follow, until the stream has caught up with them.
//!
//! The catalogue tells what a table is now, and the stream is somewhere behind. A unique key that
//! was made between the two need not hold yet where the stream is. So a description of a table whose
//! collection is complete is held until the stream has passed the end that the log had after it was
//! read: what altered the table up to there has been told then, and asked about again.

use change::{Position, TableDescription};
use std::sync::Arc;

/// Descriptions, each with the end of the log once that is known.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    held: Vec<(Arc<TableDescription>, Option<Position>)>,
}

impl Ahead {
    pub(crate) fn hold(&mut self, description: Arc<TableDescription>) {
        self.held.push((description, None));
    }

    pub(crate) fn wants_head(&self) -> bool {
        self.held.iter().any(|(_, head)| head.is_none())
    }

    /// Where the log ends, asked after all that is held was described.
    pub(crate) fn head_is(&mut self, head: &Position) {
        for (_, known) in &mut self.held {
            known.get_or_insert_with(|| head.clone());
        }
    }

    pub(crate) fn reached_by(&mut self, position: &Position) -> Vec<Arc<TableDescription>> {
        let reached = |(_, head): &mut (_, Option<Position>)| {
            head.as_ref().is_some_and(|head| position.covers(head))
        };
        let reached = self.held.extract_if(.., reached);
        reached.map(|(description, _)| description).collect()
    }
}
