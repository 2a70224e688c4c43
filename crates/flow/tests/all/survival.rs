//! A pipeline whose every call may fail ends equal, and is right at every checkpoint on the way.

use crate::world::World;
use testbed::faults::{Fault, Faults};

/// Runs to the end with these faults, then once more without, as a restarted process would.
async fn survives(seed: u64, faults: &Faults) {
    let mut world = World::new(seed);
    let ended = world.run(faults, 12).await;
    let told = format!("seed {seed}, {:?}", faults.happened());
    assert!(ended.is_ok(), "{told}: {ended:?}");
    world.run(&Faults::none(), 12).await.unwrap();
    // What was committed after the pipeline had caught up.
    world.run(&Faults::none(), 0).await.unwrap();
    let wrong = world.verdict();
    assert!(wrong.is_empty(), "{told}: {wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_without_faults_is_right_at_every_checkpoint() {
    for seed in 0..60 {
        survives(seed, &Faults::none()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_single_call_may_fail_before_or_after_it_is_done() {
    let seed = 7;
    let counted = Faults::none();
    World::new(seed).run(&counted, 12).await.unwrap();
    assert!(counted.calls() > 40, "{}", counted.calls());
    for call in 0..counted.calls() {
        for fault in [Fault::Before, Fault::After] {
            survives(seed, &Faults::at(call, fault)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_may_fail_in_any_order() {
    for seed in 0..120 {
        survives(seed, &Faults::random(seed, 12, 15)).await;
    }
}
