//! The laws that every source and every snapshot keeps, held against the real ones.

use change::{Row, TableName, Value};
use mysql::{
    Charsets, ConnectOptions, KeyOverrides, KnownTables, Reader, ReaderOptions, Source,
    SourceOptions,
};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testbed::conformance::snapshot::SnapshotSetting;
use testbed::conformance::source::SourceSetting;
use testbed::conformance::{snapshot, source};
use testbed::memory::Statement;
use testbed::servers::{MySql, MySqlOptions, Product};

/// A database of its own on a server that the laws share.
struct Database {
    name: String,
    session: Conn,
    connect: ConnectOptions,
    charsets: Arc<Charsets>,
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Database {
    async fn fresh(server: &MySql) -> Self {
        let name = format!("laws_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let connect = ConnectOptions::from_url(&server.url()).unwrap();
        let encrypted = !server.product().is_mariadb();
        let mut session = Conn::new(connect.to_mysql_async(encrypted)).await.unwrap();
        let create = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
        session.query_drop(create).await.unwrap();
        let charsets = Charsets::connect(&connect).await.unwrap();
        Self {
            name,
            session,
            connect,
            charsets,
        }
    }

    fn selected(&self) -> Arc<dyn Fn(&TableName) -> bool + Send + Sync> {
        let name = self.name.clone();
        Arc::new(move |table| *table.database == *name)
    }
}

impl SourceSetting for Database {
    type Source = Source;

    fn source(&self) -> Source {
        Source::new(SourceOptions {
            connect: self.connect.clone(),
            selected: self.selected(),
            charsets: self.charsets.clone(),
            keys: KeyOverrides::default(),
            known: KnownTables::default(),
            readings: mysql::Readings::default(),
            server_id: None,
            spill_folder: std::env::temp_dir(),
        })
    }

    fn table(&self, name: &str) -> TableName {
        TableName::new(self.name.as_str(), name)
    }

    async fn commit(&mut self, statements: &[Statement]) {
        let mut text: Vec<String> = statements.iter().map(sql).collect();
        if statements.len() > 1 {
            text.insert(0, "BEGIN".to_owned());
            text.push("COMMIT".to_owned());
        }
        for statement in text {
            if let Err(error) = self.session.query_drop(&statement).await {
                panic!("{statement}: {error}");
            }
        }
    }
}

impl SnapshotSetting for Database {
    type Reader = Reader;

    fn reader(&self) -> Reader {
        let options = ReaderOptions {
            connect: self.connect.to_mysql_async(false).into(),
            selected: self.selected(),
            identity_columns: Arc::new(BTreeMap::new()),
            keys: KeyOverrides::default(),
            readings: mysql::Readings::default(),
            visible_within: Duration::from_secs(10),
        };
        Reader::new(options, self.charsets.clone())
    }
}

fn sql(statement: &Statement) -> String {
    match statement {
        Statement::Create(table) => {
            let schema = &table.schema;
            let keyed = !schema.key.is_empty();
            let key = if keyed { " NOT NULL PRIMARY KEY" } else { "" };
            let unique = if table.indexes.is_empty() {
                ""
            } else {
                " UNIQUE"
            };
            let name = &schema.name;
            format!("CREATE TABLE {name} (id BIGINT{key}, label VARCHAR(40){unique})")
        }
        Statement::Insert { table, row } => {
            format!("INSERT INTO {table} VALUES ({}, {})", id(row), label(row))
        }
        Statement::Update { table, from, to } => format!(
            "UPDATE {table} SET id = {}, label = {} WHERE id = {}",
            id(to),
            label(to),
            id(from)
        ),
        Statement::Delete { table, row } => format!("DELETE FROM {table} WHERE id = {}", id(row)),
        Statement::Truncate(table) => format!("TRUNCATE TABLE {table}"),
        Statement::Drop(table) => format!("DROP TABLE {table}"),
    }
}

fn id(row: &Row) -> i64 {
    let Value::Int(id) = row[0] else {
        panic!("ids are whole numbers: {row:?}");
    };
    id
}

fn label(row: &Row) -> String {
    let Value::Text(label) = &row[1] else {
        panic!("labels are text: {row:?}");
    };
    format!("'{label}'")
}

async fn server(product: Product) -> MySql {
    MySql::start(MySqlOptions {
        product,
        ..MySqlOptions::default()
    })
    .await
    .unwrap()
}

async fn the_source_keeps_its_laws(product: Product) {
    let server = server(product).await;
    let fresh = async || Database::fresh(&server).await;
    source::check(fresh).await.unwrap();
}

async fn the_snapshot_keeps_its_laws(product: Product) {
    let server = server(product).await;
    let fresh = async || Database::fresh(&server).await;
    snapshot::check(fresh).await.unwrap();
}

#[tokio::test]
async fn the_source_keeps_the_laws_of_its_port() {
    the_source_keeps_its_laws(Product::MySql).await;
}

#[tokio::test]
async fn the_snapshot_keeps_the_laws_of_its_port() {
    the_snapshot_keeps_its_laws(Product::MySql).await;
}

#[tokio::test]
async fn mariadb_10_11_keeps_the_laws_of_a_source() {
    the_source_keeps_its_laws(Product::MariaDb1011).await;
}

#[tokio::test]
async fn mariadb_10_11_keeps_the_laws_of_a_snapshot() {
    the_snapshot_keeps_its_laws(Product::MariaDb1011).await;
}

#[tokio::test]
async fn mariadb_11_8_keeps_the_laws_of_a_source() {
    the_source_keeps_its_laws(Product::MariaDb118).await;
}

#[tokio::test]
async fn mariadb_11_8_keeps_the_laws_of_a_snapshot() {
    the_snapshot_keeps_its_laws(Product::MariaDb118).await;
}
