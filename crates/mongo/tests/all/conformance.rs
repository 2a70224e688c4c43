//! The laws that every sink and every control keeps, held against the real ones.

use crate::setting::options;
use bson::{Document, doc};
use change::Collection;
use futures::TryStreamExt;
use mongo::{MongoControl, MongoSink, Target, TargetOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testbed::conformance::control::ControlSetting;
use testbed::conformance::sink::SinkSetting;
use testbed::conformance::{control, sink};
use testbed::servers::Mongo;

/// A pipeline and a database of its own on a server that the laws share.
struct Pipeline {
    name: String,
    target: Target,
}

static PIPELINES: AtomicU32 = AtomicU32::new(0);

impl Pipeline {
    async fn fresh(server: &Mongo) -> Self {
        let name = format!("laws-{}", PIPELINES.fetch_add(1, Ordering::Relaxed));
        let options = TargetOptions {
            // A chunk of a few rows is several transactions.
            chunk_batch_documents: 4,
            ..TargetOptions::new(server.url(), &name)
        };
        let target = Target::connect(options).await.unwrap();
        Self { name, target }
    }
}

impl SinkSetting for Pipeline {
    type Sink = MongoSink;

    fn sink(&self) -> MongoSink {
        self.target.sink()
    }

    fn collection(&self, name: &str) -> Arc<Collection> {
        Arc::new(Collection {
            database: self.name.as_str().into(),
            name: name.into(),
        })
    }

    async fn documents(&self, collection: &Collection) -> Vec<Document> {
        let database = self.target.client().database(&collection.database);
        let documents = database.collection(&collection.name);
        let found = documents.find(doc! {}).await.unwrap();
        found.try_collect().await.unwrap()
    }

    fn rounds(&self) -> usize {
        10
    }
}

impl ControlSetting for Pipeline {
    type Control = MongoControl;

    fn control(&self) -> MongoControl {
        self.target.control()
    }

    async fn submit(&self, kind: &str, arguments: &str) -> String {
        self.target.submit(kind, arguments).await.unwrap()
    }

    async fn published(&self, part: &str) -> Option<String> {
        let status = self.target.status().await.unwrap();
        let mut parts = status.parts.into_iter();
        let found = parts.find(|one| one.part == part);
        found.and_then(|one| one.published)
    }
}

#[tokio::test]
async fn the_sink_keeps_the_laws_of_its_port() {
    let server = Mongo::start(options()).await.unwrap();
    let fresh = async || Pipeline::fresh(&server).await;
    sink::check(fresh).await.unwrap();
}

#[tokio::test]
async fn the_control_keeps_the_laws_of_its_port() {
    let server = Mongo::start(options()).await.unwrap();
    let fresh = async || Pipeline::fresh(&server).await;
    control::check(fresh).await.unwrap();
}
