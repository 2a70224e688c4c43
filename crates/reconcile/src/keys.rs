//! Keys of one table that are to be read anew.
//!
//! The source's log told that their rows changed and not how, or somebody asked. They are kept with
//! the table's progress, so that a crash loses none; a window reads some of them at a time, and a
//! key goes only when a barrier says how it stands. There is a limit to how many are kept. A key
//! that is read once too often does no harm, so whoever is in doubt keeps it.

use change::{Identity, Value};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// So many keys are read in one window.
const READ_TOGETHER: usize = 200;

/// The keys, by the identity of their rows.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    kept: BTreeMap<Identity, Kept>,
    /// Of their identities.
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    key: Vec<Value>,
    /// A window reads it.
    is_read: bool,
}

impl Keys {
    pub(crate) fn new(keys: &[Vec<Value>]) -> Self {
        let mut all = Self::default();
        for key in keys {
            all.keep(key.clone());
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether one more would be too many.
    pub(crate) fn is_full(&self, max_keys: usize, max_bytes: usize) -> bool {
        self.kept.len() >= max_keys || self.bytes >= max_bytes
    }

    /// Whether these would be too many.
    pub(crate) fn would_overflow(
        &self,
        keys: &[Vec<Value>],
        max_keys: usize,
        max_bytes: usize,
    ) -> bool {
        let bytes = keys.iter().map(|key| Identity::of(key).as_bytes().len());
        self.kept.len() + keys.len() > max_keys || self.bytes + bytes.sum::<usize>() > max_bytes
    }

    /// Keeps a key, once.
    pub(crate) fn keep(&mut self, key: Vec<Value>) {
        let identity = Identity::of(&key);
        let bytes = identity.as_bytes().len();
        let kept = Kept {
            key,
            is_read: false,
        };
        if let Entry::Vacant(free) = self.kept.entry(identity) {
            free.insert(kept);
            self.bytes += bytes;
        }
    }

    /// Whether there are some that no window reads.
    pub(crate) fn are_waiting(&self) -> bool {
        self.kept.values().any(|kept| !kept.is_read)
    }

    /// Some of them for one window.
    pub(crate) fn take_waiting(&mut self) -> Vec<Vec<Value>> {
        let waiting = self.kept.values_mut().filter(|kept| !kept.is_read);
        waiting
            .take(READ_TOGETHER)
            .map(|kept| {
                kept.is_read = true;
                kept.key.clone()
            })
            .collect()
    }

    /// The window that read these is gone.
    pub(crate) fn give_back(&mut self, keys: &[Vec<Value>]) {
        for key in keys {
            if let Some(kept) = self.kept.get_mut(&Identity::of(key)) {
                kept.is_read = false;
            }
        }
    }

    /// A barrier says how this one stands.
    pub(crate) fn settle(&mut self, identity: &Identity) {
        if self.kept.remove(identity).is_some() {
            self.bytes -= identity.as_bytes().len();
        }
    }

    pub(crate) fn to_store(&self) -> Vec<Vec<Value>> {
        self.kept.values().map(|kept| kept.key.clone()).collect()
    }
}
