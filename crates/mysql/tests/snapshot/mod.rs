//! The snapshot reader against a real server.
//!
//! One server serves all of these tests, each in a database of its own; it ends with the process.

mod chunks;
mod planning;
mod preflight;
pub(crate) mod values;
mod windows;

use change::{GtidSet, LogPosition, MySqlPosition, Position, TableDescription, TableName};
use flow::ports::{Chunk, ChunkRequest, SnapshotReader};
use mysql::{Charsets, ConnectOptions, Reader, ReaderOptions};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use testbed::servers::{MySql, MySqlOptions};
use tokio::sync::OnceCell;

static SERVER: OnceCell<MySql> = OnceCell::const_new();

/// The server that these tests share.
pub async fn server() -> &'static MySql {
    let start = || async {
        MySql::start(MySqlOptions::default())
            .await
            .expect("the server starts")
    };
    SERVER.get_or_init(start).await
}

/// A database of one test, with a connection to fill it.
pub struct Database {
    pub name: &'static str,
    pub connection: Conn,
    options: ConnectOptions,
    /// Where it is not the shared one; it ends with this value.
    _server: Option<MySql>,
}

impl Database {
    pub async fn create(name: &'static str) -> Self {
        let options = ConnectOptions::from_url(&server().await.url()).unwrap();
        let mut connection = Conn::new(options.to_mysql_async(false)).await.unwrap();
        connection
            .query_drop(format!("CREATE DATABASE `{name}`"))
            .await
            .unwrap();
        connection
            .query_drop(format!("USE `{name}`"))
            .await
            .unwrap();
        Self {
            name,
            connection,
            options,
            _server: None,
        }
    }

    /// On a server that was started with these arguments and ends with the process.
    pub async fn on_a_server_of_its_own(name: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        let server = MySql::start(MySqlOptions {
            arguments,
            ..MySqlOptions::default()
        })
        .await
        .unwrap();
        let options = ConnectOptions::from_url(&server.url()).unwrap();
        let connection = Conn::new(options.to_mysql_async(false)).await.unwrap();
        let mut database = Self {
            name,
            connection,
            options,
            _server: Some(server),
        };
        database.run(&format!("CREATE DATABASE `{name}`")).await;
        database
    }

    pub async fn run(&mut self, statement: &str) {
        if let Err(error) = self.connection.query_drop(statement).await {
            panic!("{statement}: {error}");
        }
    }

    /// A table `numbers` with the column `n` from 1 to this.
    pub async fn numbers(&mut self, count: u32) {
        self.run("SET SESSION cte_max_recursion_depth = 10000000")
            .await;
        self.run("CREATE TABLE numbers (n INT PRIMARY KEY)").await;
        self.run(&format!(
            "INSERT INTO numbers WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r \
             WHERE n < {count}) SELECT n FROM r"
        ))
        .await;
    }

    pub fn table(&self, name: &str) -> TableName {
        TableName::new(self.name, name)
    }

    pub async fn reader(&self) -> Reader {
        self.reader_with_identity(BTreeMap::new()).await
    }

    pub async fn reader_with_identity(
        &self,
        identity_columns: BTreeMap<TableName, Vec<String>>,
    ) -> Reader {
        self.reader_of(self.options.clone(), identity_columns).await
    }

    pub async fn reader_as(&self, user: &str, password: &str) -> Reader {
        let url = server().await.url_of(user, password);
        let options = ConnectOptions::from_url(&url).unwrap();
        self.reader_of(options, BTreeMap::new()).await
    }

    async fn reader_of(
        &self,
        options: ConnectOptions,
        identity_columns: BTreeMap<TableName, Vec<String>>,
    ) -> Reader {
        let name = self.name;
        let options = ReaderOptions {
            connect: options.to_mysql_async(false).into(),
            selected: Arc::new(move |table| &*table.database == name),
            identity_columns: Arc::new(identity_columns),
            keys: mysql::KeyOverrides::default(),
            readings: mysql::Readings::default(),
            visible_within: Duration::from_secs(10),
        };
        let charsets = Charsets::connect(&self.options).await.unwrap();
        Reader::new(options, charsets)
    }
}

/// A place before everything: nothing has to be waited for.
pub fn beginning() -> Position {
    Position::MySql(MySqlPosition {
        server_uuid: "".into(),
        gtid_set: Arc::new(GtidSet::default()),
        log: LogPosition::new("binlog.000001", 4),
    })
}

/// The description of a table that exists.
pub async fn described(reader: &mut Reader, table: &TableName) -> Arc<TableDescription> {
    Arc::new(reader.describe(table).await.unwrap().unwrap())
}

/// The whole table in one chunk.
pub async fn read_whole(reader: &mut Reader, table: &Arc<TableDescription>) -> Chunk {
    read_whole_after(reader, table, beginning()).await
}

/// The same, with all up to C in it.
pub async fn read_whole_after(
    reader: &mut Reader,
    table: &Arc<TableDescription>,
    after: Position,
) -> Chunk {
    let request = ChunkRequest {
        table: table.clone(),
        extent: reconcile::Extent::Range(change::KeyRange::default()),
        after,
        max_rows: 1_000_000,
        max_bytes: 1 << 30,
    };
    reader.read(&request).await.unwrap().unwrap()
}
