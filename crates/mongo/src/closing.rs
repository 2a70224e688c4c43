//! The control documents that the last transaction of a barrier writes, and the mark that stands in
//! the checkpoint while a barrier is applied in several.

use crate::checkpoint;
use crate::connect::Target;
use crate::quarantine;
use crate::transaction::ControlWrite;
use bson::{Bson, Document, doc};
use change::{Checkpoint, MappingVersion, Ordinal, QuarantineChange, TableProgress};

/// What the last transaction of a barrier brings with it.
#[derive(Clone, Copy)]
pub(crate) struct Closing<'a> {
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) progress: &'a [TableProgress],
    pub(crate) mapping: &'a MappingVersion,
    pub(crate) quarantine: &'a [QuarantineChange],
}

/// The checkpoint, the tables' progress and the quarantine. `torn_through` goes with it while it lies beyond.
pub(crate) fn closing_writes(
    target: &Target,
    torn_through: Option<Ordinal>,
    closing: Closing<'_>,
) -> Vec<ControlWrite> {
    let ordinal = closing.checkpoint.ordinal;
    let torn_through = torn_through.filter(|through| *through > ordinal);
    let document = checkpoint::encode(closing.checkpoint, closing.mapping, torn_through);
    let id = Bson::from(&*target.pipeline);
    let mut writes = vec![upserts("checkpoints", vec![(id, document.into())])];
    if !closing.progress.is_empty() {
        let tables = closing.progress.iter().map(|progress| {
            let id = target.id_of("table", &progress.table.to_string());
            (id.into(), checkpoint::encode_progress(progress).into())
        });
        writes.push(upserts("tables", tables.collect()));
    }
    writes.extend(quarantine::writes(target, closing.quarantine));
    writes
}

/// Says in the checkpoint document that it is not whole. The position stays where it was.
pub(crate) fn torn_mark(target: &Target, through: Ordinal) -> ControlWrite {
    // Merged, so that the mark of a torn source transaction stays beside it.
    let mark = checkpoint::sink_mark(through);
    let merged = doc! { "$mergeObjects": ["$torn", { "$literal": mark }] };
    upserts(
        "checkpoints",
        vec![(
            Bson::from(&*target.pipeline),
            Bson::Array(vec![doc! { "$set": { "torn": merged } }.into()]),
        )],
    )
}

pub(crate) fn upserts(collection: &str, documents: Vec<(Bson, Bson)>) -> ControlWrite {
    let statements = documents.len();
    let updates: Vec<Document> = documents
        .into_iter()
        .map(|(id, update)| doc! { "q": { "_id": id }, "u": update, "upsert": true })
        .collect();
    ControlWrite {
        command: doc! { "update": collection, "updates": updates },
        statements: Some(statements),
    }
}
