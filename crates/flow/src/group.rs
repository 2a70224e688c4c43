//! Which neighbouring barriers are applied together: chunks with chunks, whole transactions with
//! whole transactions, keys with keys, up to a size. Fewer and larger transactions cost the target less.

use change::{Barrier, BarrierKind};

/// How much one batch may hold.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    pub max_changes: usize,
    pub max_bytes: usize,
    /// Rows of a copy: larger batches are no quicker, since chunks do not wait for one another, and
    /// only take memory.
    pub max_chunk_bytes: usize,
}

/// Neighbouring barriers that go together, and how much they hold.
#[derive(Debug)]
pub struct Group {
    barriers: Vec<Barrier>,
    changes: usize,
    bytes: usize,
}

impl Group {
    pub fn new(first: Barrier) -> Self {
        Self {
            changes: first.changes.len(),
            bytes: first.heap_bytes(),
            barriers: vec![first],
        }
    }

    pub(crate) fn into_barriers(self) -> Vec<Barrier> {
        self.barriers
    }

    /// How many changes there are.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// Takes the next barrier in, or gives it back where it may not join.
    pub fn join(&mut self, next: Barrier, limits: GroupLimits) -> Option<Barrier> {
        let first = &self.barriers[0];
        let plain = |barrier: &Barrier| {
            barrier.emptied.is_empty()
                && barrier.loosened.is_empty()
                && barrier.checkpoint.torn.is_none()
                && barrier.mapping == first.mapping
        };
        let changes = self.changes + next.changes.len();
        // A torn part is followed by a barrier that makes it whole; neither joins others, so that
        // what is marked torn is exactly what is torn.
        let fits = plain(first)
            && plain(&next)
            && first.kind == next.kind
            && changes <= limits.max_changes;
        let bytes = self.bytes + if fits { next.heap_bytes() } else { 0 };
        let max_bytes = match first.kind {
            BarrierKind::Chunk => limits.max_chunk_bytes,
            BarrierKind::Stream | BarrierKind::Keys => limits.max_bytes,
        };
        if !fits || bytes > max_bytes {
            return Some(next);
        }
        (self.changes, self.bytes) = (changes, bytes);
        self.barriers.push(next);
        None
    }
}
