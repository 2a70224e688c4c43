//! Avro as another implementation understands it, by the schemas that a registry is given.

use crate::examples::{change, every_type, line, lines};
use crate::round_trip::settings;
use apache_avro::{Schema, from_avro_datum, to_avro_datum, types::Value};
use change::{Change, ChangeKind};
use std::fmt::Write as _;
use wire::{AvroSchemas, Encoder, Format, Messages, SchemaIds};

const IDS: SchemaIds = SchemaIds {
    key: 7,
    value: 0x0102_0304,
};

fn schemas(of: &change::Schema) -> AvroSchemas {
    AvroSchemas::of(of, &settings(Format::Avro))
}

/// What the bytes behind the frame say. Asserts that they are all that this value takes.
fn understood(schema: &str, framed: &[u8]) -> Value {
    let schema = Schema::parse_str(schema).unwrap();
    let (zero, mut datum) = (framed[0], &framed[5..]);
    assert_eq!(zero, 0);
    let value = from_avro_datum(&schema, &mut datum, None).unwrap();
    assert!(datum.is_empty(), "{} bytes are left", datum.len());
    value
}

/// Holds what a message says against its schemas.
pub(crate) fn assert_understood(of: &change::Schema, key: Option<&[u8]>, value: Option<&[u8]>) {
    let schemas = schemas(of);
    let parts = [
        (schemas.key.as_deref(), key),
        (Some(&*schemas.value), value),
    ];
    for (schema, bytes) in parts {
        if let (Some(schema), Some(bytes)) = (schema, bytes) {
            let value = understood(schema, bytes);
            let parsed = Schema::parse_str(schema).unwrap();
            assert_eq!(to_avro_datum(&parsed, value).unwrap(), &bytes[5..]);
        }
    }
}

fn encoded(of: &Change) -> Messages {
    let mut encoder = Encoder::new(&of.schema, &settings(Format::Avro)).registered_as(IDS);
    let mut messages = Messages::new();
    messages.begin(1_704_164_645_200);
    encoder.encode(of, &mut messages).unwrap();
    messages
}

#[test]
fn others_see_every_value_of_every_type_by_the_schemas() {
    let (schema, usual, unusual) = every_type();
    let schemas = schemas(&schema);
    let key_schema = schemas.key.as_deref().unwrap();
    let mut seen = format!("{key_schema}\n\n{}\n", schemas.value);
    for after in [usual, unusual] {
        let messages = encoded(&change(&schema, ChangeKind::Insert { after }));
        let message = messages.get(0).unwrap();
        let (key, value) = (message.key.unwrap(), message.value.unwrap());
        assert_eq!(key[..5], [0, 0, 0, 0, 7]);
        assert_eq!(value[..5], [0, 1, 2, 3, 4]);
        writeln!(seen, "\n{:?}", understood(key_schema, key)).unwrap();
        writeln!(seen, "{:?}", understood(&schemas.value, value)).unwrap();
        writeln!(seen, "{value:02x?}").unwrap();
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn names_that_avro_does_not_take_are_told_apart() {
    let mut schema = (*lines(&[0, 1])).clone();
    for (column, name) in schema.columns.iter_mut().zip(["größe", "gr__e", "1"]) {
        column.name = name.into();
    }
    let schemas = schemas(&schema);
    for schema in [schemas.key.unwrap(), schemas.value] {
        Schema::parse_str(&schema).unwrap();
        for said in [
            "\"name\":\"gr__e\",",
            "\"name\":\"gr__e_2\",",
            "\"column\":\"größe\"",
        ] {
            assert!(schema.contains(said), "{said}: {schema}");
        }
    }
}

/// A wider type, or the same schema in another registry, moves no row to another partition.
#[test]
fn the_schemas_id_has_no_say_in_the_partition() {
    let of = change(
        &lines(&[1]),
        ChangeKind::Insert {
            after: line("north", 7),
        },
    );
    let mut others = Messages::new();
    Encoder::new(&of.schema, &settings(Format::Avro))
        .encode(&of, &mut others)
        .unwrap();
    let messages = encoded(&of);
    let (one, other) = (messages.get(0).unwrap(), others.get(0).unwrap());
    assert_ne!(one.key, other.key);
    assert_eq!(one.hash, other.hash);
}
