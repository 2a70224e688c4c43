//! The model checked to its end with every rule kept, and each rule broken in turn: each break must
//! show a history in which the copy goes wrong.

use super::rules::Rules;
use super::server::Kind;
use super::{Copying, EXACT};
use stateright::{Checker, Model};

const ALL_KINDS: &[Kind] = &[
    Kind::Insert(0),
    Kind::Insert(2),
    Kind::Update(0),
    Kind::Update(1),
    Kind::Delete(0),
    Kind::Delete(2),
    Kind::Move(0, 2),
    Kind::Move(2, 0),
    Kind::Move(1, 2),
    Kind::UpdateBoth(0, 1),
    Kind::Replace(0, 2),
    Kind::Rotate,
];

/// Checks the model to its end, and that the end was not reached for want of states.
fn check(model: Copying) {
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

/// Demands that breaking a rule is found.
fn demand_a_counterexample(rules: Rules, torn: bool) {
    let model = Copying {
        kinds: ALL_KINDS,
        transactions: 2,
        restarts: 1,
        parallel: false,
        torn,
        rules,
    };
    let checker = model.checker().threads(2).spawn_bfs().join();
    let path = checker.discovery(EXACT);
    let path = path.unwrap_or_else(|| panic!("no history breaks the copy under {rules:?}"));
    println!("{:?}", path.into_actions());
}

#[test]
fn a_table_copied_in_two_chunks_while_it_changes_is_exact() {
    check(Copying {
        kinds: ALL_KINDS,
        transactions: 2,
        restarts: 1,
        parallel: false,
        torn: false,
        rules: Rules::KEPT,
    });
}

#[test]
fn chunks_that_are_read_side_by_side_are_exact() {
    check(Copying {
        kinds: &[
            Kind::Move(0, 2),
            Kind::Move(2, 0),
            Kind::UpdateBoth(0, 1),
            Kind::Delete(0),
        ],
        transactions: 2,
        restarts: 0,
        parallel: true,
        torn: false,
        rules: Rules::KEPT,
    });
}

#[test]
fn a_row_that_comes_and_goes_in_three_transactions_is_exact() {
    check(Copying {
        kinds: &[
            Kind::Insert(2),
            Kind::Delete(2),
            Kind::Move(0, 2),
            Kind::Update(0),
        ],
        transactions: 3,
        restarts: 0,
        parallel: false,
        torn: false,
        rules: Rules::KEPT,
    });
}

#[test]
fn transactions_emitted_in_parts_leave_the_copy_exact() {
    check(Copying {
        kinds: &[
            Kind::UpdateBoth(0, 1),
            Kind::Replace(0, 2),
            Kind::Rotate,
            Kind::Move(2, 0),
        ],
        transactions: 2,
        restarts: 1,
        parallel: false,
        torn: true,
        rules: Rules::KEPT,
    });
}

#[test]
fn a_view_opened_before_c_is_visible_is_found() {
    demand_a_counterexample(
        Rules {
            waits_for_c: false,
            ..Rules::KEPT
        },
        false,
    );
}

#[test]
fn a_high_that_is_the_end_of_what_is_executed_is_found() {
    demand_a_counterexample(
        Rules {
            high_is_the_head: false,
            ..Rules::KEPT
        },
        false,
    );
}

#[test]
fn keys_that_are_not_recorded_are_found() {
    demand_a_counterexample(
        Rules {
            records_keys: false,
            ..Rules::KEPT
        },
        false,
    );
}

#[test]
fn a_key_update_that_records_one_key_is_found() {
    demand_a_counterexample(
        Rules {
            records_the_key_before: false,
            ..Rules::KEPT
        },
        false,
    );
}

#[test]
fn a_window_that_closes_before_high_is_found() {
    demand_a_counterexample(
        Rules {
            waits_for_high: false,
            ..Rules::KEPT
        },
        false,
    );
}

#[test]
fn a_low_read_after_the_view_is_found() {
    demand_a_counterexample(
        Rules {
            low_after_the_view: true,
            ..Rules::KEPT
        },
        false,
    );
}

#[test]
fn a_window_opened_inside_a_transaction_is_found() {
    demand_a_counterexample(
        Rules {
            names_while_torn: true,
            ..Rules::KEPT
        },
        true,
    );
}

#[test]
fn a_table_that_forgets_after_a_restart_that_it_is_live_is_found() {
    demand_a_counterexample(
        Rules {
            stores_live_with_changes: false,
            ..Rules::KEPT
        },
        false,
    );
}
