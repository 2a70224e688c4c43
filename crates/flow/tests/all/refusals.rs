//! A row whose document the target refuses is kept back, and a table without a key stops, with the
//! reason; everything else goes on. Once the target takes them, a request copies the table anew.

use crate::world::World;
use testbed::faults::Faults;

/// With and without calls that fail besides.
async fn is_refused(name: &str, seed: u64, while_it_follows: bool) {
    let mut world = World::new(seed);
    if while_it_follows {
        world.run(&Faults::none(), 3).await.unwrap();
    }
    world.refuse(name);
    let faults = match seed % 2 {
        0 => Faults::none(),
        _ => Faults::random(seed, 12, 5),
    };
    let told = format!("{name}, seed {seed}");
    let ended = world.run(&faults, 20).await;
    assert!(ended.is_ok(), "{told}: {ended:?}");
    // A restart keeps it as it is, and what is left is right.
    world.run(&Faults::none(), 5).await.unwrap();
    world.run(&Faults::none(), 0).await.unwrap();
    let wrong = world.verdict();
    assert!(wrong.is_empty(), "{told}: {wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_while_it_is_copied_stays_alone() {
    for seed in 0..40 {
        for name in ["items", "others", "plain"] {
            is_refused(name, seed, false).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_while_it_follows_stays_alone() {
    for seed in 0..40 {
        for name in ["items", "others", "plain"] {
            is_refused(name, seed, true).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_refused_is_copied_anew_on_request() {
    for seed in 0..40 {
        for name in ["items", "others", "plain"] {
            let mut world = World::new(seed);
            world.run(&Faults::none(), 3).await.unwrap();
            world.refuse(name);
            world.run(&Faults::none(), 10).await.unwrap();
            world.mend(name);
            let faults = match seed % 2 {
                0 => Faults::none(),
                _ => Faults::random(seed, 12, 5),
            };
            let told = format!("{name}, seed {seed}");
            let ended = world.run(&faults, 10).await;
            assert!(ended.is_ok(), "{told}: {ended:?}");
            world.is_mended();
            world.run(&Faults::none(), 5).await.unwrap();
            world.run(&Faults::none(), 0).await.unwrap();
            let wrong = world.verdict();
            assert!(wrong.is_empty(), "{told}: {wrong:#?}");
        }
    }
}
