//! Killed anywhere, started again: both stores are equal.
//!
//! A kill proves something only where it is known what it interrupted. So each process halts at a
//! named place, says so, and only then dies as in a power failure; a place that is not reached fails
//! the test. The writers never pause meanwhile, and over Kafka neither does the other half.

use std::time::Duration;
use testbed::servers::Product;
use tests::pipeline::Process;
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::workload;

/// What dies, where, and the how many-th time it gets there.
type Kill = (&'static str, &'static str, u32);

/// The places of one process over a direct log, in the order of a run.
const DIRECT: &[(&str, &str)] = &[
    ("run", "recovery"),
    ("run", "copying"),
    ("run", "mid-lanes"),
    ("run", "mid-split"),
    ("run", "mid-commit"),
    ("run", "committed"),
];

/// The first ones interrupt the copy, the later ones meet it half done, done, or far behind the
/// writers.
const DIRECT_KILLS: &[Kill] = &[
    ("run", "recovery", 1),
    ("run", "mid-commit", 1),
    ("run", "copying", 1),
    ("run", "recovery", 1),
    ("run", "copying", 2),
    ("run", "mid-lanes", 2),
    ("run", "mid-commit", 3),
    ("run", "copying", 5),
    ("run", "committed", 4),
    ("run", "mid-lanes", 5),
    ("run", "copying", 9),
    ("run", "mid-commit", 8),
    ("run", "mid-split", 1),
    ("run", "recovery", 1),
    ("run", "copying", 14),
    ("run", "mid-split", 2),
    ("run", "mid-split", 1),
    ("run", "mid-commit", 20),
    ("run", "mid-split", 3),
    ("run", "committed", 1),
    ("run", "recovery", 1),
    ("run", "committed", 25),
    ("run", "mid-split", 7),
    ("run", "mid-commit", 40),
    ("run", "mid-commit", 2),
];

/// The places of both halves over Kafka.
const KAFKA: &[(&str, &str)] = &[
    ("capture", "tail"),
    ("capture", "recovery"),
    ("capture", "copying"),
    ("capture", "mid-split"),
    ("capture", "produced"),
    ("capture", "logged"),
    ("sink", "recovery"),
    ("sink", "mid-lanes"),
    ("sink", "mid-commit"),
    ("sink", "committed"),
];

/// Capture dies in the copy while the sink follows it; then the sink with a backlog while capture
/// goes on; then both in turn, the copy done; then the one process that does both.
const KAFKA_KILLS: &[Kill] = &[
    ("capture", "tail", 1),
    ("capture", "produced", 1),
    ("capture", "recovery", 1),
    ("capture", "copying", 1),
    ("capture", "logged", 2),
    ("capture", "produced", 7),
    ("capture", "copying", 9),
    ("sink", "recovery", 1),
    ("sink", "mid-lanes", 2),
    ("sink", "mid-commit", 2),
    ("sink", "committed", 3),
    ("sink", "mid-lanes", 9),
    ("sink", "mid-commit", 12),
    ("sink", "recovery", 1),
    ("capture", "mid-split", 1),
    ("capture", "logged", 20),
    ("capture", "mid-split", 3),
    ("capture", "produced", 40),
    ("capture", "recovery", 1),
    ("capture", "tail", 1),
    ("sink", "committed", 1),
    ("sink", "mid-commit", 30),
    ("run", "produced", 15),
    ("run", "mid-commit", 10),
    ("run", "logged", 5),
    ("run", "mid-split", 2),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_is_killed_at_every_named_place_ends_with_equal_stores() {
    killed(LogKind::Direct, Product::MySql, DIRECT, DIRECT_KILLS, 41).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_of_mariadb_that_is_killed_at_every_named_place_ends_with_equal_stores() {
    killed(
        LogKind::Direct,
        Product::MariaDb118,
        DIRECT,
        DIRECT_KILLS,
        43,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_over_kafka_that_are_killed_at_every_named_place_end_with_equal_stores() {
    killed(LogKind::Kafka, Product::MySql, KAFKA, KAFKA_KILLS, 42).await;
}

async fn killed(
    log: LogKind,
    product: Product,
    places: &[(&str, &str)],
    kills: &[Kill],
    seed: u64,
) {
    assert!(kills.len() >= 20);
    for place in places {
        let times = kills.iter().filter(|(part, at, _)| (*part, *at) == *place);
        assert!(times.count() >= 2, "{place:?} is to be killed at");
    }
    let options = workload::Options {
        product,
        writers: 3,
        large_transaction_rows: 1_200,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(25)),
        ..workload::Options::new(seed)
    };
    let sections = "[capture]\nchunk_rows = 150\nmax_barrier_changes = 250\n\
                    heartbeat_interval = \"500ms\"\n\n[apply]\nlanes = 3\n";
    let scene = Scene::start(log, options, sections).await.unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    let mut beside = Beside(None);
    for (part, place, count) in kills {
        beside.change(&scene, part).await;
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
    beside.change(&scene, "run").await;
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

/// The half that lives on while the other is killed.
struct Beside(Option<(&'static str, Process)>);

impl Beside {
    /// Runs what goes beside this part, and nothing else. What ran before must still do so.
    async fn change(&mut self, scene: &Scene, part: &str) {
        let wanted = match part {
            "capture" => Some("sink"),
            "sink" => Some("capture"),
            _ => None,
        };
        if let Some((running, process)) = &mut self.0 {
            assert!(process.is_running(), "{running} ended by itself");
            if wanted == Some(*running) {
                return;
            }
            process.terminate();
            let ended = process.ended().await;
            assert_eq!(ended.code, Some(130), "{ended}");
        }
        self.0 = wanted.map(|part| (part, scene.pipeline.start(&[part]).unwrap()));
    }
}
