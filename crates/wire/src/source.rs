//! The `source` block: which transaction a change comes from, and where it stands in the log.
//!
//! All but the last fields are the same for every change of a transaction. The writer keeps them
//! as bytes, and the reader compares bytes with the ones it has read last, so that a transaction's
//! origin is written, read and allocated once per table.

use crate::cursor::{Broken, Cursor};
use crate::event::Source;
use crate::layout::Layout;
use crate::number::integer;
use crate::string::quoted;
use bytes::Bytes;
use change::{Ordinal, Origin, Place};
use std::sync::Arc;

/// The fields of the transaction that was written last.
#[derive(Debug, Default)]
pub(crate) struct SourceWriter {
    of: Option<(Arc<Origin>, bool)>,
    shared: Vec<u8>,
}

impl SourceWriter {
    /// Appends `,"source":{…}`.
    pub(crate) fn write(
        &mut self,
        layout: &Layout,
        (origin, snapshot): (&Arc<Origin>, bool),
        place: Place,
        ordinal: Ordinal,
        out: &mut Vec<u8>,
    ) {
        let known = self
            .of
            .as_ref()
            .is_some_and(|(last, of)| Arc::ptr_eq(last, origin) && *of == snapshot);
        if !known {
            self.shared.clear();
            write_shared(layout, origin, snapshot, &mut self.shared);
            self.of = Some((Arc::clone(origin), snapshot));
        }
        out.extend_from_slice(&self.shared);
        integer(out, place.offset);
        out.extend_from_slice(b",\"row\":");
        integer(out, place.row);
        out.extend_from_slice(b",\"thread\":null,\"query\":null,\"ordinal\":\"");
        integer(out, ordinal.transaction);
        out.push(b'.');
        integer(out, ordinal.change);
        out.extend_from_slice(b"\"}");
    }
}

/// Everything up to the value of `pos`.
fn write_shared(layout: &Layout, origin: &Origin, snapshot: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&layout.source_version);
    out.extend_from_slice(layout.version());
    out.extend_from_slice(&layout.source_name);
    integer(out, origin.committed_at_ms);
    out.extend_from_slice(if snapshot {
        b",\"snapshot\":\"true\""
    } else {
        b",\"snapshot\":\"false\""
    });
    out.extend_from_slice(&layout.source_table);
    integer(out, origin.server_id);
    out.extend_from_slice(b",\"gtid\":");
    match &origin.transaction {
        Some(gtid) => quoted(out, gtid.as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"file\":");
    quoted(out, origin.file.as_bytes());
    out.extend_from_slice(b",\"pos\":");
}

/// The fields of the transaction that was read last.
#[derive(Debug, Default)]
pub(crate) struct SourceReader {
    shared: Vec<u8>,
    of: Option<(Arc<Origin>, bool)>,
}

impl SourceReader {
    /// Reads `,"source":{…}`.
    pub(crate) fn read(
        &mut self,
        layout: &Layout,
        cursor: &mut Cursor<'_>,
    ) -> Result<Source, Broken> {
        let (origin, snapshot) = match &self.of {
            Some((origin, snapshot)) if cursor.take(&self.shared) => (origin, *snapshot),
            Some(_) | None => self.shared(layout, cursor)?,
        };
        let origin = Arc::clone(origin);
        let offset = cursor.unsigned()?;
        cursor.expect(b",\"row\":", "the field source.row")?;
        let at = cursor.at();
        let Ok(row) = u32::try_from(cursor.unsigned()?) else {
            return cursor.broken_at(at, "a row's number");
        };
        cursor.expect(
            b",\"thread\":null,\"query\":null,\"ordinal\":\"",
            "the fields source.thread, source.query and source.ordinal",
        )?;
        let transaction = cursor.unsigned()?;
        cursor.expect(b".", "an ordinal")?;
        let change = cursor.unsigned()?;
        cursor.expect(b"\"}", "the end of the source")?;
        Ok(Source {
            origin,
            snapshot,
            place: Place { offset, row },
            ordinal: Ordinal {
                transaction,
                change,
            },
        })
    }

    /// Reads a transaction's fields that are not the last one's, and keeps them.
    fn shared(
        &mut self,
        layout: &Layout,
        cursor: &mut Cursor<'_>,
    ) -> Result<(&Arc<Origin>, bool), Broken> {
        let start = cursor.at();
        self.of = None;
        cursor.expect(&layout.source_version, "the field source.version")?;
        cursor.raw_string()?;
        cursor.expect(
            &layout.source_name,
            "the fields source.connector and source.name of this pipeline",
        )?;
        let committed_at_ms = cursor.signed()?;
        cursor.expect(b",\"snapshot\":", "the field source.snapshot")?;
        let snapshot = cursor.take(b"\"true\"");
        if !snapshot {
            cursor.expect(b"\"false\"", "true or false as a string")?;
        }
        cursor.expect(
            &layout.source_table,
            "the fields source.db and source.table of this table",
        )?;
        let at = cursor.at();
        let Ok(server_id) = u32::try_from(cursor.unsigned()?) else {
            return cursor.broken_at(at, "a server's number");
        };
        cursor.expect(b",\"gtid\":", "the field source.gtid")?;
        let transaction = if cursor.take(b"null") {
            None
        } else {
            Some(shared_text(cursor)?)
        };
        cursor.expect(b",\"file\":", "the field source.file")?;
        let file = shared_text(cursor)?;
        cursor.expect(b",\"pos\":", "the field source.pos")?;
        self.shared.clear();
        self.shared.extend_from_slice(cursor.since(start));
        let origin = Arc::new(Origin {
            transaction,
            server_id,
            file,
            committed_at_ms,
        });
        let (origin, snapshot) = self.of.insert((origin, snapshot));
        Ok((origin, *snapshot))
    }
}

fn shared_text(cursor: &mut Cursor<'_>) -> Result<Arc<str>, Broken> {
    let at = cursor.at();
    let text: Bytes = cursor.string()?;
    match std::str::from_utf8(&text) {
        Ok(text) => Ok(Arc::from(text)),
        Err(_) => cursor.broken_at(at, "UTF-8"),
    }
}
