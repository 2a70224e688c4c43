//! Read views of MariaDB, which stand at a place of its binlog.
//!
//! `START TRANSACTION WITH CONSISTENT SNAPSHOT` opens a view that shows every transaction up to a
//! place of the binlog and none behind it, and the session tells that place (MariaDB documentation,
//! "START TRANSACTION"). So `low` and `high` of a window are one, nothing is locked, and a table
//! without a key needs nothing more. A transaction is in the log, and perhaps in the stream, a
//! moment before views show it: a view that lies before C is opened again.

use super::session::not_understood;
use super::{Reader, Session, SnapshotError};
use crate::family::MARIADB_SERVER;
use crate::quote;
use change::{LogPosition, MariaDbGtids, MariaDbPosition, Position};
use flow::ports::ChunkRequest;
use reconcile::{Low, WindowBounds};
use std::time::Duration;
use tokio::time::Instant;

/// Between two views, while C is not visible.
const PAUSE: Duration = Duration::from_millis(5);

impl Reader {
    /// Opens a view that shows everything up to C, on the connection that then reads.
    pub(super) async fn open_view_at_a_place(
        &mut self,
        request: &ChunkRequest,
    ) -> Result<WindowBounds, SnapshotError> {
        let limit = self.options.visible_within;
        let deadline = Instant::now() + limit;
        let session = &mut self.session;
        let mut bounds = session.server_now().await?;
        loop {
            bounds.high = session.open_view().await?;
            if session.shows(&bounds, &request.after).await? {
                return Ok(bounds);
            }
            session.close_view().await?;
            if Instant::now() >= deadline {
                return Err(SnapshotError::NotVisible {
                    table: request.table.schema.name.clone(),
                    gtid_set: request.after.gtids(),
                    waited_seconds: limit.as_secs(),
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Session {
    pub(super) async fn close_view(&mut self) -> Result<(), SnapshotError> {
        self.run("ending the read view", "COMMIT").await
    }

    /// Who the server is and what its clock says; the view's place is still to come.
    async fn server_now(&mut self) -> Result<WindowBounds, SnapshotError> {
        let doing = "asking who the server is";
        let query = format!(
            "SELECT {MARIADB_SERVER}, @@GLOBAL.server_id, \
             CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
        );
        let rows = self.rows(doing, &query).await?;
        let row = rows.into_iter().next();
        let mut row = row.ok_or_else(|| not_understood(doing))?;
        let (Some(server), Some(server_id), Some(read_at_ms)) =
            (row.take::<String, _>(0), row.take(1), row.take(2))
        else {
            return Err(not_understood(doing));
        };
        Ok(WindowBounds {
            server: server.into(),
            server_id,
            read_at_ms,
            low: Low::High,
            high: LogPosition::new("", 0),
        })
    }

    async fn open_view(&mut self) -> Result<LogPosition, SnapshotError> {
        let statement = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
        self.run("opening a read view", statement).await?;
        let doing = "asking where the read view stands";
        let query = "SHOW STATUS LIKE 'binlog_snapshot_%'";
        let (mut file, mut offset) = (None, None);
        for mut row in self.rows(doing, query).await? {
            let (name, value) = (row.take::<String, _>(0), row.take::<String, _>(1));
            match name.unwrap_or_default().to_ascii_lowercase().as_str() {
                "binlog_snapshot_file" => file = value.filter(|file| !file.is_empty()),
                "binlog_snapshot_position" => {
                    offset = value.and_then(|offset| offset.parse::<u64>().ok());
                }
                _ => {}
            }
        }
        match (file, offset) {
            (Some(file), Some(offset)) => Ok(LogPosition::new(file, offset)),
            _ => Err(SnapshotError::NoBinaryLog),
        }
    }

    /// Whether the view shows everything up to a position. Marks in the log that are no transactions
    /// may lie between the view and a position that the view shows all of: then GTIDs tell.
    async fn shows(
        &mut self,
        bounds: &WindowBounds,
        position: &Position,
    ) -> Result<bool, SnapshotError> {
        let Position::MariaDb(MariaDbPosition { server, gtids, log }) = position else {
            return Ok(false);
        };
        if *server == bounds.server && bounds.high.has_reached(log) {
            return Ok(true);
        }
        let doing = "asking for the GTIDs of a read view";
        let query = format!(
            "SELECT BINLOG_GTID_POS({}, {})",
            quote::string(&bounds.high.file),
            bounds.high.offset
        );
        let rows = self.rows(doing, &query).await?;
        let shown = rows
            .into_iter()
            .next()
            .and_then(|mut row| row.take::<String, _>(0));
        let shown: MariaDbGtids = shown
            .and_then(|shown| shown.parse().ok())
            .ok_or_else(|| not_understood(doing))?;
        Ok(shown.covers(gtids))
    }
}
