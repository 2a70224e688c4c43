//! A target in memory: collections with unique indexes, and what travels with them.
//!
//! Every transaction works on a copy and replaces the whole when it succeeds, so all or nothing is
//! not a promise here but how it is built.

use super::failure;
use change::{
    Action, Checkpoint, Collection, DocumentId, Effect, MappingVersion, TableName, TableProgress,
};
use flow::ports::{ApplyBatch, Tail};
use flow::{Disposition, Failure};
use mapping::{CollectionPlan, IndexPlan, numbered_document, numbered_id};
use reconcile::Quarantine;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

type Documents = BTreeMap<Vec<u8>, bson::Document>;
type Inspection = Box<dyn FnMut(&Held) + Send>;

/// What the store holds at one moment.
#[derive(Clone)]
pub struct Held {
    collections: BTreeMap<Collection, Documents>,
    indexes: BTreeMap<Collection, Vec<IndexPlan>>,
    checkpoint: Option<Checkpoint>,
    tables: BTreeMap<TableName, TableProgress>,
    mapping: Option<MappingVersion>,
    quarantine: Quarantine,
    /// Collections that take no document.
    refusing: BTreeSet<Collection>,
    /// Documents that their collection does not take.
    refused: BTreeSet<(Collection, Vec<u8>)>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            collections: BTreeMap::new(),
            indexes: BTreeMap::new(),
            checkpoint: None,
            tables: BTreeMap::new(),
            mapping: None,
            // Who writes counts, not who stores.
            quarantine: Quarantine::new(usize::MAX),
            refusing: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }
}

/// The target. Cloning gives another connection.
#[derive(Clone, Default)]
pub struct Store(Arc<Mutex<Guarded>>);

#[derive(Default)]
pub(super) struct Guarded {
    pub(super) epoch: u64,
    pub(super) held: Held,
    /// Looks at everything whenever a checkpoint was stored.
    inspection: Option<Inspection>,
}

impl Store {
    pub fn new() -> Self {
        Self::default()
    }

    /// Has every state that a checkpoint closes looked at.
    pub fn inspect(&self, inspection: impl FnMut(&Held) + Send + 'static) {
        self.guarded().inspection = Some(Box::new(inspection));
    }

    /// From now on this collection refuses every document, as a validator would.
    pub fn refuse(&self, collection: &Collection) {
        self.guarded().held.refusing.insert(collection.clone());
    }

    /// From now on this collection refuses the document of this identity, or takes it again.
    pub fn refuse_document(&self, collection: &Collection, id: &DocumentId, refused: bool) {
        let document = (collection.clone(), id.0.to_vec());
        let mut guarded = self.guarded();
        if refused {
            guarded.held.refused.insert(document);
        } else {
            guarded.held.refused.remove(&document);
        }
    }

    /// It takes documents again.
    pub fn accept(&self, collection: &Collection) {
        self.guarded().held.refusing.remove(collection);
    }

    /// What it holds now.
    pub fn held(&self) -> Held {
        self.guarded().held.clone()
    }

    pub(super) fn guarded(&self) -> MutexGuard<'_, Guarded> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Guarded {
    /// Replaces what is held, if the writer is the one that took over last.
    pub(super) fn replace(&mut self, epoch: u64, held: Held) -> Result<(), Failure> {
        self.check(epoch)?;
        let closed = held.checkpoint != self.held.checkpoint;
        self.held = held;
        if let Some(inspection) = self.inspection.as_mut().filter(|_| closed) {
            inspection(&self.held);
        }
        Ok(())
    }

    pub(super) fn check(&self, epoch: u64) -> Result<(), Failure> {
        if epoch == self.epoch {
            return Ok(());
        }
        let message = format!("epoch {epoch} was fenced by epoch {}", self.epoch);
        Err(failure(Disposition::Fenced, message))
    }
}

impl Held {
    /// The documents of a collection, in the order of their encoded identities.
    pub fn documents(&self, collection: &Collection) -> Vec<bson::Document> {
        let documents = self.collections.get(collection);
        documents.map_or_else(Vec::new, |documents| documents.values().cloned().collect())
    }

    pub fn tail(&self) -> Tail {
        Tail {
            checkpoint: self.checkpoint.clone(),
            tables: self.tables.values().cloned().collect(),
            mapping: self.mapping.clone(),
            quarantine: self.quarantine.records().cloned().collect(),
        }
    }

    /// The rows that are kept back.
    pub fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    pub(super) fn prepare(&mut self, plan: &CollectionPlan) {
        let name = Collection::clone(&plan.collection);
        self.collections.entry(name.clone()).or_default();
        self.build(&name, &plan.unique);
    }

    pub(super) fn loosen(&mut self, collection: &Collection) {
        self.indexes.remove(collection);
    }

    /// Unique indexes among the others are built over what is there.
    pub(super) fn finish(&mut self, plan: &CollectionPlan) -> Result<(), Failure> {
        let unique: Vec<IndexPlan> = plan
            .secondary
            .iter()
            .filter(|index| index.unique)
            .cloned()
            .collect();
        for index in &unique {
            let documents = self
                .collections
                .get(&*plan.collection)
                .into_iter()
                .flatten();
            let mut seen = Vec::new();
            for value in documents.filter_map(|(_, document)| indexed(index, document)) {
                if seen.contains(&value) {
                    let message = format!("{}: two documents have {value:?}", plan.collection);
                    return Err(refusal(&plan.collection, message));
                }
                seen.push(value);
            }
        }
        self.indexes.remove(&*plan.collection);
        self.build(&plan.collection, &unique);
        Ok(())
    }

    fn build(&mut self, collection: &Collection, indexes: &[IndexPlan]) {
        let built = self.indexes.entry(collection.clone()).or_default();
        for index in indexes {
            if built.iter().all(|there| there.name != index.name) {
                built.push(index.clone());
            }
        }
    }

    pub(super) fn close(&mut self, batch: &ApplyBatch) {
        self.checkpoint = Some(batch.checkpoint.clone());
        self.mapping = Some(batch.mapping.clone());
        self.quarantine.follow(&batch.quarantine);
        let progress = batch.progress.iter().cloned();
        self.tables
            .extend(progress.map(|one| (one.table.clone(), one)));
    }

    pub(super) fn empty(&mut self, collection: &Collection) {
        if let Some(documents) = self.collections.get_mut(collection) {
            documents.clear();
        }
    }

    /// Writes in the order of a target that checks uniqueness with every write: first all that
    /// goes, and what comes again with another unique value; then the rest.
    pub(super) fn write(&mut self, effects: &[Effect]) -> Result<(), Failure> {
        for effect in effects {
            let goes = match &effect.action {
                Action::Remove => true,
                Action::Put { unique_changed, .. } => *unique_changed,
                Action::Adjust { delta, content } => {
                    if *delta < 0 {
                        self.adjust(effect, *delta, content)?;
                    }
                    false
                }
            };
            if goes {
                self.of(&effect.collection).remove(&*effect.id.0);
            }
        }
        for effect in effects {
            match &effect.action {
                Action::Remove => {}
                Action::Put { document, .. } => {
                    self.put(&effect.collection, &effect.id.0, document)?;
                }
                Action::Adjust { delta, content } => {
                    if *delta > 0 {
                        self.adjust(effect, *delta, content)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn of(&mut self, collection: &Collection) -> &mut Documents {
        self.collections.entry(collection.clone()).or_default()
    }

    fn put(&mut self, collection: &Collection, id: &[u8], encoded: &[u8]) -> Result<(), Failure> {
        let document = decode(encoded)?;
        if self.refusing.contains(collection) {
            let message = format!("{collection}: refused, whatever it holds");
            return Err(refusal_of(collection, id, message));
        }
        if self.refused.contains(&(collection.clone(), id.to_vec())) {
            let message = format!("{collection}: this one is refused, whatever it holds");
            return Err(refusal_of(collection, id, message));
        }
        let empty = Vec::new();
        for index in self.indexes.get(collection).unwrap_or(&empty) {
            let Some(value) = indexed(index, &document) else {
                continue;
            };
            let documents = self.collections.get(collection).into_iter().flatten();
            let mut others = documents.filter(|(other, _)| other.as_slice() != id);
            if others.any(|(_, other)| indexed(index, other).as_ref() == Some(&value)) {
                let message = format!("{collection}: two documents have {value:?}");
                return Err(refusal_of(collection, id, message));
            }
        }
        self.of(collection).insert(id.to_vec(), document);
        Ok(())
    }

    /// More or fewer copies of one content.
    fn adjust(&mut self, effect: &Effect, delta: i64, content: &[u8]) -> Result<(), Failure> {
        let copy = |number: i64| {
            let id = numbered_id(&effect.id, number);
            id.ok_or_else(|| failure(Disposition::Halt, "no identity of equal rows"))
        };
        let mut count = 0;
        while self
            .of(&effect.collection)
            .contains_key(&*copy(count + 1)?.0)
        {
            count += 1;
        }
        if count + delta < 0 {
            let message = format!("{count} copies of which {} are to go", -delta);
            return Err(failure(Disposition::Halt, message));
        }
        for number in count + delta + 1..=count {
            self.of(&effect.collection).remove(&*copy(number)?.0);
        }
        for number in count + 1..=count + delta {
            let document = numbered_document(&effect.id, content, number)
                .ok_or_else(|| failure(Disposition::Halt, "a copy that can't be numbered"))?;
            self.put(&effect.collection, &copy(number)?.0, &document)?;
        }
        Ok(())
    }
}

/// A failure that concerns one document.
fn refusal_of(collection: &Collection, id: &[u8], message: String) -> Failure {
    Failure {
        disposition: Disposition::Document(Box::new(DocumentId(id.to_vec().into()))),
        ..refusal(collection, message)
    }
}

/// A failure that concerns what is to be written into one collection.
fn refusal(collection: &Collection, message: String) -> Failure {
    let table = TableName {
        database: collection.database.clone(),
        table: collection.name.clone(),
    };
    Failure {
        table: Some(table),
        ..failure(Disposition::Table, message)
    }
}

fn decode(encoded: &[u8]) -> Result<bson::Document, Failure> {
    bson::Document::from_reader(encoded)
        .map_err(|error| failure(Disposition::Halt, format!("no document: {error}")))
}

/// The document's values in this index; `None` where a null or absent one keeps it out.
fn indexed(index: &IndexPlan, document: &bson::Document) -> Option<Vec<bson::Bson>> {
    let fields: BTreeSet<_> = index.keys.iter().map(|(field, _)| field).collect();
    let values = fields.into_iter().map(|field| {
        let value = document.get(&**field)?;
        (*value != bson::Bson::Null).then(|| value.clone())
    });
    values.collect()
}
