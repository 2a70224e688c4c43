//! What a person may want to decide about a table's columns, and what was decided already.
//! Columns of which the same is to be said are named together, since a table tends to have several of a kind.

use change::{Column, ColumnKind, IntegerWidth, TableDescription};

use super::FoundTable;
use super::decisions::Decided;
use super::quoting;

/// The same sentence about some columns.
#[derive(Debug)]
pub(super) struct Advice {
    pub(super) note: String,
    /// Column and its choices as TOML; `true` where they count, else they are only offered.
    pub(super) lines: Vec<(String, String, bool)>,
}

/// What a column's kind has to offer.
struct Offer {
    choices: &'static str,
    note: &'static str,
    /// Written as a choice, though it is the default: it is one that people want to see.
    written: bool,
}

/// Everything that is to be said about the columns of a table.
pub(super) fn advise(
    found: &FoundTable,
    table: &TableDescription,
    decided: &Decided,
) -> Vec<Advice> {
    let mut advices: Vec<Advice> = Vec::new();
    for column in &table.schema.columns {
        let Some((note, choices, written)) = advice_for(found, column, decided) else {
            continue;
        };
        let line = (column.name.to_string(), choices, written);
        match advices.iter_mut().find(|advice| advice.note == note) {
            Some(advice) => advice.lines.push(line),
            None => advices.push(Advice {
                note,
                lines: vec![line],
            }),
        }
    }
    advices
}

fn advice_for(
    found: &FoundTable,
    column: &Column,
    decided: &Decided,
) -> Option<(String, String, bool)> {
    let name = &*column.name;
    let declared = found.columns.iter().find(|declared| declared.name == name);
    let declared = declared.map_or("", |declared| declared.declared.as_str());
    let chosen = decided.choices.columns.get(name);
    let form = chosen.and_then(|choice| choice.form);
    let offer = match form {
        // It is decided already.
        Some(_) => None,
        None => offer(&column.kind, declared, found.zero_dates.contains(name)),
    };
    let mut choices = Vec::new();
    if let Some(field) = chosen.and_then(|choice| choice.rename.as_deref()) {
        choices.push(format!("rename = {}", quoting::text(field)));
    }
    if let Some(form) = form {
        choices.push(format!("type = {}", quoting::text(form.word())));
    }
    let written = !choices.is_empty() || offer.as_ref().is_some_and(|offer| offer.written);
    if let Some(offer) = offer
        .as_ref()
        .filter(|offer| choices.is_empty() || offer.written)
    {
        choices.push(offer.choices.to_owned());
    }
    if choices.is_empty() {
        return None;
    }
    let reason = decided.column_reasons.get(name);
    let notes: Vec<&str> = reason
        .map(String::as_str)
        .into_iter()
        .chain(offer.map(|offer| offer.note))
        .collect();
    Some((notes.join(" "), choices.join(", "), written))
}

fn offer(kind: &ColumnKind, declared: &str, zero_dates: bool) -> Option<Offer> {
    let offered = |choices, note| {
        Some(Offer {
            choices,
            note,
            written: false,
        })
    };
    let written = |choices, note| {
        Some(Offer {
            choices,
            note,
            written: true,
        })
    };
    match kind {
        ColumnKind::DateTime { fraction } | ColumnKind::Timestamp { fraction } if *fraction > 3 => {
            written(
                "type = \"string\"",
                "more digits than a Date has: a String keeps them all; \"date\" is whole milliseconds (lossy).",
            )
        }
        ColumnKind::Date | ColumnKind::DateTime { .. } | ColumnKind::Timestamp { .. }
            if zero_dates =>
        {
            written(
                "zero_dates = \"string\"",
                "there are dates that no calendar has (0000-00-00): as they are printed; or \"null\", \"epoch\", \"year1\" (lossy).",
            )
        }
        ColumnKind::DateTime { .. } => offered(
            "type = \"date\", zero_dates = \"string\"",
            "a Date, the wall clock taken as UTC, or as that of zone = \"Europe/Berlin\"; or type \"string\". Dates that no calendar has: \"null\", \"epoch\", \"year1\" (lossy).",
        ),
        ColumnKind::Date | ColumnKind::Timestamp { .. } => offered(
            "zero_dates = \"string\"",
            "a Date. Dates that no calendar has are Strings as MySQL prints them; or \"null\", \"epoch\", \"year1\" (lossy).",
        ),
        ColumnKind::Time { .. } => offered(
            "type = \"micros\"",
            "a String [-]HH:MM:SS; or a number: \"micros\", \"millis\" (lossy where there are more digits).",
        ),
        ColumnKind::Integer {
            width: IntegerWidth::Big,
            unsigned: true,
        }
        | ColumnKind::Bit { width: 64 } => offered(
            "type = \"decimal\"",
            "an Int64, above 2^63-1 a Decimal128; or all of them \"decimal\", or \"string\".",
        ),
        ColumnKind::Integer {
            width: IntegerWidth::Tiny,
            ..
        } if declared.starts_with("tinyint(1)") => offered(
            "type = \"boolean\"",
            "an Int32; \"boolean\" where there is nothing but 0 and 1: a row with another value goes to quarantine.",
        ),
        ColumnKind::Decimal { precision, .. } if *precision > 34 => offered(
            "type = \"double\"",
            "more digits than a Decimal128 has: a String; or \"double\" (lossy).",
        ),
        ColumnKind::Binary { fixed: Some(16) } => offered(
            "type = \"uuid\"",
            "Binary; \"uuid\" makes it Binary of that subtype, the bytes as they are.",
        ),
        ColumnKind::Json => offered(
            "type = \"string\"",
            "the BSON value; or \"string\": its text as MySQL prints it.",
        ),
        ColumnKind::Geometry => offered(
            "type = \"geojson\"",
            "GeoJSON for SRID 4326, { srid, wkb } for any other; or all \"wkb\", or all \"geojson\" (lossy: drops the SRID).",
        ),
        ColumnKind::Integer { .. }
        | ColumnKind::Float
        | ColumnKind::Double
        | ColumnKind::Decimal { .. }
        | ColumnKind::Bit { .. }
        | ColumnKind::Year
        | ColumnKind::Text { .. }
        | ColumnKind::Binary { .. }
        | ColumnKind::Enum { .. }
        | ColumnKind::Set { .. }
        | ColumnKind::Vector => None,
    }
}

/// What the table's `_id` is made of, and what to know when looking it up.
pub(super) fn identity(found: &FoundTable, table: &TableDescription) -> Vec<String> {
    let schema = &table.schema;
    let names: Vec<&str> = schema
        .key
        .iter()
        .map(|&index| &*schema.columns[index].name)
        .collect();
    let first = match names.as_slice() {
        [] => "no key".to_owned(),
        [one] => format!("_id is {one}"),
        several => format!("_id is {{ {} }}", several.join(", ")),
    };
    let insensitive: Vec<&str> = found
        .columns
        .iter()
        .filter(|column| names.contains(&column.name.as_str()))
        .filter(|column| {
            let collation = column.collation.as_deref().unwrap_or("_bin");
            !collation.ends_with("_bin") && !collation.contains("_cs")
        })
        .map(|column| column.name.as_str())
        .collect();
    let mut notes = vec![first];
    if !insensitive.is_empty() {
        notes.push(format!(
            "MySQL finds {} whatever the case of letters, MongoDB only as it is spelt",
            insensitive.join(", ")
        ));
    }
    notes
}
