//! Table maps and rows: which tables are read, and their rows, decoded and handed on.

use super::xa::Xa;
use super::{Follower, KeptMap, MapUse};
use crate::binlog::event;
use crate::binlog::rows::{Read, RowsError, RowsEvent};
use crate::binlog::table_map::{TableMap, read_head, read_parts};
use crate::error::Error;
use crate::stream::trouble;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::TableName;
use std::sync::Arc;

impl Follower {
    pub(super) async fn table_map(&mut self, body: Bytes) -> Result<(), Error> {
        let table_id = Cursor::new(body.clone())
            .uint(6)
            .map_err(|error| self.malformed(event::TABLE_MAP, &error))?;
        let generation = self.options.keys.generation();
        if let Some(kept) = self.maps.get(&table_id)
            && kept.generation == generation
            && kept.body == body
        {
            if let MapUse::Unreadable(table, trouble) = &kept.use_of {
                let (table, trouble) = (table.clone(), trouble.clone());
                self.stop(table, trouble);
            }
            return Ok(());
        }
        let use_of = self.build_map(&body).await?;
        self.maps.insert(
            table_id,
            KeptMap {
                body,
                generation,
                use_of,
            },
        );
        Ok(())
    }

    async fn build_map(&mut self, body: &Bytes) -> Result<MapUse, Error> {
        let head =
            read_head(body.clone()).map_err(|error| self.malformed(event::TABLE_MAP, &error))?;
        let name = head.name;
        debug_assert!(head.table_id < 1 << 48);
        if !(self.options.selected)(&name) {
            return Ok(MapUse::Skipped);
        }
        self.options.known.extend([name.clone()]);
        let key = self.options.keys.get(&name);
        let place = self.place();
        let built = match read_parts(head.rest) {
            Ok(parts) => {
                TableMap::build(
                    name.clone(),
                    parts,
                    key.as_deref(),
                    &self.options.charsets,
                    &place,
                )
                .await
            }
            Err(error) => Err(Error::Row {
                table: name.clone(),
                place,
                reason: error.to_string(),
            }),
        };
        match built {
            Ok(map) => Ok(MapUse::Wanted(Arc::new(map))),
            Err(error) if error.disposition() == flow::Disposition::Table => {
                let trouble = trouble::of_error(&error);
                self.stop(name.clone(), trouble.clone());
                Ok(MapUse::Unreadable(name, trouble))
            }
            Err(error) => Err(error),
        }
    }

    /// The rows of an event that starts at `offset`.
    pub(super) async fn rows(
        &mut self,
        event_type: u8,
        body: Bytes,
        offset: u64,
    ) -> Result<(), Error> {
        /// Ends a statement without rows of its own.
        const NO_TABLE: u64 = 0xff_ffff;
        let event = RowsEvent::read(event_type, body)
            .map_err(|error| self.malformed(event_type, &error))?;
        let map = match self.maps.get(&event.table_id).map(|kept| &kept.use_of) {
            Some(MapUse::Skipped | MapUse::Unreadable(..)) => return Ok(()),
            None if event.table_id == NO_TABLE && event.ends_statement => return Ok(()),
            None => return Err(self.malformed(event_type, &Malformed("its table map is missing"))),
            Some(MapUse::Wanted(map)) => Arc::clone(map),
        };
        let name = &map.schema.name;
        if self.stopped.contains(name) {
            return Ok(());
        }
        if let Some(transaction) = &mut self.transaction {
            if matches!(transaction.xa, Some(Xa::NotFollowed(_))) {
                let trouble = trouble::xa(&self.place());
                self.stop(name.clone(), trouble);
                return Ok(());
            }
            if !transaction.touched.contains(name) {
                transaction.touched.insert(name.clone());
            }
        }
        self.announce();
        let outcome = match event.images(&map) {
            Ok(mut images) => loop {
                let before = images.remaining();
                match images.next() {
                    Ok(Some(read)) => {
                        let bytes = before - images.remaining();
                        match read {
                            Read::Whole(row) => {
                                self.outbox.row(&map.schema, row, offset, bytes);
                            }
                            Read::Partial { before, after } => {
                                self.warn_of_partial(name);
                                let images = (before, after);
                                self.outbox.partial(&map.schema, images, offset, bytes);
                            }
                        }
                        if self.outbox.is_full() && !self.send(false).await {
                            break Ok(());
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            },
            Err(error) => Err(error),
        };
        if let Err(RowsError::Malformed(reason)) = outcome {
            let (table, place) = (name.clone(), self.place());
            let error = Error::Row {
                table,
                place,
                reason,
            };
            self.stop(name.clone(), trouble::of_error(&error));
        }
        Ok(())
    }

    /// Once for each table of this stream.
    fn warn_of_partial(&mut self, table: &TableName) {
        if self.partial.insert(table.clone()) {
            tracing::warn!(
                %table,
                code = "LS2041",
                "a row was logged at {} without all of its columns: its key is read anew; set \
                 binlog_row_image = FULL where it is not",
                self.place()
            );
        }
    }
}
