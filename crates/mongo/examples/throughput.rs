//! How fast the sink writes beside a bare driver: `cargo run --release -p mongo --example throughput [MONGODB_URL]`.
//!
//! Documents of 12 fields and about 250 bytes. Floors: the driver's `insert_many` of the same
//! batches over four connections, unordered, majority; and the same upserts by bare commands in
//! transactions. Without a URL it starts a server of its own. Rounds alternate and the median
//! counts, since a database that grows gets slower for whoever comes last.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that fails has nothing to clean up"
)]

use bson::{Document, RawDocumentBuf, doc, rawdoc};
use change::{
    Action, Checkpoint, Collection, DocumentId, Effect, LogPosition, MappingVersion, MySqlPosition,
    Ordinal, Position,
};
use flow::ports::{ApplyBatch, Sink, Work};
use mongo::{MongoSink, Target, TargetOptions};
use mongodb::options::{Acknowledgment, InsertManyOptions, WriteConcern};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testbed::servers::{Mongo, MongoOptions};

const DOCUMENTS: i32 = 200_000;
const BATCH: usize = 1_000;
const BARRIER: usize = 10_000;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let given = std::env::args().nth(1);
    let server = match &given {
        Some(_) => None,
        None => {
            let options = MongoOptions {
                cache_gib: 1.0,
                oplog_mib: 1024,
                ..MongoOptions::default()
            };
            Some(Mongo::start(options).await.unwrap())
        }
    };
    let url = given.unwrap_or_else(|| server.as_ref().unwrap().url());
    let target = Target::connect(TargetOptions::new(url, "throughput"))
        .await
        .unwrap();
    let mut sink = target.sink();
    let checkpoint = sink.take_over().await.unwrap().checkpoint;
    let mut ordinal = checkpoint.map_or(0, |checkpoint| checkpoint.ordinal.transaction);
    let mut figures: [Vec<Figure>; 4] = Default::default();
    for _ in 0..ROUNDS {
        figures[0].push(bare_inserts(&target).await);
        figures[1].push(copied(&target, &mut sink, &mut ordinal).await);
        figures[2].push(bare_upserts(&target).await);
        figures[3].push(streamed(&mut sink, &mut ordinal).await);
    }
    let names = [
        "copy, bare driver",
        "copy, sink",
        "stream, bare driver",
        "stream, sink",
    ];
    for (name, mut of_name) in names.into_iter().zip(figures) {
        of_name.sort_by_key(|one| one.elapsed);
        let median = &of_name[ROUNDS / 2];
        println!(
            "{name:20} {:>8.0} documents/s, {:.2} us of this process's CPU each",
            f64::from(DOCUMENTS) / median.elapsed.as_secs_f64(),
            median.cpu.as_secs_f64() * 1e6 / f64::from(DOCUMENTS)
        );
    }
    target.reset(Some(&[(*collection()).clone()])).await.ok();
}

struct Figure {
    elapsed: Duration,
    cpu: Duration,
}

struct Watch(Instant, Duration);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), cpu())
    }

    fn stop(self) -> Figure {
        Figure {
            elapsed: self.0.elapsed(),
            cpu: cpu() - self.1,
        }
    }
}

/// User and system time of this process, from the kernel's accounting in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn collection() -> Arc<Collection> {
    Arc::new(Collection {
        database: "throughput".into(),
        name: "rows".into(),
    })
}

async fn empty(target: &Target) {
    let database = target.client().database("throughput");
    database.drop().await.unwrap();
    database.create_collection("rows").await.unwrap();
}

fn document(id: i32, round: i32) -> RawDocumentBuf {
    rawdoc! {
        "_id": id, "customer": id % 5_000, "state": "shipped", "total": f64::from(id) * 1.25,
        "currency": "EUR", "created": bson::DateTime::from_millis(1_700_000_000_000),
        "changed": bson::DateTime::from_millis(1_700_000_000_000 + i64::from(round)),
        "street": "Long Street 17, second floor", "city": "Somewhere", "note": "x".repeat(40),
        "weight": i64::from(id) * 3, "paid": true,
    }
}

fn effects(round: i32) -> Vec<Effect> {
    let collection = collection();
    (0..DOCUMENTS)
        .map(|id| Effect {
            collection: collection.clone(),
            id: DocumentId(rawdoc! { "_id": id }.into_bytes().into()),
            action: Action::Put {
                document: document(id, round).into_bytes().into(),
                fresh: false,
                unique_changed: false,
            },
        })
        .collect()
}

fn batch(ordinal: u64, work: Work) -> ApplyBatch {
    ApplyBatch {
        work,
        checkpoint: Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: Ordinal {
                transaction: ordinal,
                change: 0,
            },
            position: Position::MySql(MySqlPosition {
                server_uuid: "none".into(),
                gtid_set: Arc::default(),
                log: LogPosition::new("binlog.000001", 4),
            }),
            torn: None,
            committed_at_ms: 0,
        },
        progress: Vec::new(),
        quarantine: Vec::new(),
        mapping: MappingVersion {
            version: 1,
            hash: "none".into(),
        },
    }
}

fn barriers(effects: Vec<Effect>) -> Vec<Vec<Effect>> {
    effects.chunks(BARRIER).map(<[Effect]>::to_vec).collect()
}

async fn copied(target: &Target, sink: &mut MongoSink, ordinal: &mut u64) -> Figure {
    empty(target).await;
    let barriers = barriers(effects(0));
    let watch = Watch::start();
    for barrier in barriers {
        *ordinal += 1;
        sink.apply(&batch(*ordinal, Work::Chunks(barrier)))
            .await
            .unwrap();
    }
    watch.stop()
}

async fn streamed(sink: &mut MongoSink, ordinal: &mut u64) -> Figure {
    let barriers = barriers(effects(2));
    let watch = Watch::start();
    for barrier in barriers {
        *ordinal += 1;
        sink.apply(&batch(*ordinal, Work::Atomic(barrier)))
            .await
            .unwrap();
    }
    watch.stop()
}

async fn bare_inserts(target: &Target) -> Figure {
    empty(target).await;
    let documents: Vec<RawDocumentBuf> = (0..DOCUMENTS).map(|id| document(id, 0)).collect();
    let mut of_connection: Vec<Vec<Vec<RawDocumentBuf>>> = vec![Vec::new(); 4];
    for (number, batch) in documents.chunks(BATCH).enumerate() {
        of_connection[number % 4].push(batch.to_vec());
    }
    let rows = target
        .client()
        .database("throughput")
        .collection::<RawDocumentBuf>("rows");
    let watch = Watch::start();
    let connections = of_connection.into_iter().map(|batches| {
        let rows = rows.clone();
        tokio::spawn(async move {
            let options = InsertManyOptions::builder()
                .ordered(false)
                .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).build())
                .build();
            for batch in batches {
                rows.insert_many(batch)
                    .with_options(options.clone())
                    .await
                    .unwrap();
            }
        })
    });
    for connection in connections.collect::<Vec<_>>() {
        connection.await.unwrap();
    }
    watch.stop()
}

/// The documents are there already: `bare_inserts` or `copied` put them there.
async fn bare_upserts(target: &Target) -> Figure {
    let updates: Vec<Document> = (0..DOCUMENTS)
        .map(|id| {
            let replacement = Document::try_from(document(id, 1).as_ref()).unwrap();
            doc! { "q": { "_id": id }, "u": replacement, "upsert": true }
        })
        .collect();
    let commands: Vec<RawDocumentBuf> = updates
        .chunks(BARRIER)
        .map(|part| RawDocumentBuf::try_from(&doc! { "update": "rows", "updates": part }).unwrap())
        .collect();
    let database = target.client().database("throughput");
    let mut session = target.client().start_session().await.unwrap();
    let watch = Watch::start();
    for command in commands {
        session
            .start_transaction()
            .write_concern(WriteConcern::majority())
            .await
            .unwrap();
        database
            .run_raw_command(command)
            .session(&mut session)
            .await
            .unwrap();
        session.commit_transaction().await.unwrap();
    }
    watch.stop()
}
