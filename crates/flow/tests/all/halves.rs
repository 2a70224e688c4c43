//! Two halves over a log that outlives them: either may fail, stop or come late, and the end is
//! equal all the same.

use crate::world::World;
use testbed::faults::{Fault, Faults};
use testbed::memory::MemoryLog;

/// Runs both halves to the end with these faults, then once more without.
async fn survives(seed: u64, faults: &Faults) {
    let mut world = World::new(seed);
    let log = MemoryLog::lasting();
    let ended = world.run_halves(&log, faults, 12).await;
    let told = format!("seed {seed}, {:?}", faults.happened());
    assert!(ended.is_ok(), "{told}: {ended:?}");
    world.run_halves(&log, &Faults::none(), 12).await.unwrap();
    // What was committed after they had caught up.
    world.run_halves(&log, &Faults::none(), 0).await.unwrap();
    let wrong = world.verdict();
    assert!(wrong.is_empty(), "{told}: {wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn halves_without_faults_are_right_at_every_checkpoint() {
    for seed in 0..60 {
        survives(seed, &Faults::none()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_single_call_of_either_half_may_fail_before_or_after_it_is_done() {
    let seed = 7;
    let counted = Faults::none();
    let log = MemoryLog::lasting();
    let mut world = World::new(seed);
    world.run_halves(&log, &counted, 12).await.unwrap();
    assert!(counted.calls() > 50, "{}", counted.calls());
    for call in 0..counted.calls() {
        for fault in [Fault::Before, Fault::After] {
            survives(seed, &Faults::at(call, fault)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_of_both_halves_may_fail_in_any_order() {
    for seed in 0..120 {
        survives(seed, &Faults::random(seed, 12, 15)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_comes_after_capture_has_ended_applies_all_of_it() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let log = MemoryLog::lasting();
        for _ in 0..3 {
            for _ in 0..10 {
                world.transaction();
            }
            world.capture(&log).await.unwrap();
        }
        world.sink(&log).await.unwrap();
        let wrong = world.verdict();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_comes_first_waits_for_capture_and_catches_up() {
    let mut world = World::new(3);
    let mut other = world.clone();
    let log = MemoryLog::lasting();
    let (sunk, captured) = tokio::join!(other.sink(&log), world.capture(&log));
    sunk.unwrap();
    captured.unwrap();
    let wrong = world.verdict();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
