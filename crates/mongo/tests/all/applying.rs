//! What stands in the target after a barrier.

use crate::setting::{
    Setting, atomic, batch, checkpoint, collection, plan, put, putting, remove, with_progress,
};
use bson::{Bson, doc};
use change::{KeyRange, TableName, TableProgress, TableState, Value};
use flow::Disposition;
use flow::ports::{Sink, Work};

#[tokio::test]
async fn a_barrier_its_checkpoint_and_its_tables_come_back_after_a_restart() {
    let setting = Setting::new().await;
    let mut sink = setting.target.sink();
    let tail = sink.take_over().await.unwrap();
    assert!(tail.checkpoint.is_none() && tail.tables.is_empty() && tail.mapping.is_none());
    sink.prepare(&plan()).await.unwrap();
    let progress = TableProgress {
        state: TableState::Copying,
        live: true,
        planned: true,
        remaining: vec![KeyRange {
            after: Some(vec![Value::UInt(u64::MAX)]),
            through: None,
        }],
        ..TableProgress::unplanned(TableName::new("shop", "items"))
    };
    let effects = vec![
        putting(doc! { "_id": 1, "a": "x" }, true, false),
        putting(doc! { "_id": { "b": 2, "c": "y" }, "a": "z" }, true, false),
    ];
    let applied = with_progress(atomic(5, effects), vec![progress.clone()]);
    sink.apply(&applied).await.unwrap();
    let tail = setting.another().await.sink().take_over().await.unwrap();
    assert_eq!(tail.checkpoint, Some(checkpoint(5)));
    assert_eq!(tail.tables, [progress]);
    assert_eq!(tail.mapping, Some(applied.mapping));
    assert_eq!(
        setting.documents().await,
        [
            doc! { "_id": 1, "a": "x" },
            doc! { "_id": { "b": 2, "c": "y" }, "a": "z" }
        ]
    );
    assert_eq!(
        setting.checkpoint().await.unwrap().get("torn"),
        Some(&Bson::Null)
    );
}

#[tokio::test]
async fn replacements_removals_and_swapped_unique_values_take_effect_together() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let before = [(1, "a"), (2, "b"), (3, "c")]
        .map(|(id, code)| putting(doc! { "_id": id, "code": code }, true, false));
    sink.apply(&atomic(1, before.to_vec())).await.unwrap();
    let effects = vec![
        remove(3),
        putting(doc! { "_id": 1, "code": "b" }, false, true),
        putting(doc! { "_id": 2, "code": "a" }, false, true),
        putting(doc! { "_id": 4, "code": "c" }, true, false),
        remove(99),
    ];
    sink.apply(&atomic(2, effects)).await.unwrap();
    assert_eq!(
        setting.documents().await,
        [
            doc! { "_id": 1, "code": "b" },
            doc! { "_id": 2, "code": "a" },
            doc! { "_id": 4, "code": "c" },
        ]
    );
}

#[tokio::test]
async fn an_insert_that_meets_its_own_document_is_done_again_as_an_upsert() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    sink.apply(&atomic(1, vec![put(doc! { "_id": 1, "a": "old" })]))
        .await
        .unwrap();
    let effects = vec![
        putting(doc! { "_id": 1, "a": "new" }, true, false),
        putting(doc! { "_id": 2, "a": "new" }, true, false),
    ];
    sink.apply(&atomic(2, effects)).await.unwrap();
    assert_eq!(
        setting.documents().await,
        [doc! { "_id": 1, "a": "new" }, doc! { "_id": 2, "a": "new" }]
    );
}

#[tokio::test]
async fn a_collision_on_another_index_names_the_document_and_leaves_nothing() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let effects = vec![put(doc! { "_id": 1, "code": "same" })];
    sink.apply(&atomic(1, effects)).await.unwrap();
    let effects = vec![
        put(doc! { "_id": 2, "code": "other" }),
        put(doc! { "_id": 3, "code": "same" }),
    ];
    let failure = sink.apply(&atomic(2, effects)).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3011", of_document(3))
    );
    assert!(failure.message.contains("document 3"), "{failure}");
    assert!(failure.message.contains("code"), "{failure}");
    assert_eq!(failure.table.unwrap().to_string(), "shop.items");
    assert_eq!(setting.documents().await.len(), 1);
    let tail = setting.target.sink().take_over().await.unwrap();
    assert_eq!(tail.checkpoint, Some(checkpoint(1)));
}

#[tokio::test]
async fn a_document_past_the_limit_is_named_before_anything_is_written() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let long = "x".repeat(16 << 20);
    let failure = sink
        .apply(&atomic(
            1,
            vec![
                put(doc! { "_id": 1, "a": "x" }),
                put(doc! { "_id": 7, "a": long }),
            ],
        ))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3012", of_document(7))
    );
    assert!(failure.message.contains("document 7"), "{failure}");
    assert!(setting.documents().await.is_empty());
}

#[tokio::test]
async fn a_document_of_almost_the_limit_passes_both_ways() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    for (transaction, fresh) in [(1, true), (2, false)] {
        let long = "x".repeat((16 << 20) - 100);
        let effect = putting(doc! { "_id": 1, "n": transaction, "a": long }, fresh, false);
        sink.apply(&atomic(u64::try_from(transaction).unwrap(), vec![effect]))
            .await
            .unwrap();
        let stored = setting.documents().await;
        assert_eq!(stored[0].get_i32("n").unwrap(), transaction);
    }
}

#[tokio::test]
async fn a_chunk_goes_over_all_lanes_and_its_replay_changes_nothing() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let rows = || {
        let rows = (0..10_500).map(|id| putting(doc! { "_id": id, "a": "x" }, false, false));
        Work::Chunks(rows.collect())
    };
    sink.apply(&batch(1, rows())).await.unwrap();
    assert_eq!(setting.documents().await.len(), 10_500);
    let fences = setting.found("lockstep", "fences").await;
    assert_eq!(fences.len(), 4);
    let passed: i64 = fences
        .iter()
        .map(|fence| fence.get_i64("previous").unwrap())
        .sum();
    assert_eq!(passed, 12, "11 batches and the checkpoint");
    assert!(
        fences
            .iter()
            .all(|fence| fence.get_i64("previous").unwrap() > 0)
    );
    let mut successor = setting.another().await.sink();
    successor.take_over().await.unwrap();
    successor.apply(&batch(2, rows())).await.unwrap();
    assert_eq!(setting.documents().await.len(), 10_500);
}

#[tokio::test]
async fn an_emptied_collection_keeps_its_indexes_and_moves_the_checkpoint() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let rows = (0..12_000).map(|id| put(doc! { "_id": id, "code": format!("c{id}") }));
    sink.apply(&batch(1, Work::Chunks(rows.collect())))
        .await
        .unwrap();
    sink.apply(&batch(2, Work::Empty(vec![collection()])))
        .await
        .unwrap();
    assert!(setting.documents().await.is_empty());
    let stored = setting.checkpoint().await.unwrap();
    assert_eq!(stored.get("torn"), Some(&Bson::Null));
    assert_eq!(
        setting.target.status().await.unwrap().tail.checkpoint,
        Some(checkpoint(2))
    );
    let indexes = setting
        .target
        .client()
        .database("shop")
        .collection::<bson::Document>("items")
        .list_index_names()
        .await
        .unwrap();
    assert_eq!(indexes, ["_id_", "code"]);
}

#[tokio::test]
async fn collections_and_indexes_are_made_once_however_often_they_are_asked_for() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    for _ in 0..2 {
        sink.prepare(&plan()).await.unwrap();
        sink.finish(&plan()).await.unwrap();
    }
    let items = setting.target.client().database("shop");
    let items = items.collection::<bson::Document>("items");
    let made_by_hand = doc! { "createIndexes": "items", "indexes": [
        { "name": "by_hand", "key": { "length": 1 } },
    ] };
    let database = setting.target.client().database("shop");
    database.run_command(made_by_hand).await.unwrap();
    let mut other = plan();
    other.secondary[0].name = "by_hand".into();
    other.secondary[0].keys = vec![("weight".into(), 1)];
    let failure = sink.finish(&other).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3014", Disposition::Table)
    );
    assert_eq!(
        items.list_index_names().await.unwrap(),
        ["_id_", "code", "by_hand"]
    );
    // Documents without a value of an indexed type stay outside the partial index.
    let effects = vec![
        put(doc! { "_id": 1, "code": null }),
        put(doc! { "_id": 2, "code": null }),
    ];
    sink.apply(&atomic(1, effects)).await.unwrap();
    let mut violated = plan();
    violated.unique[0].name = "code_of_all".into();
    violated.unique[0].partial.clear();
    let failure = sink.prepare(&violated).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3015", Disposition::Table)
    );
}

#[tokio::test]
async fn indexes_that_were_built_here_give_way_to_those_of_a_new_definition() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let database = setting.target.client().database("shop");
    let items = database.collection::<bson::Document>("items");
    sink.loosen(&collection()).await.unwrap();
    sink.prepare(&plan()).await.unwrap();
    sink.finish(&plan()).await.unwrap();
    let made_by_hand = doc! { "createIndexes": "items", "indexes": [
        { "name": "by_hand", "key": { "length": 1 }, "unique": true },
    ] };
    database.run_command(made_by_hand).await.unwrap();
    // Another process does it, and what is unique goes, if it was built here.
    let mut sink = setting.sink().await;
    for _ in 0..2 {
        sink.loosen(&collection()).await.unwrap();
        let names = items.list_index_names().await.unwrap();
        assert_eq!(names, ["_id_", "size", "by_hand"]);
    }
    // The former name with other keys, the former keys with another name, and one that is gone.
    let mut other = plan();
    other.secondary[0].keys = vec![("weight".into(), 1)];
    other.secondary.push(plan().secondary.remove(0));
    other.secondary[1].name = "renamed".into();
    sink.finish(&other).await.unwrap();
    let names = items.list_index_names().await.unwrap();
    assert_eq!(names, ["_id_", "by_hand", "size", "renamed"]);
    other.secondary.remove(0);
    sink.finish(&other).await.unwrap();
    let names = items.list_index_names().await.unwrap();
    assert_eq!(names, ["_id_", "by_hand", "renamed"]);
}

#[tokio::test]
async fn a_view_of_that_name_is_not_written_to() {
    let setting = Setting::new().await;
    setting
        .target
        .client()
        .database("shop")
        .run_command(doc! { "create": "items", "viewOn": "others", "pipeline": [] })
        .await
        .unwrap();
    let mut sink = setting.target.sink();
    sink.take_over().await.unwrap();
    let failure = sink.prepare(&plan()).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3021", Disposition::Table)
    );
}

#[tokio::test]
async fn a_document_that_a_validator_refuses_is_named() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    setting
        .target
        .client()
        .database("shop")
        .run_command(doc! { "collMod": "items", "validator": { "a": { "$exists": true } } })
        .await
        .unwrap();
    let failure = sink
        .apply(&atomic(
            1,
            vec![put(doc! { "_id": 1, "a": 1 }), put(doc! { "_id": 2 })],
        ))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3013", of_document(2))
    );
    assert!(failure.message.contains("document 2"), "{failure}");
}

/// The row of this document is at fault, not its table.
fn of_document(id: i32) -> Disposition {
    let id = doc! { "_id": id }.to_vec().unwrap();
    Disposition::Document(Box::new(change::DocumentId(id.into())))
}
