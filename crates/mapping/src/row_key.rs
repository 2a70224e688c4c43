//! A row's key: as people read it, and as values that the row can be read by again.
//!
//! A target that refuses a document names it by its `_id`, and the row that it came from is not at
//! hand any more. Its key is read back out of the document then. What comes out is proven by
//! mapping it once more: only a key whose document has the very same identity is told, so that a
//! form which loses something, or one that is not known here, gives no key instead of a wrong one.

use crate::element::Kind;
use crate::printable;
use crate::table::{IdentityPlan, TableMapper};
use bytes::Bytes;
use change::{
    ColumnKind, Date, DateTime, Decimal, DocumentId, Identity, Row, Text, Timestamp, Value,
};
use std::sync::Arc;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;
/// A row is small by its values, its columns and its JSON.
const SMALL_ROW_BYTES: usize = 512;
const SMALL_ROW_COLUMNS: usize = 100;
const SMALL_ROW_TEXT_BYTES: usize = 1_024;

impl TableMapper {
    /// The key's columns with their values; no other value of the row.
    pub fn row_key(&self, row: &Row) -> String {
        let columns = self.key_columns();
        if columns.is_empty() {
            return "of a table without a key".into();
        }
        let part = |&column: &usize| {
            let name = &self.schema.columns[column].name;
            let value = row.get(column).unwrap_or(&Value::Null);
            format!("{name} = {}", printable::value(value))
        };
        columns.iter().map(part).collect::<Vec<_>>().join(", ")
    }

    /// The key's values in key order.
    pub fn row_key_values(&self, row: &Row) -> Arc<[Value]> {
        let value = |&column: &usize| row.get(column).cloned().unwrap_or(Value::Null);
        self.key_columns().iter().map(value).collect()
    }

    /// The key's exact bytes, which tell rows apart that no document can be made of.
    pub fn row_identity(&self, row: &Row) -> Identity {
        let columns = self.key_columns();
        let value = |&column: &usize| row.get(column).unwrap_or(&Value::Null);
        Identity::of(columns.iter().map(value))
    }

    /// A small row as JSON: a list of names with their values.
    pub fn small_row(&self, row: &Row) -> Option<Arc<str>> {
        let bytes: usize = row.iter().map(Value::heap_bytes).sum();
        if bytes > SMALL_ROW_BYTES || row.len() > SMALL_ROW_COLUMNS {
            return None;
        }
        let names = self.schema.columns.iter().map(|column| &column.name);
        let values: Vec<_> = names.zip(row.iter()).collect();
        // What JSON does not hold is not kept either.
        let text = serde_json::to_string(&values).ok()?;
        (text.len() <= SMALL_ROW_TEXT_BYTES).then(|| text.into())
    }

    /// Whether documents of the table are told apart by a key at all.
    pub fn has_key(&self) -> bool {
        !matches!(self.identity, IdentityPlan::Row)
    }

    /// A row of which the key alone is set, read back out of a document's identity, and out of the
    /// document where the identity is a digest of the key. `None` where it cannot be told.
    pub fn row_of_document(&self, id: &DocumentId, document: Option<&[u8]>) -> Option<Row> {
        let mut row = vec![Value::Null; self.schema.columns.len()];
        let mut set = |column: usize, element: Element<'_>| {
            let kind = &self.schema.columns.get(column)?.kind;
            *row.get_mut(column)? = value(kind, element)?;
            Some(())
        };
        match &self.identity {
            IdentityPlan::Single(column) => set(*column, find(&id.0, b"_id")?)?,
            IdentityPlan::Composite(parts) => {
                let key = find(&id.0, b"_id")?;
                for part in parts {
                    set(part.column, find(key.payload, name(&part.name))?)?;
                }
            }
            IdentityPlan::ObjectId(columns) => {
                for column in columns {
                    let mut fields = self.fields.iter();
                    let field = fields.find(|field| field.column == *column)?;
                    set(*column, find(document?, name(&field.name))?)?;
                }
            }
            IdentityPlan::Row => return None,
        }
        let row = Row::new(row);
        let proven = self.document_id(&row).is_ok_and(|mapped| mapped == *id);
        proven.then_some(row)
    }

    fn key_columns(&self) -> Vec<usize> {
        match &self.identity {
            IdentityPlan::Single(column) => vec![*column],
            IdentityPlan::Composite(parts) => parts.iter().map(|part| part.column).collect(),
            IdentityPlan::ObjectId(columns) => columns.clone(),
            IdentityPlan::Row => Vec::new(),
        }
    }
}

/// A field's name without its closing zero byte.
fn name(field: &[u8]) -> &[u8] {
    field.strip_suffix(&[0]).unwrap_or(field)
}

/// One element of an encoded document.
#[derive(Clone, Copy)]
struct Element<'a> {
    kind: u8,
    payload: &'a [u8],
}

/// The element of this name, among those before it of the kinds that keys and fields have.
fn find<'a>(document: &'a [u8], wanted: &[u8]) -> Option<Element<'a>> {
    let mut rest = document.get(4..)?;
    loop {
        let (&kind, after) = rest.split_first()?;
        let end = after.iter().position(|byte| *byte == 0)?;
        let (name, payload) = (after.get(..end)?, after.get(end + 1..)?);
        let length = payload_bytes(kind, payload)?;
        let (payload, next) = payload.split_at_checked(length)?;
        if name == wanted {
            return Some(Element { kind, payload });
        }
        rest = next;
    }
}

fn payload_bytes(kind: u8, payload: &[u8]) -> Option<usize> {
    let length = || {
        let bytes: [u8; 4] = payload.get(..4)?.try_into().ok()?;
        usize::try_from(i32::from_le_bytes(bytes)).ok()
    };
    let is = |known: Kind| kind == known as u8;
    Some(match kind {
        _ if is(Kind::Null) => 0,
        _ if is(Kind::Boolean) => 1,
        _ if is(Kind::Int32) => 4,
        _ if is(Kind::Double) || is(Kind::Date) || is(Kind::Int64) => 8,
        _ if is(Kind::ObjectId) => 12,
        _ if is(Kind::Decimal128) => 16,
        _ if is(Kind::String) => 4 + length()?,
        _ if is(Kind::Binary) => 5 + length()?,
        _ if is(Kind::Document) || is(Kind::Array) => length()?,
        _ => return None,
    })
}

/// What the column may have held; mapping it again shows whether it did.
fn value(kind: &ColumnKind, element: Element<'_>) -> Option<Value> {
    Some(match kind {
        ColumnKind::Integer { unsigned: true, .. } => {
            Value::UInt(u64::try_from(whole(element)?).ok()?)
        }
        ColumnKind::Integer {
            unsigned: false, ..
        } => Value::Int(i64::try_from(whole(element)?).ok()?),
        ColumnKind::Year => Value::Year(u16::try_from(whole(element)?).ok()?),
        ColumnKind::Bit { .. } => Value::Bit(u64::try_from(whole(element)?).ok()?),
        ColumnKind::Enum { members } => Value::Enum(match string(element) {
            Some(text) => {
                let mut known = members.iter();
                let place = known.position(|member| member.as_bytes() == text);
                place.map_or(Some(0), |place| u16::try_from(place + 1).ok())?
            }
            None => u16::try_from(whole(element)?).ok()?,
        }),
        ColumnKind::Set { .. } => Value::Set(u64::try_from(whole(element)?).ok()?),
        ColumnKind::Decimal { scale, .. } => Value::Decimal(match string(element) {
            Some(text) => Decimal::parse(&String::from_utf8(text.to_vec()).ok()?).ok()?,
            None => Decimal::new(whole(element)?, *scale),
        }),
        ColumnKind::Text { .. } => match string(element) {
            Some(text) => Value::Text(Text::from_utf8(Bytes::copy_from_slice(text)).ok()?),
            None => Value::Malformed(Bytes::copy_from_slice(binary(element)?)),
        },
        ColumnKind::Binary { .. } => Value::Bytes(Bytes::copy_from_slice(binary(element)?)),
        ColumnKind::Date => Value::Date(clock(element)?.date),
        ColumnKind::DateTime { .. } => Value::DateTime(clock(element)?),
        ColumnKind::Timestamp { .. } => {
            let milliseconds = milliseconds(element)?;
            Value::Timestamp(Timestamp {
                seconds: milliseconds.div_euclid(1000),
                microsecond: u32::try_from(milliseconds.rem_euclid(1000) * 1000).ok()?,
            })
        }
        ColumnKind::Float
        | ColumnKind::Double
        | ColumnKind::Time { .. }
        | ColumnKind::Json
        | ColumnKind::Geometry
        | ColumnKind::Vector => return None,
    })
}

/// A whole number in whichever form it was written; a Decimal128 without its exponent.
fn whole(element: Element<'_>) -> Option<i128> {
    let Element { kind, payload } = element;
    if kind == Kind::Boolean as u8 {
        return Some(i128::from(*payload.first()?));
    }
    if kind == Kind::Int32 as u8 {
        return Some(i128::from(i32::from_le_bytes(payload.try_into().ok()?)));
    }
    if kind == Kind::Int64 as u8 {
        return Some(i128::from(i64::from_le_bytes(payload.try_into().ok()?)));
    }
    if kind == Kind::Decimal128 as u8 {
        let bits = u128::from_le_bytes(payload.try_into().ok()?);
        let coefficient = i128::try_from(bits & ((1 << 113) - 1)).ok()?;
        return Some(if bits >> 127 == 1 {
            -coefficient
        } else {
            coefficient
        });
    }
    let text = std::str::from_utf8(string(element)?).ok()?;
    text.parse().ok()
}

fn string(element: Element<'_>) -> Option<&[u8]> {
    let is_string = element.kind == Kind::String as u8;
    let text = is_string.then_some(element.payload)?.get(4..)?;
    text.strip_suffix(&[0])
}

fn binary(element: Element<'_>) -> Option<&[u8]> {
    let is_binary = element.kind == Kind::Binary as u8;
    is_binary.then_some(element.payload)?.get(5..)
}

fn milliseconds(element: Element<'_>) -> Option<i64> {
    let is_date = element.kind == Kind::Date as u8;
    let payload = is_date.then_some(element.payload)?;
    Some(i64::from_le_bytes(payload.try_into().ok()?))
}

fn clock(element: Element<'_>) -> Option<DateTime> {
    let microseconds = milliseconds(element)?.checked_mul(1000)?;
    let of_day = microseconds.rem_euclid(MICROSECONDS_PER_DAY);
    let seconds = of_day / 1_000_000;
    let small = |number: i64| u8::try_from(number).ok();
    Some(DateTime {
        date: Date::from_days_since_epoch(microseconds.div_euclid(MICROSECONDS_PER_DAY)),
        hour: small(seconds / 3600)?,
        minute: small(seconds / 60 % 60)?,
        second: small(seconds % 60)?,
        microsecond: u32::try_from(of_day % 1_000_000).ok()?,
    })
}
