//! `Source`: which transaction a change comes from, and where it stands in the log.
//!
//! As in JSON: what is the same for every change of a transaction is kept as bytes by the writer,
//! and compared as bytes by the reader, so that it is written, read and allocated once per table.

use super::numbers::{change, number, source};
use super::table::Table;
use super::taking::Fields;
use super::writing::{begin, bytes_field, bytes_unless_empty, end, varint, varint_field};
use crate::cursor::Broken;
use crate::event::{Source, Told, is_of_snapshot};
use crate::layout::Settings;
use ::change::{Ordinal, Origin, Place};
use std::sync::Arc;

const CONNECTOR: &[u8] = b"mysql";

#[derive(Debug)]
pub(super) struct SourceWriter {
    version: Arc<str>,
    pipeline: Arc<str>,
    /// The fields of the transaction that was written last.
    of: Option<(Arc<Origin>, bool)>,
    shared: Vec<u8>,
}

impl SourceWriter {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            version: Arc::clone(&settings.version),
            pipeline: Arc::clone(&settings.pipeline),
            of: None,
            shared: Vec::new(),
        }
    }

    /// Appends the field `source` of a change.
    pub(super) fn write(&mut self, table: &Table, told: Told<'_>, out: &mut Vec<u8>) {
        let of = told.change;
        let snapshot = is_of_snapshot(&told.change.kind, &told.change.origin);
        let known = self
            .of
            .as_ref()
            .is_some_and(|(last, was)| Arc::ptr_eq(last, &of.origin) && *was == snapshot);
        if !known {
            self.share(table, &of.origin, snapshot);
            self.of = Some((Arc::clone(&of.origin), snapshot));
        }
        varint(out, change::SOURCE.into());
        let start = begin(out);
        out.extend_from_slice(&self.shared);
        varint_field(out, source::POS, of.place.offset);
        varint_field(out, source::ROW, of.place.row.into());
        varint(out, source::ORDINAL.into());
        let ordinal = begin(out);
        varint_field(out, number(1), of.ordinal.transaction);
        varint_field(out, number(2), of.ordinal.change);
        end(out, ordinal);
        end(out, start);
    }

    /// Everything up to the field `pos`.
    fn share(&mut self, table: &Table, origin: &Origin, snapshot: bool) {
        let out = &mut self.shared;
        out.clear();
        let name = &table.schema.name;
        bytes_unless_empty(out, source::VERSION, self.version.as_bytes());
        bytes_field(out, source::CONNECTOR, CONNECTOR);
        bytes_unless_empty(out, source::NAME, self.pipeline.as_bytes());
        let committed = origin.committed_at_ms.cast_unsigned();
        varint_field(out, source::TS_MS, committed);
        varint_field(out, source::SNAPSHOT, snapshot.into());
        bytes_unless_empty(out, source::DB, name.database.as_bytes());
        bytes_unless_empty(out, source::TABLE, name.table.as_bytes());
        varint_field(out, source::SERVER_ID, origin.server_id.into());
        if let Some(gtid) = &origin.transaction {
            bytes_field(out, source::GTID, gtid.as_bytes());
        }
        bytes_unless_empty(out, source::FILE, origin.file.as_bytes());
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

    /// Reads the content of the field `source`.
    pub(super) fn read(&mut self, table: &Table, mut fields: Fields<'_>) -> Result<Source, Broken> {
        let (origin, snapshot) = match &self.of {
            Some((origin, snapshot)) if self.is_next(&fields) => {
                fields.advance(self.shared.len());
                (Arc::clone(origin), *snapshot)
            }
            Some(_) | None => self.shared(table, &mut fields)?,
        };
        let offset = fields.number(source::POS)?;
        let row = fields.narrow(source::ROW)?;
        fields.expect(source::ORDINAL, "the field source.ordinal")?;
        let mut ordinal = fields.nested()?;
        let transaction = ordinal.number(number(1))?;
        let change = ordinal.number(number(2))?;
        ordinal.end()?;
        fields.end()?;
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

    /// Whether the fields of the last transaction come next, and none of them beside those: one
    /// that the last transaction left out may follow.
    fn is_next(&self, fields: &Fields<'_>) -> bool {
        let rest = fields.rest().strip_prefix(&*self.shared);
        let next = rest.and_then(<[u8]>::first).copied();
        next.is_some_and(|tag| u32::from(tag) > source::FILE)
    }

    /// Reads a transaction's fields that are not the last one's, and keeps them.
    fn shared(
        &mut self,
        table: &Table,
        fields: &mut Fields<'_>,
    ) -> Result<(Arc<Origin>, bool), Broken> {
        let start = fields.at();
        self.of = None;
        let name = &table.schema.name;
        fields.bytes(source::VERSION)?;
        fields.expect(source::CONNECTOR, "the field source.connector")?;
        if fields.nested()?.rest() != CONNECTOR {
            return fields.broken("the connector mysql");
        }
        if fields.bytes(source::NAME)?.rest() != self.pipeline.as_bytes() {
            return fields.broken("the field source.name of this pipeline");
        }
        let committed_at_ms = fields.number(source::TS_MS)?.cast_signed();
        let snapshot = fields.flag(source::SNAPSHOT)?;
        let database = fields.bytes(source::DB)?;
        let of_table = fields.bytes(source::TABLE)?;
        if database.rest() != name.database.as_bytes() || of_table.rest() != name.table.as_bytes() {
            return fields.broken("the fields source.db and source.table of this table");
        }
        let server_id = fields.narrow(source::SERVER_ID)?;
        let transaction = match fields.take(source::GTID) {
            true => Some(text(fields.nested()?)?),
            false => None,
        };
        let file = text(fields.bytes(source::FILE)?)?;
        self.shared.clear();
        self.shared.extend_from_slice(fields.since(start));
        let origin = Arc::new(Origin {
            transaction,
            server_id,
            file,
            committed_at_ms,
        });
        self.of = Some((Arc::clone(&origin), snapshot));
        Ok((origin, snapshot))
    }
}

fn text(content: Fields<'_>) -> Result<Arc<str>, Broken> {
    match std::str::from_utf8(content.rest()) {
        Ok(text) => Ok(Arc::from(text)),
        Err(_) => content.broken("UTF-8"),
    }
}
