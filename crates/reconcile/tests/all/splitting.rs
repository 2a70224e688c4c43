//! Splitting against the list of all changes: whatever the sizes, the limits and the places of the
//! restarts, the barriers put together are every change once and in order, none is too large, and
//! none is torn that need not be.

use change::Torn;
use proptest::prelude::*;
use reconcile::{Admission, BarrierLimits, Cut, SplitError, Splitter};
use std::sync::Arc;

/// A change as (transaction, number in it, bytes).
type Change = (usize, usize, usize);

#[derive(Debug)]
struct Closed {
    changes: Vec<Change>,
    torn: Option<Torn>,
    /// Whole transactions that are covered once it is.
    transactions: usize,
}

fn name(transaction: usize) -> Arc<str> {
    format!("transaction {transaction}").into()
}

/// Runs a stream of transactions, given by the bytes of their changes, from a checkpoint on.
/// `hurried` are the transactions that begin with somebody waiting for the open barrier.
fn run(
    limits: BarrierLimits,
    transactions: &[Vec<usize>],
    (first, torn): (usize, Option<Torn>),
    hurried: &[bool],
) -> Result<Vec<Closed>, SplitError> {
    let mut splitter = Splitter::new(limits, torn);
    let mut open: Vec<Change> = Vec::new();
    let mut closed = Vec::new();
    let mut close = |open: &mut Vec<Change>, cut: Cut, transactions| {
        let rest = open.split_off(cut.changes);
        closed.push(Closed {
            changes: std::mem::replace(open, rest),
            torn: cut.torn,
            transactions,
        });
    };
    for (transaction, changes) in transactions.iter().enumerate().skip(first) {
        splitter.begin(&name(transaction))?;
        for (number, bytes) in changes.iter().enumerate() {
            if hurried[transaction]
                && let Some(cut) = splitter.end_at_a_boundary()
            {
                close(&mut open, cut, transaction);
            }
            loop {
                match splitter.admit(*bytes) {
                    Admission::Covered => break,
                    Admission::Fits => {
                        open.push((transaction, number, *bytes));
                        break;
                    }
                    Admission::CutFirst(cut) => close(&mut open, cut, transaction),
                }
            }
        }
        splitter.commit()?;
    }
    if let Some(cut) = splitter.end_at_a_boundary() {
        close(&mut open, cut, transactions.len());
    }
    assert!(open.is_empty());
    Ok(closed)
}

fn all(transactions: &[Vec<usize>]) -> Vec<Change> {
    let numbered = transactions.iter().enumerate();
    numbered
        .flat_map(|(transaction, changes)| {
            let changes = changes.iter().enumerate();
            changes.map(move |(number, bytes)| (transaction, number, *bytes))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn barriers_put_together_are_every_change_once_whatever_the_restarts(
        transactions in prop::collection::vec(prop::collection::vec(1..30_usize, 0..20), 1..8),
        hurried in prop::collection::vec(any::<bool>(), 8),
        max_changes in 1..12_usize,
        max_bytes in 1..100_usize,
        restart in any::<prop::sample::Index>(),
    ) {
        let limits = BarrierLimits { max_changes, max_bytes };
        let expected = all(&transactions);
        let closed = run(limits, &transactions, (0, None), &hurried).unwrap();
        let together: Vec<Change> =
            closed.iter().flat_map(|barrier| barrier.changes.clone()).collect();
        prop_assert_eq!(&together, &expected);

        for barrier in &closed {
            let bytes: usize = barrier.changes.iter().map(|change| change.2).sum();
            prop_assert!(!barrier.changes.is_empty());
            prop_assert!(barrier.changes.len() <= max_changes);
            prop_assert!(bytes <= max_bytes || barrier.changes.len() == 1);
            let &(transaction, number, _) = barrier.changes.last().unwrap();
            let size = &transactions[transaction];
            let ends_it = number + 1 == size.len();
            prop_assert_eq!(barrier.torn.is_none(), ends_it);
            if barrier.torn.is_some() {
                let needed = size.len() > max_changes || size.iter().sum::<usize>() > max_bytes;
                prop_assert!(needed, "a transaction that fits into a barrier is torn");
                prop_assert!(barrier.changes.iter().all(|change| change.0 == transaction));
            }
        }

        // After any barrier, a new stream delivers exactly what the barriers before did not.
        if !closed.is_empty() {
            let last = restart.index(closed.len());
            let done: usize = closed[..=last].iter().map(|barrier| barrier.changes.len()).sum();
            let from = (closed[last].transactions, closed[last].torn.clone());
            let again = run(limits, &transactions, from, &hurried).unwrap();
            let together: Vec<Change> =
                again.iter().flat_map(|barrier| barrier.changes.clone()).collect();
            prop_assert_eq!(&together[..], &expected[done..]);
            // Parts are counted on, so that a second restart finds its place too.
            for barrier in &again {
                if let Some(torn) = &barrier.torn {
                    let &(_, number, _) = barrier.changes.last().unwrap();
                    prop_assert_eq!(torn.changes_before, number as u64 + 1);
                }
            }
        }
    }
}

fn torn(changes_before: u64) -> Torn {
    Torn {
        transaction: name(0),
        parts: 1,
        changes_before,
    }
}

#[test]
fn a_stream_that_goes_on_with_another_transaction_than_the_torn_one_is_refused() {
    let transactions = [vec![1, 1], vec![1]];
    let refused = run(
        BarrierLimits::default(),
        &transactions,
        (1, Some(torn(1))),
        &[false; 2],
    );
    assert!(matches!(
        refused,
        Err(SplitError::AnotherTransaction {
            changes_before: 1,
            ..
        })
    ));
}

#[test]
fn a_torn_transaction_that_became_shorter_is_refused() {
    let refused = run(
        BarrierLimits::default(),
        &[vec![1, 1]],
        (0, Some(torn(3))),
        &[false],
    );
    assert!(matches!(
        refused,
        Err(SplitError::EndsTooSoon {
            changes: 2,
            changes_before: 3,
            ..
        })
    ));
}

#[test]
fn a_small_cache_makes_barriers_smaller_and_a_large_one_leaves_them() {
    let limits = BarrierLimits::default();
    assert_eq!(limits.within_cache(100 << 20).max_bytes, (100 << 20) / 50);
    assert_eq!(limits.within_cache(64 << 30), limits);
}
