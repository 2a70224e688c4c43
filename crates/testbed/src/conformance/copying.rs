//! The laws of copying: chunks beside one another, checkpoints in order and never ahead of rows.

use super::barriers::{checkpoint, ordinal, progress};
use super::effects::{batch, put, remove, sorted};
use super::sink::{SinkSetting, holds, started};
use super::{Evidence, Verdict, ensure, ensure_equal, law};
use bson::{Document, doc};
use change::{Collection, Effect, Ordinal, TableName};
use flow::Disposition;
use flow::ports::{ApplyBatch, Sink, Work};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one chunk, enough for several transactions of some sinks.
const ROWS: i64 = 9;

pub(super) async fn check<S: SinkSetting>(fresh: &impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law("chunks end with their checkpoints", copied(new().await)).await?;
    law("a checkpoint waits for its rows", durable(new().await)).await?;
    law("what comes after a copy waits for it", after(new().await)).await?;
    law("a refused copy is given again", refused(new().await)).await?;
    law("a predecessor copies nothing", fenced(new().await)).await
}

/// The rows of the chunk with this number.
fn rows(number: u64) -> Vec<Document> {
    let first = number as i64 * ROWS;
    let ids = first..first + ROWS;
    ids.map(|id| doc! { "_id": id, "code": id.to_string() })
        .collect()
}

fn chunk(items: &Arc<Collection>, number: u64) -> Arc<ApplyBatch> {
    let effects: Vec<Effect> = rows(number).iter().map(|row| put(items, row)).collect();
    Arc::new(ApplyBatch {
        progress: vec![progress(number)],
        ..batch(number, Work::Chunks(effects))
    })
}

/// Waits until all is told.
async fn settled<K: Sink>(sink: &mut K) -> Result<Vec<Ordinal>, Evidence> {
    let mut told = Vec::new();
    while let Some(through) = sink.copied().await? {
        told.push(through);
    }
    Ok(told)
}

async fn copied<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut sink = started(&setting, &[&items]).await?;
    ensure_equal("told of nothing", &sink.copied().await?, &None)?;
    let mut expected = Vec::new();
    let mut tables = BTreeMap::new();
    let mut last = 0;
    for round in [1..=1, 2..=13] {
        let mut told = Vec::new();
        for number in round {
            sink.copy(chunk(&items, number)).await?;
            expected.extend(rows(number));
            tables.insert(progress(number).table, progress(number));
            last = number;
            if number % 5 == 0 {
                told.extend(sink.copied().await?);
            }
        }
        told.extend(settled(&mut sink).await?);
        ensure(told.is_sorted(), || format!("{told:?}"))?;
        let all = told.last().is_none_or(|through| *through == ordinal(last));
        ensure(all, || format!("{last} was given, {told:?} was told"))?;
        holds(&setting, &items, expected.clone()).await?;
    }
    // Without rows it is a checkpoint all the same.
    sink.copy(Arc::new(batch(14, Work::Chunks(Vec::new()))))
        .await?;
    settled(&mut sink).await?;
    let tail = setting.sink().take_over().await?;
    ensure_equal("checkpoint", &tail.checkpoint, &Some(checkpoint(14)))?;
    let mut found = tail.tables;
    found.sort_by(|a, b| a.table.cmp(&b.table));
    ensure_equal("tables", &found, &tables.into_values().collect())
}

/// Wherever a copy is interrupted, all rows up to the checkpoint are there.
async fn durable<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut old = started(&setting, &[&items]).await?;
    let mut begun = 0;
    for round in 0..setting.rounds().min(12) {
        let taken = async {
            for number in begun + 1..begun + 8 {
                old.copy(chunk(&items, number)).await?;
            }
            let mut told = None;
            for _ in 0..round % 4 {
                told = old.copied().await?.max(told);
            }
            Ok::<_, Evidence>(told)
        };
        let told = taken.await?;
        let mut new = setting.sink();
        let found = new.take_over().await?.checkpoint;
        let documents = sorted(setting.documents(&items).await);
        let found = found.map_or(0, |checkpoint| checkpoint.ordinal.transaction);
        let told = told.map_or(0, |through| through.transaction);
        ensure(found >= told, || {
            format!("{told} was told, {found} is the tail")
        })?;
        for number in 1..=found {
            let all = rows(number).iter().all(|row| documents.contains(row));
            ensure(all, || {
                format!("the tail is {found}, and chunk {number} is not all there")
            })?;
        }
        (old, begun) = (new, found);
    }
    Ok(())
}

async fn after<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut sink = started(&setting, &[&items]).await?;
    for round in 0..3 {
        let first = round * 10;
        for number in first + 1..first + 6 {
            sink.copy(chunk(&items, number)).await?;
        }
        let gone = rows(first + 5);
        let removed = gone.iter().filter_map(|row| row.get_i64("_id").ok());
        let effects: Vec<Effect> = removed.map(|id| remove(&items, id)).collect();
        sink.apply(&batch(first + 6, Work::Atomic(effects))).await?;
        let documents = setting.documents(&items).await;
        let left = documents.iter().any(|one| gone.contains(one));
        ensure(!left, || "rows came after their removal".to_owned())?;
        let there = rows(first + 4).iter().all(|row| documents.contains(row));
        ensure(there, || "what was copied before is not there".to_owned())?;
        sink.copy(chunk(&items, first + 7)).await?;
        sink.apply(&batch(first + 8, Work::Empty(vec![items.clone()])))
            .await?;
        holds(&setting, &items, Vec::new()).await?;
        settled(&mut sink).await?;
        holds(&setting, &items, Vec::new()).await?;
        let tail = setting.sink();
        sink = tail;
        let found = sink.take_over().await?.checkpoint;
        ensure_equal("checkpoint", &found, &Some(checkpoint(first + 8)))?;
    }
    Ok(())
}

async fn refused<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let others = setting.collection("others");
    let mut sink = started(&setting, &[&items, &others]).await?;
    let taken = vec![put(&others, &doc! { "_id": 1_i64, "code": "taken" })];
    sink.apply(&batch(1, Work::Atomic(taken))).await?;
    let good: Vec<_> = [2, 4, 5].map(|number| chunk(&items, number)).into();
    let mut bad = batch(3, Work::Chunks(Vec::new()));
    if let Work::Chunks(effects) = &mut bad.work {
        effects.extend(rows(3).iter().map(|row| put(&items, row)));
        effects.push(put(&others, &doc! { "_id": 2_i64, "code": "taken" }));
    }
    let refusal = async {
        sink.copy(good[0].clone()).await?;
        sink.copy(Arc::new(bad.clone())).await?;
        sink.copy(good[1].clone()).await?;
        while sink.copied().await?.is_some() {}
        Ok::<_, flow::Failure>(())
    };
    let Err(failure) = refusal.await else {
        return Err(Evidence("a duplicate value was taken".to_owned()));
    };
    let of_document = matches!(failure.disposition, Disposition::Document(_));
    ensure(of_document, || format!("{:?}", failure.disposition))?;
    let named = TableName::new(&*others.database, &*others.name);
    ensure_equal("table", &failure.table, &Some(named))?;
    // Without the document that was refused, in order, and then one more.
    if let Work::Chunks(effects) = &mut bad.work {
        effects.pop();
    }
    for batch in [&good[0], &Arc::new(bad), &good[1], &good[2]] {
        sink.copy(batch.clone()).await?;
    }
    settled(&mut sink).await?;
    let expected = (2..=5).flat_map(rows).collect();
    holds(&setting, &items, expected).await?;
    holds(
        &setting,
        &others,
        vec![doc! { "_id": 1_i64, "code": "taken" }],
    )
    .await?;
    let tail = setting.sink().take_over().await?;
    ensure_equal("checkpoint", &tail.checkpoint, &Some(checkpoint(5)))
}

async fn fenced<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut old = started(&setting, &[&items]).await?;
    old.copy(chunk(&items, 1)).await?;
    settled(&mut old).await?;
    let mut new = setting.sink();
    new.take_over().await?;
    for number in [2, 3] {
        let late = async {
            old.copy(chunk(&items, number)).await?;
            while old.copied().await?.is_some() {}
            Ok::<_, flow::Failure>(())
        };
        let told = late.await.map_err(|failure| failure.disposition);
        ensure_equal("answer", &told, &Err(Disposition::Fenced))?;
        holds(&setting, &items, rows(1)).await?;
    }
    new.copy(chunk(&items, 4)).await?;
    settled(&mut new).await?;
    let expected = [1, 4].into_iter().flat_map(rows).collect();
    holds(&setting, &items, expected).await
}
