//! Servers that die and come back while a pipeline runs: it waits for them and goes on by itself.

use mysql_async::prelude::Queryable;
use std::time::Duration;
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::workload;

fn options(seed: u64) -> workload::Options {
    workload::Options {
        writers: 2,
        large_transaction_rows: 1_200,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(25)),
        ..workload::Options::new(seed)
    }
}

const SECTIONS: &str = "[capture]\nchunk_rows = 100\nmax_barrier_changes = 200\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_dies_in_the_copy_and_afterwards_is_waited_for() {
    target_dies(LogKind::Direct, 61).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_kafka_a_target_that_dies_in_the_copy_and_afterwards_is_waited_for() {
    target_dies(LogKind::Kafka, 63).await;
}

async fn target_dies(log: LogKind, seed: u64) {
    let scene = Scene::start(log, options(seed), SECTIONS).await.unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    for round in 0..4 {
        let what = format!("the pipeline goes on after {round} deaths of the target");
        scene.progress(&mut run, &what).await.unwrap();
        scene.mongo.kill();
        assert!(run.is_running());
        scene.mongo.restart().await.unwrap();
    }
    scene
        .progress(&mut run, "the pipeline goes on")
        .await
        .unwrap();
    println!("{}", writers.stop().await.unwrap());
    run.terminate();
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_dies_in_the_copy_and_afterwards_is_waited_for() {
    source_dies(LogKind::Direct, 62).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_kafka_a_source_that_dies_in_the_copy_and_afterwards_is_waited_for() {
    source_dies(LogKind::Kafka, 64).await;
}

async fn source_dies(log: LogKind, seed: u64) {
    let scene = Scene::start(log, options(seed), SECTIONS).await.unwrap();
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    for round in 0..4 {
        let what = format!("the pipeline goes on after {round} deaths of the source");
        scene.progress(&mut run, &what).await.unwrap();
        let options = workload::Options {
            seed: round,
            scripts_per_writer: Some(30),
            ..scene.options.clone()
        };
        let writers = workload::start(&scene.mysql.url(), &options).await.unwrap();
        writers.finished().await.unwrap();
        scene.mysql.kill();
        assert!(run.is_running());
        scene.mysql.restart().await.unwrap();
        let mut sql = tests::comparer::connect(&scene.mysql.url()).await.unwrap();
        // What a restarted server has forgotten, and something that is to arrive.
        for statement in [
            "SET GLOBAL local_infile = ON",
            "UPDATE work.accounts SET changed = NULL LIMIT 50",
        ] {
            sql.query_drop(statement).await.unwrap();
        }
    }
    scene
        .progress(&mut run, "the pipeline goes on")
        .await
        .unwrap();
    run.terminate();
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}
