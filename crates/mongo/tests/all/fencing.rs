//! One writer, and every reply lost once.

use crate::setting::{Setting, adjust, atomic, checkpoint, collection, plan, put};
use bson::doc;
use flow::Disposition;
use flow::ports::Sink;
use std::time::{Duration, Instant};
use testbed::waiting::until;

#[tokio::test]
async fn a_predecessor_that_wakes_up_writes_nothing() {
    let setting = Setting::new().await;
    let mut old = setting.sink().await;
    old.apply(&atomic(1, vec![put(doc! { "_id": 1, "by": "old" })]))
        .await
        .unwrap();
    let mut new = setting.another().await.sink();
    assert_eq!(
        new.take_over().await.unwrap().checkpoint,
        Some(checkpoint(1))
    );
    let failure = old
        .apply(&atomic(2, vec![put(doc! { "_id": 1, "by": "zombie" })]))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3009", Disposition::Fenced)
    );
    new.apply(&atomic(2, vec![put(doc! { "_id": 2, "by": "new" })]))
        .await
        .unwrap();
    assert_eq!(
        setting.documents().await,
        [
            doc! { "_id": 1, "by": "old" },
            doc! { "_id": 2, "by": "new" }
        ]
    );
}

#[tokio::test]
async fn a_predecessor_that_pauses_inside_its_transaction_does_not_commit_it() {
    let setting = Setting::new().await;
    let mut old = setting.sink().await;
    // It passes its fence and writes, and its commit waits in the server for longer than the takeover.
    setting
        .fail(
            1,
            doc! {
                "failCommands": ["update"],
                "namespace": "shop.items",
                "blockConnection": true,
                "blockTimeMS": 4_000,
            },
        )
        .await;
    let zombie = tokio::spawn(async move {
        old.apply(&atomic(1, vec![put(doc! { "_id": 1, "by": "zombie" })]))
            .await
    });
    // The fence is taken as soon as the update of the data is being held up.
    let watched = setting.another().await;
    until("it waits", Duration::from_secs(20), async || {
        let answer = watched
            .client()
            .database("admin")
            .run_command(doc! { "currentOp": 1, "command.update": "items" })
            .await
            .unwrap();
        (!answer.get_array("inprog").unwrap().is_empty()).then_some(())
    })
    .await;
    let mut new = watched.sink();
    let begun = Instant::now();
    assert!(new.take_over().await.unwrap().checkpoint.is_none());
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "it waited for the zombie"
    );
    new.apply(&atomic(1, vec![put(doc! { "_id": 2, "by": "new" })]))
        .await
        .unwrap();
    let failure = zombie.await.unwrap().unwrap_err();
    assert_eq!(failure.disposition, Disposition::Fenced, "{failure}");
    assert_eq!(setting.documents().await, [doc! { "_id": 2, "by": "new" }]);
}

#[tokio::test]
async fn a_transaction_that_was_left_open_does_not_hold_the_takeover_up() {
    let setting = Setting::new().await;
    let old = setting.target.clone();
    let mut sink = setting.sink().await;
    sink.apply(&atomic(1, vec![put(doc! { "_id": 1 })]))
        .await
        .unwrap();
    // Somebody holds the fence in a transaction of a session that nobody has recorded.
    let mut session = old.client().start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    old.client()
        .database("lockstep")
        .collection::<bson::Document>("fences")
        .update_many(doc! {}, doc! { "$inc": { "previous": 1_i64 } })
        .session(&mut session)
        .await
        .unwrap();
    let successor = setting.another().await;
    let taking = tokio::spawn(async move {
        let mut sink = successor.sink();
        sink.take_over().await
    });
    until("it waits", Duration::from_secs(20), async || {
        let answer = old
            .client()
            .database("admin")
            .run_command(doc! { "currentOp": 1, "active": true, "ns": "lockstep.fences" })
            .await
            .unwrap();
        (!answer.get_array("inprog").unwrap().is_empty()).then_some(())
    })
    .await;
    session.abort_transaction().await.unwrap();
    assert_eq!(
        taking.await.unwrap().unwrap().checkpoint,
        Some(checkpoint(1))
    );
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_not_done_twice() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    // The driver asks once more by itself and the lane twice: seven losses need the fence.
    for (transaction, losses, code) in [(1, 1, 64), (2, 2, 64), (3, 7, 64), (4, 1, 91), (5, 2, 91)]
    {
        setting
            .fail(
                losses,
                doc! {
                    "failCommands": ["commitTransaction"],
                    "writeConcernError": { "code": code, "errmsg": "not acknowledged by a majority" },
                },
            )
            .await;
        let before = setting.passed().await;
        sink.apply(&atomic(transaction, vec![adjust(doc! { "a": 1 }, 1)]))
            .await
            .unwrap();
        assert_eq!(setting.passed().await, before + 1);
        let copies = setting.documents().await.len();
        assert_eq!(copies as u64, transaction, "every copy once");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_anywhere_costs_nothing_but_time() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let mut transaction = 0;
    for command in ["update", "insert", "delete", "find", "commitTransaction"] {
        for losses in [1, 3] {
            transaction += 1;
            setting
                .fail(
                    losses,
                    doc! { "failCommands": [command], "closeConnection": true },
                )
                .await;
            let effects = vec![
                adjust(doc! { "a": 1 }, 1),
                put(doc! { "_id": transaction }),
                crate::setting::remove(transaction - 1),
            ];
            sink.apply(&atomic(u64::try_from(transaction).unwrap(), effects))
                .await
                .unwrap();
            let documents = setting.documents().await;
            let copies = documents.len() - 1;
            assert_eq!(
                copies,
                usize::try_from(transaction).unwrap(),
                "{command}, {losses} times"
            );
        }
    }
}

#[tokio::test]
async fn a_restart_of_the_server_in_between_is_ridden_out() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    sink.apply(&atomic(1, vec![adjust(doc! { "a": 1 }, 1)]))
        .await
        .unwrap();
    setting.server.kill();
    let applying = tokio::spawn(async move {
        let outcome = sink
            .apply(&atomic(2, vec![adjust(doc! { "a": 1 }, 1)]))
            .await;
        (sink, outcome)
    });
    setting.server.restart().await.unwrap();
    let (mut sink, outcome) = applying.await.unwrap();
    outcome.unwrap();
    sink.apply(&atomic(3, vec![adjust(doc! { "a": 1 }, 1)]))
        .await
        .unwrap();
    assert_eq!(setting.documents().await.len(), 3);
    assert_eq!(
        setting.target.status().await.unwrap().tail.checkpoint,
        Some(checkpoint(3))
    );
}

#[tokio::test]
async fn a_server_that_stays_away_is_told_after_the_limit() {
    let setting = Setting::new().await;
    let mut options = mongo::TargetOptions::new(setting.server.url(), "brief");
    options.retry_limit = Duration::from_millis(500);
    let target = mongo::Target::connect(options).await.unwrap();
    let mut sink = target.sink();
    sink.take_over().await.unwrap();
    sink.prepare(&plan()).await.unwrap();
    setting.server.kill();
    let failure = sink
        .apply(&atomic(1, vec![put(doc! { "_id": 1 })]))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3010", Disposition::Halt)
    );
}

#[tokio::test]
async fn after_a_reset_the_old_writer_stays_fenced() {
    let setting = Setting::new().await;
    let mut old = setting.sink().await;
    old.apply(&atomic(1, vec![put(doc! { "_id": 1 })]))
        .await
        .unwrap();
    setting
        .target
        .reset(Some(&[(*collection()).clone()]))
        .await
        .unwrap();
    let status = setting.target.status().await.unwrap();
    assert!(status.tail.checkpoint.is_none() && status.tail.tables.is_empty());
    let mut new = setting.sink().await;
    assert!(setting.documents().await.is_empty());
    let failure = old
        .apply(&atomic(2, vec![put(doc! { "_id": 2 })]))
        .await
        .unwrap_err();
    assert_eq!(failure.disposition, Disposition::Fenced);
    new.apply(&atomic(1, vec![put(doc! { "_id": 3 })]))
        .await
        .unwrap();
    assert_eq!(setting.documents().await, [doc! { "_id": 3 }]);
}
