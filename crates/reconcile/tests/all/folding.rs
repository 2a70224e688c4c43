//! Folding against a naive sequential model: a source that refuses every duplicate of a unique
//! value at once, as InnoDB does, and a target that refuses them too. Applying the folded effects
//! in their order must reach the source's state without one refusal, from any subset of the
//! source's state that holds what the target of a running copy holds.
//!
//! The source logs what mapping would: `fresh` on inserts, `unique_changed` where a unique value
//! differs from the image before, a removal and a fresh put for a change of key.

use bytes::Bytes;
use change::{Action, Collection, DocumentId, Effect};
use proptest::prelude::*;
use reconcile::fold;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The two uniquely indexed values of a row (a missing one is not in its index), and one that is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fields {
    unique: [Option<u8>; 2],
    plain: u8,
}

impl Fields {
    fn document(self, id: u8) -> Bytes {
        let [first, second] = self.unique.map(|value| value.map_or(255, |value| value));
        Bytes::copy_from_slice(&[id, first, second, self.plain])
    }

    fn of(document: &[u8]) -> Self {
        let optional = |byte: u8| (byte != 255).then_some(byte);
        Self {
            unique: [optional(document[1]), optional(document[2])],
            plain: document[3],
        }
    }
}

/// Rows by key: of the table, or of the collection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Rows(BTreeMap<u8, Fields>);

impl Rows {
    /// Whether the row's unique values are used by no row other than `id`.
    fn admits(&self, id: u8, fields: Fields) -> bool {
        self.0
            .iter()
            .filter(|(other, _)| **other != id)
            .all(|(_, there)| {
                there
                    .unique
                    .iter()
                    .zip(fields.unique)
                    .all(|(theirs, ours)| ours.is_none() || *theirs != ours)
            })
    }

    fn insert(&mut self, id: u8, fields: Fields) -> Result<(), TestCaseError> {
        prop_assert!(
            !self.0.contains_key(&id),
            "a second document with the id {id}"
        );
        self.replace(id, fields)
    }

    fn replace(&mut self, id: u8, fields: Fields) -> Result<(), TestCaseError> {
        prop_assert!(
            self.admits(id, fields),
            "duplicate of {fields:?} of {id} in {self:?}"
        );
        self.0.insert(id, fields);
        Ok(())
    }
}

/// A statement on one row of one table. One that the source would refuse does nothing.
#[derive(Clone, Debug)]
enum Statement {
    Insert {
        id: u8,
        fields: Fields,
    },
    Update {
        id: u8,
        fields: Fields,
    },
    /// An update that leaves the unique values alone.
    Touch {
        id: u8,
        plain: u8,
    },
    ChangeKey {
        id: u8,
        to: u8,
        fields: Fields,
    },
    Delete {
        id: u8,
    },
    /// Exchanges the first unique values of two rows, by way of a missing value.
    Swap {
        id: u8,
        other: u8,
    },
}

fn fields() -> impl Strategy<Value = Fields> {
    let unique = || prop::option::weighted(0.8, 0..5_u8);
    (unique(), unique(), 0..3_u8).prop_map(|(first, second, plain)| Fields {
        unique: [first, second],
        plain,
    })
}

fn statement() -> impl Strategy<Value = Statement> {
    let id = || 0..5_u8;
    prop_oneof![
        3 => (id(), fields()).prop_map(|(id, fields)| Statement::Insert { id, fields }),
        3 => (id(), fields()).prop_map(|(id, fields)| Statement::Update { id, fields }),
        3 => (id(), 0..3_u8).prop_map(|(id, plain)| Statement::Touch { id, plain }),
        2 => (id(), id(), fields())
            .prop_map(|(id, to, fields)| Statement::ChangeKey { id, to, fields }),
        2 => id().prop_map(|id| Statement::Delete { id }),
        3 => (id(), id()).prop_map(|(id, other)| Statement::Swap { id, other }),
    ]
}

/// One table with the effects that its statements had.
#[derive(Default)]
struct Source {
    rows: Rows,
    log: Vec<(u8, Action)>,
}

impl Source {
    fn put(&mut self, id: u8, fields: Fields) {
        let before = self.rows.0.insert(id, fields);
        self.log.push((
            id,
            Action::Put {
                document: fields.document(id),
                fresh: before.is_none(),
                unique_changed: before.is_some_and(|before| before.unique != fields.unique),
            },
        ));
    }

    fn remove(&mut self, id: u8) {
        self.rows.0.remove(&id);
        self.log.push((id, Action::Remove));
    }

    fn execute(&mut self, statement: &Statement) {
        match *statement {
            Statement::Insert { id, fields } => {
                if !self.rows.0.contains_key(&id) && self.rows.admits(id, fields) {
                    self.put(id, fields);
                }
            }
            Statement::Update { id, fields } => {
                if self.rows.0.contains_key(&id) && self.rows.admits(id, fields) {
                    self.put(id, fields);
                }
            }
            Statement::Touch { id, plain } => {
                if let Some(&fields) = self.rows.0.get(&id) {
                    self.put(id, Fields { plain, ..fields });
                }
            }
            Statement::ChangeKey { id, to, fields } => {
                if self.rows.0.contains_key(&id)
                    && !self.rows.0.contains_key(&to)
                    && self.rows.admits(id, fields)
                {
                    self.remove(id);
                    self.put(to, fields);
                }
            }
            Statement::Delete { id } => {
                if self.rows.0.contains_key(&id) {
                    self.remove(id);
                }
            }
            Statement::Swap { id, other } => {
                let (Some(&left), Some(&right)) = (self.rows.0.get(&id), self.rows.0.get(&other))
                else {
                    return;
                };
                let with = |fields: Fields, first| Fields {
                    unique: [first, fields.unique[1]],
                    ..fields
                };
                if id != other {
                    self.put(id, with(left, None));
                    self.put(other, with(right, left.unique[0]));
                    self.put(id, with(left, right.unique[0]));
                }
            }
        }
    }
}

/// Applies folded effects as a sink must: deletes, of removals and of uniquely changed documents;
/// then their insertion; then the rest.
fn apply(target: &mut BTreeMap<String, Rows>, effects: &[Effect]) -> Result<(), TestCaseError> {
    for group in effects.chunk_by(|left, right| left.collection == right.collection) {
        let rows = target
            .entry(group[0].collection.name.to_string())
            .or_default();
        for effect in group {
            match effect.action {
                Action::Remove
                | Action::Put {
                    unique_changed: true,
                    ..
                } => {
                    rows.0.remove(&effect.id.0[0]);
                }
                Action::Put { .. } | Action::Adjust { .. } => {}
            }
        }
        for effect in group {
            let id = effect.id.0[0];
            match &effect.action {
                Action::Put {
                    document,
                    unique_changed: true,
                    ..
                } => rows.insert(id, Fields::of(document))?,
                Action::Put {
                    document,
                    unique_changed: false,
                    ..
                } => rows.replace(id, Fields::of(document))?,
                Action::Remove => {}
                Action::Adjust { .. } => prop_assert!(false, "no adjustment was logged"),
            }
        }
    }
    Ok(())
}

fn collection(name: &str) -> Arc<Collection> {
    Arc::new(Collection {
        database: "shop".into(),
        name: name.into(),
    })
}

const TABLES: [&str; 3] = ["orders", "lines", "users"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn folded_effects_reach_the_sources_state_and_never_collide(
        statements in prop::collection::vec((0..3_usize, statement()), 1..60),
        before in 0..60_usize,
        lacking in prop::collection::btree_set((0..3_usize, 0..5_u8), 0..6),
    ) {
        let mut sources: [Source; 3] = Default::default();
        let (earlier, barrier) = statements.split_at(before.min(statements.len()));
        for (table, statement) in earlier {
            sources[*table].execute(statement);
        }
        // A copying collection is a subset of its table: some rows are still to come in chunks.
        let mut target = BTreeMap::new();
        for (table, source) in sources.iter_mut().enumerate() {
            source.log.clear();
            let mut rows = source.rows.clone();
            rows.0.retain(|id, _| !lacking.contains(&(table, *id)));
            target.insert(TABLES[table].to_owned(), rows);
        }
        let untouched: Vec<BTreeSet<u8>> = TABLES
            .iter()
            .map(|name| target[*name].0.keys().copied().collect())
            .collect();

        let mut effects = Vec::new();
        for (table, statement) in barrier {
            sources[*table].execute(statement);
            effects.extend(sources[*table].log.drain(..).map(|(id, action)| Effect {
                collection: collection(TABLES[*table]),
                id: DocumentId(Bytes::copy_from_slice(&[id])),
                action,
            }));
        }
        let touched: BTreeSet<(String, u8)> = effects
            .iter()
            .map(|effect| (effect.collection.name.to_string(), effect.id.0[0]))
            .collect();

        let folded = fold(effects);
        let named: BTreeSet<(String, u8)> = folded
            .iter()
            .map(|effect| (effect.collection.name.to_string(), effect.id.0[0]))
            .collect();
        prop_assert_eq!(folded.len(), named.len(), "more than one effect on a document");
        prop_assert_eq!(&named, &touched);
        apply(&mut target, &folded)?;

        for (table, source) in sources.iter().enumerate() {
            let mut expected = source.rows.clone();
            expected.0.retain(|id, _| {
                touched.contains(&(TABLES[table].to_owned(), *id)) || untouched[table].contains(id)
            });
            prop_assert_eq!(&target[TABLES[table]], &expected);
        }
    }

    #[test]
    fn folded_adjustments_change_each_count_by_their_sum(
        adjustments in prop::collection::vec((0..4_u8, -3..4_i64), 0..40),
    ) {
        let mut expected: BTreeMap<u8, i64> = BTreeMap::new();
        for (content, delta) in &adjustments {
            *expected.entry(*content).or_default() += delta;
        }
        expected.retain(|_, delta| *delta != 0);
        let folded = fold(
            adjustments
                .iter()
                .map(|(content, delta)| Effect {
                    collection: collection("events"),
                    id: DocumentId(Bytes::copy_from_slice(&[*content])),
                    action: Action::Adjust {
                        delta: *delta,
                        content: Bytes::copy_from_slice(&[*content]),
                    },
                })
                .collect(),
        );
        let mut net = BTreeMap::new();
        let mut adding = false;
        for effect in &folded {
            let Action::Adjust { delta, content } = &effect.action else {
                return Err(TestCaseError::fail("an adjustment became something else"));
            };
            prop_assert!(*delta > 0 || !adding, "documents are taken away after others came");
            adding |= *delta > 0;
            prop_assert_eq!(&effect.id.0, content);
            prop_assert!(net.insert(content[0], *delta).is_none());
        }
        prop_assert_eq!(net, expected);
    }
}
