//! What became of the messages of a transaction.
//!
//! librdkafka reports each message once, on a thread of its own: where it lies, or why it does not.
//! The reports are counted by slot, a slot being a partition of this transaction, and whoever waits
//! is woken by the last one. Waiting this way takes as long as the brokers take; the library's own
//! flush looks ten times a second.

use crate::client;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts delivery reports.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    tally: Mutex<Tally>,
    moved: Condvar,
    /// Brokers went away since somebody asked.
    outage: AtomicBool,
}

#[derive(Debug, Default)]
struct Tally {
    outstanding: usize,
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

/// Why there is no answer for every message.
#[derive(Clone, Debug)]
pub(crate) enum Wait {
    Undelivered(Undelivered),
    TimedOut { outstanding: usize },
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

    /// A message is about to be handed to the library.
    pub(crate) fn sending(&self) {
        self.tally().outstanding += 1;
    }

    /// The library has not taken it after all.
    pub(crate) fn not_sent(&self) {
        self.tally().outstanding -= 1;
    }

    /// Waits for a report, or for a moment, when the library's queue is full.
    pub(crate) fn wait_for_room(&self) {
        let tally = self.tally();
        let _ = self.moved.wait_timeout(tally, Duration::from_millis(20));
    }

    /// Waits until every message is reported.
    pub(crate) fn wait(&self, deadline: Instant) -> Result<(), Wait> {
        let mut tally = self.tally();
        loop {
            if let Some(failure) = &tally.failure {
                return Err(Wait::Undelivered(failure.clone()));
            }
            if tally.outstanding == 0 {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Wait::TimedOut {
                    outstanding: tally.outstanding,
                });
            }
            tally = self
                .moved
                .wait_timeout(tally, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
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
        tally.outstanding = tally.outstanding.saturating_sub(1);
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
        if tally.outstanding == 0 || tally.failure.is_some() {
            self.moved.notify_all();
        }
    }
}
