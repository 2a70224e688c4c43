//! Two processes of one part of a pipeline: the second is refused while the first is alive, and a
//! process that slept while its successor took over writes nothing when it wakes.

use bson::{Document, doc};
use std::time::{Duration, Instant};
use testbed::waiting::until;
use tests::pipeline::{Ended, PATIENCE, Process};
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::workload;

/// A lease that was not renewed for so long may be taken.
const SILENCE: Duration = Duration::from_secs(5);

async fn scene(log: LogKind, seed: u64) -> Scene {
    let options = workload::Options {
        writers: 2,
        rows: 1_000,
        large_transaction_rows: 1_000,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(15)),
        ..workload::Options::new(seed)
    };
    let sections = "[capture]\nchunk_rows = 100\nmax_barrier_changes = 200\n";
    Scene::start(log, options, sections).await.unwrap()
}

/// Waits until another process than before holds the part's lease, and gives its number.
async fn holder_after(scene: &Scene, part: &str, before: Option<i64>) -> i64 {
    let leases = scene
        .client
        .database("lockstep")
        .collection::<Document>("leases");
    until("somebody else holds the lease", PATIENCE, async || {
        let id = doc! { "pipeline": &scene.name, "part": part };
        let lease = leases.find_one(doc! { "_id": id }).await.unwrap()?;
        let holder = lease.get_document("holder").ok()?.get_i64("pid").unwrap();
        (Some(holder) != before).then_some(holder)
    })
    .await
}

/// By the target's fence, or by the log's.
fn assert_fenced(ended: &Ended) {
    assert_eq!(ended.code, Some(1), "{ended}");
    let fenced = ["[LS3009]", "[LS5504]"];
    let by = fenced.iter().find(|code| ended.stderr.contains(**code));
    assert!(by.is_some(), "{ended}");
}

async fn take_turns(scene: &Scene, part: &str, mut awake: Process, arguments: &[&str]) -> Process {
    let holder = holder_after(scene, part, None).await;
    scene
        .progress(&mut awake, "the first one writes")
        .await
        .unwrap();
    awake.pause();
    let mut successor = scene.pipeline.start(arguments).unwrap();
    holder_after(scene, part, Some(holder)).await;
    scene
        .progress(&mut successor, "the successor writes")
        .await
        .unwrap();
    awake.resume();
    assert_fenced(&awake.ended().await);
    scene
        .progress(&mut successor, "the successor is not disturbed")
        .await
        .unwrap();
    assert!(successor.is_running());
    successor
}

async fn stopped(mut process: Process) {
    process.terminate();
    let ended = process.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
}

/// In the copy, inside transactions, in whatever the writers do just then.
async fn sleepers_are_fenced(scene: &Scene, part: &str, naps: usize) {
    let mut awake = scene.pipeline.start(&[part]).unwrap();
    let began = Instant::now();
    awake = take_turns(scene, part, awake, &[part]).await;
    assert!(began.elapsed() > SILENCE, "the lease was taken too early");
    for _ in 0..naps {
        awake = take_turns(scene, part, awake, &[part, "--takeover"]).await;
    }
    stopped(awake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_slept_while_its_successor_took_over_is_fenced_and_wrote_nothing() {
    let scene = scene(LogKind::Direct, 51).await;
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    sleepers_are_fenced(&scene, "run", 5).await;
    println!("{}", writers.stop().await.unwrap());
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_kafka_a_half_that_slept_while_its_successor_took_over_is_fenced_and_wrote_nothing() {
    let scene = scene(LogKind::Kafka, 53).await;
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    for (sleeper, beside) in [("capture", "sink"), ("sink", "capture")] {
        let mut beside = scene.pipeline.start(&[beside]).unwrap();
        sleepers_are_fenced(&scene, sleeper, 3).await;
        assert!(beside.is_running());
        stopped(beside).await;
    }
    println!("{}", writers.stop().await.unwrap());
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_is_refused_while_the_first_is_alive_unless_it_may_take_over() {
    let scene = scene(LogKind::Direct, 52).await;
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    second_is_refused(&scene, "run").await;
    println!("{}", writers.stop().await.unwrap());
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_kafka_a_second_half_is_refused_while_the_first_is_alive_unless_it_may_take_over() {
    let scene = scene(LogKind::Kafka, 54).await;
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    for (part, beside) in [("capture", "sink"), ("sink", "capture")] {
        let beside = scene.pipeline.start(&[beside]).unwrap();
        second_is_refused(&scene, part).await;
        // One process of both parts is a second one of either.
        let both = scene.pipeline.finish(&["run"]).await.unwrap();
        assert_held(&both);
        stopped(beside).await;
    }
    println!("{}", writers.stop().await.unwrap());
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

fn assert_held(ended: &Ended) {
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("[LS4010]"), "{ended}");
}

async fn second_is_refused(scene: &Scene, part: &str) {
    let mut first = scene.pipeline.start(&[part]).unwrap();
    let holder = holder_after(scene, part, None).await;
    let second = scene.pipeline.finish(&[part]).await.unwrap();
    assert_held(&second);
    assert!(
        second.stderr.contains(&format!("process {holder} ")),
        "{second}"
    );
    scene
        .progress(&mut first, "the first one is not disturbed")
        .await
        .unwrap();
    assert!(first.is_running());

    let mut successor = scene.pipeline.start(&[part, "--takeover"]).unwrap();
    assert_fenced(&first.ended().await);
    let holder = holder_after(scene, part, Some(holder)).await;
    scene
        .progress(&mut successor, "the successor writes")
        .await
        .unwrap();

    // A process of this host that is dead need not be waited for.
    successor.kill();
    let began = Instant::now();
    let third = scene.pipeline.start(&[part]).unwrap();
    holder_after(scene, part, Some(holder)).await;
    assert!(began.elapsed() < SILENCE, "a dead holder was waited for");
    stopped(third).await;
}
