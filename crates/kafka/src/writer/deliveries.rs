//! What became of the messages of a transaction.
//!
//! librdkafka reports each message once, on a thread of its own: where it lies, or why it does not.
//! The reports are counted by slot, a slot being a partition of this transaction. That all of them
//! have come is known to the library, and waited for there (`outlet.rs`).

use crate::client;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts delivery reports.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    tally: Mutex<Tally>,
    /// Brokers went away since somebody asked.
    outage: AtomicBool,
}

#[derive(Debug, Default)]
struct Tally {
    slots: Vec<Delivered>,
    failure: Option<Undelivered>,
}

/// What lies in a slot's partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Delivered {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) records: u64,
}

/// The first message that was not taken.
#[derive(Clone, Debug)]
pub(crate) struct Undelivered {
    pub(crate) topic: String,
    pub(crate) code: Code,
    pub(crate) problem: String,
}

const NOTHING: Delivered = Delivered {
    first: i64::MAX,
    last: -1,
    records: 0,
};

impl Deliveries {
    /// Begins a transaction with no slots.
    pub(crate) fn begin(&self) {
        *self.tally() = Tally::default();
    }

    /// One more slot.
    pub(crate) fn slot(&self) -> usize {
        let mut tally = self.tally();
        tally.slots.push(NOTHING);
        tally.slots.len() - 1
    }

    /// Whether a message of this transaction was refused.
    pub(crate) fn has_failed(&self) -> bool {
        self.tally().failure.is_some()
    }

    /// The first message of this transaction that was refused.
    pub(crate) fn failure(&self) -> Option<Undelivered> {
        self.tally().failure.clone()
    }

    /// What lies in a slot's partition now.
    pub(crate) fn delivered(&self, slot: usize) -> Option<Delivered> {
        let delivered = self.tally().slots.get(slot).copied();
        delivered.filter(|delivered| delivered.records > 0)
    }

    /// Whether brokers went away since this was asked last.
    pub(crate) fn take_outage(&self) -> bool {
        self.outage.swap(false, Ordering::AcqRel)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        client::said(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if matches!(
            code,
            Some(Code::BrokerTransportFailure | Code::AllBrokersDown)
        ) {
            self.outage.store(true, Ordering::Release);
        }
        tracing::debug!(target: "librdkafka", %error, reason);
    }
}

impl ProducerContext for Deliveries {
    /// The slot.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, slot: usize) {
        let mut tally = self.tally();
        match result {
            Ok(message) => {
                if let Some(delivered) = tally.slots.get_mut(slot) {
                    delivered.first = delivered.first.min(message.offset());
                    delivered.last = delivered.last.max(message.offset());
                    delivered.records += 1;
                }
            }
            Err((failure, message)) => {
                let undelivered = || Undelivered {
                    topic: message.topic().to_owned(),
                    code: failure.rdkafka_error_code().unwrap_or(Code::Unknown),
                    problem: failure.to_string(),
                };
                tally.failure.get_or_insert_with(undelivered);
            }
        }
    }
}
