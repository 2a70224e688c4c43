//! Capture and sink as processes of their own, with Kafka between them: either may be away, start
//! first, or fall far behind, and the other goes on.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::time::Duration;
use testbed::waiting::until;
use tests::comparer::connect;
use tests::pipeline::{PATIENCE, Process};
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::topics::read_committed;
use tests::workload;

const SECTIONS: &str = "[capture]\nchunk_rows = 200\nmax_barrier_changes = 250\n";

fn options(seed: u64) -> workload::Options {
    workload::Options {
        writers: 2,
        rows: 500,
        large_transaction_rows: 1_200,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(10)),
        ..workload::Options::new(seed)
    }
}

/// So many transactions of each writer.
async fn write(scene: &Scene, seed: u64, scripts: u64) {
    let options = workload::Options {
        seed,
        scripts_per_writer: Some(scripts),
        ..scene.options.clone()
    };
    let writers = workload::start(&scene.mysql.url(), &options).await.unwrap();
    println!("{}", writers.finished().await.unwrap());
}

async fn stop(mut process: Process) {
    process.terminate();
    let ended = process.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
}

async fn run(sql: &mut Conn, statements: &[&str]) {
    for statement in statements {
        sql.query_drop(*statement).await.unwrap();
    }
}

async fn records_left(scene: &Scene) -> usize {
    let prefix = format!("{}.", scene.name);
    let records = read_committed(scene.kafka(), &prefix).await.unwrap();
    records.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_starts_first_or_is_away_for_long_catches_up_and_a_reset_begins_anew() {
    let scene = Scene::start(LogKind::Kafka, options(81), SECTIONS)
        .await
        .unwrap();
    // There is no topic yet.
    let mut sink = scene.pipeline.start(&["sink"]).unwrap();
    let mut capture = scene.pipeline.start(&["capture"]).unwrap();
    scene.progress(&mut sink, "the sink applies").await.unwrap();
    assert!(capture.is_running());
    stop(sink).await;
    let before = scene.ordinal().await.unwrap();
    write(&scene, 82, 150).await;
    stop(capture).await;
    write(&scene, 83, 50).await;
    // Again, while the sink is behind.
    scene.pipeline.part_catches_up("capture").await.unwrap();
    assert_eq!(scene.ordinal().await.unwrap(), before, "nobody applied");
    scene.pipeline.part_catches_up("sink").await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());

    let reset = ["reset", "--yes", "--drop-target"];
    let ended = scene.pipeline.finish(&reset).await.unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(records_left(&scene).await, 0, "{ended}");
    assert_eq!(scene.ordinal().await.unwrap(), None, "{ended}");
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture_goes_on_without_the_target_and_the_sink_without_the_source() {
    let scene = Scene::start(LogKind::Kafka, options(84), SECTIONS)
        .await
        .unwrap();
    let capture = scene.pipeline.start(&["capture"]).unwrap();
    let mut sink = scene.pipeline.start(&["sink"]).unwrap();
    scene.progress(&mut sink, "both work").await.unwrap();

    // It would give up after a minute without its target.
    stop(sink).await;
    scene.mongo.kill();
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    let marked = "INSERT INTO work.items VALUES (900001, 1, 'while the target is away', 1)";
    run(&mut sql, &[marked]).await;
    until("the change is in its topic", PATIENCE, async || {
        let topic = format!("{}.work.items", scene.name);
        let records = read_committed(scene.kafka(), &topic).await.unwrap();
        let marked = |value: &[u8]| String::from_utf8_lossy(value).contains("while the target");
        let found = records.iter().filter_map(|record| record.value.as_deref());
        found.into_iter().any(marked).then_some(())
    })
    .await;
    stop(capture).await;
    // One that starts now has no lease to take and no tables to ask the target for.
    scene.pipeline.part_catches_up("capture").await.unwrap();
    scene.mongo.restart().await.unwrap();
    let mut sink = scene.pipeline.start(&["sink"]).unwrap();
    scene
        .progress(&mut sink, "the sink applies what capture wrote meanwhile")
        .await
        .unwrap();
    stop(sink).await;

    let mut capture = scene.pipeline.start(&["capture"]).unwrap();
    write(&scene, 85, 100).await;
    scene.mysql.kill();
    scene.pipeline.part_catches_up("sink").await.unwrap();
    assert!(capture.is_running());
    scene.mysql.restart().await.unwrap();
    stop(capture).await;
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_in_the_copy_and_afterwards_is_waited_for_by_both_halves() {
    let scene = Scene::start(LogKind::OwnKafka, options(86), SECTIONS)
        .await
        .unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    let mut capture = scene.pipeline.start(&["capture"]).unwrap();
    let mut sink = scene.pipeline.start(&["sink"]).unwrap();
    for round in 0..3 {
        let what = format!("both go on after {round} deaths of the broker");
        scene.progress(&mut sink, &what).await.unwrap();
        scene.kafka().kill();
        assert!(capture.is_running() && sink.is_running());
        scene.kafka().restart().await.unwrap();
    }
    scene.progress(&mut sink, "both go on").await.unwrap();
    println!("{}", writers.stop().await.unwrap());
    stop(capture).await;
    stop(sink).await;
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_no_message_can_hold_stops_capture_and_the_remedy_that_it_names_works() {
    let scene = Scene::start(LogKind::Kafka, options(87), SECTIONS)
        .await
        .unwrap();
    let limit = |limit: &str| format!("max_message_bytes = \"{limit}\"");
    scene.configure(&limit("256KiB"), SECTIONS).unwrap();
    scene.pipeline.catch_up().await.unwrap();
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    run(
        &mut sql,
        &[
            "CREATE TABLE work.large (id INT PRIMARY KEY, body MEDIUMTEXT)",
            "INSERT INTO work.large VALUES (7, REPEAT('tell nobody ', 30000))",
        ],
    )
    .await;
    let arguments = ["capture", "--until", "caught-up"];
    let ended = scene.pipeline.finish(&arguments).await.unwrap();
    assert_eq!(ended.code, Some(1), "{ended}");
    for said in ["[LS5506]", "work.large", "max_message_bytes", "remedy: "] {
        assert!(ended.stderr.contains(said), "{said}: {ended}");
    }
    assert!(!ended.stderr.contains("tell nobody"), "{ended}");
    scene.configure(&limit("512KiB"), SECTIONS).unwrap();
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}
