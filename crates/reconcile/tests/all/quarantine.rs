//! Quarantine: what is kept back, what lifts it, and what the collection is meanwhile.

use change::{
    Collection, DocumentId, Ordinal, QuarantineChange, QuarantineKey, QuarantineRecord,
    QuarantinedId, RowState, Sighting, TableName, Trouble,
};
use proptest::collection::vec;
use proptest::prelude::*;
use reconcile::{Arrival, Decided, Passage, Quarantine, Refused, left_out};
use std::collections::BTreeMap;
use std::sync::Arc;

fn collection(name: &str) -> Arc<Collection> {
    Arc::new(Collection {
        database: "shop".into(),
        name: name.into(),
    })
}

fn key(id: u8) -> QuarantineKey {
    QuarantineKey {
        collection: collection("orders"),
        id: QuarantinedId::Document(DocumentId(vec![id].into())),
    }
}

fn sighting(transaction: u64) -> Sighting {
    Sighting {
        ordinal: Ordinal {
            transaction,
            change: 0,
        },
        transaction: None,
        file: "binlog.000001".into(),
        offset: transaction,
        committed_at_ms: 0,
    }
}

fn refused(id: u8, transaction: u64, code: &str) -> Refused {
    Refused {
        key: key(id),
        table: TableName::new("shop", "orders"),
        row_key: format!("id = {id}").into(),
        row_key_values: None,
        column: None,
        trouble: Trouble {
            code: code.into(),
            message: "".into(),
            remedy: "".into(),
        },
        sighting: sighting(transaction),
        row: None,
    }
}

fn pass(quarantine: &mut Quarantine, id: u8, arrival: Arrival, state: RowState) -> Passage {
    quarantine.passes(&key(id), arrival, state, || sighting(9), || None)
}

#[test]
fn what_comes_for_a_row_that_is_kept_back_waits_a_removal_too() {
    let mut quarantine = Quarantine::new(5);
    quarantine
        .refuse(refused(1, 4, "A"), Arrival::Stream)
        .unwrap();
    for state in [RowState::Present, RowState::Gone] {
        let passage = pass(&mut quarantine, 1, Arrival::Stream, state);
        assert_eq!(passage, Passage::Waits);
        let record = quarantine.get(&key(1)).unwrap();
        assert_eq!(record.state, state);
        assert_eq!(record.first, sighting(4));
        assert_eq!(record.newest, sighting(9));
    }
    assert_eq!(quarantine.get(&key(1)).unwrap().waiting, 2);
    assert_eq!(
        pass(&mut quarantine, 2, Arrival::Stream, RowState::Gone),
        Passage::Free
    );
    // Why it is kept back stays what it was.
    quarantine
        .refuse(refused(1, 12, "B"), Arrival::Stream)
        .unwrap();
    let record = quarantine.get(&key(1)).unwrap();
    assert_eq!((&*record.trouble.code, record.waiting), ("A", 3));
}

#[test]
fn a_row_of_a_copy_lifts_what_was_kept_back_or_renews_it() {
    let mut quarantine = Quarantine::new(5);
    quarantine
        .refuse(refused(1, 4, "A"), Arrival::Stream)
        .unwrap();
    pass(&mut quarantine, 1, Arrival::Stream, RowState::Gone);
    quarantine
        .refuse(refused(1, 20, "B"), Arrival::Copy)
        .unwrap();
    let record = quarantine.get(&key(1)).unwrap().clone();
    assert_eq!((&*record.trouble.code, record.waiting), ("B", 0));
    assert_eq!(
        (&record.first, record.state),
        (&sighting(4), RowState::Present)
    );
    assert_eq!(
        pass(&mut quarantine, 1, Arrival::Copy, RowState::Gone),
        Passage::Lifted
    );
    assert!(quarantine.is_empty());
    let changes = quarantine.take_changes();
    assert_eq!(changes, [QuarantineChange::Lifted(key(1))]);
    assert!(quarantine.take_changes().is_empty());
}

#[test]
fn an_emptied_collection_keeps_nothing_back() {
    let mut quarantine = Quarantine::new(5);
    for id in 0..3 {
        quarantine
            .refuse(refused(id, 4, "A"), Arrival::Copy)
            .unwrap();
    }
    quarantine.clear(&collection("others"));
    assert_eq!(quarantine.len(), 3);
    quarantine.clear(&collection("orders"));
    assert!(quarantine.is_empty() && !quarantine.holds_any(&collection("orders")));
    quarantine
        .refuse(refused(1, 5, "B"), Arrival::Copy)
        .unwrap();
    let changes = quarantine.take_changes();
    let kept = quarantine.get(&key(1)).unwrap().clone();
    assert_eq!(
        changes,
        [
            QuarantineChange::Cleared(collection("orders")),
            QuarantineChange::Kept(kept)
        ]
    );
}

#[test]
fn one_row_more_than_there_is_room_for_is_an_error_and_those_that_are_in_are_not() {
    let mut quarantine = Quarantine::new(2);
    for id in [1, 2, 1, 2] {
        quarantine
            .refuse(refused(id, 4, "A"), Arrival::Stream)
            .unwrap();
    }
    let full = quarantine
        .refuse(refused(3, 4, "A"), Arrival::Stream)
        .unwrap_err();
    assert_eq!((full.limit, &*full.row_key), (2, "id = 3"));
    assert!(quarantine.get(&key(3)).is_none());
    // More than the limit of an earlier run are kept, and none is added.
    let records: Vec<_> = quarantine.records().cloned().collect();
    let mut smaller = Quarantine::resume(records, 1);
    assert_eq!(smaller.len(), 2);
    smaller.refuse(refused(1, 9, "A"), Arrival::Stream).unwrap();
    smaller
        .refuse(refused(3, 9, "A"), Arrival::Stream)
        .unwrap_err();
}

#[test]
fn a_batch_that_loses_a_document_in_hindsight_keeps_its_row_back_as_if_it_had_known() {
    let of_target = refused(1, 30, "T");
    let effect = |state| Decided {
        effect: Some(state),
        ..Decided::default()
    };
    assert_eq!(left_out(None, Decided::default(), &of_target), None);
    let entered = left_out(None, effect(RowState::Gone), &of_target).unwrap();
    assert_eq!((entered.state, entered.waiting), (RowState::Gone, 0));
    // Behind it, everything waits.
    let later = left_out(
        Some(&entered),
        effect(RowState::Present),
        &refused(1, 31, "T"),
    )
    .unwrap();
    assert_eq!((later.state, later.waiting), (RowState::Present, 1));
    assert_eq!(later.newest, sighting(31));
    assert_eq!(left_out(Some(&later), Decided::default(), &of_target), None);
    // A retry that the target refuses renews the record that it would have lifted.
    let retried = Decided {
        lifted: true,
        ..effect(RowState::Present)
    };
    let renewed = left_out(Some(&later), retried, &refused(1, 40, "U")).unwrap();
    assert_eq!((&*renewed.trouble.code, renewed.waiting), ("U", 0));
    assert_eq!(renewed.first, sighting(30));
    // A batch that kept the row back by itself, after its effect, keeps it back all the same.
    let own = Decided {
        kept: Some(&later),
        ..effect(RowState::Present)
    };
    assert_eq!(left_out(None, own, &of_target).as_ref(), Some(&later));
    let both = left_out(Some(&entered), own, &of_target).unwrap();
    assert_eq!((both.waiting, &both.first), (2, &sighting(30)));
}

/// What happens to a row of the table, or to the pipeline.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The row's value is this now; a negative one no document can hold.
    Write {
        id: u8,
        value: i8,
    },
    Delete {
        id: u8,
    },
    /// The row takes another key.
    Move {
        id: u8,
        to: u8,
    },
    /// The row is read again as it is.
    Retry {
        id: u8,
    },
    Truncate,
    /// What was decided and is not stored is lost, and decided again.
    Restart,
    Store,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let id = || 0..5u8;
    vec(
        prop_oneof![
            6 => (id(), -3..6i8).prop_map(|(id, value)| Event::Write { id, value }),
            2 => id().prop_map(|id| Event::Delete { id }),
            2 => (id(), id()).prop_map(|(id, to)| Event::Move { id, to }),
            3 => id().prop_map(|id| Event::Retry { id }),
            1 => Just(Event::Truncate),
            1 => Just(Event::Restart),
            3 => Just(Event::Store),
        ],
        0..80,
    )
}

/// A table, its collection, and what stands between them, as `flow` puts them together.
#[derive(Clone)]
struct World {
    table: BTreeMap<u8, i8>,
    collection: BTreeMap<u8, i8>,
    quarantine: Quarantine,
    time: u64,
}

impl World {
    fn new() -> Self {
        Self {
            table: BTreeMap::new(),
            collection: BTreeMap::new(),
            quarantine: Quarantine::new(100),
            time: 0,
        }
    }

    /// A row as it came; `None`: there is none.
    fn take(&mut self, id: u8, value: Option<i8>, arrival: Arrival) {
        self.time += 1;
        let now = self.time;
        match value {
            Some(value) if value < 0 => {
                self.quarantine
                    .refuse(refused(id, now, "A"), arrival)
                    .expect("there is room");
            }
            value => {
                let state = match value {
                    Some(_) => RowState::Present,
                    None => RowState::Gone,
                };
                let of_row = key(id);
                let passage =
                    self.quarantine
                        .passes(&of_row, arrival, state, || sighting(now), || None);
                if passage != Passage::Waits {
                    match value {
                        Some(value) => self.collection.insert(id, value),
                        None => self.collection.remove(&id),
                    };
                }
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Write { id, value } => {
                self.table.insert(id, value);
                self.take(id, Some(value), Arrival::Stream);
            }
            Event::Delete { id } => {
                if self.table.remove(&id).is_some() {
                    self.take(id, None, Arrival::Stream);
                }
            }
            Event::Move { id, to } => {
                if id != to
                    && !self.table.contains_key(&to)
                    && let Some(value) = self.table.remove(&id)
                {
                    self.table.insert(to, value);
                    self.take(id, None, Arrival::Stream);
                    self.take(to, Some(value), Arrival::Stream);
                }
            }
            Event::Retry { id } => self.take(id, self.table.get(&id).copied(), Arrival::Copy),
            Event::Truncate => {
                self.table.clear();
                self.collection.clear();
                self.quarantine.clear(&collection("orders"));
            }
            Event::Restart | Event::Store => {}
        }
    }

    /// The collection is the table, but for rows that are kept back.
    fn check(&self) {
        for id in 0..5 {
            if self.quarantine.get(&key(id)).is_none() {
                assert_eq!(self.collection.get(&id), self.table.get(&id), "row {id}");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_collection_equals_the_table_but_for_what_is_kept_back_and_wholly_once_that_is_retried(
        events in events()
    ) {
        let mut world = World::new();
        let mut stored = (world.clone(), Quarantine::new(100));
        let mut since = Vec::new();
        for event in events {
            world.happen(event);
            world.check();
            since.push(event);
            match event {
                Event::Store => {
                    // The records as a target would hold them are those in memory.
                    let (at, records) = &mut stored;
                    *at = world.clone();
                    records.follow(&at.quarantine.take_changes());
                    world.quarantine.take_changes();
                    let kept: Vec<_> = records.records().collect();
                    let known: Vec<_> = world.quarantine.records().collect();
                    prop_assert_eq!(kept, known);
                    since.clear();
                }
                Event::Restart => {
                    // From what is stored, with the same changes once more.
                    let table = world.table.clone();
                    world = stored.0.clone();
                    let records: Vec<Arc<QuarantineRecord>> =
                        stored.1.records().cloned().collect();
                    world.quarantine = Quarantine::resume(records, 100);
                    for event in &since {
                        world.happen(*event);
                    }
                    prop_assert_eq!(&world.table, &table);
                    world.check();
                }
                _ => {}
            }
        }
        // Mended and retried, nothing is kept back any more.
        for value in world.table.values_mut() {
            *value = value.abs();
        }
        let kept: Vec<u8> = (0..5).filter(|id| world.quarantine.get(&key(*id)).is_some()).collect();
        for id in kept {
            world.happen(Event::Retry { id });
        }
        prop_assert!(world.quarantine.is_empty());
        prop_assert_eq!(world.collection, world.table);
    }
}
