//! Where two messages of one change differ: schemas attribute by attribute, payloads field by field.

use super::message::{ByKey, Message};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// One difference. What one side does not have at all is `None`.
#[derive(Clone, Debug)]
pub struct Difference {
    pub table: String,
    pub key: String,
    /// Debezium's; `r`, `c`, `u`, `d`, `t` or `tombstone`.
    pub operation: String,
    /// `schema.source.thread.type`, `source.thread`, `after.name`, `key.schema.…`, `headers`.
    pub path: String,
    /// Theirs of the column, where the path is one of a value.
    pub column: Option<Value>,
    pub ours: Option<Value>,
    pub theirs: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            None => "nothing".to_owned(),
            Some(value) => value.to_string().chars().take(200).collect(),
        };
        write!(
            f,
            "{} {} {} {}: ours {}, theirs {}",
            self.table,
            self.key,
            self.operation,
            self.path,
            shown(&self.ours),
            shown(&self.theirs)
        )
    }
}

/// All differences of all messages, those of one key in order.
#[must_use]
pub fn differences(ours: &ByKey, theirs: &ByKey) -> Vec<Difference> {
    let mut found = Vec::new();
    let none = Vec::new();
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for (table, key) in keys {
        let of = |side: &ByKey| side.get(&(table.clone(), key.clone())).cloned();
        let mut ours = of(ours).unwrap_or_else(|| none.clone());
        let mut theirs = of(theirs).unwrap_or_else(|| none.clone());
        if key.is_empty() {
            ours = rows_in_order(ours);
            theirs = rows_in_order(theirs);
        }
        let mut walk = Walk {
            table,
            key,
            operation: String::new(),
            found: &mut found,
        };
        walk.sequence(ours, theirs);
    }
    found
}

struct Walk<'a> {
    table: &'a str,
    key: &'a str,
    operation: String,
    found: &'a mut Vec<Difference>,
}

impl Walk<'_> {
    fn sequence(&mut self, ours: Vec<Message>, theirs: Vec<Message>) {
        let mut ours = ours.into_iter();
        for theirs in theirs {
            theirs.operation().clone_into(&mut self.operation);
            // Of these Lockstep has none.
            if self.operation == "t" || self.operation == "tombstone" && self.key.is_empty() {
                let operation = Value::from(theirs.operation());
                self.note("op", None, Some(&operation));
                continue;
            }
            let Some(mut own) = ours.next() else {
                self.note("message", None, theirs.value.as_ref());
                continue;
            };
            // A row without a key that is told as its deletion and its creation.
            if self.key.is_empty() && (own.operation(), theirs.operation()) == ("d", "u") {
                self.note("op", Some(&Value::from("d, c")), Some(&Value::from("u")));
                if let Some(after) = ours.next() {
                    own = joined(own, &after);
                }
            }
            self.message(&own, &theirs);
        }
        for own in ours {
            own.operation().clone_into(&mut self.operation);
            self.note("message", own.value.as_ref(), None);
        }
    }

    fn message(&mut self, ours: &Message, theirs: &Message) {
        if ours.headers != theirs.headers {
            let list = |message: &Message| Value::from(message.headers.clone());
            self.note("headers", Some(&list(ours)), Some(&list(theirs)));
        }
        let schema = |part: &Option<Value>| part.as_ref().map(|part| by_name(&part["schema"]));
        self.tree("key.schema", schema(&ours.key), schema(&theirs.key));
        let (own_schema, their_schema) = (schema(&ours.value), schema(&theirs.value));
        self.tree("schema", own_schema, their_schema.clone());
        let payload =
            |message: &Message| message.value.as_ref().map(|value| value["payload"].clone());
        match (payload(ours), payload(theirs)) {
            (Some(ours), Some(theirs)) => self.payload(&ours, &theirs, their_schema.as_ref()),
            (None, None) => {}
            (ours, theirs) => self.note("value", ours.as_ref(), theirs.as_ref()),
        }
    }

    fn payload(&mut self, ours: &Value, theirs: &Value, schema: Option<&Value>) {
        for name in names(ours, theirs) {
            match name {
                // When the message was made; two programs have two times.
                "ts_ms" => {}
                "before" | "after" => {
                    let columns = schema.map(|schema| &schema["fields"][name]["fields"]);
                    self.image(name, &ours[name], &theirs[name], columns);
                }
                "source" => self.fields("source", &ours[name], &theirs[name]),
                _ => self.leaf(name, ours.get(name), theirs.get(name)),
            }
        }
    }

    fn image(&mut self, image: &str, ours: &Value, theirs: &Value, columns: Option<&Value>) {
        if !(ours.is_object() && theirs.is_object()) {
            self.leaf(image, Some(ours), Some(theirs));
            return;
        }
        for name in names(ours, theirs) {
            let column = columns.map(|columns| columns[name].clone());
            let (own, their) = (ours.get(name), theirs.get(name));
            if own != their && !same_float(own, their, column.as_ref()) {
                self.note(&format!("{image}.{name}"), own, their);
                if let Some(last) = self.found.last_mut() {
                    last.column = column;
                }
            }
        }
    }

    fn fields(&mut self, path: &str, ours: &Value, theirs: &Value) {
        for name in names(ours, theirs) {
            self.leaf(&format!("{path}.{name}"), ours.get(name), theirs.get(name));
        }
    }

    fn tree(&mut self, path: &str, ours: Option<Value>, theirs: Option<Value>) {
        match (&ours, &theirs) {
            (Some(own), Some(their)) if own.is_object() && their.is_object() => {
                for name in names(own, their) {
                    let below = match name {
                        "fields" => path.to_owned(),
                        _ => format!("{path}.{name}"),
                    };
                    self.tree(&below, own.get(name).cloned(), their.get(name).cloned());
                }
            }
            (None | Some(_), None | Some(_)) => self.leaf(path, ours.as_ref(), theirs.as_ref()),
        }
    }

    fn leaf(&mut self, path: &str, ours: Option<&Value>, theirs: Option<&Value>) {
        if ours != theirs {
            self.note(path, ours, theirs);
        }
    }

    fn note(&mut self, path: &str, ours: Option<&Value>, theirs: Option<&Value>) {
        self.found.push(Difference {
            table: self.table.to_owned(),
            key: self.key.to_owned(),
            operation: self.operation.clone(),
            path: path.to_owned(),
            column: None,
            ours: ours.cloned(),
            theirs: theirs.cloned(),
        });
    }
}

/// The rows of a snapshot sorted, the changes behind them left as they are: where there is no key, a
/// snapshot has no order.
fn rows_in_order(messages: Vec<Message>) -> Vec<Message> {
    let (mut rows, changes): (Vec<_>, Vec<_>) = messages
        .into_iter()
        .partition(|message| message.operation() == "r");
    rows.sort_by_key(|row| row.field("after").to_string());
    rows.into_iter().chain(changes).collect()
}

/// A FLOAT is of 32 bits, however it is printed; one that is told as a double is the same number.
fn same_float(ours: Option<&Value>, theirs: Option<&Value>, column: Option<&Value>) -> bool {
    let (Some(ours), Some(theirs), Some(column)) = (ours, theirs, column) else {
        return false;
    };
    // As text, because the parser of whole messages may be off by the last bit of a double.
    let narrow = |value: &Value| {
        let spelled = Some(value).filter(|value| value.is_number())?.to_string();
        spelled.parse::<f32>().ok()
    };
    match (column["type"].as_str(), ours, theirs) {
        (Some("float"), ours, theirs) => narrow(ours).is_some() && narrow(ours) == narrow(theirs),
        (Some("double"), ours, theirs) => {
            narrow(ours).is_some() && narrow(ours).map(f64::from) == theirs.as_f64()
        }
        (Some("array"), Value::Array(ours), Value::Array(theirs)) => {
            let pairs = ours.iter().zip(theirs);
            let mut same = pairs.map(|(ours, theirs)| (narrow(ours), narrow(theirs)));
            ours.len() == theirs.len()
                && same.all(|(ours, theirs)| ours.is_some() && ours == theirs)
        }
        (None | Some(_), _, _) => false,
    }
}

/// One message of both halves.
fn joined(before: Message, after: &Message) -> Message {
    let mut joined = before;
    if let (Some(value), Some(after)) = (&mut joined.value, &after.value) {
        value["payload"]["after"] = after["payload"]["after"].clone();
        value["payload"]["op"] = Value::from("u");
    }
    joined.headers.clone_from(&after.headers);
    joined
}

/// A schema whose lists of fields are objects, by the fields' names.
fn by_name(schema: &Value) -> Value {
    let Value::Object(attributes) = schema else {
        return schema.clone();
    };
    let attributes = attributes.iter().map(|(attribute, value)| {
        let value = match value {
            Value::Array(fields) if attribute == "fields" => {
                let fields = fields.iter().map(|field| {
                    let name = field["field"].as_str().unwrap_or_default().to_owned();
                    (name, by_name(field))
                });
                Value::Object(fields.collect())
            }
            value => value.clone(),
        };
        (attribute.clone(), value)
    });
    Value::Object(attributes.collect::<Map<_, _>>())
}

fn names<'a>(ours: &'a Value, theirs: &'a Value) -> BTreeSet<&'a str> {
    let of = |value: &'a Value| value.as_object().into_iter().flat_map(Map::keys);
    of(ours).chain(of(theirs)).map(String::as_str).collect()
}
