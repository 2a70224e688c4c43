//! The record `source`: which transaction a change comes from, and where it stands in the log.
//!
//! As in JSON: what is the same for every change of a transaction is kept as bytes by the writer,
//! and compared as bytes by the reader, so that it is written, read and allocated once per table.

use super::table::Table;
use super::taking::Binary;
use super::writing::{bytes, long};
use crate::cursor::Broken;
use crate::event::{Source, Told, is_of_snapshot};
use crate::headers;
use crate::layout::Settings;
use crate::number::integer;
use ::change::{Origin, Place};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct SourceWriter {
    version: Arc<str>,
    pipeline: Arc<str>,
    /// The fields of the transaction that was written last.
    of: Option<(Arc<Origin>, bool)>,
    shared: Vec<u8>,
    ordinal: Vec<u8>,
}

impl SourceWriter {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            version: Arc::clone(&settings.version),
            pipeline: Arc::clone(&settings.pipeline),
            of: None,
            shared: Vec::new(),
            ordinal: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, table: &Table, told: Told<'_>, out: &mut Vec<u8>) {
        let change = told.change;
        let snapshot = is_of_snapshot(&told.change.kind, &told.change.origin);
        let known = self
            .of
            .as_ref()
            .is_some_and(|(last, was)| Arc::ptr_eq(last, &change.origin) && *was == snapshot);
        if !known {
            self.share(table, &change.origin, snapshot);
            self.of = Some((Arc::clone(&change.origin), snapshot));
        }
        out.extend_from_slice(&self.shared);
        long(out, change.place.offset.cast_signed());
        long(out, change.place.row.into());
        // No thread and no query.
        long(out, 0);
        long(out, 0);
        self.ordinal.clear();
        integer(&mut self.ordinal, change.ordinal.transaction);
        self.ordinal.push(b'.');
        integer(&mut self.ordinal, change.ordinal.change);
        bytes(out, &self.ordinal);
    }

    /// Everything up to the field `pos`.
    fn share(&mut self, table: &Table, origin: &Origin, snapshot: bool) {
        let out = &mut self.shared;
        out.clear();
        bytes(out, self.version.as_bytes());
        bytes(out, b"mysql");
        bytes(out, self.pipeline.as_bytes());
        long(out, origin.committed_at_ms);
        bytes(out, if snapshot { b"true" } else { b"false" });
        bytes(out, table.schema.name.database.as_bytes());
        bytes(out, table.schema.name.table.as_bytes());
        long(out, origin.server_id.into());
        long(out, origin.transaction.is_some().into());
        if let Some(gtid) = &origin.transaction {
            bytes(out, gtid.as_bytes());
        }
        bytes(out, origin.file.as_bytes());
    }
}

#[derive(Debug)]
pub(super) struct SourceReader {
    pipeline: Arc<str>,
    /// The fields of the transaction that was read last.
    shared: Vec<u8>,
    of: Option<(Arc<Origin>, bool)>,
}

impl SourceReader {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            pipeline: Arc::clone(&settings.pipeline),
            shared: Vec::new(),
            of: None,
        }
    }

    pub(super) fn read(
        &mut self,
        table: &Table,
        binary: &mut Binary<'_>,
    ) -> Result<Source, Broken> {
        let (origin, snapshot) = match &self.of {
            Some((origin, snapshot)) if binary.take(&self.shared) => {
                (Arc::clone(origin), *snapshot)
            }
            Some(_) | None => self.shared(table, binary)?,
        };
        let offset = binary.long()?.cast_unsigned();
        let start = *binary;
        let Ok(row) = u32::try_from(binary.long()?) else {
            return start.broken("a row's number");
        };
        if binary.is_there()? || binary.is_there()? {
            return start.broken("the fields source.thread and source.query, null");
        }
        let start = *binary;
        let Ok(ordinal) = headers::ordinal(&binary.bytes()?) else {
            return start.broken("the field source.ordinal");
        };
        Ok(Source {
            origin,
            snapshot,
            place: Place { offset, row },
            ordinal,
        })
    }

    /// Reads a transaction's fields that are not the last one's, and keeps them.
    fn shared(
        &mut self,
        table: &Table,
        binary: &mut Binary<'_>,
    ) -> Result<(Arc<Origin>, bool), Broken> {
        let start = binary.at();
        self.of = None;
        let name = &table.schema.name;
        binary.bytes()?;
        self.expect(binary, b"mysql", "the connector mysql")?;
        let pipeline = Arc::clone(&self.pipeline);
        let of_pipeline = "the field source.name of this pipeline";
        self.expect(binary, pipeline.as_bytes(), of_pipeline)?;
        let committed_at_ms = binary.long()?;
        let at = *binary;
        let snapshot = match &*binary.bytes()? {
            b"true" => true,
            b"false" => false,
            _ => return at.broken("true or false as a string"),
        };
        let of_table = "the fields source.db and source.table of this table";
        self.expect(binary, name.database.as_bytes(), of_table)?;
        self.expect(binary, name.table.as_bytes(), of_table)?;
        let at = *binary;
        let Ok(server_id) = u32::try_from(binary.long()?) else {
            return at.broken("a server's number");
        };
        let transaction = match binary.is_there()? {
            true => Some(text(binary)?),
            false => None,
        };
        let file = text(binary)?;
        self.shared.clear();
        self.shared.extend_from_slice(binary.since(start));
        let origin = Arc::new(Origin {
            transaction,
            server_id,
            file,
            committed_at_ms,
        });
        self.of = Some((Arc::clone(&origin), snapshot));
        Ok((origin, snapshot))
    }

    fn expect(
        &self,
        binary: &mut Binary<'_>,
        content: &[u8],
        expected: &'static str,
    ) -> Result<(), Broken> {
        let start = *binary;
        match binary.bytes()? == content {
            true => Ok(()),
            false => start.broken(expected),
        }
    }
}

fn text(binary: &mut Binary<'_>) -> Result<Arc<str>, Broken> {
    let start = *binary;
    match std::str::from_utf8(&binary.bytes()?) {
        Ok(text) => Ok(Arc::from(text)),
        Err(_) => start.broken("UTF-8"),
    }
}
