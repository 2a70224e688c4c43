//! How quickly the log carries barriers over one real broker, and what an idle reader costs.
//!
//! `cargo run --release -p kafka --example speed` starts a broker of its own and prints medians and
//! 99th percentiles of the time from `send` to the reader's `next`, one change at a time, then
//! changes a second and processor time under load, and the processor time of an idle reader.

use change::{
    Barrier, BarrierKind, Change, ChangeKind, Checkpoint, Column, ColumnKind, GtidSet,
    IntegerWidth, LogPosition, MappingVersion, MySqlPosition, Ordinal, Origin, Place, Position,
    Row, Schema, TableName, Text, Value,
};
use flow::ports::{LogReader, LogWriter};
use kafka::{KafkaReader, KafkaWriter, Settings};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testbed::servers::{Kafka, KafkaOptions};

/// As in the binary: it serves librdkafka too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const SINGLE: u64 = 500;
const LOADED: u64 = 60;
const PER_BARRIER: u64 = 10_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let broker = Kafka::start(KafkaOptions::default()).await?;
    let settings = Settings::new("speed", vec![broker.brokers()]);
    let mut writer = KafkaWriter::new(settings.clone());
    let mut reader = KafkaReader::new(settings.clone());
    let begin = Instant::now();
    writer.recover().await?;
    println!("first recovery, topics made: {:?}", begin.elapsed());
    reader.open(None).await?;
    let schema = schema();

    let (mut committed, mut read) = (Vec::new(), Vec::new());
    for number in 1..=SINGLE {
        let begin = Instant::now();
        writer.send(barrier(number, &schema, 1)).await?;
        reader.next().await?;
        read.push(begin.elapsed());
        writer.ready().await?;
        committed.push(begin.elapsed());
        // A pipeline that is mostly idle.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    print("send to committed", &mut committed);
    print("send to next", &mut read);

    drop(reader);
    let (begin, spent) = (Instant::now(), processor_time()?);
    for number in SINGLE + 1..=SINGLE + LOADED {
        writer.send(barrier(number, &schema, PER_BARRIER)).await?;
    }
    writer.finish().await?;
    rate("written", begin, spent)?;

    let mut reader = KafkaReader::new(settings.clone());
    let begin = Instant::now();
    let after = Ordinal {
        transaction: SINGLE,
        change: 0,
    };
    reader.open(Some(after)).await?;
    println!("opened in the middle: {:?}", begin.elapsed());
    let (begin, spent) = (Instant::now(), processor_time()?);
    for _ in 0..LOADED {
        reader.next().await?;
    }
    rate("read", begin, spent)?;

    let before = processor_time()?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let spent = processor_time()? - before;
    println!("idle reader: {:.1} % of a core", spent * 10.0);
    let begin = Instant::now();
    KafkaWriter::new(settings).recover().await?;
    println!("recovery: {:?}", begin.elapsed());
    Ok(())
}

fn print(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| times[times.len() * percent / 100];
    println!("{what}: median {:?}, 99 % within {:?}", at(50), at(99));
}

fn rate(what: &str, begin: Instant, spent: f64) -> Outcome<()> {
    let seconds = begin.elapsed().as_secs_f64();
    let changes = (LOADED * PER_BARRIER) as f64;
    let per_million = (processor_time()? - spent) * 1e6 / changes;
    println!(
        "{what}: {:.0} changes/s, {per_million:.1} CPU s per million",
        changes / seconds
    );
    Ok(())
}

/// Seconds that this process has computed for.
fn processor_time() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

fn schema() -> Arc<Schema> {
    let column = |name: String, kind| Column {
        name: name.into(),
        kind,
        nullable: true,
    };
    let number = ColumnKind::Integer {
        width: IntegerWidth::Big,
        unsigned: false,
    };
    let text = ColumnKind::Text {
        charset: "utf8mb4".into(),
    };
    let numbers = (0..6).map(|index| column(format!("number_{index}"), number.clone()));
    let texts = (0..6).map(|index| column(format!("text_{index}"), text.clone()));
    Arc::new(Schema {
        name: TableName::new("shop", "orders"),
        columns: numbers.chain(texts).collect(),
        key: vec![0],
    })
}

fn barrier(transaction: u64, schema: &Arc<Schema>, rows: u64) -> Barrier {
    let origin = Arc::new(Origin {
        transaction: None,
        server_id: 1,
        file: "binlog.000001".into(),
        committed_at_ms: 1_700_000_000_000,
    });
    let change = |number: u64| {
        let id = transaction * 1_000_000 + number;
        let numbers = (0..6).map(|index| Value::Int((id + index) as i64));
        let text =
            |index: u64| Value::Text(Text::from(format!("text of {id} and {index}").as_str()));
        let after = Row::new(numbers.chain((0..6).map(text)).collect());
        Change {
            schema: Arc::clone(schema),
            ordinal: Ordinal {
                transaction,
                change: number,
            },
            kind: ChangeKind::Insert { after },
            origin: Arc::clone(&origin),
            place: Place {
                offset: 100 * transaction,
                row: number as u32,
            },
        }
    };
    Barrier {
        checkpoint: Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: Ordinal {
                transaction,
                change: rows - 1,
            },
            position: Position::MySql(MySqlPosition {
                server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562".into(),
                gtid_set: Arc::new(GtidSet::default()),
                log: LogPosition::new("binlog.000001", 100 * transaction),
            }),
            torn: None,
            committed_at_ms: 1_700_000_000_000,
        },
        changes: (0..rows).map(change).collect(),
        kind: BarrierKind::Stream,
        emptied: Vec::new(),
        loosened: Vec::new(),
        described: Vec::new(),
        progress: Vec::new(),
        mapping: MappingVersion {
            version: 1,
            hash: "5eed".into(),
        },
    }
}
