//! What is handed to the loops: rows in batches of one table and bounded size, events in parcels.
//!
//! A parcel crosses to another task, which costs as much as several rows; small transactions are
//! therefore sent several at a time, but never later than the moment when the stream has to wait.

use change::{ChangeKind, Origin, Place, Row, RowChange, Schema};
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
        let same = self
            .schema
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, schema));
        if !same || self.rows.len() >= BATCH_ROWS || self.row_bytes + bytes > BATCH_BYTES {
            self.close_batch();
            self.schema = Some(Arc::clone(schema));
        }
        if self.next.offset != offset {
            self.next = Place { offset, row: 0 };
        }
        let place = self.next;
        self.next.row += 1;
        self.rows.push(RowChange { place, kind });
        self.row_bytes += bytes;
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
        if let Some(schema) = self.schema.take()
            && !self.rows.is_empty()
        {
            self.event_bytes += self.row_bytes;
            self.events.push(SourceEvent::Rows {
                schema,
                rows: std::mem::take(&mut self.rows),
            });
        }
        self.row_bytes = 0;
    }
}
