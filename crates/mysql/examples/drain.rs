//! Reads a server's binlog from its beginning to its head and tells how fast that went.
//!
//! `cargo run --release -p mysql --example drain -- mysql://root@127.0.0.1:3306 shop` counts the rows
//! of one database; with `print` behind it, shows every event.

use change::{Checkpoint, GtidSet, LogPosition, MySqlPosition, Ordinal, Position, TableName};
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};
use mysql::{Charsets, ConnectOptions, KeyOverrides, KnownTables, Readings, Source, SourceOptions};
use std::sync::Arc;
use std::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(url), Some(database)) = (arguments.get(1), arguments.get(2)) else {
        return Err("usage: drain URL DATABASE [print]".into());
    };
    let print = arguments.get(3).is_some();
    let connect = ConnectOptions::from_url(url)?;
    let wanted: Arc<str> = Arc::from(database.as_str());
    let mut source = Source::new(SourceOptions {
        charsets: Charsets::connect(&connect).await?,
        connect,
        selected: Arc::new(move |table: &TableName| table.database == wanted),
        keys: KeyOverrides::default(),
        known: KnownTables::default(),
        readings: Readings::default(),
        server_id: None,
        spill_folder: std::env::temp_dir(),
    });
    let Position::MySql(head) = source.head().await? else {
        panic!("a position of another family")
    };
    let beginning = Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal::default(),
        position: Position::MySql(MySqlPosition {
            server_uuid: Arc::clone(&head.server_uuid),
            gtid_set: Arc::new(GtidSet::default()),
            log: LogPosition::new("", 4),
        }),
        torn: None,
        committed_at_ms: 0,
    };
    let started = Instant::now();
    let mut stream = source.open(&beginning).await?;
    let (mut rows_seen, mut transactions) = (0_u64, 0_u64);
    loop {
        let event = stream.next().await?;
        if print {
            println!("{event:?}");
        }
        let position = match event {
            SourceEvent::Rows { rows, .. } => {
                rows_seen += rows.len() as u64;
                continue;
            }
            SourceEvent::Partial { rows, .. } => {
                rows_seen += rows.len() as u64;
                continue;
            }
            SourceEvent::Begin { .. } | SourceEvent::Table(_) => continue,
            SourceEvent::Commit { position } => {
                transactions += 1;
                position
            }
            SourceEvent::Heartbeat { position } => position,
        };
        let Position::MySql(position) = position else {
            panic!("a position of another family")
        };
        if position.log.has_reached(&head.log) {
            break;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{rows_seen} rows in {transactions} transactions, {seconds:.3} s, {:.0} rows/s",
        rows_seen as f64 / seconds
    );
    Ok(())
}
