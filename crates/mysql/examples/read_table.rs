//! Reads one table by chunks with one reader and says how fast: `read_table URL DATABASE.TABLE`.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that can't go on has failed"
)]

use change::{GtidSet, LogPosition, MySqlPosition, Position, TableName};
use flow::ports::{ChunkRequest, SnapshotReader};
use mysql::{Charsets, ConnectOptions, KeyOverrides, Reader, ReaderOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the first argument is the URL");
    let table = arguments.next().expect("the second argument is the table");
    let (database, table) = table.split_once('.').unwrap();
    let connect = ConnectOptions::from_url(&url).unwrap();
    let options = ReaderOptions {
        connect: connect.to_mysql_async(false).into(),
        selected: Arc::new(|_| true),
        identity_columns: Arc::default(),
        keys: KeyOverrides::default(),
        readings: mysql::Readings::default(),
        visible_within: Duration::from_secs(10),
    };
    let mut reader = Reader::new(options, Charsets::connect(&connect).await.unwrap());
    let name = TableName::new(database, table);
    let table = Arc::new(reader.describe(&name).await.unwrap().unwrap());
    let begun = Instant::now();
    let plan = reader.plan(&table, 16).await.unwrap();
    println!(
        "{} ranges planned in {:?}",
        plan.ranges.len(),
        begun.elapsed()
    );
    let (begun, mut rows, mut bytes, mut chunks) = (Instant::now(), 0, 0, 0);
    for range in plan.ranges {
        let mut rest = Some(reconcile::Extent::Range(range));
        while let Some(extent) = rest.take() {
            let request = ChunkRequest {
                table: table.clone(),
                extent,
                after: Position::MySql(MySqlPosition {
                    server_uuid: "".into(),
                    gtid_set: Arc::new(GtidSet::default()),
                    log: LogPosition::new("binlog.000001", 4),
                }),
                max_rows: 10_000,
                max_bytes: 8 << 20,
            };
            let chunk = reader.read(&request).await.unwrap().unwrap();
            rows += chunk.rows.len();
            bytes += chunk
                .rows
                .iter()
                .map(change::Row::heap_bytes)
                .sum::<usize>();
            chunks += 1;
            rest = chunk.rest;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{rows} rows in {chunks} chunks, {seconds:.1} s: {:.0} rows/s, {} bytes each in memory",
        rows as f64 / seconds,
        bytes / rows.max(1)
    );
}
