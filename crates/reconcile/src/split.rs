//! Where barriers end (invariant 5): transactions are grouped while they fit, and one that does not
//! fit into a barrier of its own becomes consecutive parts.
//!
//! A source tells the size of a transaction only by coming to its end, so the decision is made
//! change by change. A barrier that is full inside a transaction ends before that transaction, as
//! long as it holds any other: only a transaction that is larger than a whole barrier is ever torn,
//! and memory holds one barrier, whatever the transaction's size. Changes are counted from the
//! transaction's start over all its parts, those included that a resume skips, so that a second
//! restart inside the same transaction skips the right number again.

use change::Torn;
use std::sync::Arc;

/// How large a barrier may become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarrierLimits {
    pub max_changes: usize,
    pub max_bytes: usize,
}

impl Default for BarrierLimits {
    fn default() -> Self {
        Self {
            max_changes: 10_000,
            max_bytes: 8 << 20,
        }
    }
}

impl BarrierLimits {
    /// The same limits, but at most 2% of the target's cache: a transaction that holds much of the
    /// cache is aborted by the target whatever is done.
    pub fn within_cache(self, cache_bytes: u64) -> Self {
        let share = usize::try_from(cache_bytes / 50).unwrap_or(usize::MAX);
        Self {
            max_bytes: self.max_bytes.min(share.max(1)),
            ..self
        }
    }
}

/// Where the open barrier ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// So many leading changes of the open barrier are the closed one; the others begin the next.
    pub changes: usize,
    /// Set where the barrier ends inside a transaction.
    pub torn: Option<Torn>,
}

/// What to do with a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// The checkpoint that was resumed from covers it: leave it out.
    Covered,
    /// Add it to the open barrier.
    Fits,
    /// Close the open barrier by this cut, then offer the change again.
    CutFirst(Cut),
}

/// The stream is not the one that the torn checkpoint was made from.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SplitError {
    #[error(
        "the stream goes on with transaction {found}, but {changes_before} changes of transaction \
         {expected} are applied and the rest of it must come first"
    )]
    AnotherTransaction {
        expected: Arc<str>,
        found: Arc<str>,
        changes_before: u64,
    },
    #[error(
        "transaction {transaction} ends after {changes} changes of the selected tables, but \
         {changes_before} of them are applied: another selection of tables, or another history"
    )]
    EndsTooSoon {
        transaction: Arc<str>,
        changes: u64,
        changes_before: u64,
    },
}

/// Decides for one stream where its barriers end.
#[derive(Debug)]
pub struct Splitter {
    limits: BarrierLimits,
    /// Of the open barrier, its last transaction included.
    changes: usize,
    bytes: usize,
    /// Of the open barrier's last transaction, while it is open.
    open: Option<OpenTransaction>,
    resumed: Option<Torn>,
}

#[derive(Debug)]
struct OpenTransaction {
    name: Arc<str>,
    parts: u32,
    /// From its start, over all parts.
    changes: u64,
    /// Of `changes`, those that an earlier run has applied.
    covered: u64,
    /// Of the open barrier.
    barrier_changes: usize,
    barrier_bytes: usize,
}

impl Splitter {
    /// For a stream that is opened after a checkpoint: `resumed` is what it says of a torn
    /// transaction, which the stream then delivers first, and whole.
    pub fn new(limits: BarrierLimits, resumed: Option<Torn>) -> Self {
        Self {
            limits,
            changes: 0,
            bytes: 0,
            open: None,
            resumed,
        }
    }

    /// A transaction begins.
    pub fn begin(&mut self, transaction: &Arc<str>) -> Result<(), SplitError> {
        let (parts, covered) = match self.resumed.take() {
            None => (0, 0),
            Some(torn) if torn.transaction == *transaction => (torn.parts, torn.changes_before),
            Some(torn) => {
                return Err(SplitError::AnotherTransaction {
                    expected: torn.transaction,
                    found: transaction.clone(),
                    changes_before: torn.changes_before,
                });
            }
        };
        self.open = Some(OpenTransaction {
            name: transaction.clone(),
            parts,
            changes: 0,
            covered,
            barrier_changes: 0,
            barrier_bytes: 0,
        });
        Ok(())
    }

    /// The next change of the selected tables in the open transaction, of so many bytes. After a
    /// cut the same change is offered again. A change that is larger than a barrier may be fits
    /// into an empty one.
    pub fn admit(&mut self, bytes: usize) -> Admission {
        let open = self
            .open
            .as_mut()
            .expect("a change stands inside a transaction");
        if open.changes < open.covered {
            open.changes += 1;
            return Admission::Covered;
        }
        let full = self.changes + 1 > self.limits.max_changes
            || self.bytes.saturating_add(bytes) > self.limits.max_bytes;
        if full && self.changes > open.barrier_changes {
            return Admission::CutFirst(self.end_before_the_transaction());
        }
        if full && self.changes > 0 {
            return Admission::CutFirst(self.end_inside_the_transaction());
        }
        open.changes += 1;
        open.barrier_changes += 1;
        open.barrier_bytes += bytes;
        self.changes += 1;
        self.bytes += bytes;
        Admission::Fits
    }

    /// The open transaction is complete.
    pub fn commit(&mut self) -> Result<(), SplitError> {
        let open = self.open.take().expect("a commit ends a transaction");
        if open.changes < open.covered {
            return Err(SplitError::EndsTooSoon {
                transaction: open.name,
                changes: open.changes,
                changes_before: open.covered,
            });
        }
        Ok(())
    }

    /// Ends the open barrier at its last transaction end, for another reason than its size. `None`
    /// when it holds no whole transaction, or, with none open, nothing at all.
    pub fn end_at_a_boundary(&mut self) -> Option<Cut> {
        let inside = self.open.as_ref().map_or(0, |open| open.barrier_changes);
        (self.changes > inside).then(|| self.end_before_the_transaction())
    }

    fn end_before_the_transaction(&mut self) -> Cut {
        let (changes, bytes) = self
            .open
            .as_ref()
            .map_or((0, 0), |open| (open.barrier_changes, open.barrier_bytes));
        let cut = Cut {
            changes: self.changes - changes,
            torn: None,
        };
        self.changes = changes;
        self.bytes = bytes;
        cut
    }

    fn end_inside_the_transaction(&mut self) -> Cut {
        let changes = std::mem::take(&mut self.changes);
        self.bytes = 0;
        let torn = self.open.as_mut().map(|open| {
            open.parts += 1;
            open.barrier_changes = 0;
            open.barrier_bytes = 0;
            Torn {
                transaction: open.name.clone(),
                parts: open.parts,
                changes_before: open.changes,
            }
        });
        Cut { changes, torn }
    }
}
