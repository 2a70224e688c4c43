//! What is handed to the loops: rows in batches of one table and bounded size, events in parcels.
//!
//! A parcel crosses to another task, which costs as much as several rows; small transactions are
//! therefore sent several at a time, but never later than the moment when the stream has to wait.

use crate::binlog::partial::PartialImage;
use change::{ChangeKind, Origin, PartialChange, Place, Row, RowChange, Schema};
use flow::ports::SourceEvent;
use std::sync::Arc;

const BATCH_ROWS: usize = 1000;
const BATCH_BYTES: usize = 1 << 20;
const PARCEL_EVENTS: usize = 256;

/// Events on their way out.
#[derive(Default)]
pub(super) struct Outbox {
    schema: Option<Arc<Schema>>,
    rows: Vec<RowChange>,
    /// Those of which the log does not tell whole rows; never beside others, so that all stay in
    /// their order.
    partial: Vec<PartialChange>,
    /// Where the next row stands if it shares the offset of the one before.
    next: Place,
    row_bytes: usize,
    events: Vec<SourceEvent>,
    event_bytes: usize,
}

impl Outbox {
    /// Adds a row of the event that starts at `offset`; `bytes` is what it took there.
    pub(super) fn row(
        &mut self,
        schema: &Arc<Schema>,
        kind: ChangeKind<Row>,
        offset: u64,
        bytes: usize,
    ) {
        let same = self.partial.is_empty() && self.rows.len() < BATCH_ROWS;
        let place = self.place(same, schema, offset, bytes);
        self.rows.push(RowChange { place, kind });
    }

    /// Adds a change of which the log does not tell whole rows.
    pub(super) fn partial(
        &mut self,
        schema: &Arc<Schema>,
        (before, after): (Option<PartialImage>, Option<PartialImage>),
        offset: u64,
        bytes: usize,
    ) {
        let same = self.rows.is_empty() && self.partial.len() < BATCH_ROWS;
        let place = self.place(same, schema, offset, bytes);
        self.partial.push(PartialChange {
            place,
            before,
            after,
        });
    }

    /// The place of a row that goes into the open batch if that is of the same kind.
    fn place(&mut self, same: bool, schema: &Arc<Schema>, offset: u64, bytes: usize) -> Place {
        let known = self.schema.as_ref();
        let same = same && known.is_some_and(|known| Arc::ptr_eq(known, schema));
        if !same || self.row_bytes + bytes > BATCH_BYTES {
            self.close_batch();
            self.schema = Some(Arc::clone(schema));
        }
        if self.next.offset != offset {
            self.next = Place { offset, row: 0 };
        }
        let place = self.next;
        self.next.row += 1;
        self.row_bytes += bytes;
        place
    }

    /// Begins a transaction: rows are counted anew, also where offsets repeat in another file.
    pub(super) fn begin(&mut self, origin: Arc<Origin>) {
        self.next = Place::default();
        self.event(SourceEvent::Begin { origin });
    }

    /// Adds an event after all rows so far.
    pub(super) fn event(&mut self, event: SourceEvent) {
        self.close_batch();
        self.events.push(event);
    }

    /// Whether the parcel is large enough to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.event_bytes + self.row_bytes >= BATCH_BYTES || self.events.len() >= PARCEL_EVENTS
    }

    /// Takes everything but a batch that is still open.
    pub(super) fn take(&mut self) -> Vec<SourceEvent> {
        self.event_bytes = 0;
        std::mem::take(&mut self.events)
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> Vec<SourceEvent> {
        self.close_batch();
        self.take()
    }

    fn close_batch(&mut self) {
        if let Some(schema) = self.schema.take() {
            self.event_bytes += self.row_bytes;
            let partial = std::mem::take(&mut self.partial);
            let rows = std::mem::take(&mut self.rows);
            if !partial.is_empty() {
                let rows = partial;
                self.events.push(SourceEvent::Partial { schema, rows });
            } else if !rows.is_empty() {
                self.events.push(SourceEvent::Rows { schema, rows });
            }
        }
        self.row_bytes = 0;
    }
}
