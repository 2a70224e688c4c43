//! A real validator refuses documents of one table: their rows are kept back, and all else goes on.

use crate::setting::Setting;
use bson::{Document, doc};
use change::{RowState, TableName, TableProgress, TableState, Value};
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
            max_keys: 100,
            max_keys_bytes: 1 << 16,
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
    max_quarantined: 100,
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

/// Both tables follow and have so many rows, but for those that are kept back.
async fn all_but_those_kept_back_are_there(setting: &Setting, rows: i64, kept_back: &[i64]) {
    for (name, lacking) in [("good", 0), ("poor", kept_back.len() as i64)] {
        assert_eq!(progress(setting, name).await.state, TableState::Following);
        assert_eq!(count(setting, name).await, rows - lacking, "{name}");
    }
    let records = setting.target.quarantine().await.unwrap();
    let mut found: Vec<i64> = Vec::new();
    for record in &records {
        assert_eq!(record.table, table("poor"));
        assert_eq!(&*record.trouble.code, "LS3013");
        assert!(record.trouble.message.contains("shop.poor"), "{record:?}");
        let Some([Value::Int(id)]) = record.row_key_values.as_deref() else {
            panic!("the key is read out of the document: {record:?}");
        };
        assert_eq!(&*record.row_key, format!("id = {id}"));
        found.push(*id);
    }
    found.sort_unstable();
    assert_eq!(found, kept_back);
}

#[tokio::test]
async fn rows_that_a_validator_refuses_while_they_are_copied_are_kept_back() {
    let setting = Setting::new().await;
    let server = server();
    // Some rows of many, so that much of their chunks is written before they are met.
    let validator = doc! { "_id": { "$nin": [31_i64, 32_i64, 50_i64] } };
    command(&setting, doc! { "create": "poor", "validator": validator }).await;
    catch_up(&setting, &server).await;
    all_but_those_kept_back_are_there(&setting, ROWS, &[31, 32, 50]).await;
    for name in ["poor", "good"] {
        insert(&server, name, ROWS..ROWS + 5);
    }
    let before = labelled_row(32, "l32");
    server.commit(&[Statement::delete(&table("poor"), before)]);
    catch_up(&setting, &server).await;
    all_but_those_kept_back_are_there(&setting, ROWS + 5, &[31, 32, 50]).await;
    let records = setting.target.quarantine().await.unwrap();
    let gone: Vec<_> = records
        .iter()
        .filter(|one| one.state == RowState::Gone && one.waiting == 1)
        .map(|one| one.row_key.to_string())
        .collect();
    assert_eq!(gone, ["id = 32"]);
}

#[tokio::test]
async fn rows_whose_changes_a_validator_refuses_are_kept_back_out_of_their_transaction() {
    let setting = Setting::new().await;
    let server = server();
    catch_up(&setting, &server).await;
    let validator = doc! { "_id": { "$nin": [ROWS + 2, ROWS + 4] } };
    command(&setting, doc! { "collMod": "poor", "validator": validator }).await;
    // One transaction of both: the rest of it is not lost.
    let both = ["good", "poor"].into_iter().flat_map(|name| {
        (ROWS..ROWS + 5)
            .map(move |id| Statement::insert(&table(name), labelled_row(id, &format!("l{id}"))))
    });
    server.commit(&both.collect::<Vec<_>>());
    catch_up(&setting, &server).await;
    all_but_those_kept_back_are_there(&setting, ROWS + 5, &[ROWS + 2, ROWS + 4]).await;
    // A reset forgets them.
    setting.target.reset(None).await.unwrap();
    assert!(setting.target.quarantine().await.unwrap().is_empty());
}
