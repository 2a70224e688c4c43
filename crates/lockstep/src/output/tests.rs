//! Progress in all its forms, from the same pictures.

use std::time::Duration;

use indicatif::{InMemoryTerm, MultiProgress, ProgressDrawTarget};

use super::bars::Bars;
use super::lines::Lines;
use super::snapshot::*;
use super::{status, text};

fn table(state: TableState, rows_copied: u64, rows_total: Option<u64>) -> TableProgress {
    let copying = state == TableState::Copying && rows_copied > 0;
    TableProgress {
        state,
        rows_copied,
        rows_total,
        rows_per_second: copying.then_some(45_000.0),
        eta_seconds: copying.then_some(10.8),
        quarantined: 0,
        reason: (state == TableState::Stopped).then(|| "ALTER TABLE is not understood yet".into()),
    }
}

fn picture(tables: &[(&str, TableProgress)]) -> Snapshot {
    let mut snapshot = Snapshot::new("shop");
    snapshot.running = true;
    snapshot.apply.lag_seconds = Some(0.21);
    snapshot.apply.lag_bytes = Some(1536);
    snapshot.apply.position = Some(SourcePosition {
        family: None,
        server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
        gtid_set: "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5".into(),
        file: "binlog.000012".into(),
        offset: 3456,
    });
    snapshot.tables = tables
        .iter()
        .map(|(name, table)| ((*name).to_string(), table.clone()))
        .collect();
    snapshot
}

fn begun() -> Snapshot {
    picture(&[
        (
            "shop.orders",
            table(TableState::Copying, 12_000, Some(500_000)),
        ),
        ("shop.users", table(TableState::Copying, 0, None)),
    ])
}

fn later() -> Snapshot {
    picture(&[
        (
            "shop.orders",
            table(TableState::Following, 501_234, Some(500_000)),
        ),
        ("shop.users", table(TableState::Stopped, 7, None)),
    ])
}

#[test]
fn plain_lines_come_at_once_when_a_state_changes_and_else_every_few_seconds() {
    let mut lines = Lines::default();
    let second = Duration::from_secs(1);
    assert_eq!(
        lines.due(&begun(), Duration::ZERO),
        [
            "shop.orders: copying",
            "shop.users: copying",
            "shop.orders: copying, 12,000 of about 500,000 rows (2%), 45,000 rows/s, about 11 s left",
            "shop: 2 copying; lag 0.2 s, 1.5 KiB behind",
        ]
    );
    assert_eq!(lines.due(&begun(), second), [""; 0]);
    assert_eq!(
        lines.due(&later(), second * 2),
        [
            "shop.orders: following, 501,234 rows copied",
            "shop.users: stopped: ALTER TABLE is not understood yet"
        ]
    );
    assert_eq!(
        lines.due(&later(), second * 5),
        ["shop: 1 following, 1 stopped; lag 0.2 s, 1.5 KiB behind"]
    );
    assert_eq!(
        lines.last(&later()),
        ["shop: 1 following, 1 stopped; lag 0.2 s, 1.5 KiB behind"]
    );
}

#[test]
fn bars_show_what_is_copied_and_leave_what_happened() {
    let terminal = InMemoryTerm::new(20, 130);
    let screen =
        MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
    let mut bars = Bars::new(screen);
    bars.show(&begun());
    let shown = terminal.contents();
    assert!(shown.contains("shop.orders"), "{shown}");
    assert!(
        shown.contains("12,000 of about 500,000 rows (2%), 45,000 rows/s, about 11 s left"),
        "{shown}"
    );
    assert!(shown.contains("shop: 2 copying; lag 0.2 s"), "{shown}");
    bars.show(&later());
    bars.finish(&later());
    insta::assert_snapshot!(terminal.contents());
}

#[test]
fn thousands_of_tables_fit_on_a_screen() {
    let names: Vec<String> = (0..5000)
        .map(|number| format!("shop.table_{number:04}"))
        .collect();
    let tables: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), table(TableState::Copying, 5, Some(10))))
        .collect();
    let snapshot = picture(&tables);
    let mut lines = Lines::default();
    lines.changes(&snapshot);
    assert!(lines.due(&snapshot, Duration::ZERO).len() <= 10);
}

#[test]
fn status_as_json_keeps_the_names_of_the_contract() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&begun()).unwrap());
}

#[test]
fn status_as_text_has_a_line_for_each_table() {
    let mut snapshot = later();
    snapshot.last_error = Some(LastError {
        code: "LS9999".into(),
        message: "the server went away".into(),
    });
    snapshot.quarantine = 3;
    if let Some(orders) = snapshot.tables.get_mut("shop.orders") {
        orders.quarantined = 3;
    }
    insta::assert_snapshot!(status::render(&snapshot));
}

#[test]
fn a_finding_has_its_remedy_below_it_and_the_form_of_the_contract_as_json() {
    let finding = flow::Finding::forbids(
        "LS9999",
        "binlog_format is STATEMENT",
        "SET PERSIST binlog_format = ROW;\nthen restart the sessions",
    );
    insta::assert_snapshot!(text::finding(&finding));
    insta::assert_snapshot!(text::finding_json(&finding));
    insta::assert_snapshot!(text::verdict(&[&finding]));
}
