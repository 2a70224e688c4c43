//! A table is copied again because somebody asks for it.

use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_copied_again_on_request_and_nothing_stays_that_was_not_its_own() {
    let options = workload::Options {
        rows: 200,
        ..workload::Options::new(94)
    };
    let scene = Scene::start(LogKind::Direct, options, "").await.unwrap();
    scene.pipeline.catch_up().await.unwrap();
    let database = scene.client.database("work");
    let accounts = database.collection::<bson::Document>("accounts");
    let orphan = bson::doc! { "_id": 999_999, "balance": 5 };
    accounts.insert_one(orphan).await.unwrap();
    accounts.delete_one(bson::doc! { "_id": 7 }).await.unwrap();
    assert!(scene.require_equal().await.is_err());
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    let ask = async |table: &str| scene.pipeline.finish(&["recopy", table]).await.unwrap();
    let ended = ask("work.accounts").await;
    assert_eq!(ended.code, Some(0), "{ended}");
    let refused = ask("work.nowhere").await;
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stderr.contains("[LS4016]"), "{refused}");
    run.alive_until("what is not of the table is gone", async |_| {
        let found = accounts.count_documents(bson::doc! { "_id": 999_999 });
        (found.await.unwrap() == 0).then_some(())
    })
    .await;
    run.terminate();
    assert_eq!(run.ended().await.code, Some(130));
    scene.pipeline.catch_up().await.unwrap();
    scene.require_equal().await.unwrap();
}
