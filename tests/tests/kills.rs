//! Killed anywhere, started again: both stores are equal.
//!
//! A kill proves something only where it is known what it interrupted. So each process halts at a
//! named place, says so, and only then dies as in a power failure; a place that is not reached fails
//! the test. The writers never pause meanwhile.

use std::time::Duration;
use tests::pipeline_scene::{Scene, rough_mix};
use tests::workload;

/// In the order of a run.
const PLACES: [&str; 6] = [
    "recovery",
    "copying",
    "mid-lanes",
    "mid-split",
    "mid-commit",
    "committed",
];

/// Where each process dies, and the how many-th time it gets there. The first ones interrupt the
/// copy, the later ones meet it half done, done, or far behind the writers.
const KILLS: &[(&str, u32)] = &[
    ("recovery", 1),
    ("mid-commit", 1),
    ("copying", 1),
    ("recovery", 1),
    ("copying", 2),
    ("mid-lanes", 2),
    ("mid-commit", 3),
    ("copying", 5),
    ("committed", 4),
    ("mid-lanes", 5),
    ("copying", 9),
    ("mid-commit", 8),
    ("mid-split", 1),
    ("recovery", 1),
    ("copying", 14),
    ("mid-split", 2),
    ("mid-split", 1),
    ("mid-commit", 20),
    ("mid-split", 3),
    ("committed", 1),
    ("recovery", 1),
    ("committed", 25),
    ("mid-split", 7),
    ("mid-commit", 40),
    ("mid-commit", 2),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_is_killed_at_every_named_place_ends_with_equal_stores() {
    assert!(KILLS.len() >= 20);
    for place in PLACES {
        let times = KILLS.iter().filter(|(killed, _)| *killed == place);
        assert!(times.count() >= 2, "{place} is to be killed at");
    }
    let options = workload::Options {
        writers: 3,
        large_transaction_rows: 1_200,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(25)),
        ..workload::Options::new(41)
    };
    let sections = "[capture]\nchunk_rows = 150\nmax_barrier_changes = 250\n\
                    heartbeat_interval = \"500ms\"\n\n[apply]\nlanes = 3\n";
    let scene = Scene::start(options, sections).await.unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    for (place, count) in KILLS {
        let mut process = scene.pipeline.run_and_stop_at(place, *count).unwrap();
        process.stopped_at(place).await;
        process.kill();
        let look = scene.look().await.unwrap();
        println!("killed at {place}:{count}, torn: {}", look.is_torn());
    }
    let counts = writers.stop().await.unwrap();
    println!("{counts}");
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}
