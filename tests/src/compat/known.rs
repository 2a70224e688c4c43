//! Where messages differ on purpose. Each entry is one of the table in `docs/topics.md`, by its name,
//! and says exactly which differences it covers: anything else of the same field is none of them.

use super::difference::Difference;
use super::json_text::same_document;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The heading above the page's table.
const HEADING: &str = "## Where it differs from Debezium";
const YEAR_100_IN_DAYS: i64 = -683_003;
/// What the sixth digit may be off, of a number itself.
const SIX_DIGITS: f64 = 5e-6;
/// Character sets of which Java, and so Debezium, has another idea than MySQL.
const OTHER_IN_JAVA: [&str; 5] = ["_dec8", "_hp8", "_keybcs2", "_sjis", "_swe7"];

type Rule = (&'static str, fn(&Difference) -> bool);

/// The entries, named as in the page.
pub const KNOWN: &[Rule] = &[
    ("BIGINT UNSIGNED above 2^63-1", |found| {
        let wrapped = own(found).as_u64().map(u64::cast_signed);
        wrapped.is_some_and(|wrapped| wrapped < 0 && their(found).as_i64() == Some(wrapped))
    }),
    ("dates off the calendar", |found| {
        let theirs = their(found);
        own(found).as_str().is_some_and(off_the_calendar)
            && is_time(found)
            && (theirs.is_null() || theirs.is_i64())
    }),
    ("years below 100", |found| {
        let days = match type_of(found) {
            "io.debezium.time.Date" => own(found).as_i64(),
            "io.debezium.time.Timestamp" => own(found).as_i64().map(|ms| ms / 86_400_000),
            "io.debezium.time.MicroTimestamp" => own(found).as_i64().map(|us| us / 86_400_000_000),
            _ => None,
        };
        days.is_some_and(|days| days < YEAR_100_IN_DAYS) && their(found).is_i64()
    }),
    ("YEAR 0000", |found| {
        type_of(found) == "io.debezium.time.Year"
            && *own(found) == 0
            && (*their(found) == 1900 || *their(found) == 2000)
    }),
    ("digits of TIMESTAMP", |found| {
        type_of(found) == "io.debezium.time.ZonedTimestamp"
            && found.operation == "r"
            && own(found).as_str().and_then(instant).is_some()
            && own(found).as_str().and_then(instant) == their(found).as_str().and_then(instant)
    }),
    ("FLOAT in the snapshot", |found| {
        let both = own(found).as_f64().zip(their(found).as_f64());
        type_of(found) == "float"
            && found.operation == "r"
            && both.is_some_and(|(ours, theirs)| (ours - theirs).abs() <= ours.abs() * SIX_DIGITS)
    }),
    ("FLOAT(m, d)", |found| {
        is_column_schema(found, "type") && *own(found) == "float" && *their(found) == "double"
    }),
    ("BINARY(0)", |found| {
        let zeros = |text: &str| text.trim_end_matches('=').chars().all(|digit| digit == 'A');
        type_of(found) == "bytes" && *own(found) == "" && their(found).as_str().is_some_and(zeros)
    }),
    ("dec8, hp8, keybcs2, sjis, swe7", |found| {
        OTHER_IN_JAVA.iter().any(|set| found.path.ends_with(set))
            && own(found).is_string()
            && their(found).is_string()
    }),
    ("ENUM and SET that names do not tell", |found| {
        let kinds = ["io.debezium.data.Enum", "io.debezium.data.EnumSet"];
        kinds.contains(&type_of(found)) && own(found).is_u64() && their(found).is_string()
    }),
    ("numbers and blanks in JSON", |found| {
        type_of(found) == "io.debezium.data.Json"
            && match (own(found).as_str(), their(found).as_str()) {
                (Some(ours), Some(theirs)) => same_document(ours, theirs),
                (None | Some(_), None | Some(_)) => false,
            }
    }),
    ("other types in JSON", |found| {
        type_of(found) == "io.debezium.data.Json"
            && own(found)["types"].is_string()
            && their(found).is_string()
    }),
    ("NULL where there is a default", |found| {
        let default = found.column.as_ref().map(|column| &column["default"]);
        own(found).is_null() && default.is_some_and(|default| default == their(found))
    }),
    ("defaults", |found| {
        is_column_schema(found, "default") && found.ours.is_none()
    }),
    ("x and y of POINT", |found| {
        let is_point = type_of(found) == "io.debezium.data.geometry.Point";
        is_point
            && ["wkb", "srid"]
                .iter()
                .all(|field| own(found)[*field] == their(found)[*field])
            || is_column_schema(found, "name") && *their(found) == "io.debezium.data.geometry.Point"
            || found.path.ends_with(".wkb.optional") && *own(found) == false
            || (found.path.ends_with(".x") || found.path.ends_with(".y"))
                && found.ours.is_none()
                && their(found)["type"] == "double"
    }),
    ("attributes of schemas", |found| {
        let nothing = found.ours.is_none();
        match &*found.path {
            "schema.version" | "schema.source.version" | "schema.transaction.version" => nothing,
            path if path.starts_with("schema.source.snapshot.") => nothing,
            _ => {
                let geometries = ["Geometry", "Geometry (POINT)"];
                let doc = their(found).as_str();
                is_column_schema(found, "doc")
                    && nothing
                    && doc.is_some_and(|doc| geometries.contains(&doc))
            }
        }
    }),
    ("ts_us, ts_ns", |found| {
        let last = found.path.rsplit('.').next();
        matches!(last, Some("ts_us" | "ts_ns")) && found.ours.is_none()
    }),
    ("source.sequence", |found| {
        found.path.ends_with("source.sequence") && found.ours.is_none()
    }),
    ("source.thread", |found| {
        found.path == "source.thread" && own(found).is_null() && their(found).is_u64()
    }),
    ("source.ordinal", |found| {
        found.path.ends_with("source.ordinal") && found.theirs.is_none()
    }),
    ("source.version, source.name", |found| {
        matches!(&*found.path, "source.version" | "source.name")
            && own(found).is_string()
            && their(found).is_string()
    }),
    ("source of r", |found| {
        let of_the_copy = ["ts_ms", "server_id", "row", "pos", "file", "snapshot"];
        let field = found.path.strip_prefix("source.");
        found.operation == "r" && field.is_some_and(|field| of_the_copy.contains(&field))
    }),
    ("headers", |found| {
        let all = |value: &Value, prefix: &str| {
            let names = value.as_array().into_iter().flatten();
            names
                .filter_map(Value::as_str)
                .all(|name| name.starts_with(prefix))
        };
        found.path == "headers" && all(own(found), "lockstep.") && all(their(found), "__debezium.")
    }),
    ("UPDATE without a key", |found| {
        found.path == "op" && *own(found) == "d, c" && *their(found) == "u"
    }),
    ("tombstone without a key", |found| {
        found.path == "op" && found.ours.is_none() && *their(found) == "tombstone"
    }),
    ("TRUNCATE", |found| {
        found.path == "op" && found.ours.is_none() && *their(found) == "t"
    }),
];

/// The differences that no entry covers, and the entries that cover none.
#[must_use]
pub fn sorted(found: &[Difference]) -> (Vec<&Difference>, BTreeMap<&'static str, usize>) {
    let mut counts: BTreeMap<&str, usize> = KNOWN.iter().map(|(name, _)| (*name, 0)).collect();
    let mut unknown = Vec::new();
    for difference in found {
        let entry = KNOWN.iter().find(|(_, covers)| covers(difference));
        match entry {
            Some((name, _)) => *counts.entry(*name).or_default() += 1,
            None => unknown.push(difference),
        }
    }
    (unknown, counts)
}

/// The first column of the page's table.
///
/// # Panics
/// When the page is not there, or has no such table.
#[must_use]
pub fn entries_of_the_page() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/topics.md");
    let page = std::fs::read_to_string(page).expect("the page is part of the tree");
    let (_, section) = page.split_once(HEADING).expect("the page has the section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let names = rows.filter_map(|row| row.split(" | ").next());
    names
        .skip(1)
        .filter(|name| !name.starts_with("---"))
        .map(|name| name.replace('`', ""))
        .collect()
}

fn own(found: &Difference) -> &Value {
    found.ours.as_ref().unwrap_or(&Value::Null)
}

fn their(found: &Difference) -> &Value {
    found.theirs.as_ref().unwrap_or(&Value::Null)
}

/// The name of a column's type in its schema, or its bare type.
fn type_of(found: &Difference) -> &str {
    let column = found.column.as_ref();
    let name = column.and_then(|column| column["name"].as_str());
    let bare = || column.and_then(|column| column["type"].as_str());
    name.or_else(bare).unwrap_or_default()
}

fn is_time(found: &Difference) -> bool {
    type_of(found).starts_with("io.debezium.time.")
}

/// `0000-00-00`, a month or a day of 0, or the year 0.
fn off_the_calendar(text: &str) -> bool {
    let date: Vec<&str> = text
        .split([' ', 'T'])
        .next()
        .unwrap_or(text)
        .split('-')
        .collect();
    matches!(*date, [year, month, day] if year == "0000" || month == "00" || day == "00")
}

/// Up to the second, and the fraction without zeros at its end.
fn instant(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_suffix('Z')?;
    let (second, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some((second, fraction.trim_end_matches('0')))
}

/// An attribute of a column's schema, of an image or of a key.
fn is_column_schema(found: &Difference, attribute: &str) -> bool {
    let images = ["schema.before.", "schema.after.", "key.schema."];
    let column = images
        .iter()
        .find_map(|image| found.path.strip_prefix(image));
    let column = column.and_then(|rest| rest.strip_suffix(attribute));
    column.is_some_and(|column| column.ends_with('.'))
}
