//! Folding (invariant 6): what a barrier's effects come to, one net effect per document.
//!
//! Effects come in the source's order and may touch a document many times; the target needs only
//! the last state, and writes each document once. The output is grouped by collection and, inside
//! a collection, ordered as removals, then replacements that must delete before they insert, then
//! all the rest. That order never collides on a unique index: the source's rows are free of
//! collisions after every single row change, so the final documents are. Once every removed and
//! every uniquely changed document is gone, what is left has its final unique values, and each
//! insertion or replacement adds another document of that same, collision-free final state. Any
//! order that inserts earlier can fail: two rows that swapped a unique value fold to two
//! replacements, neither of which can go first.

use change::{Action, Collection, Effect};
use std::collections::HashMap;
use std::sync::Arc;

/// Folds a barrier's effects, given in the source's order, into one net effect per document.
///
/// Collections appear in the order of their first effect, documents of one kind too. A put after a
/// removal of the same document becomes a delete-and-insert, since the unique values of the
/// document that the target holds are unknown here. A removal stays even when the row was inserted
/// in the same barrier: it is cheap, and right whatever the target holds. Adjustments are summed
/// and vanish at zero; those that take documents away stand among the removals.
pub fn fold(effects: Vec<Effect>) -> Vec<Effect> {
    let slots = assign_slots(&effects);
    let mut folded: Vec<Slot> = Vec::with_capacity(slots.count);
    for (effect, (collection, slot)) in effects.into_iter().zip(slots.of_effect) {
        match folded.get_mut(slot) {
            Some(earlier) => succeed(&mut earlier.effect.action, effect.action),
            None => folded.push(Slot { collection, effect }),
        }
    }
    folded.retain(|slot| !matches!(slot.effect.action, Action::Adjust { delta: 0, .. }));
    folded.sort_by_key(|slot| (slot.collection, stage(&slot.effect.action)));
    folded.into_iter().map(|slot| slot.effect).collect()
}

/// A net effect, with the number of its collection in order of appearance.
struct Slot {
    collection: usize,
    effect: Effect,
}

/// Which net effect each effect adds to. Slots are numbered in the order of their first effect.
struct Slots {
    /// The collection's number and the slot's, per effect.
    of_effect: Vec<(usize, usize)>,
    count: usize,
}

// A pass of its own, so that the map borrows identities instead of owning copies of them.
fn assign_slots(effects: &[Effect]) -> Slots {
    let mut collections = Collections::default();
    let mut by_document = HashMap::with_capacity(effects.len());
    let of_effect = effects
        .iter()
        .map(|effect| {
            let collection = collections.number(&effect.collection);
            // The id of an adjustment names the content of many documents, not one document.
            let counted = matches!(effect.action, Action::Adjust { .. });
            let next = by_document.len();
            let slot = *by_document
                .entry((collection, counted, &*effect.id.0))
                .or_insert(next);
            (collection, slot)
        })
        .collect();
    Slots {
        of_effect,
        count: by_document.len(),
    }
}

/// Numbers collections by name. Effects of one collection mostly share one allocation and follow
/// one another, so the name is rarely looked at.
#[derive(Default)]
struct Collections<'a> {
    last: Option<(&'a Arc<Collection>, usize)>,
    by_name: HashMap<&'a Collection, usize>,
}

impl<'a> Collections<'a> {
    fn number(&mut self, collection: &'a Arc<Collection>) -> usize {
        if let Some((last, number)) = self.last
            && Arc::ptr_eq(last, collection)
        {
            return number;
        }
        let next = self.by_name.len();
        let number = *self.by_name.entry(collection).or_insert(next);
        self.last = Some((collection, number));
        number
    }
}

/// Puts what happened later onto what happened before.
fn succeed(earlier: &mut Action, later: Action) {
    match (&mut *earlier, later) {
        (
            Action::Put {
                document,
                unique_changed,
                fresh: _,
            },
            Action::Put {
                document: newer,
                unique_changed: changed_again,
                fresh: _,
            },
        ) => {
            *document = newer;
            *unique_changed |= changed_again;
        }
        (Action::Remove, Action::Put { document, .. }) => {
            *earlier = Action::Put {
                document,
                fresh: false,
                unique_changed: true,
            };
        }
        (Action::Adjust { delta, .. }, Action::Adjust { delta: more, .. }) => *delta += more,
        // Adjustments have slots of their own, so that of the pairs left the later one stands.
        (Action::Put { .. } | Action::Remove, later @ (Action::Remove | Action::Adjust { .. }))
        | (Action::Adjust { .. }, later @ (Action::Put { .. } | Action::Remove)) => {
            *earlier = later;
        }
    }
}

/// The place of an action inside its collection.
fn stage(action: &Action) -> u8 {
    match action {
        Action::Remove => 0,
        Action::Adjust { delta, .. } if *delta < 0 => 0,
        Action::Put {
            unique_changed: true,
            ..
        } => 1,
        Action::Put {
            unique_changed: false,
            ..
        }
        | Action::Adjust { .. } => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use change::DocumentId;

    fn effect(collection: &str, id: &str, action: Action) -> Effect {
        Effect {
            collection: Arc::new(Collection {
                database: "shop".into(),
                name: collection.into(),
            }),
            id: DocumentId(Bytes::copy_from_slice(id.as_bytes())),
            action,
        }
    }

    fn put(text: &str, fresh: bool, unique_changed: bool) -> Action {
        Action::Put {
            document: Bytes::copy_from_slice(text.as_bytes()),
            fresh,
            unique_changed,
        }
    }

    fn adjust(text: &str, delta: i64) -> Action {
        Action::Adjust {
            delta,
            content: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn folded(actions: impl IntoIterator<Item = Action>) -> Vec<Action> {
        let effects = actions
            .into_iter()
            .map(|action| effect("orders", "1", action));
        let net = fold(effects.collect());
        net.into_iter().map(|effect| effect.action).collect()
    }

    #[test]
    fn of_several_puts_the_last_document_stays_with_all_that_is_known_of_the_first() {
        let net = folded([
            put("a", true, false),
            put("b", false, true),
            put("c", false, false),
        ]);
        assert_eq!(net, [put("c", true, true)]);
        let net = folded([put("a", false, false), put("b", true, false)]);
        assert_eq!(net, [put("b", false, false)]);
    }

    #[test]
    fn a_put_after_a_removal_deletes_before_it_inserts() {
        let net = folded([
            Action::Remove,
            put("b", true, false),
            put("c", false, false),
        ]);
        assert_eq!(net, [put("c", false, true)]);
    }

    #[test]
    fn a_removal_stays_even_of_a_row_that_the_barrier_inserted() {
        assert_eq!(
            folded([put("a", true, false), Action::Remove]),
            [Action::Remove]
        );
        assert_eq!(folded([Action::Remove, Action::Remove]), [Action::Remove]);
    }

    #[test]
    fn adjustments_are_summed_and_vanish_at_zero() {
        assert_eq!(folded([adjust("x", 2), adjust("x", -5)]), [adjust("x", -3)]);
        assert_eq!(folded([adjust("x", 2), adjust("x", -2)]), []);
    }

    #[test]
    fn removals_come_first_then_delete_and_inserts_then_the_rest_within_each_collection() {
        let net = fold(vec![
            effect("b", "1", put("b1", true, false)),
            effect("a", "1", put("a1", false, true)),
            effect("b", "2", Action::Remove),
            effect("a", "2", adjust("a2", 1)),
            effect("a", "3", adjust("a3", -1)),
            effect("b", "3", put("b3", false, true)),
            effect("a", "4", Action::Remove),
        ]);
        let order: Vec<_> = net
            .iter()
            .map(|effect| (&*effect.collection.name, &*effect.id.0))
            .collect();
        assert_eq!(
            order,
            [
                ("b", &b"2"[..]),
                ("b", b"3"),
                ("b", b"1"),
                ("a", b"3"),
                ("a", b"4"),
                ("a", b"1"),
                ("a", b"2"),
            ]
        );
    }

    #[test]
    fn collections_are_told_apart_by_name_not_by_allocation() {
        let net = fold(vec![
            effect("a", "1", put("first", false, false)),
            effect("b", "1", put("other", false, false)),
            effect("a", "1", put("second", false, false)),
        ]);
        let actions: Vec<_> = net.into_iter().map(|effect| effect.action).collect();
        assert_eq!(
            actions,
            [put("second", false, false), put("other", false, false)]
        );
    }
}
