//! What the brokers say a topic is: its id, how many partitions it has, and what this account may do
//! with it.
//!
//! A topic that is deleted and made anew has the same name and another id, and only the id tells.
//! The Rust bindings do not wrap the call that has it, so this file speaks to librdkafka's C
//! interface itself; it is the only one that may, and every pointer stays inside of it.
#![allow(
    unsafe_code,
    reason = "topic ids and permissions are in librdkafka's C interface alone"
)]

use crate::client::Administrator;
use crate::error::Error;
use crate::refusal;
use crate::settings::Settings;
use rdkafka::bindings as c;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::Arc;

/// What tells one incarnation of a topic from another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Described {
    /// As the brokers print it.
    pub(crate) id: Arc<str>,
    pub(crate) partitions: i32,
    pub(crate) allowed: Allowed,
}

/// What the account may do with the records of a topic. Brokers that check nothing allow all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Allowed {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// Asks for topics by name; those that are not there are left out.
pub(crate) fn describe(
    settings: &Settings,
    administrator: &Administrator,
    topics: &[&str],
) -> Result<BTreeMap<String, Described>, Error> {
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<CString> = topics
        .iter()
        .map(|name| CString::new(*name))
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Unexpected {
            action: "describing topics".to_owned(),
            problem: error.to_string(),
        })?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let millis = i32::try_from(settings.patience.as_millis()).unwrap_or(i32::MAX);
    let client = administrator.inner().native_ptr();

    // SAFETY: `client` lives as long as `administrator`, which is borrowed. What is made here
    // (queue, options, collection, event) is destroyed below, after its last use, on every path:
    // nothing in between returns early. The collection copies the names. Results belong to the
    // event, and `read` copies what it takes before the event is destroyed.
    unsafe {
        let queue = c::rd_kafka_queue_new(client);
        let options = c::rd_kafka_AdminOptions_new(
            client,
            c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        c::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
        // What it returns belongs to the caller; it says no only to options of another request.
        let refused = c::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !refused.is_null() {
            c::rd_kafka_error_destroy(refused);
        }
        let collection =
            c::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        c::rd_kafka_DescribeTopics(client, collection, options, queue);
        // The request has a timeout of its own, after which there is an event that says so.
        let event = c::rd_kafka_queue_poll(queue, millis.saturating_add(5_000));
        let answer = if event.is_null() {
            Err((Code::OperationTimedOut, "no answer".to_owned()))
        } else {
            read(event)
        };
        if !event.is_null() {
            c::rd_kafka_event_destroy(event);
        }
        c::rd_kafka_TopicCollection_destroy(collection);
        c::rd_kafka_AdminOptions_destroy(options);
        c::rd_kafka_queue_destroy(queue);
        answer
            .map_err(|(code, problem)| refusal::coded(settings, "describing topics", code, problem))
    }
}

type Answer = Result<BTreeMap<String, Described>, (Code, String)>;

/// Copies what a result holds.
///
/// # Safety
/// `event` is one that a queue gave, and nobody has destroyed it.
unsafe fn read(event: *mut c::rd_kafka_event_t) -> Answer {
    // SAFETY: the caller's promise; pointers of a result are valid until the event is destroyed,
    // and arrays have the length that comes with them.
    unsafe {
        let error = c::rd_kafka_event_error(event);
        if error != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err((error.into(), text(c::rd_kafka_event_error_string(event))));
        }
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err((Code::Fail, "an answer to another question".to_owned()));
        }
        let mut count = 0;
        let topics = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let mut described = BTreeMap::new();
        for index in 0..count {
            let topic = *topics.add(index);
            let error = c::rd_kafka_TopicDescription_error(topic);
            let code: Code = c::rd_kafka_error_code(error).into();
            match code {
                Code::NoError => {}
                Code::UnknownTopicOrPartition | Code::UnknownTopic => continue,
                code => return Err((code, text(c::rd_kafka_error_string(error)))),
            }
            let name = text(c::rd_kafka_TopicDescription_name(topic));
            let mut partitions = 0;
            c::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
            let id = c::rd_kafka_TopicDescription_topic_id(topic);
            let described_topic = Described {
                id: text(c::rd_kafka_Uuid_base64str(id)).into(),
                partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
                allowed: allowed(topic),
            };
            described.insert(name, described_topic);
        }
        Ok(described)
    }
}

/// What the brokers say of the account; nothing of the kind means that they check nothing.
///
/// # Safety
/// `topic` belongs to a result that is still there.
unsafe fn allowed(topic: *const c::rd_kafka_TopicDescription_t) -> Allowed {
    let mut count = 0;
    // SAFETY: the caller's promise; the array has the length that comes with it.
    let operations = unsafe {
        let first = c::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count);
        if first.is_null() {
            return Allowed {
                read: true,
                write: true,
            };
        }
        std::slice::from_raw_parts(first, count)
    };
    let has = |wanted| operations.contains(&wanted);
    Allowed {
        read: has(c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ),
        write: has(c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE),
    }
}

/// # Safety
/// `text` is null or points at a text that ends with a zero.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
