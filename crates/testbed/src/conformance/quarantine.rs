//! The laws of quarantine: records travel with the checkpoint of the batch that keeps a row back.

use super::barriers::checkpoint;
use super::effects::{batch, put, remove};
use super::sink::{SinkSetting, holds, started};
use super::{Evidence, Verdict, ensure, ensure_equal, law};
use bson::doc;
use change::{
    Collection, DocumentId, Identity, Ordinal, QuarantineChange, QuarantineKey, QuarantineRecord,
    QuarantinedId, RowState, Sighting, TableName, Trouble, Value,
};
use flow::Disposition;
use flow::ports::{ApplyBatch, Sink, Work};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) async fn check<S: SinkSetting>(fresh: &impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law(
        "records of quarantine are what was applied",
        applied(new().await),
    )
    .await?;
    law("a refused batch keeps nothing back", refused(new().await)).await?;
    law("a predecessor keeps nothing back", fenced(new().await)).await
}

/// A row of the collection, known by its document or, where there is none, by its key.
fn key(collection: &Arc<Collection>, id: i64) -> QuarantineKey {
    let document = doc! { "_id": id }.to_vec();
    let document = document.expect("a document of a number can be encoded");
    QuarantineKey {
        collection: collection.clone(),
        id: match id {
            0.. => QuarantinedId::Document(DocumentId(document.into())),
            _ => QuarantinedId::Key(Identity::of([&Value::Int(id)])),
        },
    }
}

fn record(collection: &Arc<Collection>, id: i64, transaction: u64) -> Arc<QuarantineRecord> {
    let sighting = |change| Sighting {
        ordinal: Ordinal {
            transaction,
            change,
        },
        transaction: (change > 0).then(|| "a:1".into()),
        file: "binlog.000007".into(),
        offset: 4_000_000_000 + transaction,
        committed_at_ms: 1_700_000_000_000,
    };
    let gone = transaction.is_multiple_of(2);
    Arc::new(QuarantineRecord {
        key: key(collection, id),
        table: TableName::new("shop", "table_1"),
        row_key: format!("id = {id}").into(),
        row_key_values: (id % 3 > 0).then(|| vec![Value::Int(id), Value::Null].into()),
        column: (id % 2 > 0).then(|| "note".into()),
        trouble: Trouble {
            code: "LS5020".into(),
            message: "it is not text".into(),
            remedy: "make it text".into(),
        },
        first: sighting(0),
        newest: sighting(transaction),
        state: if gone {
            RowState::Gone
        } else {
            RowState::Present
        },
        waiting: transaction,
        row: (!gone).then(|| "[[\"id\",{\"Int\":1}]]".into()),
    })
}

async fn tells<S: SinkSetting>(
    setting: &S,
    expected: &BTreeMap<QuarantineKey, Arc<QuarantineRecord>>,
) -> Result<S::Sink, Evidence> {
    let mut sink = setting.sink();
    let mut found = sink.take_over().await?.quarantine;
    found.sort_by(|a, b| a.key.cmp(&b.key));
    let expected: Vec<_> = expected.values().cloned().collect();
    ensure_equal("quarantine", &found, &expected)?;
    Ok(sink)
}

async fn applied<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let others = setting.collection("others");
    let mut sink = started(&setting, &[&items, &others]).await?;
    let mut expected = BTreeMap::new();
    for transaction in 1..=9_u64 {
        let number = transaction as i64;
        let mut changes: Vec<_> = [number, -number, 100]
            .map(|id| record(if id == 100 { &others } else { &items }, id, transaction))
            .map(QuarantineChange::Kept)
            .into();
        if number % 4 == 3 {
            // One that is kept back, one that was lifted before, and one that is lifted twice.
            let gone = [number - 1, -number + 2, number - 1];
            let lifted = gone.map(|id| QuarantineChange::Lifted(key(&items, id)));
            changes.extend(lifted);
        }
        let work = match number {
            6 => Work::Empty(vec![items.clone()]),
            _ if number % 3 == 0 => Work::Chunks(vec![put(&items, &doc! { "_id": number })]),
            _ => Work::Atomic(vec![
                put(&items, &doc! { "_id": number }),
                remove(&items, 99),
            ]),
        };
        if number == 6 {
            changes = vec![QuarantineChange::Cleared(items.clone())];
        }
        for change in &changes {
            match change {
                QuarantineChange::Kept(record) => {
                    expected.insert(record.key.clone(), record.clone());
                }
                QuarantineChange::Lifted(key) => {
                    expected.remove(key);
                }
                QuarantineChange::Cleared(all) => expected.retain(|key, _| key.collection != *all),
            }
        }
        let batch = ApplyBatch {
            quarantine: changes,
            ..batch(transaction, work)
        };
        match &batch.work {
            Work::Chunks(_) => {
                sink.copy(Arc::new(batch)).await?;
                while sink.copied().await?.is_some() {}
            }
            Work::Atomic(_) | Work::Empty(_) => sink.apply(&batch).await?,
        }
        sink = tells(&setting, &expected).await?;
    }
    Ok(())
}

async fn refused<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut sink = started(&setting, &[&items]).await?;
    let before = ApplyBatch {
        quarantine: vec![QuarantineChange::Kept(record(&items, 1, 1))],
        ..batch(
            1,
            Work::Atomic(vec![put(&items, &doc! { "_id": 5_i64, "code": "a" })]),
        )
    };
    sink.apply(&before).await?;
    let second = doc! { "_id": 6_i64, "code": "a" };
    for work in [
        Work::Atomic(vec![
            put(&items, &doc! { "_id": 7_i64 }),
            put(&items, &second),
        ]),
        Work::Chunks(vec![
            put(&items, &doc! { "_id": 7_i64 }),
            put(&items, &second),
        ]),
    ] {
        let bad = ApplyBatch {
            quarantine: vec![
                QuarantineChange::Kept(record(&items, 2, 2)),
                QuarantineChange::Lifted(key(&items, 1)),
            ],
            ..batch(2, work)
        };
        let Err(failure) = sink.apply(&bad).await else {
            return Err(Evidence("a duplicate value was taken".to_owned()));
        };
        let named = TableName::new(&*items.database, &*items.name);
        ensure_equal("table", &failure.table, &Some(named))?;
        let QuarantinedId::Document(id) = key(&items, 6).id else {
            return Err(Evidence("the row has a document".to_owned()));
        };
        ensure_equal(
            "named",
            &failure.disposition,
            &Disposition::Document(Box::new(id)),
        )?;
        let first = record(&items, 1, 1);
        sink = tells(&setting, &BTreeMap::from([(first.key.clone(), first)])).await?;
    }
    Ok(())
}

async fn fenced<S: SinkSetting>(setting: S) -> Result<(), Evidence> {
    let items = setting.collection("items");
    let mut old = started(&setting, &[&items]).await?;
    let keeping = |transaction, id| ApplyBatch {
        quarantine: vec![QuarantineChange::Kept(record(&items, id, transaction))],
        ..batch(transaction, Work::Atomic(Vec::new()))
    };
    old.apply(&keeping(1, 1)).await?;
    let first = record(&items, 1, 1);
    let expected = BTreeMap::from([(first.key.clone(), first)]);
    tells(&setting, &expected).await?;
    let late = old.apply(&keeping(2, 2)).await;
    ensure(late.is_err(), || "a predecessor was let in".to_owned())?;
    let mut new = tells(&setting, &expected).await?;
    holds(&setting, &items, Vec::new()).await?;
    let lifting = ApplyBatch {
        quarantine: vec![QuarantineChange::Lifted(key(&items, 1))],
        ..batch(3, Work::Atomic(Vec::new()))
    };
    new.apply(&lifting).await?;
    let mut last = tells(&setting, &BTreeMap::new()).await?;
    let tail = last.take_over().await?;
    ensure_equal("checkpoint", &tail.checkpoint, &Some(checkpoint(3)))
}
