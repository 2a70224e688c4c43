//! What rows were written with, by the ids that messages and barriers name.
//!
//! `<pipeline>.schema` is read whole when reading begins and further whenever an id is not known. A
//! transaction's records become visible topic by topic, so the barrier that names an id may be seen
//! a moment before the id's record.

use crate::error::Error;
use crate::record::{RecordId, SchemaContent};
use crate::tail::ControlReader;
use change::{Schema, TableDescription};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records of the schema's topic.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    known: HashMap<RecordId, SchemaContent>,
    /// Everything before this offset is known.
    through: i64,
}

impl Schemas {
    pub(super) fn schema(
        &mut self,
        control: &ControlReader<'_>,
        id: &RecordId,
    ) -> Result<Arc<Schema>, Error> {
        match self.content(control, id)? {
            SchemaContent::Schema(schema) => Ok(Arc::clone(schema)),
            SchemaContent::Description(_) => Err(wrong(control, id, "a description, not a schema")),
        }
    }

    pub(super) fn description(
        &mut self,
        control: &ControlReader<'_>,
        id: &RecordId,
    ) -> Result<Arc<TableDescription>, Error> {
        match self.content(control, id)? {
            SchemaContent::Description(description) => Ok(Arc::clone(description)),
            SchemaContent::Schema(_) => Err(wrong(control, id, "a schema, not a description")),
        }
    }

    fn content(
        &mut self,
        control: &ControlReader<'_>,
        id: &RecordId,
    ) -> Result<&SchemaContent, Error> {
        let deadline = Instant::now() + control.settings.patience;
        while !self.known.contains_key(id) {
            let (records, through) = control.schemas(self.through)?;
            let none = records.is_empty();
            self.through = through;
            for record in records {
                self.known.entry(record.id).or_insert(record.content);
            }
            if none && Instant::now() >= deadline {
                return Err(wrong(control, id, "not there"));
            }
            if none {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(&self.known[id])
    }
}

fn wrong(control: &ControlReader<'_>, id: &RecordId, problem: &str) -> Error {
    Error::Inconsistent {
        topic: control.control.schema.clone(),
        partition: 0,
        offset: -1,
        problem: format!("the record {} is {problem}", id.0),
    }
}
