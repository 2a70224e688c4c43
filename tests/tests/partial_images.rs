//! Sessions that do not want whole rows logged: what the log does not tell of a row is read by its
//! key, and no table is stopped for it, during the copy and afterwards, over kills.

use std::time::Duration;
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::workload;

const DIRECT_KILLS: &[(&str, &str, u32)] = &[
    ("run", "copying", 2),
    ("run", "mid-commit", 4),
    ("run", "recovery", 1),
    ("run", "committed", 10),
    ("run", "mid-commit", 25),
    ("run", "committed", 30),
    ("run", "mid-commit", 3),
];

const KAFKA_KILLS: &[(&str, &str, u32)] = &[
    ("run", "copying", 2),
    ("run", "produced", 5),
    ("run", "mid-commit", 4),
    ("run", "logged", 10),
    ("run", "committed", 10),
    ("run", "recovery", 1),
    ("run", "produced", 30),
    ("run", "mid-commit", 20),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_the_log_does_not_tell_whole_are_read_by_their_keys() {
    killed(LogKind::Direct, DIRECT_KILLS, 71).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_the_log_does_not_tell_whole_are_read_by_their_keys_over_kafka() {
    killed(LogKind::Kafka, KAFKA_KILLS, 72).await;
}

async fn killed(log: LogKind, kills: &[(&str, &str, u32)], seed: u64) {
    let options = workload::Options {
        writers: 3,
        large_transaction_rows: 1_200,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(25)),
        row_images: &["FULL", "MINIMAL", "NOBLOB"],
        ..workload::Options::new(seed)
    };
    let sections = "[capture]\nchunk_rows = 150\nmax_barrier_changes = 250\n\
                    heartbeat_interval = \"500ms\"\n\n[apply]\nlanes = 3\n";
    let scene = Scene::start(log, options, sections).await.unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    for (part, place, count) in kills {
        let mut process = scene
            .pipeline
            .start_and_stop_at(part, place, *count)
            .unwrap();
        process.stopped_at(place).await;
        process.kill();
        let look = scene.look().await.unwrap();
        println!("{part} killed at {place}:{count}, torn: {}", look.is_torn());
    }
    let counts = writers.stop().await.unwrap();
    println!("{counts}");
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}
