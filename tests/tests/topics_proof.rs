//! What other consumers see: each change once, in order per key, whatever happened to capture.

use mysql_async::prelude::Queryable;
use std::time::Duration;
use tests::comparer::connect;
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::topics::{Account, Event, Record, account, event, judge, read_committed};
use tests::workload;

/// Where capture dies, and the how many-th time it gets there: in the copy first, then after it.
const KILLS: &[(&str, u32)] = &[
    ("produced", 3),
    ("logged", 4),
    ("copying", 12),
    ("produced", 30),
    ("mid-split", 2),
    ("logged", 25),
    ("tail", 1),
    ("mid-split", 1),
    ("produced", 1),
    ("logged", 1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_hold_each_change_of_the_binary_log_once_and_in_order_though_capture_is_killed() {
    let options = workload::Options {
        writers: 3,
        rows: 1_000,
        large_transaction_rows: 1_200,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(25)),
        ..workload::Options::new(91)
    };
    let sections = "[capture]\nchunk_rows = 100\nmax_barrier_changes = 250\n\
                    heartbeat_interval = \"500ms\"\n";
    let scene = Scene::start(LogKind::Kafka, options, sections)
        .await
        .unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    for (place, count) in KILLS {
        let mut capture = scene
            .pipeline
            .start_and_stop_at("capture", place, *count)
            .unwrap();
        capture.stopped_at(place).await;
        capture.kill();
    }
    let counts = writers.stop().await.unwrap();
    println!("{counts}");
    scene.pipeline.part_catches_up("capture").await.unwrap();

    let account = the_logs_account(&scene).await;
    let prefix = format!("{}.", scene.name);
    let records = read_committed(scene.kafka(), &format!("{prefix}work."))
        .await
        .unwrap();
    let verdict = judge(&account, &records, &prefix);
    println!("{verdict}");
    // The table with every type has some that mysqlbinlog does not print.
    assert_eq!(verdict.untold, 1, "{verdict}");
    verdict.require(13, 1_000, 5_000).unwrap();

    // The same judge, of the same topics, with one thing wrong.
    for (what, damaged) in damages(&records) {
        let verdict = judge(&account, &damaged, &prefix);
        assert!(!verdict.problems.is_empty(), "{what} was not noticed");
    }
    // The sink makes of the same topics what the comparer finds equal.
    scene.pipeline.part_catches_up("sink").await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());
}

async fn the_logs_account(scene: &Scene) -> Account {
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    let logs: Vec<mysql_async::Row> = sql.query("SHOW BINARY LOGS").await.unwrap();
    let first: String = logs[0].get(0).unwrap();
    account(&scene.mysql, &first).await.unwrap()
}

/// The topics with one record missing, one doubled, two of a key swapped: at several places each.
fn damages(records: &[Record]) -> Vec<(String, Vec<Record>)> {
    let updates: Vec<usize> = (0..records.len())
        .filter(|index| {
            let record = &records[*index];
            record.topic.ends_with(".accounts")
                && matches!(event(record), Some(Event::Change(change)) if !change.is_delete())
        })
        .collect();
    assert!(updates.len() > 100, "too little to damage");
    let mut damages = Vec::new();
    // The first change of a topic says where it begins, so it may be missing.
    for index in updates[1..].iter().step_by(updates.len() / 3) {
        let mut damage = |what: &str, change: &dyn Fn(&mut Vec<Record>)| {
            let mut damaged = records.to_vec();
            change(&mut damaged);
            damages.push((format!("record {index} {what}"), damaged));
        };
        damage("missing", &|records| {
            records.remove(*index);
        });
        damage("twice", &|records| records.push(records[*index].clone()));
        let of_its_key =
            |other: &&usize| *other > index && records[**other].key == records[*index].key;
        if let Some(other) = updates.iter().find(of_its_key) {
            damage("in the place of a later one of its key", &|records| {
                let offset = records[*index].offset;
                records[*index].offset = records[*other].offset;
                records[*other].offset = offset;
            });
        }
    }
    assert!(damages.len() > 6, "no two changes of one key");
    damages
}
