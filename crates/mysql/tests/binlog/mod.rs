//! The change stream against real servers.

mod charsets;
pub(crate) mod column_types;
mod connections;
mod partial;
mod statements;
mod transactions;
mod xa;

use change::{ChangeKind, Checkpoint, Ordinal, Position, Row, TableEventKind, TableName, Value};
use flow::Failure;
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};
use mysql::{
    Charsets, ConnectOptions, KeyOverrides, KnownTables, Readings, Source, SourceOptions, Stream,
};
use mysql_async::prelude::Queryable;
use std::sync::Arc;
use testbed::servers::{MySql, MySqlOptions, Product};

/// A server, a session on it, and what a stream is opened with.
pub(crate) struct Stage {
    pub(crate) server: MySql,
    pub(crate) session: mysql_async::Conn,
    pub(crate) options: SourceOptions,
}

impl Stage {
    /// A server with a database `shop`, of which all tables are selected.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_on(Product::MySql, arguments).await
    }

    /// The same on another product.
    pub(crate) async fn start_on(product: Product, arguments: &[&str]) -> Self {
        let arguments = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        let server = MySql::start(MySqlOptions { arguments, product })
            .await
            .unwrap();
        let connect = ConnectOptions::from_url(&server.url()).unwrap();
        let mut session = mysql_async::Conn::new(connect.to_mysql_async(!product.is_mariadb()))
            .await
            .unwrap();
        session.query_drop("CREATE DATABASE shop").await.unwrap();
        session.query_drop("USE shop").await.unwrap();
        let options = SourceOptions {
            charsets: Charsets::connect(&connect).await.unwrap(),
            connect,
            selected: Arc::new(|table: &TableName| &*table.database == "shop"),
            keys: KeyOverrides::default(),
            known: KnownTables::default(),
            readings: Readings::default(),
            server_id: None,
            spill_folder: std::env::temp_dir(),
        };
        Self {
            server,
            session,
            options,
        }
    }

    pub(crate) async fn run(&mut self, statements: &[&str]) {
        for statement in statements {
            self.session
                .query_drop(*statement)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// The first column of all rows, as the server prints it.
    pub(crate) async fn select(&mut self, statement: &str) -> Vec<Option<String>> {
        let rows: Vec<mysql_async::Row> = self.session.query(statement).await.unwrap();
        let text = |value: mysql_async::Value| match value {
            mysql_async::Value::NULL => None,
            mysql_async::Value::Bytes(bytes) => Some(String::from_utf8(bytes).unwrap()),
            other => panic!("the text protocol has only strings: {other:?}"),
        };
        rows.into_iter()
            .map(|row| text(row.unwrap().into_iter().next().unwrap()))
            .collect()
    }

    pub(crate) fn source(&self) -> Source {
        Source::new(self.options.clone())
    }

    pub(crate) async fn head(&self) -> Position {
        self.source().head().await.unwrap()
    }

    pub(crate) async fn open(&self, after: &Position) -> Result<Stream, Failure> {
        self.source().open(&checkpoint(after)).await
    }

    /// All events from a position to where the head is now.
    pub(crate) async fn events(&self, after: &Position) -> Vec<SourceEvent> {
        let head = self.head().await;
        let mut stream = self.open(after).await.unwrap();
        self.events_of(&mut stream, &head).await
    }

    /// What a stream tells up to a position.
    async fn events_of(&self, stream: &mut Stream, head: &Position) -> Vec<SourceEvent> {
        let mut events = Vec::new();
        loop {
            let event = stream.next().await.unwrap();
            let reached = match &event {
                SourceEvent::Commit { position } | SourceEvent::Heartbeat { position } => {
                    position.log().has_reached(head.log())
                }
                SourceEvent::Begin { .. }
                | SourceEvent::Rows { .. }
                | SourceEvent::Partial { .. }
                | SourceEvent::Table(_) => false,
            };
            if !matches!(event, SourceEvent::Heartbeat { .. }) {
                events.push(event);
            }
            if reached {
                return events;
            }
        }
    }

    /// Runs the statements and tells what the stream says of them, in words.
    pub(crate) async fn told(&mut self, statements: &[&str]) -> Vec<String> {
        let before = self.head().await;
        self.run(statements).await;
        self.events(&before).await.iter().flat_map(words).collect()
    }
}

pub(crate) fn checkpoint(position: &Position) -> Checkpoint {
    Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal::default(),
        position: position.clone(),
        torn: None,
        committed_at_ms: 0,
    }
}

/// All row changes among the events.
pub(crate) fn changes(events: &[SourceEvent]) -> Vec<ChangeKind<Row>> {
    let rows = |event: &SourceEvent| match event {
        SourceEvent::Rows { rows, .. } => rows.iter().map(|row| row.kind.clone()).collect(),
        _ => Vec::new(),
    };
    events.iter().flat_map(rows).collect()
}

/// An event in words: rows by their first column.
fn words(event: &SourceEvent) -> Vec<String> {
    let first = |row: &Row| match &row[0] {
        change::Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    match event {
        SourceEvent::Begin { .. } => vec!["begin".to_owned()],
        SourceEvent::Commit { .. } => vec!["commit".to_owned()],
        SourceEvent::Heartbeat { .. } => vec!["heartbeat".to_owned()],
        SourceEvent::Table(event) => vec![match &event.kind {
            TableEventKind::Unsupported(trouble) => format!("{} {}", event.table, trouble.code),
            TableEventKind::Altered(alteration) => {
                let what = match (alteration.rows, alteration.columns) {
                    (true, _) => "rows",
                    (false, true) => "columns",
                    (false, false) => "definition",
                };
                format!("{} altered: {what}", event.table)
            }
            other => format!("{} {other:?}", event.table),
        }],
        SourceEvent::Partial { schema, rows } => {
            let image = |image: &Option<Box<[Option<Value>]>>| match image {
                None => "-".to_owned(),
                Some(image) => {
                    let columns = image.iter().map(|column| match column {
                        None => "_".to_owned(),
                        Some(Value::Int(number)) => number.to_string(),
                        Some(Value::Text(text)) => text.as_str().to_owned(),
                        Some(other) => format!("{other:?}"),
                    });
                    columns.collect::<Vec<_>>().join(",")
                }
            };
            let table = &schema.name.table;
            rows.iter()
                .map(|row| format!("{table} {} > {}", image(&row.before), image(&row.after)))
                .collect()
        }
        SourceEvent::Rows { schema, rows } => rows
            .iter()
            .map(|change| {
                let table = &schema.name.table;
                match &change.kind {
                    ChangeKind::Insert { after } => format!("{table} +{}", first(after)),
                    ChangeKind::Update { before, after } => {
                        format!("{table} {}>{}", first(before), first(after))
                    }
                    ChangeKind::Delete { before } => format!("{table} -{}", first(before)),
                    ChangeKind::Read { row } | ChangeKind::Gone { key: row } => {
                        format!("{table} ={}", first(row))
                    }
                }
            })
            .collect(),
    }
}
