//! The judge between a server and a target: each table that follows equals its collection at the very
//! position of the checkpoint, rows in quarantine aside, and one that is being copied holds no more
//! than that.

use bson::Document;
use change::{
    ChangeKind, Collection, DocumentId, Position, QuarantineKey, QuarantinedId, Row,
    TableDescription, TableName, TableProgress, TableState, Value,
};
use mapping::{Mapper, RowCounter};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use testbed::memory::{Held, MemoryServer, MemoryTable, labelled_row};

pub fn difference(
    server: &MemoryServer,
    mapper: &Mapper,
    held: &Held,
    refused: &BTreeSet<TableName>,
) -> Option<String> {
    let tail = held.tail();
    let checkpoint = tail.checkpoint.filter(|at| at.torn.is_none())?;
    let state = server.state_at(&checkpoint.position);
    for progress in &tail.tables {
        let name = &progress.table;
        let collection = Arc::new(mapper.collection(name));
        let kept_back = |document: &Document| is_kept_back(held, &collection, document);
        let found = held.documents(&collection).into_iter();
        let found: Vec<_> = found.filter(|document| !kept_back(document)).collect();
        let rows = state.get(name);
        if let Some(lost) = rows.and_then(|table| lost(held, &collection, table, progress)) {
            return Some(format!(
                "{name}: {lost:?} has no document and is not kept back"
            ));
        }
        let expected = rows.map_or_else(Vec::new, |table| documents(mapper, table));
        let expected = expected.into_iter();
        let expected: Vec<_> = expected.filter(|document| !kept_back(document)).collect();
        let right = match progress.state {
            TableState::Following => same(&found, &expected),
            // Copies of keyless rows are numbered anew when they are read again.
            TableState::Copying if is_keyless(&state, name) => true,
            TableState::Copying | TableState::Recopy => {
                found.iter().all(|document| expected.contains(document))
            }
            TableState::Stopped => refused.contains(name),
            TableState::Dropped => found.is_empty(),
        };
        if !right {
            let place = place(&checkpoint.position);
            let state = progress.state;
            return Some(format!(
                "{name} ({state:?}) at {place}: {found:?} instead of {expected:?}"
            ));
        }
    }
    None
}

fn is_kept_back(held: &Held, collection: &Arc<Collection>, document: &Document) -> bool {
    let id = document.get("_id").cloned().unwrap();
    let id = bson::doc! { "_id": id }.to_vec().unwrap();
    let key = QuarantineKey {
        collection: collection.clone(),
        id: QuarantinedId::Document(DocumentId(id.into())),
    };
    held.quarantine().get(&key).is_some()
}

/// A row of a table that follows which neither a document can hold nor quarantine does.
fn lost<'a>(
    held: &Held,
    collection: &Arc<Collection>,
    table: &'a MemoryTable,
    progress: &TableProgress,
) -> Option<&'a Row> {
    let mut rows = table.rows.iter();
    rows.find(|row| {
        let document = bson::doc! { "_id": id_of(row) };
        progress.state == TableState::Following
            && !is_mapped(row)
            && !is_kept_back(held, collection, &document)
    })
}

pub fn malformed_row(id: i64, label: &str) -> Row {
    let row = labelled_row(id, label);
    let value = |value: &Value| match value {
        Value::Text(text) => Value::Malformed(text.as_bytes().to_vec().into()),
        other => other.clone(),
    };
    Row::new(row.iter().map(value).collect())
}

pub fn is_mapped(row: &Row) -> bool {
    !row.iter().any(|value| matches!(value, Value::Malformed(_)))
}

pub fn id_of(row: &Row) -> i64 {
    match row.first() {
        Some(Value::Int(id)) => *id,
        other => panic!("no key of these tables: {other:?}"),
    }
}

fn is_keyless(state: &BTreeMap<TableName, Arc<MemoryTable>>, name: &TableName) -> bool {
    let described: Option<&Arc<TableDescription>> = state.get(name).map(|table| &table.description);
    described.is_some_and(|description| description.schema.key.is_empty())
}

fn place(position: &Position) -> String {
    position.to_string()
}

fn documents(mapper: &Mapper, table: &MemoryTable) -> Vec<Document> {
    let compiled = mapper.compile(&table.description.schema).unwrap();
    let mut counter = RowCounter::new();
    let mut effects = Vec::new();
    for row in table.rows.iter().filter(|row| is_mapped(row)) {
        let change = ChangeKind::Read { row: row.clone() };
        compiled
            .effects(&change, &mut counter, &mut effects)
            .unwrap();
    }
    let put = effects
        .into_iter()
        .filter_map(|effect| match effect.action {
            change::Action::Put { document, .. } => {
                Some(Document::from_reader(&*document).unwrap())
            }
            change::Action::Remove | change::Action::Adjust { .. } => None,
        });
    put.collect()
}

fn same(found: &[Document], expected: &[Document]) -> bool {
    found.len() == expected.len() && expected.iter().all(|document| found.contains(document))
}
