//! The port's implementation: where the log's head is, and opening a stream after a checkpoint.

use super::follow::{Follower, Opening};
use super::history::History;
use super::known::{KeyOverrides, KnownTables};
use super::mariadb;
use super::reach::Reach;
use super::resume::{self, value};
use crate::binlog::dump::{Beginning, Dump};
use crate::charset::Charsets;
use crate::connect::ConnectOptions;
use crate::connection::Connection;
use crate::describe::Readings;
use crate::error::Error;
use crate::family::Family;
use change::{Checkpoint, LogPosition, MySqlPosition, Position, TableName};
use flow::Failure;
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Parcels between the stream's task and its reader.
const PARCELS: usize = 4;

/// What a stream is read with.
#[derive(Clone)]
pub struct SourceOptions {
    pub connect: ConnectOptions,
    /// The tables that the configuration selects; others are skipped without a look at their rows.
    pub selected: Arc<dyn Fn(&TableName) -> bool + Send + Sync>,
    pub charsets: Arc<Charsets>,
    /// Keys of tables that have no primary key.
    pub keys: KeyOverrides,
    /// Tables that DROP DATABASE may concern; filled at each opening with those that exist.
    pub known: KnownTables,
    /// What was read of the catalogue, which the stream outdates.
    pub readings: Readings,
    /// The server id of the dump; a random one where `None`. Two dumps with one id end each other.
    pub server_id: Option<u32>,
    /// Where the rows of XA transactions wait until these are decided: in a file without a name.
    pub spill_folder: PathBuf,
}

/// MySQL's binlog as a source of changes.
pub struct Source {
    options: SourceOptions,
}

/// An open stream. Dropping it closes the connection.
pub struct Stream {
    parcels: mpsc::Receiver<Result<Vec<SourceEvent>, Error>>,
    ready: VecDeque<SourceEvent>,
    task: JoinHandle<()>,
    address: String,
}

impl Source {
    pub fn new(options: SourceOptions) -> Self {
        Self { options }
    }

    pub(super) async fn connect(&self) -> Result<(Connection, Family), Error> {
        let mut connection = Connection::connect(&self.options.connect).await?;
        let family = resume::check_family(&mut connection).await?;
        Ok((connection, family))
    }

    async fn read_head(&self) -> Result<Position, Error> {
        let (mut connection, family) = self.connect().await?;
        match family {
            Family::MySql => Ok(Position::MySql(mysql_head(&mut connection).await?)),
            Family::MariaDb => Ok(Position::MariaDb(mariadb::head(&mut connection).await?)),
        }
    }

    async fn start(&self, after: &Checkpoint) -> Result<Stream, Error> {
        let (mut connection, family) = self.connect().await?;
        let server: Arc<str> = match (family, &after.position) {
            (Family::MySql, position) => {
                let expected = match position {
                    Position::MySql(position) => Arc::clone(&position.gtid_set),
                    // Refused below.
                    Position::MariaDb(_) => Arc::default(),
                };
                let state = resume::read_state(&mut connection, &expected).await?;
                resume::check(&state, after)?;
                state.server_uuid.into()
            }
            (Family::MariaDb, _) => {
                let history = mariadb::history(&mut connection).await?;
                mariadb::check(connection.address(), &history, after)?;
                history.server
            }
        };
        let selected = Arc::clone(&self.options.selected);
        let tables = existing_tables(&mut connection).await?;
        self.options
            .known
            .extend(tables.into_iter().filter(|table| selected(table)));
        let (reach, follows_xa) = match family {
            Family::MySql => (
                Reach::read(&mut connection).await?,
                resume::follows_xa(connection.server_version()),
            ),
            // A position of MariaDB has no room for a PREPARE that is left out.
            Family::MariaDb => (Reach::default(), false),
        };
        let server_id = self.options.server_id.unwrap_or_else(random_server_id);
        let position = &after.position;
        let beginning = match position {
            Position::MySql(position) => Beginning::MySql(&position.gtid_set),
            Position::MariaDb(position) => Beginning::MariaDb(&position.gtids),
        };
        let dump = Dump::start(connection, server_id, beginning).await?;
        let (sender, parcels) = mpsc::channel(PARCELS);
        let same_server = server == *position.server();
        let opening = Opening {
            server,
            opened_at: same_server.then(|| position.log().clone()),
            history: History::through(position),
            follows_xa,
            reach,
        };
        let follower = Follower::new(self.options.clone(), dump, opening, sender);
        tracing::debug!(server_id, %position, "binlog stream opened");
        Ok(Stream {
            parcels,
            ready: VecDeque::new(),
            task: tokio::spawn(follower.run()),
            address: self.options.connect.address(),
        })
    }
}

impl ChangeSource for Source {
    type Stream = Stream;

    async fn head(&mut self) -> Result<Position, Failure> {
        Ok(self.read_head().await?)
    }

    async fn open(&mut self, after: &Checkpoint) -> Result<Stream, Failure> {
        Ok(self.start(after).await?)
    }
}

impl ChangeStream for Stream {
    async fn next(&mut self) -> Result<SourceEvent, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match self.parcels.recv().await {
                Some(parcel) => self.ready = parcel?.into(),
                // The error that ended the stream was told before.
                None => {
                    let reason = "the stream has ended".to_owned();
                    return Err(Error::Lost {
                        address: self.address.clone(),
                        reason,
                    }
                    .into());
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn mysql_head(connection: &mut Connection) -> Result<MySqlPosition, Error> {
    let log = log_head(connection).await?;
    // A transaction is in the file before it is in gtid_executed; in between its GTID is owned.
    // Everything before the head is executed once all that is owned now is.
    let owned = value(connection, "SELECT @@GLOBAL.gtid_owned").await?;
    let owned = owned_set(&owned);
    if !owned.is_empty() {
        let owned = resume::parse_set(connection, &owned)?;
        connection
            .query(&format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{owned}', 15)"))
            .await?;
    }
    let state = resume::read_state(connection, &change::GtidSet::default()).await?;
    Ok(MySqlPosition {
        server_uuid: state.server_uuid.into(),
        gtid_set: Arc::new(state.executed),
        log,
    })
}

pub(super) async fn log_head(connection: &mut Connection) -> Result<LogPosition, Error> {
    const SYNTAX_ERROR: u16 = 1064;
    // The newer spelling came with MySQL 8.2, and 8.4 no longer knows the older one.
    let rows = match connection.query("SHOW BINARY LOG STATUS").await {
        Err(Error::Statement {
            number: SYNTAX_ERROR,
            ..
        }) => connection.query("SHOW MASTER STATUS").await?,
        answer => answer?,
    };
    let row = rows.into_iter().next().unwrap_or_default();
    let text = |index: usize| {
        row.get(index)
            .and_then(Option::as_deref)
            .map(String::from_utf8_lossy)
    };
    let (Some(file), Some(offset)) = (text(0), text(1)) else {
        return Err(Error::NoBinaryLog {
            address: connection.address().to_owned(),
        });
    };
    let offset = offset.parse().map_err(|_| Error::Protocol {
        address: connection.address().to_owned(),
        reason: "its binlog's offset is not a number".to_owned(),
    })?;
    Ok(LogPosition::new(file.as_ref(), offset))
}

async fn existing_tables(connection: &mut Connection) -> Result<Vec<TableName>, Error> {
    let statement = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' \
        AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')";
    let rows = connection.query(statement).await?;
    let name = |row: &Vec<Option<bytes::Bytes>>| match row.as_slice() {
        [Some(database), Some(table)] => Some(TableName::new(
            String::from_utf8_lossy(database),
            String::from_utf8_lossy(table),
        )),
        _ => None,
    };
    Ok(rows.iter().filter_map(name).collect())
}

/// `uuid:number#owner:number#owner` to a set: the owners are left out.
fn owned_set(text: &str) -> String {
    let mut set = String::new();
    let mut in_owner = false;
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        match character {
            '#' => in_owner = true,
            _ if in_owner && character.is_ascii_digit() => {}
            _ => {
                in_owner = false;
                set.push(character);
            }
        }
    }
    set
}

/// Random enough that no two dumps share it; never 0, which is no server.
pub(super) fn random_server_id() -> u32 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_taken_off_owned_gtids() {
        let owned = "3e11fa47-71ca-11e1-9e33-c80aa9429562:5#12:7#13,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:blue:1#4";
        let expected =
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:5:7,4e11fa47-71ca-11e1-9e33-c80aa9429562:blue:1";
        assert_eq!(owned_set(owned), expected);
    }
}
