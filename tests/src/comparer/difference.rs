//! Names what differs between the document that must be there and the one that is.
//!
//! Both sides are bytes. Equal bytes are equal documents; otherwise the walk goes down to the first
//! level at which a name, a type or the bytes of a value differ, and says so with both values.

use super::raw::{self, Field, Malformed};
use std::fmt;

/// What kind of difference was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A row of MySQL has no document.
    MissingDocument,
    /// A document has no row in MySQL.
    ExtraDocument,
    /// A column has no field.
    MissingField,
    /// A field has no column.
    ExtraField,
    /// The same fields in another order.
    FieldOrder,
    /// The same field with another BSON type.
    Type,
    /// The same field and type with other bytes.
    Value,
    /// Equal rows of a table without a key occur in another number.
    Multiplicity,
    /// The `_id` has not the form that the table's identity prescribes.
    IdentityForm,
    /// A collection that no table becomes.
    ExtraCollection,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    pub kind: Kind,
    pub table: String,
    /// The document's `_id`.
    pub key: String,
    /// The column, with the path inside it; empty when the whole document is meant.
    pub column: String,
    pub expected: String,
    pub actual: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {} at {}", self.kind, self.table, self.key)?;
        if !self.column.is_empty() {
            write!(f, ", column {}", self.column)?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.actual)
    }
}

/// A difference inside one document, before table and key are known.
#[derive(Debug, PartialEq)]
pub struct Inside {
    pub kind: Kind,
    pub column: String,
    pub expected: String,
    pub actual: String,
}

/// Everything that differs between two documents.
pub fn between(expected: &[u8], actual: &[u8]) -> Result<Vec<Inside>, Malformed> {
    let mut found = Vec::new();
    if expected != actual {
        walk("", expected, actual, &mut found)?;
    }
    Ok(found)
}

fn walk(
    path: &str,
    expected: &[u8],
    actual: &[u8],
    found: &mut Vec<Inside>,
) -> Result<(), Malformed> {
    let (expected, actual) = (raw::fields(expected)?, raw::fields(actual)?);
    let place = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    let before = found.len();
    for field in &expected {
        match actual.iter().find(|other| other.name == field.name) {
            None => found.push(Inside {
                kind: Kind::MissingField,
                column: place(field.name),
                expected: raw::shown(field),
                actual: "nothing".to_owned(),
            }),
            Some(other) => value(&place(field.name), field, other, found)?,
        }
    }
    for (index, field) in actual.iter().enumerate() {
        let known = expected.iter().any(|other| other.name == field.name);
        let repeated = actual[..index].iter().any(|other| other.name == field.name);
        if !known || repeated {
            found.push(Inside {
                kind: Kind::ExtraField,
                column: place(field.name),
                expected: "nothing".to_owned(),
                actual: raw::shown(field),
            });
        }
    }
    let names = |fields: &[Field<'_>]| -> Vec<String> {
        fields.iter().map(|field| field.name.to_owned()).collect()
    };
    let (should, does) = (names(&expected), names(&actual));
    if found.len() == before && should != does {
        found.push(Inside {
            kind: Kind::FieldOrder,
            column: path.to_owned(),
            expected: should.join(", "),
            actual: does.join(", "),
        });
    }
    Ok(())
}

fn value(
    path: &str,
    expected: &Field<'_>,
    actual: &Field<'_>,
    found: &mut Vec<Inside>,
) -> Result<(), Malformed> {
    let kind = if expected.type_byte != actual.type_byte {
        Kind::Type
    } else if expected.bytes == actual.bytes {
        return Ok(());
    } else if matches!(expected.type_byte, 0x03 | 0x04) {
        return walk(path, expected.bytes, actual.bytes, found);
    } else {
        Kind::Value
    };
    found.push(Inside {
        kind,
        column: path.to_owned(),
        expected: raw::shown(expected),
        actual: raw::shown(actual),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Bson, doc};

    fn kinds(expected: bson::Document, actual: bson::Document) -> Vec<(Kind, String)> {
        let bytes = |document: &bson::Document| bson::serialize_to_vec(document).unwrap();
        between(&bytes(&expected), &bytes(&actual))
            .unwrap()
            .into_iter()
            .map(|found| (found.kind, found.column))
            .collect()
    }

    fn decimal(text: &str) -> Bson {
        Bson::Decimal128(text.parse().unwrap())
    }

    #[test]
    fn each_planted_difference_is_found_and_named() {
        let cases: Vec<(Bson, Bson, Kind)> = vec![
            (1_i32.into(), 2_i32.into(), Kind::Value),
            (1_i32.into(), 1_i64.into(), Kind::Type),
            (1_i32.into(), 1.0.into(), Kind::Type),
            (0.0.into(), (-0.0).into(), Kind::Value),
            (decimal("1.50"), decimal("1.5"), Kind::Value),
            ("long text".into(), "long tex".into(), Kind::Value),
            ("a".into(), "a ".into(), Kind::Value),
            (Bson::Null, "".into(), Kind::Type),
        ];
        for (expected, actual, kind) in cases {
            assert_eq!(
                kinds(
                    doc! { "_id": 1, "c": &expected },
                    doc! { "_id": 1, "c": &actual }
                ),
                [(kind, "c".to_owned())],
                "{expected} against {actual}"
            );
        }
    }

    #[test]
    fn names_and_their_order_are_part_of_a_document() {
        assert_eq!(
            kinds(doc! { "a": 1, "b": 2 }, doc! { "b": 2, "a": 1 }),
            [(Kind::FieldOrder, String::new())]
        );
        assert_eq!(
            kinds(doc! { "a": 1 }, doc! { "a": 1, "b": 2 }),
            [(Kind::ExtraField, "b".to_owned())]
        );
        assert_eq!(
            kinds(doc! { "a": 1, "b": Bson::Null }, doc! { "a": 1 }),
            [(Kind::MissingField, "b".to_owned())]
        );
        assert_eq!(
            kinds(
                doc! { "j": { "x": [1, { "y": 2 }] } },
                doc! { "j": { "x": [1, { "y": 2_i64 }] } }
            ),
            [(Kind::Type, "j.x.1.y".to_owned())]
        );
        assert_eq!(kinds(doc! { "a": [1, 2] }, doc! { "a": [1, 2] }), []);
    }
}
