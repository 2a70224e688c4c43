//! A table without a key, read whole in one chunk.
//!
//! Its rows cannot be told apart, so a row that a concurrent transaction wrote could neither be
//! left out nor be met twice: `low` must say exactly which transactions the view holds. A second
//! connection therefore locks the table against writers for the moment in which the view opens.
//! No transaction on the table is half-way then (its metadata lock would keep the lock waiting),
//! so a transaction on this table is visible if and only if it is in `low`. Reading goes on after
//! the lock is gone. MariaDB's views are exact without any lock.

use super::layout::Layout;
use super::session::Executed;
use super::{Reader, Session, SnapshotError};
use crate::family::Family;
use crate::quote;
use change::{LogPosition, Row};
use flow::ports::{Chunk, ChunkRequest};
use reconcile::WindowBounds;

/// Writers of the table wait no longer than this for the lock to be granted and given back.
const LOCK_WAIT_SECONDS: u32 = 5;

impl Reader {
    pub(super) async fn read_whole(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<Chunk, SnapshotError> {
        let read = match self.session.family().await? {
            Family::MySql => {
                self.wait_for(request).await?;
                self.read_locked(request, layout).await
            }
            Family::MariaDb => self.read_whole_in_a_view(request, layout).await,
        };
        if read.is_err() {
            // A transaction may be open on it.
            self.session.forget();
        }
        read
    }

    async fn read_locked(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<Chunk, SnapshotError> {
        let (executed, high) = self.open_view(layout).await?;
        let rows = self.select_whole(request, layout).await?;
        Ok(whole_chunk(layout, rows, executed.until(high)))
    }

    async fn read_whole_in_a_view(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<Chunk, SnapshotError> {
        let bounds = self.open_view_at_a_place(request).await?;
        let rows = self.select_whole(request, layout).await?;
        Ok(whole_chunk(layout, rows, bounds))
    }

    /// Every row, and the end of the view.
    async fn select_whole(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<Vec<Row>, SnapshotError> {
        let query = format!(
            "SELECT {} FROM {}",
            layout.selection,
            layout.key.table_clause()
        );
        let read = self
            .select(layout, &query, usize::MAX, request.max_bytes)
            .await?;
        if read.more {
            return Err(SnapshotError::TooLargeWithoutKey {
                table: layout.schema.name.clone(),
                max_bytes: request.max_bytes,
            });
        }
        self.session.close_view().await?;
        Ok(read.rows)
    }

    /// Opens the view on the reading connection while another one holds the table still.
    async fn open_view(
        &mut self,
        layout: &Layout,
    ) -> Result<(Executed, LogPosition), SnapshotError> {
        // Ready before the lock, so that the lock is short.
        self.session.connection().await?;
        let doing = format!("locking {} for a moment", layout.schema.name);
        let mut locker = Session::new(self.options.connect.clone());
        let limit = format!("SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}");
        locker.run(&doing, &limit).await?;
        let lock = format!("LOCK TABLES {} READ", quote::table(&layout.schema.name));
        locker.run(&doing, &lock).await?;
        let opened = self.open_view_under_lock().await;
        // Where this fails the connection goes, and the lock with it.
        locker.run(&doing, "UNLOCK TABLES").await?;
        opened
    }

    async fn open_view_under_lock(&mut self) -> Result<(Executed, LogPosition), SnapshotError> {
        let executed = self.session.executed().await?;
        let statement = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
        self.session.run("opening a read view", statement).await?;
        let high = self.session.log_head().await?;
        Ok((executed, high))
    }
}

fn whole_chunk(layout: &Layout, rows: Vec<Row>, bounds: WindowBounds) -> Chunk {
    Chunk {
        schema: layout.schema.clone(),
        rows,
        bounds,
        rest: None,
    }
}
