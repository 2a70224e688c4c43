//! The laws of a sink: one writer, and checkpoints that travel with their data.

use super::barriers::{checkpoint, mapping, ordinal, progress};
use super::effects::{adjust, batch, copies, plan, put, put_unique, remove, sorted};
use super::{Evidence, Verdict, copying, ensure, ensure_equal, law, quarantine};
use bson::{Document, doc};
use change::{Collection, Effect};
use flow::Disposition;
use flow::ports::{ApplyBatch, Sink, Tail, Work};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;

/// A target that nobody has written to, with ways to it.
pub trait SinkSetting {
    type Sink: Sink;

    /// The writer of another process. It has not taken over.
    fn sink(&self) -> Self::Sink;

    /// A collection that is this setting's own.
    fn collection(&self, name: &str) -> Arc<Collection>;

    /// What any client reads there.
    fn documents(&self, collection: &Collection) -> impl Future<Output = Vec<Document>>;

    /// How often a takeover under load is tried.
    fn rounds(&self) -> usize;
}

/// Checks all laws of a sink, each in a fresh setting.
pub async fn check<S: SinkSetting>(fresh: impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law("a new target has no past", no_past(new().await)).await?;
    law("all effects take place", all_effects(new().await)).await?;
    law("the tail is what was applied", tail(new().await)).await?;
    law("a refused batch leaves nothing", refused(new().await)).await?;
    law("a batch applied again changes nothing", replay(new().await)).await?;
    law("an emptied collection is empty", emptied(new().await)).await?;
    law("preparing can be repeated", prepared(new().await)).await?;
    law("a predecessor writes nothing", fenced(new().await)).await?;
    law("data and checkpoint move together", succession(new().await)).await?;
    copying::check(&fresh).await?;
    quarantine::check(&fresh).await
}

async fn no_past<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    for _ in 0..2 {
        let tail = setting.sink().take_over().await?;
        let empty = tail.checkpoint.is_none() && tail.tables.is_empty() && tail.mapping.is_none();
        ensure(empty, || format!("{tail:?}"))?;
    }
    Ok(())
}

async fn all_effects<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let others = setting.collection("others");
    let mut sink = started(&setting, &[&items, &others]).await?;
    let with_code = |id: i64, code: &str| doc! { "_id": id, "code": code };
    let first = vec![
        put(&items, &with_code(1, "a")),
        put(&items, &with_code(2, "b")),
        put(&items, &doc! { "_id": 3_i64, "code": null }),
        put(&items, &doc! { "_id": 4_i64, "code": null }),
        put(&others, &doc! { "_id": 1_i64 }),
        adjust(&others, 3),
    ];
    sink.apply(&batch(1, Work::Atomic(first))).await?;
    // Two unique values swapped, one taken over from a document that goes.
    let second = vec![
        remove(&items, 3),
        remove(&items, 99),
        put_unique(&items, &with_code(1, "b")),
        put_unique(&items, &with_code(2, "a")),
        adjust(&others, -2),
        put(&others, &doc! { "_id": 7_i64 }),
    ];
    sink.apply(&batch(2, Work::Atomic(second))).await?;
    let rows: Vec<Document> = (100..350).map(|id: i64| doc! { "_id": id }).collect();
    let read = rows.iter().map(|row| put(&items, row)).collect();
    sink.apply(&batch(3, Work::Chunks(read))).await?;
    let mut expected = vec![
        with_code(1, "b"),
        with_code(2, "a"),
        doc! { "_id": 4_i64, "code": null },
    ];
    expected.extend(rows);
    holds(&setting, &items, expected).await?;
    let mut expected = copies(1);
    expected.extend([doc! { "_id": 1_i64 }, doc! { "_id": 7_i64 }]);
    holds(&setting, &others, expected).await
}

async fn tail<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut sink = started(&setting, &[&items]).await?;
    let mut tables = BTreeMap::new();
    for transaction in 1..=6 {
        let work = match transaction % 3 {
            0 => Work::Chunks(vec![put(&items, &doc! { "_id": transaction as i64 })]),
            1 => Work::Atomic(vec![put(&items, &doc! { "_id": transaction as i64 })]),
            _ => Work::Empty(vec![items.clone()]),
        };
        let progress = progress(transaction);
        tables.insert(progress.table.clone(), progress.clone());
        sink.apply(&ApplyBatch {
            progress: vec![progress],
            ..batch(transaction, work)
        })
        .await?;
        sink = setting.sink();
        let Tail {
            checkpoint: found,
            tables: mut progress,
            mapping: version,
            quarantine: _,
        } = sink.take_over().await?;
        progress.sort_by(|a, b| a.table.cmp(&b.table));
        ensure_equal("checkpoint", &found, &Some(checkpoint(transaction)))?;
        ensure_equal("tables", &progress, &tables.values().cloned().collect())?;
        ensure_equal("mapping", &version, &Some(mapping()))?;
    }
    Ok(())
}

async fn refused<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut sink = started(&setting, &[&items]).await?;
    let before = vec![doc! { "_id": 1_i64, "code": "a" }, doc! { "_id": 2_i64 }];
    let effects = before.iter().map(|one| put(&items, one)).collect();
    sink.apply(&batch(1, Work::Atomic(effects))).await?;
    // The last of these can't be, since the first document's code is taken.
    let effects = vec![
        remove(&items, 2),
        put(&items, &doc! { "_id": 5_i64 }),
        put(&items, &doc! { "_id": 6_i64 }),
        put(&items, &doc! { "_id": 7_i64, "code": "a" }),
    ];
    let refused = ApplyBatch {
        progress: vec![progress(2)],
        ..batch(2, Work::Atomic(effects))
    };
    let answer = sink.apply(&refused).await;
    ensure(answer.is_err(), || "a duplicate value was taken".to_owned())?;
    holds(&setting, &items, before).await?;
    let tail = setting.sink().take_over().await?;
    ensure_equal("checkpoint", &tail.checkpoint, &Some(checkpoint(1)))?;
    ensure_equal("tables", &tail.tables, &Vec::new())
}

async fn replay<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut sink = started(&setting, &[&items]).await?;
    let read: Vec<_> = (1..=5)
        .map(|id: i64| put(&items, &doc! { "_id": id, "code": id.to_string() }))
        .collect();
    let written = vec![
        remove(&items, 1),
        put_unique(&items, &doc! { "_id": 2_i64, "code": "3" }),
        put_unique(&items, &doc! { "_id": 3_i64, "code": "2" }),
        put(&items, &doc! { "_id": 6_i64, "code": "1" }),
    ];
    let mut expected = None;
    for round in 0..3 {
        let chunk = batch(1, Work::Chunks(read.clone()));
        if round < 2 {
            // Once more before anything later: what a crash between data and checkpoint leaves.
            sink.apply(&chunk).await?;
        }
        sink = setting.sink();
        sink.take_over().await?;
        if round > 0 {
            sink.apply(&batch(2, Work::Atomic(written.clone()))).await?;
            let found = sorted(setting.documents(&items).await);
            let expected = expected.get_or_insert_with(|| found.clone());
            ensure_equal("documents", &found, expected)?;
        } else {
            let count = setting.documents(&items).await.len();
            ensure_equal("documents", &count, &read.len())?;
        }
    }
    ensure_equal("documents", &expected.map_or(0, |all| all.len()), &5)
}

async fn emptied<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let others = setting.collection("others");
    let mut sink = started(&setting, &[&items, &others]).await?;
    let mut effects: Vec<_> = (0..120)
        .map(|id: i64| put(&items, &doc! { "_id": id, "code": id.to_string() }))
        .collect();
    effects.push(put(&others, &doc! { "_id": 1_i64 }));
    effects.push(adjust(&items, 2));
    sink.apply(&batch(1, Work::Atomic(effects))).await?;
    for transaction in [2, 3] {
        let work = Work::Empty(vec![items.clone()]);
        sink.apply(&batch(transaction, work)).await?;
        holds(&setting, &items, Vec::new()).await?;
    }
    holds(&setting, &others, vec![doc! { "_id": 1_i64 }]).await?;
    // Unique values are free again.
    let again = doc! { "_id": 500_i64, "code": "7" };
    let effects = vec![put(&items, &again), adjust(&items, 1)];
    sink.apply(&batch(4, Work::Atomic(effects))).await?;
    let mut expected = copies(1);
    expected.push(again);
    holds(&setting, &items, expected).await
}

async fn prepared<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut sink = started(&setting, &[&items]).await?;
    let work = Work::Atomic(vec![put(&items, &doc! { "_id": 1_i64 })]);
    sink.apply(&batch(1, work)).await?;
    for _ in 0..2 {
        sink = started(&setting, &[&items]).await?;
        sink.finish(&plan(&items)).await?;
    }
    holds(&setting, &items, vec![doc! { "_id": 1_i64 }]).await
}

async fn fenced<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let before = vec![doc! { "_id": 1_i64 }, doc! { "_id": 2_i64 }];
    let stale = doc! { "_id": 66_i64 };
    let mut transaction = 0;
    for work in [
        Work::Atomic(vec![put(&items, &stale), remove(&items, 1)]),
        Work::Atomic(Vec::new()),
        Work::Chunks(vec![put(&items, &stale)]),
        Work::Empty(vec![items.clone()]),
    ] {
        let mut old = started(&setting, &[&items]).await?;
        transaction += 1;
        let effects: Vec<Effect> = before.iter().map(|one| put(&items, one)).collect();
        old.apply(&batch(transaction, Work::Atomic(effects)))
            .await?;
        let mut new = setting.sink();
        let tail = new.take_over().await?;
        for _ in 0..2 {
            let answer = old.apply(&batch(transaction + 1, work.clone())).await;
            let told = answer.map_err(|failure| failure.disposition);
            ensure_equal("answer", &told, &Err(Disposition::Fenced))?;
        }
        holds(&setting, &items, before.clone()).await?;
        // The successor is not harmed by the attempts.
        transaction += 1;
        new.apply(&batch(transaction, Work::Atomic(Vec::new())))
            .await?;
        let now = setting.sink().take_over().await?;
        ensure_equal(
            "checkpoint",
            &now.checkpoint,
            &Some(checkpoint(transaction)),
        )?;
        ensure_equal("tables", &now.tables, &tail.tables)?;
    }
    Ok(())
}

/// Documents that all change with every transaction, one that comes and one that goes, and a copy
/// more each time: any mixture of two transactions, or one done twice, is seen.
fn wave(items: &Arc<Collection>, transaction: u64) -> Vec<Effect> {
    let number = transaction as i64;
    let mut effects = vec![remove(items, 99 + number)];
    effects.extend((0..4).map(|id| put(items, &doc! { "_id": id as i64, "wave": number })));
    effects.push(put(items, &doc! { "_id": 100 + number }));
    effects.push(adjust(items, 1));
    effects
}

fn after_wave(transaction: u64) -> Vec<Document> {
    let number = transaction as i64;
    let mut documents = copies(number);
    documents.extend((0..4).map(|id| doc! { "_id": id as i64, "wave": number }));
    documents.push(doc! { "_id": 100 + number });
    documents
}

async fn succession<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut old = started(&setting, &[&items]).await?;
    let mut begun = 0;
    for round in 0..setting.rounds() {
        let (acknowledge, mut acknowledged) = watch::channel(begun);
        let load = async {
            let mut transaction = begun;
            loop {
                transaction += 1;
                let work = Work::Atomic(wave(&items, transaction));
                match old.apply(&batch(transaction, work)).await {
                    Ok(()) => acknowledge.send_replace(transaction),
                    Err(failure) if failure.disposition == Disposition::Fenced => return Ok(()),
                    Err(failure) => return Err(Evidence::from(failure)),
                };
            }
        };
        let taking_over = async {
            // A load that failed says why by itself.
            let _ = acknowledged.wait_for(|count| *count >= begun + 2).await;
            // Another moment of the transaction in flight each time.
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            let mut new = setting.sink();
            let tail = new.take_over().await?;
            let documents = setting.documents(&items).await;
            Ok::<_, Evidence>((new, tail, documents))
        };
        let (loaded, taken) = tokio::join!(load, taking_over);
        loaded?;
        let (new, tail, documents) = taken?;
        let checkpoint = tail.checkpoint;
        let through = checkpoint.map_or(0, |checkpoint| checkpoint.ordinal.transaction);
        let last = *acknowledge.borrow();
        ensure(through >= last, || {
            format!("{last} was acknowledged, {through} is the tail")
        })?;
        let expected = sorted(after_wave(through));
        let tail = ordinal(through);
        ensure_equal(&format!("at {tail}"), &sorted(documents), &expected)?;
        holds(&setting, &items, expected).await?;
        (old, begun) = (new, through);
    }
    Ok(())
}

/// A sink that has taken over and prepared these collections.
pub(super) async fn started<S: SinkSetting>(
    setting: &S,
    collections: &[&Arc<Collection>],
) -> Result<S::Sink, Evidence> {
    let mut sink = setting.sink();
    sink.take_over().await?;
    for collection in collections {
        sink.prepare(&plan(collection)).await?;
    }
    Ok(sink)
}

pub(super) async fn holds<S: SinkSetting>(
    setting: &S,
    collection: &Collection,
    expected: Vec<Document>,
) -> Result<(), Evidence> {
    let found = sorted(setting.documents(collection).await);
    ensure_equal(&collection.to_string(), &found, &sorted(expected))
}
