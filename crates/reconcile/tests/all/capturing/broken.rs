//! A process that ends between the rows of a chunk and their checkpoint.
//! The sink writes rows of a copy ahead of the checkpoint, so such rows are there and nothing says so; whatever becomes of them at the source must reach them all the same.

use super::source::TABLES;
use super::{Step, World};
use change::BarrierKind;

impl World {
    /// Lanes write the rows of a chunk, and of chunks right behind it, ahead of the checkpoint.
    pub(super) fn break_chunk(&mut self, rows: usize) {
        let mut lost = false;
        while let Some(barrier) = self.capture.take_closed() {
            lost = true;
            if barrier.kind != BarrierKind::Chunk {
                break;
            }
            self.target.leave_behind(&barrier, rows);
        }
        if lost {
            self.restart();
        }
    }
}

/// The window of a table's first chunk opens while the log is busy, so that nothing says yet that
/// the table is live; the process ends with the chunk's rows written and a row goes meanwhile.
#[test]
fn rows_that_a_broken_first_chunk_left_behind_are_followed_after_the_restart() {
    let mut world = World::new();
    let table = 0;
    let go = |world: &mut World, steps: &[Step]| {
        for step in steps {
            world.step(step).unwrap();
        }
    };
    let insert = |key| Step::Write(vec![(table, key, key, 3)]);
    let everything = [Step::Commit(1000), Step::Execute(1000), Step::Stream(1000)];
    go(&mut world, &[insert(0), insert(1)]);
    go(&mut world, &everything);
    let describe_and_plan = [const { Step::Task }; 2 * TABLES];
    go(&mut world, &describe_and_plan);
    go(&mut world, &[Step::Close, Step::Apply]);
    // Window, low, rows, chunk.
    let read = [
        Step::Task,
        Step::Reader { newest: true },
        Step::Reader { newest: true },
        Step::Reader { newest: true },
    ];
    go(&mut world, &read);
    go(&mut world, &[Step::BreakChunk(4)]);
    go(
        &mut world,
        &[Step::Write(vec![(table, 0, 0, 1), (table, 1, 1, 1)])],
    );
    go(&mut world, &everything);
    world.run_undisturbed(400).unwrap();
}
