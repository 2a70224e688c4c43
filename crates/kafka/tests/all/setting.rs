//! Brokers and logs for tests. Each log is a pipeline of its own name, so that a broker serves many.

use change::{
    Barrier, BarrierKind, Change, ChangeKind, Checkpoint, Column, ColumnKind, IntegerWidth,
    LogPosition, MappingVersion, MySqlPosition, Ordinal, Origin, Place, Position, Row, Schema,
    TableName, Text, Value,
};
use flow::ports::{LogWriter, Tail};
use kafka::{KafkaReader, KafkaWriter, Settings};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testbed::conformance::log::LogSetting;
use testbed::servers::{Kafka, KafkaOptions};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// A pipeline's log.
#[derive(Clone)]
pub struct Log {
    pub settings: Settings,
}

impl Log {
    /// A log that nobody has written to.
    pub fn fresh(broker: &Kafka) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut settings = Settings::new(format!("shop-{number}"), vec![broker.brokers()]);
        settings.patience = Duration::from_secs(20);
        Self { settings }
    }

    /// Commits barriers of two rows each, by a writer of their own.
    pub async fn write(&self, numbers: RangeInclusive<u64>) {
        let mut writer = self.writer();
        writer.recover().await.unwrap();
        for number in numbers {
            let barrier = inserts(number, &schema("orders"), 2);
            writer.send(barrier).await.unwrap();
        }
        writer.finish().await.unwrap();
    }

    pub fn writer(&self) -> KafkaWriter {
        KafkaWriter::new(self.settings.clone())
    }

    pub fn reader(&self) -> KafkaReader {
        KafkaReader::new(self.settings.clone())
    }
}

impl LogSetting for Log {
    type Writer = KafkaWriter;
    type Reader = KafkaReader;

    fn ends(&self, _: &Tail) -> (KafkaWriter, KafkaReader) {
        (self.writer(), self.reader())
    }
}

/// A broker that all tests share which do nothing to it. It ends with this process.
pub async fn shared() -> &'static Kafka {
    static SHARED: OnceCell<Kafka> = OnceCell::const_new();
    let start = async || Kafka::start(KafkaOptions::default()).await.unwrap();
    SHARED.get_or_init(start).await
}

/// A broker of a test's own. One at a time: a broker that has to share a small machine with many
/// others misses its own heartbeats.
pub async fn own(options: KafkaOptions) -> (Kafka, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    (Kafka::start(options).await.unwrap(), alone)
}

pub fn schema(table: &str) -> Arc<Schema> {
    let column = |name: &str, kind| Column {
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
    Arc::new(Schema {
        name: TableName::new("shop", table),
        columns: vec![column("id", number), column("name", text)],
        key: vec![0],
    })
}

/// A table whose rows have no key.
pub fn keyless(table: &str) -> Arc<Schema> {
    let mut schema = (*schema(table)).clone();
    schema.key.clear();
    Arc::new(schema)
}

pub fn row(id: i64, name: &str) -> Row {
    Row::new(vec![Value::Int(id), Value::Text(Text::from(name))])
}

/// A barrier of one transaction with these changes.
pub fn barrier(transaction: u64, changes: Vec<(Arc<Schema>, ChangeKind)>) -> Barrier {
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let origin = Arc::new(Origin {
        transaction: Some(format!("{uuid}:{transaction}").into()),
        server_id: 1,
        file: "binlog.000001".into(),
        committed_at_ms: 1_700_000_000_000,
    });
    let count = changes.len() as u64;
    let changes = (0..).zip(changes).map(|(number, (schema, kind))| Change {
        schema,
        ordinal: Ordinal {
            transaction,
            change: number,
        },
        kind,
        origin: Arc::clone(&origin),
        place: Place {
            offset: 100 * transaction,
            row: u32::try_from(number).unwrap(),
        },
    });
    let gtid_set = format!("{uuid}:1-{transaction}").parse().unwrap();
    Barrier {
        checkpoint: Checkpoint {
            format: Checkpoint::FORMAT,
            ordinal: Ordinal {
                transaction,
                change: count.saturating_sub(1),
            },
            position: Position::MySql(MySqlPosition {
                server_uuid: uuid.into(),
                gtid_set: Arc::new(gtid_set),
                log: LogPosition::new("binlog.000001", 100 * transaction),
            }),
            torn: None,
            committed_at_ms: 1_700_000_000_000,
        },
        changes: changes.collect(),
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

/// Inserts of so many rows.
pub fn inserts(transaction: u64, schema: &Arc<Schema>, rows: u64) -> Barrier {
    let insert = |number: u64| {
        let id = i64::try_from(transaction * 1_000_000 + number).unwrap();
        let after = row(id, &format!("row {number}"));
        (Arc::clone(schema), ChangeKind::Insert { after })
    };
    barrier(transaction, (0..rows).map(insert).collect())
}
