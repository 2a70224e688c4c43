//! `[tables."database.table"]`: what one table does unlike the others, as `mapping` understands it.
//! Words are checked here, whether they suit the column when its type is known; a choice that this version can't carry out is refused: a person who wrote it must not find its absence in the data.

use std::collections::BTreeMap;

use mapping::{ColumnChoice, FormChoice, ZeroDateChoice};
use mapping::{IdentityChoice, TableChoices};
use wire::Format;

use super::document::{Key, Placed, Section};
use super::log::FORMATS;

const COLLECTION: Key = Key {
    name: "collection",
    allowed: "1 to 120 bytes without $, not beginning with \"system.\", used by one table only",
    example: r#"collection = "orders""#,
};
const TOPIC: Key = Key {
    name: "topic",
    allowed: "1 to 249 of A-Z, a-z, 0-9, ., _ and -, used by one table only, with log.kind = \"kafka\"",
    example: r#"topic = "shop.orders""#,
};
const FORMAT: Key = Key {
    name: "format",
    allowed: "debezium-json, protobuf, avro (with log.schema_registry), with log.kind = \"kafka\"; without it, log.format",
    example: r#"format = "protobuf""#,
};
const IDENTITY: Key = Key {
    name: "identity",
    allowed: "key (the default), object_id, row",
    example: r#"identity = "object_id""#,
};
const IDENTITY_COLUMNS: Key = Key {
    name: "identity_columns",
    allowed: "a list of columns that are unique together and never NULL, each once, not with identity = \"row\"",
    example: r#"identity_columns = ["tenant", "number"]"#,
};
const KEEP_KEY_COLUMNS: Key = Key {
    name: "keep_key_columns",
    allowed: "true or false (the default), with identity = \"key\" only",
    example: "keep_key_columns = true",
};
const COLUMNS: Key = Key {
    name: "columns",
    allowed: "a section per column with type, zero_dates, null, zone, rename",
    example: r#"columns.created = { type = "date" }"#,
};
const TYPE: Key = Key {
    name: "type",
    allowed: "absent, array, binary, boolean, date, decimal, default, double, epoch, geojson, long, micros, millis, null, number, string, uuid, wkb, year1, as far as the column's own type allows",
    example: r#"columns.created = { type = "date" }"#,
};
const ZERO_DATES: Key = Key {
    name: "zero_dates",
    allowed: "string (the default), null, epoch, year1",
    example: r#"columns.created = { type = "date", zero_dates = "null" }"#,
};
const NULL: Key = Key {
    name: "null",
    allowed: "null (the default), absent",
    example: r#"columns.created = { null = "absent" }"#,
};
const RENAME: Key = Key {
    name: "rename",
    allowed: "a field's name, not empty, without NUL, not _id, not beginning with $",
    example: r#"columns._id = { rename = "legacy_id" }"#,
};
const ZONE: Key = Key {
    name: "zone",
    allowed: "the time zone that a DATETIME's wall clock is of, by its name in the IANA database; without it, UTC",
    example: r#"columns.created = { zone = "Europe/Berlin" }"#,
};
const ONE_TYPE: Key = Key {
    name: "",
    allowed: "type, zero_dates, null, zone",
    example: r#"datetime = { zone = "Europe/Berlin" }"#,
};

/// One table's section. Where `collection`, `topic` and `format` stand is kept for the checks across tables.
pub(super) struct TableSection {
    pub(super) choices: TableChoices,
    pub(super) collection: Option<Placed<String>>,
    pub(super) topic: Option<Placed<String>>,
    pub(super) format: Option<Placed<Format>>,
}

pub(super) fn read_table(mut section: Section<'_>) -> TableSection {
    let collection = section.parsed(COLLECTION, collection_name);
    let topic = section.parsed(TOPIC, topic_name);
    let format = section.word(FORMAT, FORMATS);
    let identity = section.word(
        IDENTITY,
        &[
            ("key", IdentityChoice::Key),
            ("object_id", IdentityChoice::ObjectId),
            ("row", IdentityChoice::Row),
        ],
    );
    let identity = identity.map_or(IdentityChoice::Key, |identity| identity.value);
    let identity_columns = section.texts(IDENTITY_COLUMNS);
    if let Some(columns) = &identity_columns {
        refuse_repeated(&section, &columns.value);
        if identity == IdentityChoice::Row {
            let other = section.path_of(IDENTITY.name);
            let reason = format!("contradicts {other} = \"row\", which is made of all columns");
            section.contradiction(IDENTITY_COLUMNS, columns.key_span.clone(), reason);
        }
    }
    let keep_key_columns = section.boolean(KEEP_KEY_COLUMNS);
    if let Some(keep) = keep_key_columns
        .as_ref()
        .filter(|_| identity != IdentityChoice::Key)
    {
        let other = section.path_of(IDENTITY.name);
        let reason =
            format!("contradicts {other}: only identity = \"key\" can leave the key's columns out");
        section.contradiction(KEEP_KEY_COLUMNS, keep.key_span.clone(), reason);
    }
    let columns: BTreeMap<String, ColumnChoice> = section
        .named_sections(COLUMNS)
        .into_iter()
        .map(|(name, column)| (name.value, read_column(column)))
        .collect();
    section.finish();
    let choices = TableChoices {
        collection: collection.as_ref().map(|name| name.value.clone()),
        identity,
        identity_columns: identity_columns
            .into_iter()
            .flat_map(|list| list.value)
            .map(|column| column.value)
            .collect(),
        keep_key_columns: keep_key_columns.is_some_and(|keep| keep.value),
        columns,
    };
    TableSection {
        choices,
        collection,
        topic,
        format,
    }
}

fn refuse_repeated(section: &Section<'_>, columns: &[Placed<String>]) {
    for (position, column) in columns.iter().enumerate() {
        if columns[..position]
            .iter()
            .any(|earlier| earlier.value == column.value)
        {
            let reason = format!("{:?} is named twice", column.value);
            section.wrong_value(IDENTITY_COLUMNS, column.span.clone(), reason);
        }
    }
}

/// `[types]`: choices for all columns of a type.
pub(super) fn read_types(mut section: Section<'_>) -> BTreeMap<String, ColumnChoice> {
    let mut types = BTreeMap::new();
    for name in mapping::TYPES {
        let key = Key { name, ..ONE_TYPE };
        if let Some(mut section) = section.section(key) {
            let choice = read_choice(&mut section);
            section.finish();
            types.insert((*name).to_owned(), choice);
        }
    }
    section.finish();
    types
}

fn read_column(mut section: Section<'_>) -> ColumnChoice {
    let mut choice = read_choice(&mut section);
    choice.rename = section.parsed(RENAME, field_name).map(|name| name.value);
    section.finish();
    choice
}

fn read_choice(section: &mut Section<'_>) -> ColumnChoice {
    let chosen = section.parsed(TYPE, |word| {
        ColumnChoice::parse(word).map_err(|_| format!("{word:?} is none of its words"))
    });
    let zero_dates = section.word(
        ZERO_DATES,
        &[
            ("string", ZeroDateChoice::String),
            ("null", ZeroDateChoice::Null),
            ("epoch", ZeroDateChoice::Epoch),
            ("year1", ZeroDateChoice::Year1),
        ],
    );
    let absent = section.word(NULL, &[("null", false), ("absent", true)]);
    let zone = section.parsed(ZONE, |name| {
        mapping::zone_name(name).ok_or_else(|| format!("{name:?} is no time zone"))
    });
    let mut choice = chosen
        .as_ref()
        .map(|chosen| chosen.value.clone())
        .unwrap_or_default();
    if let Some(zero_dates) = zero_dates {
        let type_path = section.path_of(TYPE.name);
        if choice.zero_date.is_some() {
            let reason = format!("contradicts {type_path}, which says it too");
            section.contradiction(ZERO_DATES, zero_dates.key_span, reason);
        } else if choice
            .form
            .is_some_and(|form| !matches!(form, FormChoice::Date | FormChoice::Default))
        {
            let reason = format!("contradicts {type_path}, which makes no Date of the column");
            section.contradiction(ZERO_DATES, zero_dates.key_span, reason);
        }
        choice.zero_date = choice.zero_date.or(Some(zero_dates.value));
    }
    if let Some(absent) = absent {
        if choice.absent.is_some() {
            let reason = format!(
                "contradicts {}, which says it too",
                section.path_of(TYPE.name)
            );
            section.contradiction(NULL, absent.key_span, reason);
        }
        choice.absent = choice.absent.or(Some(absent.value));
    }
    choice.zone = zone.map(|zone| zone.value);
    choice
}

fn collection_name(text: &str) -> Result<String, String> {
    const MOST_BYTES: usize = 120;
    let fits = !text.is_empty() && text.len() <= MOST_BYTES && !text.contains(['$', '\0']);
    if !fits || text.starts_with("system.") {
        return Err(format!(
            "{text:?} is not a name that MongoDB takes for a collection"
        ));
    }
    Ok(text.to_string())
}

/// By the rules of `org.apache.kafka.common.internals.Topic`.
fn topic_name(text: &str) -> Result<String, String> {
    const LONGEST: usize = 249;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.len() > LONGEST || matches!(text, "." | "..") {
        return Err(format!(
            "{text:?} is not a name that Kafka takes for a topic"
        ));
    }
    if !text.chars().all(fits) {
        return Err(format!("{text:?} has characters that Kafka does not take"));
    }
    Ok(text.to_string())
}

fn field_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains('\0') || text.starts_with('$') || text == "_id" {
        return Err(format!("{text:?} can't be the name of a column's field"));
    }
    Ok(text.to_string())
}
