//! How long one row takes from its values to its document: twelve columns, about 250 bytes.
//!
//! `cargo bench -p mapping` prints the median of several rounds for an insert, for an update of
//! the same key and for a delete.

use change::{
    ChangeKind, Column, ColumnKind, DateTime, Decimal, IntegerWidth, Row, Schema, TableName,
    Timestamp, Value,
};
use mapping::{Mapper, MappingConfig, RowCounter, TableMapper};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROWS: u32 = 100_000;
const ROUNDS: usize = 15;

fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.into(),
        kind,
        nullable: true,
    }
}

fn integer(width: IntegerWidth) -> ColumnKind {
    ColumnKind::Integer {
        width,
        unsigned: false,
    }
}

fn table() -> TableMapper {
    let text = || ColumnKind::Text {
        charset: "utf8mb4".into(),
    };
    let mut key = column("id", integer(IntegerWidth::Big));
    key.nullable = false;
    let columns = vec![
        key,
        column("customer", integer(IntegerWidth::Int)),
        column("state", integer(IntegerWidth::Tiny)),
        column(
            "total",
            ColumnKind::Decimal {
                precision: 12,
                scale: 2,
            },
        ),
        column("weight", ColumnKind::Double),
        column("name", text()),
        column("street", text()),
        column("note", text()),
        column("created", ColumnKind::DateTime { fraction: 3 }),
        column("updated", ColumnKind::Timestamp { fraction: 0 }),
        column("token", ColumnKind::Binary { fixed: Some(16) }),
        column("parent", integer(IntegerWidth::Big)),
    ];
    let schema = Schema {
        name: TableName::new("shop", "orders"),
        columns,
        key: vec![0],
    };
    Mapper::new(MappingConfig::default())
        .compile(&Arc::new(schema))
        .expect("the table can be mapped")
        .with_unique(["token"])
}

fn row(state: i64) -> Row {
    let created = Timestamp {
        seconds: 1_704_164_645,
        microsecond: 123_000,
    };
    let wall: DateTime = created.wall_clock();
    Row::new(vec![
        Value::Int(123_456_789),
        Value::Int(4711),
        Value::Int(state),
        Value::Decimal(Decimal::new(1_234_567, 2)),
        Value::Double(12.75),
        Value::Text("Margarete Sommerfeld-Hansen".into()),
        Value::Text("Lange Straße 117, Hinterhaus, 20359 Hamburg".into()),
        Value::Text(
            "Please ring twice and leave it with the neighbours; "
                .repeat(2)
                .into(),
        ),
        Value::DateTime(wall),
        Value::Timestamp(created),
        Value::Bytes(vec![7; 16].into()),
        Value::Null,
    ])
}

fn main() {
    let mapper = table();
    println!("{} bytes of values in the row", row(1).heap_bytes());
    for (name, change) in [
        ("insert", ChangeKind::Insert { after: row(1) }),
        (
            "update",
            ChangeKind::Update {
                before: row(1),
                after: row(2),
            },
        ),
        ("delete", ChangeKind::Delete { before: row(1) }),
    ] {
        let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| round(&mapper, &change)).collect();
        rounds.sort();
        let nanoseconds = rounds[ROUNDS / 2].as_nanos() / u128::from(ROWS);
        println!("{name}: {nanoseconds} ns per row");
    }
}

fn round(mapper: &TableMapper, change: &ChangeKind<Row>) -> Duration {
    let mut counter = RowCounter::new();
    let mut out = Vec::with_capacity(1);
    let start = Instant::now();
    for _ in 0..ROWS {
        out.clear();
        mapper
            .effects(black_box(change), &mut counter, &mut out)
            .expect("the row can be mapped");
        black_box(&out);
    }
    start.elapsed()
}
