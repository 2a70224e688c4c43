//! A key's value as an operator can read it and search for it.

use crate::clock::ClockText;
use change::Value;

/// Characters of a text, or bytes of binary data, that are shown.
const SHOWN: usize = 60;

/// The value, close to how SQL spells it; long ones are cut.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) | Value::Bit(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Year(year) => year.to_string(),
        Value::Date(date) => quoted(&ClockText::date(date)),
        Value::Time(time) => quoted(&ClockText::time(time, 6)),
        Value::DateTime(clock) => quoted(&ClockText::date_time(clock, 6, false)),
        Value::Timestamp(instant) => quoted(&ClockText::date_time(&instant.wall_clock(), 6, true)),
        Value::Text(text) => {
            let text = text.as_str();
            match text.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{:?}…", &text[..end]),
                None => format!("{text:?}"),
            }
        }
        Value::Malformed(bytes)
        | Value::Bytes(bytes)
        | Value::Geometry(bytes)
        | Value::Vector(bytes) => hexadecimal(bytes),
        Value::Enum(index) => format!("ENUM member {index}"),
        Value::Set(bits) => format!("SET bits {bits}"),
        Value::Json(_) => "a JSON value".into(),
    }
}

fn quoted(text: &ClockText) -> String {
    format!("'{}'", String::from_utf8_lossy(text.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let shown: String = bytes
        .iter()
        .take(SHOWN / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let more = if bytes.len() > SHOWN / 2 { "…" } else { "" };
    format!("0x{shown}{more}")
}
