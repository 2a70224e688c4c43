//! A real validator refuses one table's documents: that table stops, and the others go on.

use crate::setting::Setting;
use bson::{Document, doc};
use change::{TableName, TableProgress, TableState};
use flow::capture;
use flow::group::GroupLimits;
use flow::pipeline::{Settings, run_direct};
use flow::ports::Sink;
use flow::{CancellationToken, Limits, ReaderSettings, Watch};
use futures::TryStreamExt;
use mapping::{Mapper, MappingConfig};
use std::time::Duration;
use testbed::memory::{MemoryServer, Statement, keyed_table, labelled_row};

const SETTINGS: Settings = Settings {
    capture: capture::Settings {
        limits: Limits {
            max_barrier_changes: 40,
            max_barrier_bytes: 1 << 20,
            max_window_bytes: 1 << 20,
        },
        readers: ReaderSettings {
            max_chunk_rows: 10,
            max_chunk_bytes: 1 << 20,
            max_read_ahead_bytes: 1 << 20,
            ranges_per_table: 2,
            attempts: 2,
        },
        heartbeat: Duration::from_millis(200),
        until_caught_up: true,
    },
    group: GroupLimits {
        max_changes: 80,
        max_bytes: 1 << 20,
        max_chunk_bytes: 1 << 20,
    },
    retry_for: Duration::from_secs(20),
};
const ROWS: i64 = 60;

fn table(name: &str) -> TableName {
    TableName::new("shop", name)
}

/// Two tables with rows.
fn server() -> MemoryServer {
    let server = MemoryServer::new(3);
    for name in ["good", "poor"] {
        let description = keyed_table(&table(name), false);
        server.commit(&[Statement::Create(description)]);
        insert(&server, name, 0..ROWS);
    }
    server
}

fn insert(server: &MemoryServer, name: &str, ids: std::ops::Range<i64>) {
    let rows = ids.map(|id| Statement::insert(&table(name), labelled_row(id, &format!("l{id}"))));
    server.commit(&rows.collect::<Vec<_>>());
}

async fn catch_up(setting: &Setting, server: &MemoryServer) {
    let server = server.clone();
    run_direct(
        &mut server.source(),
        || vec![server.snapshot(); 2],
        &mut setting.target.sink(),
        &Mapper::new(MappingConfig::default()),
        SETTINGS,
        &Watch::default(),
        &CancellationToken::new(),
    )
    .await
    .unwrap();
}

async fn command(setting: &Setting, command: Document) {
    let shop = setting.target.client().database("shop");
    shop.run_command(command).await.unwrap();
}

async fn count(setting: &Setting, name: &str) -> i64 {
    let shop = setting.target.client().database("shop");
    let found = shop.collection::<Document>(name).find(doc! {}).await;
    let documents: Vec<_> = found.unwrap().try_collect().await.unwrap();
    documents.len() as i64
}

async fn progress(setting: &Setting, name: &str) -> TableProgress {
    let tail = setting.target.sink().take_over().await.unwrap();
    let mut tables = tail.tables.into_iter();
    tables.find(|one| one.table == table(name)).unwrap()
}

async fn poor_stands_still_and_good_has(setting: &Setting, rows: i64) {
    let poor = progress(setting, "poor").await;
    let trouble = poor.trouble.unwrap();
    assert_eq!(
        (poor.state, &*trouble.code),
        (TableState::Stopped, "LS3013")
    );
    assert!(trouble.message.contains("shop.poor"), "{trouble}");
    let good = progress(setting, "good").await;
    assert_eq!(good.state, TableState::Following);
    assert_eq!(count(setting, "good").await, rows);
}

#[tokio::test]
async fn a_validator_stops_the_table_whose_copy_it_refuses() {
    let setting = Setting::new().await;
    let server = server();
    // One row of many, so that much of its chunk's rows is written before it is met.
    let validator = doc! { "_id": { "$ne": 31_i64 } };
    command(&setting, doc! { "create": "poor", "validator": validator }).await;
    catch_up(&setting, &server).await;
    poor_stands_still_and_good_has(&setting, ROWS).await;
    insert(&server, "poor", ROWS..ROWS + 5);
    insert(&server, "good", ROWS..ROWS + 5);
    catch_up(&setting, &server).await;
    poor_stands_still_and_good_has(&setting, ROWS + 5).await;
}

#[tokio::test]
async fn a_validator_stops_the_table_whose_changes_it_refuses() {
    let setting = Setting::new().await;
    let server = server();
    catch_up(&setting, &server).await;
    assert_eq!(count(&setting, "poor").await, ROWS);
    let validator = doc! { "_id": { "$ne": ROWS + 2 } };
    command(&setting, doc! { "collMod": "poor", "validator": validator }).await;
    // One transaction of both: the other table's part of it is not lost.
    let both = ["good", "poor"].into_iter().flat_map(|name| {
        (ROWS..ROWS + 5)
            .map(move |id| Statement::insert(&table(name), labelled_row(id, &format!("l{id}"))))
    });
    server.commit(&both.collect::<Vec<_>>());
    catch_up(&setting, &server).await;
    poor_stands_still_and_good_has(&setting, ROWS + 5).await;
    assert_eq!(count(&setting, "poor").await, ROWS);
}
