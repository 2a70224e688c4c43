//! A message with its schema, as Connect's JsonConverter writes it, and the order of those of a key.

use crate::topics::Record;
use serde_json::Value;
use std::collections::BTreeMap;

/// A message of a table's topic. What a schema calls after its owner is called after `ours`.
#[derive(Clone, Debug)]
pub struct Message {
    /// With its schema; none for a table without a key.
    pub key: Option<Value>,
    /// With its schema; none for a tombstone.
    pub value: Option<Value>,
    pub headers: Vec<String>,
}

/// By table and key, in order. Rows of a table without a key are all of one.
pub type ByKey = BTreeMap<(String, String), Vec<Message>>;

/// The messages of the tables' topics that begin with `prefix`.
///
/// # Panics
/// When one of them is no JSON.
#[must_use]
pub fn messages(records: &[Record], prefix: &str) -> ByKey {
    let mut messages = ByKey::new();
    let mut sorted: Vec<&Record> = records.iter().collect();
    sorted.sort_by_key(|record| (&record.topic, record.partition, record.offset));
    for record in sorted {
        let table = record.topic.strip_prefix(prefix);
        let Some(table) = table.filter(|table| table.contains('.')) else {
            continue;
        };
        let parsed = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map(|bytes| {
                let mut value = serde_json::from_slice(bytes).expect("messages are JSON");
                rename(&mut value, prefix);
                value
            })
        };
        let message = Message {
            key: parsed(&record.key),
            value: parsed(&record.value),
            headers: record
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
        };
        let key = message.key.as_ref();
        let key = key.map_or_else(String::new, |key| key["payload"].to_string());
        messages
            .entry((table.to_owned(), key))
            .or_default()
            .push(message);
    }
    messages
}

impl Message {
    /// A field of the payload.
    #[must_use]
    pub fn field(&self, name: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.value
            .as_ref()
            .map_or(&NULL, |value| &value["payload"][name])
    }

    #[must_use]
    pub fn operation(&self) -> &str {
        match &self.value {
            None => "tombstone",
            Some(_) => self.field("op").as_str().unwrap_or("?"),
        }
    }
}

/// Names of schemas begin with the owner's prefix.
fn rename(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(name)) = fields.get_mut("name")
                && let Some(rest) = name.strip_prefix(prefix)
            {
                *name = format!("ours.{rest}");
            }
            for (name, value) in fields {
                if name != "payload" {
                    rename(value, prefix);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, prefix)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
