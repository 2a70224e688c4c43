//! Rows in quarantine: everything but them is exact, whatever fails besides, and what was mended and
//! is copied again is wholly equal.

use crate::world::World;
use testbed::faults::Faults;
use testbed::memory::MemoryLog;

fn faults(seed: u64) -> Faults {
    match seed % 2 {
        0 => Faults::none(),
        _ => Faults::random(seed, 12, 5),
    }
}

/// Some rows of each table whose documents the target does not take.
fn refuse_some(world: &mut World, seed: u64, refused: bool) {
    for id in 0..14 {
        if (seed + id as u64).is_multiple_of(5) {
            world.refuse_row(["items", "others"][id as usize % 2], id, refused);
        }
    }
}

/// Reads what is kept back again by its keys. A row that another one holds a unique value of comes
/// back after that one.
async fn retry(world: &mut World) {
    for _ in 0..5 {
        world.retry();
        world.run(&Faults::none(), 0).await.unwrap();
    }
}

/// Once all that was committed beside the last run is there.
async fn is_right(world: &mut World, told: &str) {
    world.run(&Faults::none(), 0).await.unwrap();
    let wrong = world.verdict();
    assert!(wrong.is_empty(), "{told}: {wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn rows_that_no_document_can_hold_are_kept_back_and_all_else_is_exact() {
    let mut kept_back = 0;
    for seed in 0..60 {
        let told = format!("seed {seed}");
        let mut world = World::new(seed);
        world.awkward = true;
        for _ in 0..4 {
            world.transaction();
        }
        world.run(&faults(seed), 20).await.unwrap();
        world.run(&Faults::none(), 5).await.unwrap();
        is_right(&mut world, &told).await;
        kept_back += world.store.held().quarantine().len();
        // Mended at the source they wait, and a retry finds them as they are.
        world.awkward = false;
        world.correct_rows();
        world.run(&faults(seed), 3).await.unwrap();
        is_right(&mut world, &told).await;
        retry(&mut world).await;
        is_right(&mut world, &told).await;
        assert!(world.store.held().quarantine().is_empty(), "{told}");
    }
    assert!(kept_back > 60, "{kept_back}");
}

#[tokio::test(start_paused = true)]
async fn rows_whose_documents_are_refused_are_kept_back_one_by_one() {
    let mut kept_back = 0;
    for seed in 0..80 {
        let told = format!("seed {seed}");
        let mut world = World::new(seed);
        world.awkward = seed % 3 == 0;
        if seed % 4 > 1 {
            world.run(&Faults::none(), 3).await.unwrap();
        }
        refuse_some(&mut world, seed, true);
        world.run(&faults(seed), 20).await.unwrap();
        is_right(&mut world, &told).await;
        kept_back += world.store.held().quarantine().len();
        // A restart keeps them as they are.
        world.run(&faults(seed), 5).await.unwrap();
        is_right(&mut world, &told).await;
        refuse_some(&mut world, seed, false);
        world.awkward = false;
        world.correct_rows();
        world.run(&Faults::none(), 4).await.unwrap();
        match seed % 2 {
            0 => world.copy_anew(),
            _ => retry(&mut world).await,
        }
        world.run(&Faults::none(), 0).await.unwrap();
        is_right(&mut world, &told).await;
        assert!(world.store.held().quarantine().is_empty(), "{told}");
    }
    assert!(kept_back > 80, "{kept_back}");
}

#[tokio::test(start_paused = true)]
async fn over_a_log_that_lasts_it_is_the_same() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        world.awkward = true;
        refuse_some(&mut world, seed, true);
        let log = MemoryLog::new();
        world.run_halves(&log, &faults(seed), 20).await.unwrap();
        world.run_halves(&log, &Faults::none(), 5).await.unwrap();
        world.run_halves(&log, &Faults::none(), 0).await.unwrap();
        let wrong = world.verdict();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_row_more_than_there_is_room_for_halts_and_nothing_is_lost_by_it() {
    let mut halted = 0;
    for seed in 0..30 {
        let mut world = World::new(seed);
        world.awkward = true;
        refuse_some(&mut world, seed, true);
        world.max_quarantined = 1;
        if let Err(failure) = world.run(&faults(seed), 20).await {
            assert_eq!(failure.code, "LS4020", "{failure}");
            halted += 1;
        }
        assert!(world.store.held().quarantine().len() <= 1);
        world.max_quarantined = 1_000;
        is_right(&mut world, &format!("seed {seed}")).await;
    }
    assert!(halted > 20, "{halted}");
}
