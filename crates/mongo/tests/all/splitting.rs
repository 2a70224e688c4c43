//! Barriers that the target cannot hold in one transaction.

use crate::setting::{Setting, adjust, atomic, batch, checkpoint, collection, put, putting};
use bson::{Bson, doc};
use change::Effect;
use flow::ports::{Sink, Work};

/// What an error 388 looks like when it hides in an OK reply.
async fn refuse_as_too_large(setting: &Setting, times: i32, command: &str) {
    setting
        .fail(
            times,
            doc! {
                "failCommands": [command],
                "namespace": "shop.items",
                "errorCode": 388,
                "errorLabels": ["TransientTransactionError"],
            },
        )
        .await;
}

fn swap() -> Vec<Effect> {
    (0..10)
        .map(|id| {
            putting(
                doc! { "_id": id, "code": format!("c{}", (id + 1) % 10) },
                false,
                true,
            )
        })
        .collect()
}

#[tokio::test]
async fn what_does_not_fit_is_split_and_nothing_is_missing() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let before = (0..10).map(|id| put(doc! { "_id": id, "code": format!("c{id}") }));
    sink.apply(&atomic(1, before.collect())).await.unwrap();
    let mut effects = swap();
    effects.push(adjust(doc! { "a": 1 }, 2));
    refuse_as_too_large(&setting, 3, "delete").await;
    sink.apply(&atomic(2, effects)).await.unwrap();
    let documents = setting.documents().await;
    assert_eq!(documents.len(), 12);
    for document in documents
        .iter()
        .filter(|document| document.contains_key("code"))
    {
        let id = document.get_i32("_id").unwrap();
        assert_eq!(
            document.get_str("code").unwrap(),
            format!("c{}", (id + 1) % 10)
        );
    }
    assert!(setting.passed().await > 3, "it was one transaction");
    assert_eq!(
        setting.checkpoint().await.unwrap().get("torn"),
        Some(&Bson::Null)
    );
}

#[tokio::test]
async fn a_barrier_that_breaks_off_between_its_pieces_stays_torn_until_it_is_complete() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let before = (0..10).map(|id| put(doc! { "_id": id, "code": format!("c{id}") }));
    sink.apply(&atomic(1, before.collect())).await.unwrap();
    refuse_as_too_large(&setting, 1, "delete").await;
    // The second piece inserts what the first deleted: there it ends, as a killed process would.
    let document = doc! { "_id": 5, "code": "c6", "a": "x" };
    setting
        .target
        .client()
        .database("shop")
        .run_command(doc! { "collMod": "items", "validator": { "a": { "$exists": true } } })
        .await
        .unwrap();
    sink.apply(&atomic(4, swap())).await.unwrap_err();
    let stored = setting.checkpoint().await.unwrap();
    assert!(
        stored
            .get_document("torn")
            .unwrap()
            .get_bool("sink")
            .unwrap()
    );
    setting
        .target
        .client()
        .database("shop")
        .run_command(doc! { "collMod": "items", "validator": {} })
        .await
        .unwrap();
    let mut successor = setting.another().await.sink();
    let tail = successor.take_over().await.unwrap();
    assert_eq!(
        tail.checkpoint,
        Some(checkpoint(1)),
        "the checkpoint has not moved"
    );
    assert!(setting.target.status().await.unwrap().torn);
    // The successor cuts its barriers otherwise; a part of the old one does not make it whole.
    successor
        .apply(&atomic(3, vec![put(document)]))
        .await
        .unwrap();
    assert!(setting.target.status().await.unwrap().torn);
    successor.apply(&atomic(4, swap())).await.unwrap();
    assert!(!setting.target.status().await.unwrap().torn);
    assert_eq!(setting.documents().await.len(), 10);
}

#[tokio::test]
async fn a_barrier_larger_than_the_cache_takes_at_once_arrives_whole() {
    // 256 MiB of cache; a transaction of 60 MiB of scattered updates with indexes is refused by it
    // or not as the server sees fit: the outcome has to be the same.
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let padding = "x".repeat(30_000);
    let rows =
        (0..2_000).map(|id| put(doc! { "_id": id, "code": format!("c{id}"), "a": &padding }));
    sink.apply(&atomic(1, rows.collect())).await.unwrap();
    let rows = (0..2_000).map(|id| {
        putting(
            doc! { "_id": id, "code": format!("d{id}"), "a": &padding },
            false,
            true,
        )
    });
    sink.apply(&atomic(2, rows.collect())).await.unwrap();
    let documents = setting.documents().await;
    assert_eq!(documents.len(), 2_000);
    assert!(
        documents
            .iter()
            .all(|document| document.get_str("code").unwrap().starts_with('d'))
    );
    assert!(!setting.target.status().await.unwrap().torn);
}

#[tokio::test]
async fn a_chunk_batch_that_does_not_fit_is_halved() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    refuse_as_too_large(&setting, 2, "insert").await;
    let rows = (0..1_000).map(|id| put(doc! { "_id": id }));
    sink.apply(&batch(1, Work::Chunks(rows.collect())))
        .await
        .unwrap();
    assert_eq!(setting.documents().await.len(), 1_000);
}

#[tokio::test]
async fn one_change_that_never_fits_is_named() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    refuse_as_too_large(&setting, 100, "update").await;
    let effects = vec![put(doc! { "_id": 1 }), put(doc! { "_id": 2 })];
    let failure = sink.apply(&atomic(1, effects)).await.unwrap_err();
    assert_eq!(failure.code, "LS3017");
    assert!(
        failure.message.contains(&collection().to_string()),
        "{failure}"
    );
}
