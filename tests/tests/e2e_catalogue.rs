//! Tables that are dropped and created again while the catalogue is being read.

use std::time::Duration;
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload::{self, Operation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_made_anew_again_and_again_is_never_taken_for_one_without_a_key() {
    let options = workload::Options {
        writers: 2,
        rows: 100,
        mix: vec![
            (Operation::DropAndCreate, 5),
            (Operation::Truncate, 2),
            (Operation::EveryType, 1),
        ],
        pause: Some(Duration::from_millis(2)),
        ..workload::Options::new(71)
    };
    let scene = Scene::start(LogKind::Direct, options, "").await.unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    for _ in 0..25 {
        let checked = scene.pipeline.finish(&["check"]).await.unwrap();
        assert_eq!(checked.code, Some(0), "{checked}");
    }
    let counts = writers.stop().await.unwrap();
    println!("{counts}");
    assert!(
        counts.by_operation[&Operation::DropAndCreate] > 20,
        "{counts}"
    );
}
