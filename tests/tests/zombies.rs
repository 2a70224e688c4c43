//! Two processes of one pipeline: the second is refused while the first is alive, and a process
//! that slept while its successor took over writes nothing when it wakes.

use bson::{Document, doc};
use std::time::{Duration, Instant};
use testbed::waiting::until;
use tests::pipeline::{Ended, PATIENCE, Process};
use tests::pipeline_scene::{NAME, Scene, rough_mix};
use tests::workload;

/// A lease that was not renewed for so long may be taken.
const SILENCE: Duration = Duration::from_secs(5);

async fn scene(seed: u64) -> Scene {
    let options = workload::Options {
        writers: 2,
        rows: 1_000,
        large_transaction_rows: 1_000,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(15)),
        ..workload::Options::new(seed)
    };
    let sections = "[capture]\nchunk_rows = 100\nmax_barrier_changes = 200\n";
    Scene::start(options, sections).await.unwrap()
}

/// Waits until another process than before holds the lease, and gives its number.
async fn holder_after(scene: &Scene, before: Option<i64>) -> i64 {
    let leases = scene
        .client
        .database("lockstep")
        .collection::<Document>("leases");
    until("somebody else holds the lease", PATIENCE, async || {
        let lease = leases
            .find_one(doc! { "_id.pipeline": NAME })
            .await
            .unwrap()?;
        let holder = lease.get_document("holder").ok()?.get_i64("pid").unwrap();
        (Some(holder) != before).then_some(holder)
    })
    .await
}

fn assert_fenced(ended: &Ended) {
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("[LS3009]"), "{ended}");
}

async fn take_turns(scene: &Scene, mut awake: Process, arguments: &[&str]) -> Process {
    let holder = holder_after(scene, None).await;
    scene
        .progress(&mut awake, "the first one writes")
        .await
        .unwrap();
    awake.pause();
    let mut successor = scene.pipeline.start(arguments).unwrap();
    holder_after(scene, Some(holder)).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_slept_while_its_successor_took_over_is_fenced_and_wrote_nothing() {
    let scene = scene(51).await;
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    let mut awake = scene.pipeline.start(&["run"]).unwrap();
    let began = Instant::now();
    awake = take_turns(&scene, awake, &["run"]).await;
    assert!(began.elapsed() > SILENCE, "the lease was taken too early");
    // In the copy, inside transactions, in whatever the writers do just then.
    for _ in 0..5 {
        awake = take_turns(&scene, awake, &["run", "--takeover"]).await;
    }
    println!("{}", writers.stop().await.unwrap());
    awake.terminate();
    let ended = awake.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_is_refused_while_the_first_is_alive_unless_it_may_take_over() {
    let scene = scene(52).await;
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    let mut first = scene.pipeline.start(&["run"]).unwrap();
    let holder = holder_after(&scene, None).await;
    let second = scene.pipeline.finish(&["run"]).await.unwrap();
    assert_eq!(second.code, Some(1), "{second}");
    assert!(second.stderr.contains("[LS4010]"), "{second}");
    assert!(
        second.stderr.contains(&format!("process {holder} ")),
        "{second}"
    );
    scene
        .progress(&mut first, "the first one is not disturbed")
        .await
        .unwrap();
    assert!(first.is_running());

    let mut successor = scene.pipeline.start(&["run", "--takeover"]).unwrap();
    assert_fenced(&first.ended().await);
    let holder = holder_after(&scene, Some(holder)).await;
    scene
        .progress(&mut successor, "the successor writes")
        .await
        .unwrap();

    // A process of this host that is dead need not be waited for.
    successor.kill();
    let began = Instant::now();
    let mut third = scene.pipeline.start(&["run"]).unwrap();
    holder_after(&scene, Some(holder)).await;
    assert!(began.elapsed() < SILENCE, "a dead holder was waited for");
    println!("{}", writers.stop().await.unwrap());
    third.terminate();
    assert_eq!(third.ended().await.code, Some(130));
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}
