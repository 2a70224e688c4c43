//! Table maps and rows: which tables are read, and their rows, decoded and handed on.

use super::{Follower, KeptMap, MapUse};
use crate::binlog::event;
use crate::binlog::rows::{RowsError, RowsEvent};
use crate::binlog::table_map::{TableMap, read_head, read_parts};
use crate::error::Error;
use crate::stream::trouble;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
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
        if self.stopped.contains(&name) {
            return Ok(MapUse::Stopped);
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
                self.stop(name, trouble::of_error(&error));
                Ok(MapUse::Stopped)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn rows(&mut self, event_type: u8, body: Bytes) -> Result<(), Error> {
        /// Ends a statement without rows of its own.
        const NO_TABLE: u64 = 0xff_ffff;
        let event = RowsEvent::read(event_type, body)
            .map_err(|error| self.malformed(event_type, &error))?;
        let map = match self.maps.get(&event.table_id).map(|kept| &kept.use_of) {
            Some(MapUse::Skipped | MapUse::Stopped) => return Ok(()),
            None if event.table_id == NO_TABLE && event.ends_statement => return Ok(()),
            None => return Err(self.malformed(event_type, &Malformed("its table map is missing"))),
            Some(MapUse::Wanted(map)) => Arc::clone(map),
        };
        let name = &map.schema.name;
        if self.stopped.contains(name) {
            return Ok(());
        }
        if let Some(transaction) = &mut self.transaction {
            if transaction.xa.is_some() {
                let trouble = trouble::xa(&self.place());
                self.stop(name.clone(), trouble);
                return Ok(());
            }
            if !transaction.touched.contains(name) {
                transaction.touched.insert(name.clone());
            }
        }
        self.announce();
        let offset = self.dump.place().start;
        let outcome = match event.images(&map) {
            Ok(mut images) => loop {
                let before = images.remaining();
                match images.next() {
                    Ok(Some(row)) => {
                        let bytes = before - images.remaining();
                        self.outbox.row(&map.schema, row, offset, bytes);
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
        if let Err(error) = outcome {
            let (table, place) = (name.clone(), self.place());
            let error = match error {
                RowsError::Missing(column) => {
                    let column = map.schema.columns[column].name.to_string();
                    Error::Image {
                        table,
                        place,
                        column,
                    }
                }
                RowsError::Malformed(reason) => Error::Row {
                    table,
                    place,
                    reason,
                },
            };
            self.stop(name.clone(), trouble::of_error(&error));
        }
        Ok(())
    }
}
