//! What the status of two halves says, whoever of them runs.

use super::*;
use flow::ports::Tail;

fn at(gtid: u64, file: u32, offset: u64) -> Position {
    Position::MySql(MySqlPosition {
        server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
        gtid_set: Arc::new(
            format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{gtid}")
                .parse()
                .unwrap(),
        ),
        log: LogPosition::new(format!("binlog.{file:06}"), offset),
    })
}

fn published(capture: Side, tables: &[(&str, TableProgress)]) -> Snapshot {
    Snapshot {
        capture,
        tables: tables
            .iter()
            .map(|(name, table)| ((*name).to_owned(), table.clone()))
            .collect(),
        source: Some(SourceHead {
            position: shown(&at(20, 2, 500)),
            logs: vec![
                ("binlog.000001".to_owned(), 1000),
                ("binlog.000002".to_owned(), 500),
            ],
        }),
        ..Snapshot::new("shop")
    }
}

fn part(name: &str, running: bool, picture: &Snapshot) -> PartStatus {
    PartStatus {
        part: name.to_owned(),
        running,
        holder: None,
        published: Some(serde_json::to_string(picture).unwrap()),
        published_at_ms: Some(1),
    }
}

fn stored(parts: Vec<PartStatus>, applied: Option<Position>) -> PipelineStatus {
    let checkpoint = applied.map(|position| Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: change::Ordinal::default(),
        position,
        torn: None,
        committed_at_ms: 1_700_000_000_000,
    });
    PipelineStatus {
        parts,
        tail: Tail {
            checkpoint,
            tables: Vec::new(),
            mapping: None,
            quarantine: Vec::new(),
        },
        torn: false,
        applied_at_ms: None,
    }
}

fn captured(at: &Position, lag_bytes: u64) -> Side {
    Side {
        position: Some(shown(at)),
        lag_seconds: Some(0.5),
        lag_bytes: Some(lag_bytes),
    }
}

#[test]
fn the_sink_lags_behind_the_head_that_a_running_capture_knows_over_files() {
    let capture = published(captured(&at(20, 2, 500), 0), &[]);
    let parts = vec![
        part("capture", true, &capture),
        part("sink", true, &Snapshot::new("shop")),
    ];
    let picture = of_stored("shop", &stored(parts, Some(at(7, 1, 400))), None);
    assert!(picture.running);
    assert_eq!(picture.apply.lag_bytes, Some(600 + 500));
    assert!(picture.apply.lag_seconds.unwrap() > 1.0);
    assert_eq!(picture.capture.lag_bytes, Some(0));
    assert_eq!(
        picture.parts,
        BTreeMap::from([("capture".to_owned(), true), ("sink".to_owned(), true)])
    );
}

#[test]
fn of_a_capture_that_stopped_the_position_counts_and_not_its_last_lag() {
    let capture = published(captured(&at(9, 1, 900), 0), &[]);
    let parts = vec![part("capture", false, &capture)];
    let status = stored(parts, Some(at(7, 1, 400)));
    // Nobody could ask the source: what was published is old, and is not shown as if it were new.
    let blind = of_stored("shop", &status, None);
    assert!(!blind.running);
    assert_eq!(blind.apply.lag_bytes, None);
    let sizes = LogSizes::new(vec![("binlog.000001".to_owned(), 2000)]);
    let asked = of_stored("shop", &status, Some((at(30, 1, 2000), sizes)));
    assert_eq!(asked.capture.lag_bytes, Some(1100));
    assert_eq!(asked.apply.lag_bytes, Some(1600));
}

#[test]
fn a_table_that_only_the_log_holds_has_no_rows_in_the_target() {
    let table = TableProgress {
        state: TableState::Copying,
        rows_copied: 77,
        rows_total: Some(100),
        rows_per_second: Some(5.0),
        eta_seconds: Some(3.0),
        quarantined: 0,
        reason: None,
    };
    let capture = published(captured(&at(9, 1, 900), 0), &[("shop.orders", table)]);
    let status = stored(vec![part("capture", true, &capture)], None);
    let shown = &of_stored("shop", &status, None).tables["shop.orders"];
    assert_eq!((shown.rows_copied, shown.rows_total), (0, Some(100)));
    assert_eq!(shown.rows_per_second, None);
}
