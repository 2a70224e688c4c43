//! The producer, and the messages that it is given.
//!
//! Two things are done here that the Rust bindings don't offer, hence this file speaks to librdkafka's
//! C interface itself. Messages name their topic by a handle: by its name it would be looked up for
//! each message, in a list of all topics. And whoever waits for all reports says so to the library,
//! which sends what it has at once and wakes the caller with the last report; the bindings look ten
//! times a second.
//!
//! No partition is given more than one batch before all reports are waited for. A transactional
//! producer has one batch of a partition under way, and while another is due the library's thread
//! looks whether it may go without a pause, at the cost of a whole processor.
#![allow(
    unsafe_code,
    reason = "handles of topics and waiting for reports are in librdkafka's C interface alone"
)]

use super::deliveries::Deliveries;
use crate::error::Error;
use crate::settings::Settings;
use rdkafka::bindings as c;
use rdkafka::producer::{Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

pub(crate) type Producer = ThreadedProducer<Deliveries>;

/// What the library counts for a message beside its key, its value and its headers, at most.
const FRAMING_BYTES: usize = 48;
/// The same for a header beside its name and its value.
const HEADER_FRAMING_BYTES: usize = 10;
/// The same for a batch.
const BATCH_FRAMING_BYTES: u64 = 1 << 10;
/// How often it is looked whether a message was refused, while others are waited for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Two headers more than messages have.
const HEADERS: usize = 8;

/// A producer and the topics that it has written to.
pub(crate) struct Outlet {
    // Fields are dropped in this order: handles before the producer that they are of.
    topics: Vec<Topic>,
    places: HashMap<String, Place>,
    given: Given,
    producer: Producer,
}

/// A topic of an outlet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(usize);

/// A message and where it goes.
pub(crate) struct Handed<'a> {
    pub(crate) partition: i32,
    /// Where its report is counted.
    pub(crate) slot: usize,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
}

impl Outlet {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let producer: Producer = settings
            .producer()
            .create_with_context(Deliveries::default())
            .map_err(|error| Error::Client {
                problem: error.to_string(),
            })?;
        Ok(Self {
            topics: Vec::new(),
            places: HashMap::new(),
            given: Given::new(settings.batch_bytes()),
            producer,
        })
    }

    pub(crate) fn producer(&self) -> &Producer {
        &self.producer
    }

    pub(crate) fn deliveries(&self) -> &Deliveries {
        self.producer.client().context()
    }

    /// The place of a topic, which need not exist.
    pub(crate) fn place(&mut self, topic: &str) -> Result<Place, Code> {
        if let Some(place) = self.places.get(topic) {
            return Ok(*place);
        }
        let name = CString::new(topic).map_err(|_| Code::InvalidArgument)?;
        // SAFETY: the client lives as long as the producer, which this outlet owns. The call copies
        // the name and takes no configuration.
        let handle =
            unsafe { c::rd_kafka_topic_new(self.client(), name.as_ptr(), ptr::null_mut()) };
        let Some(handle) = NonNull::new(handle) else {
            // SAFETY: it reads a variable of this thread.
            return Err(unsafe { c::rd_kafka_last_error() }.into());
        };
        let place = Place(self.topics.len());
        self.topics.push(Topic(handle));
        self.places.insert(topic.to_owned(), place);
        Ok(place)
    }

    /// Hands a message over, which the library copies. Where it would begin another batch, waits for
    /// what is under way first; where that fails, nothing more is taken, and whoever waits for all of
    /// it is told why.
    pub(crate) fn hand(
        &mut self,
        place: Place,
        message: &Handed<'_>,
        deadline: Instant,
    ) -> Result<(), Code> {
        let bytes = message.bytes();
        if !self.given.fits(message.slot, bytes) && !self.settle(deadline) {
            return Ok(());
        }
        loop {
            match self.produce(place, message) {
                Ok(()) => break,
                Err(Code::QueueFull) => {
                    if !self.settle(deadline) {
                        return Ok(());
                    }
                }
                Err(code) => return Err(code),
            }
        }
        self.given.add(message.slot, bytes);
        Ok(())
    }

    fn produce(&self, place: Place, message: &Handed<'_>) -> Result<(), Code> {
        let pointer = |part: Option<&[u8]>| match part {
            None => (ptr::null_mut::<c_void>(), 0_usize),
            Some(bytes) => (bytes.as_ptr().cast_mut().cast(), bytes.len()),
        };
        let (key, key_bytes) = pointer(message.key);
        let (value, value_bytes) = pointer(message.value);
        let topic = &self.topics[place.0];
        // The opaque is the slot itself, as the context of the producer reads it, and no address.
        let opaque = ptr::without_provenance_mut::<c_void>(message.slot);
        // SAFETY: the client and the topic's handle live as long as this outlet, and the handle is
        // of this client. Key, value, and the names and values of headers are copied before the
        // calls return, because of the flag and by themselves. Each argument has the type that its
        // tag asks for. The list of headers belongs to the library once the message is taken, and
        // to this function otherwise.
        unsafe {
            let headers = match message.headers {
                [] => ptr::null_mut(),
                named => {
                    let list = c::rd_kafka_headers_new(HEADERS);
                    for (name, value) in named {
                        c::rd_kafka_header_add(
                            list,
                            name.as_ptr().cast(),
                            name.len().cast_signed(),
                            value.as_ptr().cast(),
                            value.len().cast_signed(),
                        );
                    }
                    list
                }
            };
            let code = c::rd_kafka_producev(
                self.client(),
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT,
                topic.0.as_ptr(),
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
                message.partition,
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
                c::RD_KAFKA_MSG_F_COPY,
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE,
                value,
                value_bytes,
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY,
                key,
                key_bytes,
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE,
                opaque,
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS,
                headers,
                c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_END,
            );
            if code == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Ok(());
            }
            if !headers.is_null() {
                c::rd_kafka_headers_destroy(headers);
            }
            Err(code.into())
        }
    }

    /// Waits until every message is taken. False where one is refused, or time is up before.
    pub(crate) fn settle(&mut self, deadline: Instant) -> bool {
        self.given.clear();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let reported = self.flush(left.min(LOOK_EVERY));
            if self.deliveries().has_failed() {
                return false;
            }
            if reported || left.is_zero() {
                return reported;
            }
        }
    }

    /// Has everything sent, and tells whether all of it is reported within this time. A report
    /// counts once its callback has returned.
    fn flush(&self, within: Duration) -> bool {
        let millis = i32::try_from(within.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client lives as long as the producer, which this outlet owns. Reports are
        // served by the producer's own thread, so that this call has only to wait.
        let code = unsafe { c::rd_kafka_flush(self.client(), millis) };
        code == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
    }

    fn client(&self) -> *mut c::rd_kafka_t {
        self.producer.client().native_ptr()
    }
}

impl Handed<'_> {
    /// What the library counts for it in a batch, or more.
    fn bytes(&self) -> u64 {
        let part = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len() + HEADER_FRAMING_BYTES);
        let headers: usize = headers.sum();
        (FRAMING_BYTES + part(self.key) + part(self.value) + headers) as u64
    }
}

/// What each partition was given since all reports were waited for.
#[derive(Debug)]
struct Given {
    /// Messages and their bytes, by slot.
    slots: Vec<(u64, u64)>,
    batch_bytes: u64,
}

impl Given {
    /// `batch_bytes`: where the library ends a batch.
    fn new(batch_bytes: u64) -> Self {
        Self {
            slots: Vec::new(),
            batch_bytes: batch_bytes.saturating_sub(BATCH_FRAMING_BYTES),
        }
    }

    /// Whether one more message does not begin another batch. The first never does.
    fn fits(&self, slot: usize, bytes: u64) -> bool {
        let (messages, given) = self.slots.get(slot).copied().unwrap_or_default();
        let room = messages < Settings::BATCH_MESSAGES && given + bytes <= self.batch_bytes;
        messages == 0 || room
    }

    fn add(&mut self, slot: usize, bytes: u64) {
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, (0, 0));
        }
        let (messages, given) = &mut self.slots[slot];
        *messages += 1;
        *given += bytes;
    }

    fn clear(&mut self) {
        self.slots.clear();
    }
}

/// A handle, which keeps its topic known to the library.
struct Topic(NonNull<c::rd_kafka_topic_t>);

// SAFETY: librdkafka's objects may be used from any thread, several at a time.
unsafe impl Send for Topic {}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle was taken once and is given back once; its client is still there, by
        // the order of the outlet's fields.
        unsafe { c::rd_kafka_topic_destroy(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_FRAMING_BYTES, Given, Handed};
    use crate::settings::Settings;

    #[test]
    fn a_partition_is_given_one_batch_and_no_other_is_held_up_by_it() {
        let mut given = Given::new(1_000 + BATCH_FRAMING_BYTES);
        for _ in 0..2 {
            assert!(given.fits(3, 500));
            given.add(3, 500);
        }
        assert!(!given.fits(3, 1));
        assert!(given.fits(4, 1_000));
        given.clear();
        assert!(given.fits(3, 1_000));
    }

    #[test]
    fn a_message_that_is_longer_than_a_batch_goes_alone() {
        let mut given = Given::new(1_000);
        assert!(given.fits(0, 5_000));
        given.add(0, 5_000);
        assert!(!given.fits(0, 0));
    }

    #[test]
    fn a_batch_has_so_many_messages_as_the_library_is_told() {
        let mut given = Given::new(u64::MAX);
        for _ in 0..Settings::BATCH_MESSAGES {
            assert!(given.fits(0, 1));
            given.add(0, 1);
        }
        assert!(!given.fits(0, 1));
    }

    /// Its own estimate is 36 bytes, and two varints of at most five bytes for a header.
    #[test]
    fn a_message_counts_for_no_less_than_the_library_counts() {
        let message = Handed {
            partition: 0,
            slot: 0,
            key: Some(b"key"),
            value: Some(b"value"),
            headers: &[("name", b"one"), ("other", b"")],
        };
        assert!(message.bytes() >= 36 + 3 + 5 + (4 + 3 + 10) + (5 + 10));
    }
}
