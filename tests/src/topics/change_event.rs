//! A record of a table's topic, read as the documented change event.

use super::consumer::Record;
use serde_json::Value;

/// What a record says. Keys are canonical JSON text.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Change(ChangeEvent),
    /// A row that the copy read.
    Read {
        key: String,
        place: Place,
    },
    Tombstone {
        key: String,
    },
}

/// One half of a key's change, or a whole change.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeEvent {
    pub key: String,
    pub operation: Operation,
    pub gtid: String,
    pub place: Place,
    pub before: Value,
    pub after: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

/// Where the source's log has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: String,
    pub offset: u64,
    pub row: u64,
}

/// What this record says; none if it is not of the documented form.
#[must_use]
pub fn event(record: &Record) -> Option<Event> {
    let key: Value = serde_json::from_slice(record.key.as_deref()?).ok()?;
    let key = key.as_object().map(|_| key.to_string())?;
    let Some(value) = &record.value else {
        return Some(Event::Tombstone { key });
    };
    let mut value: Value = serde_json::from_slice(value).ok()?;
    let source = &value["source"];
    let place = Place {
        file: source["file"].as_str()?.to_owned(),
        offset: source["pos"].as_u64()?,
        row: source["row"].as_u64()?,
    };
    let gtid = source["gtid"].as_str().map(str::to_owned);
    let operation = match value["op"].as_str()? {
        "r" => return Some(Event::Read { key, place }),
        "c" => Operation::Create,
        "u" => Operation::Update,
        "d" => Operation::Delete,
        _ => return None,
    };
    Some(Event::Change(ChangeEvent {
        key,
        operation,
        gtid: gtid?,
        place,
        before: value["before"].take(),
        after: value["after"].take(),
    }))
}

impl Event {
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Change(change) => &change.key,
            Self::Read { key, .. } | Self::Tombstone { key } => key,
        }
    }

    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Change(change) => Some(&change.place),
            Self::Read { place, .. } => Some(place),
            Self::Tombstone { .. } => None,
        }
    }
}

impl ChangeEvent {
    #[must_use]
    pub fn is_delete(&self) -> bool {
        self.operation == Operation::Delete
    }
}
