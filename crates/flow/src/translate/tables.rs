//! The tables as they are written: plans, mappers, and the collections that they go to.

use change::{Collection, Schema, TableDescription, TableName, Trouble};
use mapping::{CollectionPlan, Mapper, Problems, TableMapper};
use std::collections::HashMap;
use std::sync::Arc;

/// What is known of the tables, by what they looked like last.
#[derive(Debug)]
pub(super) struct Tables {
    mapper: Mapper,
    compiled: HashMap<TableName, Compiled>,
}

#[derive(Debug, Default)]
struct Compiled {
    plan: Option<CollectionPlan>,
    /// `None` until the table is described: then any column may be unique.
    unique: Option<Vec<Arc<str>>>,
    mapper: Option<TableMapper>,
    /// The mapper of before the last description: what it made may still be under way.
    former: Option<TableMapper>,
}

impl Tables {
    pub(super) fn new(mapper: Mapper) -> Self {
        Self {
            mapper,
            compiled: HashMap::new(),
        }
    }

    pub(super) fn collection(&self, table: &TableName) -> Collection {
        self.mapper.collection(table)
    }

    /// The table that is written to this collection, among those that `counts` takes.
    pub(super) fn written_to(
        &self,
        collection: &Collection,
        counts: impl Fn(&TableName) -> bool,
    ) -> Option<TableName> {
        let mut written = self.compiled.keys().filter(|table| counts(table));
        let table = written.find(|table| self.mapper.collection(table) == *collection);
        table.cloned()
    }

    pub(super) fn has_key(&self, table: &TableName) -> bool {
        self.mapper.has_key(table)
    }

    pub(super) fn plan(&self, table: &TableName) -> Option<&CollectionPlan> {
        self.compiled.get(table)?.plan.as_ref()
    }

    /// The mapper that the table's last rows were mapped by.
    pub(super) fn last_mapper(&self, table: &TableName) -> Option<&TableMapper> {
        let compiled = self.compiled.get(table)?;
        compiled.mapper.as_ref().or(compiled.former.as_ref())
    }

    /// Remembers what the table looks like now.
    pub(super) fn describe(
        &mut self,
        description: &Arc<TableDescription>,
    ) -> Result<CollectionPlan, Problems> {
        let plan = self.mapper.collection_plan(description)?;
        let unique = self.mapper.unique_columns(description).ok();
        let name = description.schema.name.clone();
        let compiled = self.compiled.entry(name).or_default();
        compiled.plan = Some(plan.clone());
        compiled.unique = unique;
        if let Some(mapper) = compiled.mapper.take() {
            compiled.former = Some(mapper);
        }
        Ok(plan)
    }

    /// The mapper for rows of this very schema.
    pub(super) fn mapper_for(&mut self, schema: &Arc<Schema>) -> Result<&TableMapper, Trouble> {
        let compiled = self.compiled.entry(schema.name.clone()).or_default();
        let current = compiled
            .mapper
            .take()
            .filter(|mapper| Arc::ptr_eq(mapper.schema(), schema) || mapper.schema() == schema);
        let mapper = match current {
            Some(mapper) => mapper,
            None => {
                let mapper = self.mapper.compile(schema).map_err(|problems| Trouble {
                    code: problems.code().into(),
                    message: problems.to_string().into(),
                    remedy: "lockstep explain tells what each code asks for".into(),
                })?;
                match &compiled.unique {
                    Some(unique) => mapper.with_unique(unique.iter().map(|name| &**name)),
                    None => mapper.with_unique(schema.columns.iter().map(|column| &*column.name)),
                }
            }
        };
        Ok(compiled.mapper.insert(mapper))
    }
}
