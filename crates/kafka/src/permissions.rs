//! Whether the account may do what the log needs, asked before a start.
//!
//! Brokers tell for each topic that is there what its reader may do; whether a topic would be made is
//! asked by a request that makes nothing. What is not allowed is one finding for all topics, since
//! one grant mends it.

use crate::client::Administrator;
use crate::error::Error;
use crate::protocol;
use crate::settings::Settings;
use crate::topics::{ControlTopics, Described, Purpose, would_create};
use std::collections::BTreeMap;

/// What a process does with the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Reads the tables' topics; whoever writes reads the control topics.
    pub reads: bool,
    pub writes: bool,
}

/// Topics that are asked for at once.
const ASKED_AT_ONCE: usize = 200;

/// What the account may not do, or what brokers would not make.
pub(crate) fn missing(
    settings: &Settings,
    administrator: &Administrator,
    access: Access,
    topics: &[&str],
    there: &BTreeMap<String, Described>,
) -> Vec<Error> {
    let control = ControlTopics::of(&settings.pipeline);
    let is_control = |topic: &str| control.all().contains(&topic);
    let mut missing = Vec::new();
    let lacking = |lacks: &dyn Fn(&str, &Described) -> bool| {
        let topics = there.iter().filter(|(name, topic)| lacks(name, topic));
        topics.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    let unreadable = lacking(&|name, topic| {
        !topic.allowed.read && (access.reads || (access.writes && is_control(name)))
    });
    let unwritable = lacking(&|_, topic| !topic.allowed.write && access.writes);
    for (doing, topics) in [("reading", unreadable), ("writing to", unwritable)] {
        let Some((first, others)) = topics.split_first() else {
            continue;
        };
        let others = match others.len() {
            0 => String::new(),
            others => format!(" and {others} others"),
        };
        missing.push(Error::NotAllowed {
            action: format!("{doing} topic {first}{others}"),
            problem: "the account has no such permission".to_owned(),
        });
    }
    if !access.writes {
        return missing;
    }
    let absent = topics.iter().copied();
    let absent = absent.filter(|topic| !there.contains_key(*topic));
    let (control, tables): (Vec<&str>, Vec<&str>) = absent.partition(|topic| is_control(topic));
    for (topics, purpose) in [(control, Purpose::Control), (tables, Purpose::Table)] {
        let mut parts = topics.chunks(ASKED_AT_ONCE);
        let refused =
            parts.try_for_each(|part| would_create(settings, administrator, part, purpose));
        missing.extend(refused.err());
    }
    if let Err(error @ Error::NotAllowed { .. }) = protocol::coordinator(settings) {
        missing.push(error);
    }
    missing
}
