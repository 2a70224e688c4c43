//! Settings over memory, around whose adapters a test may put something broken.

use bson::Document;
use change::{Collection, TableName};
use flow::ports::{ChangeSource, Control, LogReader, LogWriter, Sink, SnapshotReader, Tail};
use std::sync::Arc;
use testbed::conformance::control::ControlSetting;
use testbed::conformance::log::LogSetting;
use testbed::conformance::sink::SinkSetting;
use testbed::conformance::snapshot::SnapshotSetting;
use testbed::conformance::source::SourceSetting;
use testbed::memory::{
    ControlRoom, MemoryControl, MemoryLog, MemoryLogReader, MemoryServer, MemorySink,
    MemorySnapshot, MemorySource, MemoryWriter, Statement, Store,
};

pub struct Sinks<K> {
    store: Store,
    around: fn(MemorySink) -> K,
}

pub struct Controls<C> {
    room: ControlRoom,
    around: fn(MemoryControl) -> C,
}

pub struct Logs<W, R> {
    log: MemoryLog,
    writer: fn(MemoryWriter) -> W,
    reader: fn(MemoryLogReader) -> R,
}

pub struct Server<S, R> {
    server: MemoryServer,
    source: fn(MemorySource) -> S,
    reader: fn(MemorySnapshot) -> R,
}

impl<K> Sinks<K> {
    pub fn new(around: fn(MemorySink) -> K) -> Self {
        let store = Store::new();
        Self { store, around }
    }
}

impl<K: Sink> SinkSetting for Sinks<K> {
    type Sink = K;

    fn sink(&self) -> K {
        (self.around)(self.store.sink())
    }

    fn collection(&self, name: &str) -> Arc<Collection> {
        Arc::new(Collection {
            database: "shop".into(),
            name: name.into(),
        })
    }

    async fn documents(&self, collection: &Collection) -> Vec<Document> {
        self.store.held().documents(collection)
    }

    fn rounds(&self) -> usize {
        24
    }
}

impl<C> Controls<C> {
    pub fn new(around: fn(MemoryControl) -> C) -> Self {
        let room = ControlRoom::new();
        Self { room, around }
    }
}

impl<C: Control> ControlSetting for Controls<C> {
    type Control = C;

    fn control(&self) -> C {
        (self.around)(self.room.control())
    }

    async fn submit(&self, kind: &str, arguments: &str) -> String {
        self.room.submit(kind, arguments)
    }

    async fn published(&self, part: &str) -> Option<String> {
        self.room.published(part)
    }
}

impl<W, R> Logs<W, R> {
    pub fn new(writer: fn(MemoryWriter) -> W, reader: fn(MemoryLogReader) -> R) -> Self {
        Self {
            log: MemoryLog::new(),
            writer,
            reader,
        }
    }
}

impl<W: LogWriter, R: LogReader> LogSetting for Logs<W, R> {
    type Writer = W;
    type Reader = R;

    fn ends(&self, _target: &Tail) -> (W, R) {
        let (writer, reader) = (self.log.writer(), self.log.reader());
        ((self.writer)(writer), (self.reader)(reader))
    }
}

impl<S, R> Server<S, R> {
    pub fn new(seed: u64, source: fn(MemorySource) -> S, reader: fn(MemorySnapshot) -> R) -> Self {
        Self {
            server: MemoryServer::new(seed),
            source,
            reader,
        }
    }
}

impl<S: ChangeSource, R> SourceSetting for Server<S, R> {
    type Source = S;

    fn source(&self) -> S {
        (self.source)(self.server.source())
    }

    fn table(&self, name: &str) -> TableName {
        TableName::new("shop", name)
    }

    async fn commit(&mut self, statements: &[Statement]) {
        tokio::task::yield_now().await;
        self.server.commit(statements);
    }
}

impl<S: ChangeSource, R: SnapshotReader> SnapshotSetting for Server<S, R> {
    type Reader = R;

    fn reader(&self) -> R {
        (self.reader)(self.server.snapshot())
    }
}
