//! The binlog as a stream of capture's events: what was prepared is told when it is committed, and the
//! position leaves it out until then. A stream that is opened anew is sent whatever its position
//! leaves out.

use super::source::{TABLES, Transaction, gtid, is_told, table_name};
use super::{Step, World, partial};
use change::{Origin, Position, TableEvent};
use std::sync::Arc;

impl World {
    pub(super) fn open_stream(&mut self, position: Position) {
        let logged = self.source.binlog.len();
        let first = (0..logged).find(|&transaction| !is_told(&position, transaction));
        self.cursor = (first.unwrap_or(logged), 0);
        self.prepared.clear();
        self.opened_at = position;
    }

    pub(super) fn stream(&mut self) {
        let (transaction, event) = self.cursor;
        let Some(delivered) = self.source.binlog.get(transaction) else {
            return;
        };
        if is_told(&self.opened_at, transaction) {
            self.cursor = (transaction + 1, 0);
            return;
        }
        let after = self.source.position(transaction + 1);
        // Of another place than where the stream was opened, nothing is told.
        let is_news = transaction >= super::transactions(&self.opened_at);
        match delivered {
            Transaction::Prepare(_) => {
                self.prepared.insert(transaction);
                self.cursor = (transaction + 1, 0);
                if is_news {
                    self.capture.heartbeat(after);
                }
                return;
            }
            Transaction::Decide {
                committed: false, ..
            } => {
                self.cursor = (transaction + 1, 0);
                self.capture.heartbeat(after);
                return;
            }
            Transaction::Decide { prepared, .. } => {
                assert!(
                    self.prepared.contains(prepared),
                    "the rows of transaction {prepared} were never seen"
                );
            }
            Transaction::Rows(_) | Transaction::Event(..) => {}
        }
        self.cursor = (transaction, event + 1);
        let changes = self.source.changes(delivered);
        let length = match delivered {
            Transaction::Event(..) => 1,
            _ => changes.len(),
        };
        if event == 0 {
            let origin = Origin {
                transaction: Some(gtid(transaction).into()),
                ..Origin::default()
            };
            self.capture
                .begin(Arc::new(origin))
                .expect("the stream goes on where the checkpoint was torn");
        } else if event > length {
            self.capture
                .commit(after)
                .expect("the source repeats its transactions");
            self.cursor = (transaction + 1, 0);
        } else if let Transaction::Event(table, kind) = delivered {
            self.capture.table_event(TableEvent {
                table: table_name(*table),
                kind: kind.clone(),
            });
        } else {
            let (table, kind, telling) = changes[event - 1].clone();
            partial::deliver(&mut self.capture, table, kind, telling);
        }
    }
}

/// The PREPARE is in `low` long before its rows can be seen: the view shows the old row, and the XA
/// COMMIT stands between it and the boundary.
#[test]
fn a_row_that_an_xa_commit_changes_after_the_view_is_left_to_the_stream() {
    let mut world = World::new();
    let go = |world: &mut World, steps: &[Step]| {
        for step in steps {
            world.step(step).unwrap();
        }
    };
    let update = vec![(0, 1, 1, 3)];
    let everything = [Step::Commit(1000), Step::Execute(1000), Step::Stream(1000)];
    go(&mut world, &[Step::Write(update.clone())]);
    go(&mut world, &everything);
    go(&mut world, &[const { Step::Task }; 2 * TABLES]);
    go(&mut world, &[Step::Prepare(update)]);
    go(&mut world, &everything);
    // Window and low; then the commit is logged and not visible yet; then the rows.
    go(&mut world, &[Step::Task, Step::Reader { newest: true }]);
    let (newest, committed) = (true, true);
    go(&mut world, &[Step::Decide { newest, committed }]);
    go(&mut world, &[Step::Reader { newest }, Step::Stream(1000)]);
    go(&mut world, &[Step::Reader { newest }]);
    world.run_undisturbed(400).unwrap();
}
