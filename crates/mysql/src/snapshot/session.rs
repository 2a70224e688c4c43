//! A connection that reads values exactly, made again when it was lost.
//!
//! Every setting that could change what a SELECT returns is set on the session, whatever the
//! server's defaults are: the time zone, the character set of results (none: bytes as stored), the
//! SQL mode (no CHAR padding), the isolation level. The server's family is known with the
//! connection, since the two spell some of the settings in their own ways. A failed call drops the connection where its
//! state is in doubt; the next call makes a new one.

use super::SnapshotError;
use crate::family::Family;
use change::{GtidSet, LogPosition};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Row};
use reconcile::{Low, WindowBounds};
use std::sync::Arc;
use std::time::Duration;

/// What a session sets on itself. All of these variables exist since MySQL 8.0.
/// ALLOW_INVALID_DATES lets a stored `2024-02-31` be compared as the bound of a range.
/// The timeouts are those of a reader that may be held up by the target for a while.
const SETTINGS: &str = "SET SESSION time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES', \
     character_set_results = NULL, transaction_isolation = 'REPEATABLE-READ', autocommit = 1, \
     net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 86400, \
     lock_wait_timeout = 30, max_execution_time = 0, sql_select_limit = 18446744073709551615, \
     sql_big_selects = 1, group_concat_max_len = 1073741824, range_optimizer_max_mem_size = 0, \
     information_schema_stats_expiry = 0";

/// The same on MariaDB, and its own limit of a statement's time.
const MARIADB_SETTINGS: &str = "SET SESSION time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES', \
     character_set_results = NULL, autocommit = 1, \
     net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 86400, \
     lock_wait_timeout = 30, max_statement_time = 0, sql_select_limit = 18446744073709551615, \
     sql_big_selects = 1, group_concat_max_len = 1073741824";

const MARIADB_ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// From 8.0.30 on a server may hide the primary keys that it generated itself; row events have them.
const SHOW_GENERATED_KEYS: &str =
    "SET SESSION show_gipk_in_create_table_and_information_schema = ON";

/// How far the server is, taken before a read view opens.
#[derive(Clone, Debug)]
pub(crate) struct Executed {
    pub(crate) server_uuid: Arc<str>,
    pub(crate) server_id: u32,
    /// The server's clock, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) gtid_set: Arc<GtidSet>,
}

impl Executed {
    /// What is known of a view that opened after this, where the log ended at `high` afterwards.
    pub(super) fn until(self, high: LogPosition) -> WindowBounds {
        WindowBounds {
            server: self.server_uuid,
            server_id: self.server_id,
            read_at_ms: self.at_ms,
            low: Low::Transactions(self.gtid_set),
            high,
        }
    }
}

/// A connection with the settings above.
pub(crate) struct Session {
    options: Opts,
    connection: Option<Conn>,
    /// Of the server that was connected to last.
    family: Option<Family>,
}

impl Session {
    /// A session that connects at its first use.
    pub(crate) fn new(options: Opts) -> Self {
        let options = OptsBuilder::from_opts(options)
            // Statements are prepared once per chunk and closed after it.
            .stmt_cache_size(0)
            .max_allowed_packet(Some(1 << 30))
            .wait_timeout(Some(86_400))
            .tcp_keepalive(Some(Duration::from_secs(20)))
            .prefer_socket(false)
            .into();
        Self {
            options,
            connection: None,
            family: None,
        }
    }

    /// The connection, made now where there is none.
    pub(crate) async fn connection(&mut self) -> Result<&mut Conn, SnapshotError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// The server's family.
    pub(crate) async fn family(&mut self) -> Result<Family, SnapshotError> {
        if let Some(family) = self.family {
            return Ok(family);
        }
        self.connection().await?;
        self.family
            .ok_or_else(|| not_understood("asking for the server's version"))
    }

    /// Drops the connection: its state is in doubt.
    pub(crate) fn forget(&mut self) {
        self.connection = None;
    }

    /// Ends the connection on the server too, so that a result nobody will read is not sent on.
    pub(crate) async fn abandon(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let identifier = connection.id();
        let mut other = Self::new(self.options.clone());
        // Where it cannot be ended this way, dropping it ends it when the result has passed.
        if let Ok(killer) = other.connection().await
            && let Err(error) = killer.query_drop(format!("KILL {identifier}")).await
        {
            tracing::debug!(%error, "the connection with the unread result was not killed");
        }
        drop(connection);
        self.connection = other.connection.take();
    }

    /// All rows of a query, in the text protocol.
    pub(crate) async fn rows(
        &mut self,
        doing: &str,
        query: &str,
    ) -> Result<Vec<Row>, SnapshotError> {
        let connection = self.connection().await?;
        let answer = connection.query::<Row, _>(query).await;
        self.settle(doing, answer)
    }

    /// Runs a statement without a result.
    pub(crate) async fn run(&mut self, doing: &str, query: &str) -> Result<(), SnapshotError> {
        let connection = self.connection().await?;
        let answer = connection.query_drop(query).await;
        self.settle(doing, answer)
    }

    /// All rows of a query in the binary protocol: numbers as numbers, FLOAT exact.
    pub(crate) async fn prepared_rows(
        &mut self,
        doing: &str,
        query: &str,
    ) -> Result<Vec<Row>, SnapshotError> {
        let connection = self.connection().await?;
        let answer = async {
            let statement = connection.prep(query).await?;
            let rows = connection.exec::<Row, _, _>(&statement, ()).await?;
            connection.close(statement).await?;
            Ok(rows)
        }
        .await;
        self.settle(doing, answer)
    }

    /// Takes a driver's answer; drops the connection where an error puts it in doubt.
    pub(crate) fn settle<T>(
        &mut self,
        doing: &str,
        answer: Result<T, mysql_async::Error>,
    ) -> Result<T, SnapshotError> {
        answer.map_err(|error| {
            let error = SnapshotError::from_driver(doing, error);
            if error.breaks_connection() {
                self.forget();
            }
            error
        })
    }

    /// Waits until everything in the set is visible to a new read view. `false`: not in time.
    pub(crate) async fn wait_until_visible(
        &mut self,
        gtid_set: &GtidSet,
        limit: Duration,
    ) -> Result<bool, SnapshotError> {
        if gtid_set.is_empty() {
            return Ok(true);
        }
        let doing = "waiting for transactions to become visible";
        let query = format!(
            "SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtid_set}', {})",
            limit.as_secs()
        );
        let rows = self.rows(doing, &query).await?;
        let answer = rows.into_iter().next().and_then(|row| row.get::<i64, _>(0));
        match answer {
            Some(0) => Ok(true),
            Some(_) => Ok(false),
            None => Err(not_understood(doing)),
        }
    }

    /// The transactions that every read view opened from now on sees.
    pub(crate) async fn executed(&mut self) -> Result<Executed, SnapshotError> {
        let doing = "reading the executed GTIDs";
        let query = "SELECT @@GLOBAL.server_uuid, @@GLOBAL.gtid_executed, @@GLOBAL.server_id, \
             CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
        let rows = self.rows(doing, query).await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or_else(|| not_understood(doing))?;
        let mut text = |index| row.take::<String, _>(index);
        let (Some(server_uuid), Some(gtid_set)) = (text(0), text(1)) else {
            return Err(not_understood(doing));
        };
        let (Some(server_id), Some(at_ms)) = (row.take(2), row.take(3)) else {
            return Err(not_understood(doing));
        };
        Ok(Executed {
            server_uuid: server_uuid.into(),
            server_id,
            at_ms,
            gtid_set: Arc::new(gtid_set.parse().map_err(|_| not_understood(doing))?),
        })
    }

    /// The end of the binary log: everything that is visible now lies before it.
    pub(crate) async fn log_head(&mut self) -> Result<LogPosition, SnapshotError> {
        let doing = "reading the end of the binary log";
        // SHOW MASTER STATUS has its new name since 8.2 and lost the old one with 8.4.
        let query = if self.connection().await?.server_version() >= (8, 2, 0) {
            "SHOW BINARY LOG STATUS"
        } else {
            "SHOW MASTER STATUS"
        };
        let rows = self.rows(doing, query).await?;
        let mut row = rows.into_iter().next().ok_or(SnapshotError::NoBinaryLog)?;
        let (Some(file), Some(offset)) = (row.take::<String, _>(0), row.take::<u64, _>(1)) else {
            return Err(not_understood(doing));
        };
        Ok(LogPosition::new(file, offset))
    }

    async fn connect(&mut self) -> Result<Conn, SnapshotError> {
        let doing = "connecting";
        let failed = |error| SnapshotError::from_driver(doing, error);
        let mut connection = Conn::new(self.options.clone()).await.map_err(failed)?;
        let said = connection
            .query_first::<(String, String), _>("SELECT VERSION(), @@version_comment")
            .await
            .map_err(failed)?;
        let (version, comment) = said.unwrap_or_default();
        let family = Family::of(&version, &comment);
        self.family = Some(family);
        let mut settings = match family {
            Family::MySql => vec![SETTINGS],
            Family::MariaDb => vec![MARIADB_SETTINGS, MARIADB_ISOLATION],
        };
        if family == Family::MySql && connection.server_version() >= (8, 0, 30) {
            settings.push(SHOW_GENERATED_KEYS);
        }
        for setting in settings {
            connection.query_drop(setting).await.map_err(failed)?;
        }
        Ok(connection)
    }
}

pub(super) fn not_understood(doing: &str) -> SnapshotError {
    SnapshotError::Answer {
        doing: doing.to_owned(),
        reason: "it has not the expected columns".to_owned(),
    }
}
