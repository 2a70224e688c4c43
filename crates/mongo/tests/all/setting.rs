//! What every test here stands on: a server, a pipeline of its own, and words for effects.

use bson::{Bson, Document, doc};
use change::{
    Action, Checkpoint, Collection, DocumentId, Effect, LogPosition, MappingVersion, MySqlPosition,
    Ordinal, Position, TableProgress,
};
use flow::ports::{ApplyBatch, Sink, Work};
use futures::TryStreamExt;
use mapping::{CollectionPlan, IndexPlan};
use mongo::{MongoSink, Target, TargetOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testbed::servers::{Mongo, MongoOptions};

/// A server with a pipeline on it.
pub struct Setting {
    pub server: Mongo,
    pub pipeline: String,
    pub target: Target,
}

pub fn options() -> MongoOptions {
    MongoOptions {
        parameters: vec!["enableTestCommands=1".to_owned()],
        ..MongoOptions::default()
    }
}

static PIPELINES: AtomicU32 = AtomicU32::new(0);

impl Setting {
    pub async fn new() -> Self {
        Self::on(Mongo::start(options()).await.unwrap()).await
    }

    pub async fn on(server: Mongo) -> Self {
        let pipeline = format!("test-{}", PIPELINES.fetch_add(1, Ordering::Relaxed));
        let target = connect(&server, &pipeline).await;
        Self {
            server,
            pipeline,
            target,
        }
    }

    /// Another process's connection to the same pipeline.
    pub async fn another(&self) -> Target {
        connect(&self.server, &self.pipeline).await
    }

    /// A sink that has taken over, and its collection `shop.items` with the index `code`.
    pub async fn sink(&self) -> MongoSink {
        let mut sink = self.target.sink();
        sink.take_over().await.unwrap();
        sink.prepare(&plan()).await.unwrap();
        sink
    }

    pub async fn documents(&self) -> Vec<Document> {
        self.found("shop", "items").await
    }

    pub async fn found(&self, database: &str, collection: &str) -> Vec<Document> {
        self.target
            .client()
            .database(database)
            .collection::<Document>(collection)
            .find(doc! {})
            .sort(doc! { "_id": 1 })
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap()
    }

    /// The stored checkpoint document.
    pub async fn checkpoint(&self) -> Option<Document> {
        self.found("lockstep", "checkpoints").await.pop()
    }

    /// Makes the next so many of these commands fail in the way that `data` says.
    pub async fn fail(&self, times: i32, data: Document) {
        self.target
            .client()
            .database("admin")
            .run_command(doc! {
                "configureFailPoint": "failCommand",
                "mode": { "times": times },
                "data": data,
            })
            .await
            .unwrap();
    }

    /// How many transactions this pipeline's first lane has let pass.
    pub async fn passed(&self) -> i64 {
        let fences = self.found("lockstep", "fences").await;
        let first = fences
            .iter()
            .find(|fence| fence.get_document("_id").unwrap().get_i32("lane").unwrap() == 0);
        first.unwrap().get_i64("previous").unwrap()
    }
}

async fn connect(server: &Mongo, pipeline: &str) -> Target {
    let mut options = TargetOptions::new(server.url(), pipeline);
    options.retry_limit = Duration::from_secs(20);
    Target::connect(options).await.unwrap()
}

pub fn collection() -> Arc<Collection> {
    Arc::new(Collection {
        database: "shop".into(),
        name: "items".into(),
    })
}

/// `shop.items` with a unique index on `code` and a plain one on `size`.
pub fn plan() -> CollectionPlan {
    let index = |name: &str, unique| IndexPlan {
        name: name.into(),
        keys: vec![(name.into(), 1)],
        unique,
        partial: if unique {
            vec![(name.into(), vec!["string", "int"])]
        } else {
            Vec::new()
        },
    };
    CollectionPlan {
        collection: collection(),
        unique: vec![index("code", true)],
        secondary: vec![index("size", false)],
        inexpressible: Vec::new(),
    }
}

pub fn put(document: Document) -> Effect {
    putting(document, false, false)
}

pub fn putting(document: Document, fresh: bool, unique_changed: bool) -> Effect {
    Effect {
        collection: collection(),
        id: id_of(&document),
        action: Action::Put {
            document: document.to_vec().unwrap().into(),
            fresh,
            unique_changed,
        },
    }
}

pub fn remove(id: impl Into<Bson>) -> Effect {
    Effect {
        collection: collection(),
        id: id_of(&doc! { "_id": id.into() }),
        action: Action::Remove,
    }
}

pub fn adjust(content: Document, delta: i64) -> Effect {
    let hash = content.to_string();
    Effect {
        collection: collection(),
        id: id_of(&doc! { "_id": { "hash": hash } }),
        action: Action::Adjust {
            delta,
            content: content.to_vec().unwrap().into(),
        },
    }
}

fn id_of(document: &Document) -> DocumentId {
    let id = document.get("_id").unwrap().clone();
    DocumentId(doc! { "_id": id }.to_vec().unwrap().into())
}

pub fn checkpoint(transaction: u64) -> Checkpoint {
    Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal {
            transaction,
            change: 0,
        },
        position: Position::MySql(MySqlPosition {
            server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
            gtid_set: Arc::new(
                format!(
                    "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{}",
                    transaction.max(1)
                )
                .try_into()
                .unwrap(),
            ),
            log: LogPosition::new("binlog.000001", transaction * 100),
        }),
        torn: None,
        committed_at_ms: 1_700_000_000_000,
    }
}

pub fn batch(transaction: u64, work: Work) -> ApplyBatch {
    ApplyBatch {
        work,
        checkpoint: checkpoint(transaction),
        progress: Vec::new(),
        mapping: MappingVersion {
            version: 1,
            hash: "abc".into(),
        },
        quarantine: Vec::new(),
    }
}

pub fn atomic(transaction: u64, effects: Vec<Effect>) -> ApplyBatch {
    batch(transaction, Work::Atomic(effects))
}

pub fn with_progress(batch: ApplyBatch, progress: Vec<TableProgress>) -> ApplyBatch {
    ApplyBatch { progress, ..batch }
}
