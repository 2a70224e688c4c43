//! One chunk of a table with a key, or some of its keys.
//!
//! The window on MySQL, clause by clause: the view opens only when everything up to C is visible
//! (`WAIT_FOR_EXECUTED_GTID_SET`); all of `low` is visible in it, since `@@gtid_executed` is read
//! before the view opens and a transaction enters it after its commit; all that is visible lies
//! before `high`, since a transaction is in the binary log before it is committed and the log's
//! head is read after the view opened. The view is one SELECT under REPEATABLE READ, so all of its
//! rows are of one moment; nothing is locked. On MariaDB the view is a transaction's, and stands at
//! a place of the log.

use super::layout::{Layout, StoredTexts};
use super::{Reader, SnapshotError};
use crate::family::Family;
use crate::quote;
use change::{Identity, KeyRange, Position, Row, Value};
use flow::ports::{Chunk, ChunkRequest};
use mysql_async::prelude::Queryable;
use reconcile::{Extent, WindowBounds};
use std::collections::HashSet;

/// A result that was left early is read to its end when so much of it is left at most; else its
/// connection is ended.
const BYTES_DRAINED_AT_MOST: usize = 16 << 20;

/// Rows as they were read, and where reading stopped.
pub(super) struct RowsRead {
    pub(super) rows: Vec<Row>,
    pub(super) bytes: usize,
    /// The key of the last row.
    pub(super) last_key: Option<Vec<Value>>,
    /// Whether there may be more rows.
    pub(super) more: bool,
}

impl Reader {
    pub(super) async fn read_extent(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<Chunk, SnapshotError> {
        let (mut read, bounds) = match self.session.family().await? {
            Family::MySql => self.read_in_a_statement(request, layout).await?,
            Family::MariaDb => self.read_in_a_view(request, layout).await?,
        };
        let rest = match (&request.extent, read.more, read.last_key.take()) {
            (Extent::Range(range), true, Some(last_key)) => {
                if range.after.as_ref() == Some(&last_key) {
                    return Err(layout
                        .key
                        .error("the last row read is the one that the chunk was to begin after"));
                }
                (range.through.as_ref() != Some(&last_key)).then(|| {
                    Extent::Range(KeyRange {
                        after: Some(last_key),
                        through: range.through.clone(),
                    })
                })
            }
            (Extent::Keys(keys), true, _) => {
                let rows = read.rows.iter();
                let met: HashSet<Identity> = rows.map(|row| layout.schema.identity(row)).collect();
                let unmet = keys.iter().filter(|key| !met.contains(&Identity::of(*key)));
                Some(Extent::Keys(unmet.cloned().collect()))
            }
            (Extent::Range(_) | Extent::Keys(_), _, _) => None,
        };
        Ok(Chunk {
            schema: layout.schema.clone(),
            rows: read.rows,
            bounds,
            rest,
        })
    }

    async fn read_in_a_statement(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<(RowsRead, WindowBounds), SnapshotError> {
        self.wait_for(request).await?;
        let executed = self.session.executed().await?;
        let read = self.select_extent(request, layout).await?;
        let high = self.session.log_head().await?;
        Ok((read, executed.until(high)))
    }

    async fn read_in_a_view(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<(RowsRead, WindowBounds), SnapshotError> {
        let read = async {
            let bounds = self.open_view_at_a_place(request).await?;
            let read = self.select_extent(request, layout).await?;
            self.session.close_view().await?;
            Ok((read, bounds))
        }
        .await;
        if read.is_err() {
            // A transaction may be open on it.
            self.session.forget();
        }
        read
    }

    /// Waits until everything up to C is visible.
    pub(super) async fn wait_for(&mut self, request: &ChunkRequest) -> Result<(), SnapshotError> {
        let limit = self.options.visible_within;
        let gtid_set = request.after.gtids();
        // What another family of servers has is never visible here.
        if let Position::MySql(position) = &request.after
            && self
                .session
                .wait_until_visible(&position.gtid_set, limit)
                .await?
        {
            return Ok(());
        }
        Err(SnapshotError::NotVisible {
            table: request.table.schema.name.clone(),
            gtid_set,
            waited_seconds: limit.as_secs(),
        })
    }

    async fn select_extent(
        &mut self,
        request: &ChunkRequest,
        layout: &Layout,
    ) -> Result<RowsRead, SnapshotError> {
        match &request.extent {
            Extent::Range(range) => self.select_range(request, range, layout).await,
            Extent::Keys(keys) => self.select_keys(request, keys, layout).await,
        }
    }

    async fn select_range(
        &mut self,
        request: &ChunkRequest,
        range: &KeyRange,
        layout: &Layout,
    ) -> Result<RowsRead, SnapshotError> {
        let name = &layout.schema.name;
        let row_bytes = match self.row_bytes.get(name) {
            Some(&measured) => measured,
            // A value takes memory beyond its bytes on the disk.
            None => {
                let values = layout.columns.len() * size_of::<Value>();
                request.table.row_bytes_estimated as usize + values
            }
        };
        // Few rows are to be sent for nothing, and a too small guess only makes a smaller chunk.
        let fitting = request.max_bytes / row_bytes.max(1);
        let limit = (fitting + fitting / 8).clamp(1, request.max_rows.max(1));
        let key = &layout.key;
        let query = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {limit}",
            layout.selection,
            key.table_clause(),
            key.within(range)?,
            key.order(false),
        );
        let read = self
            .select(layout, &query, limit, request.max_bytes)
            .await?;
        if !read.rows.is_empty() {
            let mean = read.bytes / read.rows.len();
            self.row_bytes.insert(name.clone(), mean.max(1));
        }
        Ok(read)
    }

    /// The rows of these keys, and of keys that the server holds equal to them.
    async fn select_keys(
        &mut self,
        request: &ChunkRequest,
        keys: &[Vec<Value>],
        layout: &Layout,
    ) -> Result<RowsRead, SnapshotError> {
        let key = &layout.key;
        // No index is forced: one of another order may be the better one here.
        let query = format!(
            "SELECT {} FROM {} AS t WHERE {}",
            layout.selection,
            quote::table(&layout.schema.name),
            key.is_one_of(keys)?,
        );
        // Without an end of its own: each key has one row at most, by what the server holds equal.
        let limit = keys.len() + 1;
        self.select(layout, &query, limit, request.max_bytes).await
    }

    /// Reads the rows of one SELECT until they hold `max_bytes`.
    pub(super) async fn select(
        &mut self,
        layout: &Layout,
        query: &str,
        limit: usize,
        max_bytes: usize,
    ) -> Result<RowsRead, SnapshotError> {
        let doing = format!("reading {}", layout.schema.name);
        let charsets = self.charsets.clone();
        let connection = self.session.connection().await?;
        let failed = |error| SnapshotError::from_driver(doing.clone(), error);
        let outcome = async {
            let statement = connection.prep(query).await.map_err(failed)?;
            let mut result = connection.exec_iter(&statement, ()).await.map_err(failed)?;
            let mut rows = Vec::with_capacity(limit.min(16_384));
            let (mut bytes, mut last) = (0, None::<StoredTexts>);
            let mut full = false;
            while let Some(sent) = result.next().await.map_err(failed)? {
                let (row, stored) = layout.row(sent.unwrap(), &charsets)?;
                bytes += row.heap_bytes();
                rows.push(row);
                last = Some(stored);
                full = bytes >= max_bytes;
                if full {
                    break;
                }
            }
            let last_key = match (rows.last(), last) {
                (Some(row), Some(stored)) => Some(layout.range_key(row, stored)),
                _ => None,
            };
            let unread = limit.saturating_sub(rows.len());
            let mean = bytes / rows.len().max(1);
            let drain = !full || unread.saturating_mul(mean) <= BYTES_DRAINED_AT_MOST;
            if drain {
                result.drop_result().await.map_err(failed)?;
                connection.close(statement).await.map_err(failed)?;
            }
            let read = RowsRead {
                more: full || rows.len() >= limit,
                rows,
                bytes,
                last_key,
            };
            Ok((read, drain))
        }
        .await;
        match outcome {
            Ok((read, true)) => Ok(read),
            Ok((read, false)) => {
                self.session.abandon().await;
                Ok(read)
            }
            Err(error) => {
                if SnapshotError::breaks_connection(&error) {
                    self.session.forget();
                }
                Err(error)
            }
        }
    }
}
