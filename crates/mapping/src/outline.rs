//! What becomes what, in words: each column's place in the document and the type of its values there.
//!
//! The words are made of the compiled mapping and of nothing else, so that what `plan` shows a
//! person is what the rows will be written by.

use crate::choice::ZeroDateChoice;
use crate::encoding::Encoding;
use crate::geometry::GeometryForm;
use crate::table::{Field, IdentityPlan, TableMapper};
use crate::zone::Zone;
use std::sync::Arc;

/// One column of a table, as its document has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldOutline {
    /// MySQL's name.
    pub column: Arc<str>,
    /// Where its values stand: a field, `_id`, a part of `_id`, or two of these. Empty where the
    /// document has it only inside a derived `_id`.
    pub paths: Vec<String>,
    /// The BSON types of its values, NULL left out.
    pub becomes: String,
    /// NULL leaves the field out.
    pub absent: bool,
    /// Choices that lose something.
    pub lossy: Vec<&'static str>,
}

impl TableMapper {
    /// Every column, in the table's order.
    pub fn outline(&self) -> Vec<FieldOutline> {
        let columns = self.schema.columns.iter().enumerate();
        columns
            .map(|(index, column)| {
                let field = self.fields.iter().find(|field| field.column == index);
                let in_id = self.path_in_id(index);
                let lossy = self.lossy.iter().filter(|(name, _)| *name == column.name);
                FieldOutline {
                    column: column.name.clone(),
                    paths: in_id.into_iter().chain(field.map(name_of)).collect(),
                    becomes: becomes(&self.encodings[index]),
                    absent: field.is_some_and(|field| field.absent),
                    lossy: lossy.map(|(_, word)| *word).collect(),
                }
            })
            .collect()
    }

    /// What `_id` is, in words.
    pub fn identity_outline(&self) -> String {
        let name = |column: usize| &*self.schema.columns[column].name;
        match &self.identity {
            IdentityPlan::Single(column) => name(*column).to_owned(),
            IdentityPlan::Composite(parts) => {
                let parts: Vec<String> = parts.iter().map(name_of).collect();
                format!("{{ {} }}", parts.join(", "))
            }
            IdentityPlan::ObjectId(columns) => {
                let names: Vec<&str> = columns.iter().map(|&column| name(column)).collect();
                format!("ObjectId of {}", names.join(", "))
            }
            IdentityPlan::Row => "{ hash, n } of the whole row".to_owned(),
        }
    }

    fn path_in_id(&self, column: usize) -> Option<String> {
        match &self.identity {
            IdentityPlan::Single(key) => (*key == column).then(|| "_id".to_owned()),
            IdentityPlan::Composite(parts) => {
                let part = parts.iter().find(|part| part.column == column);
                part.map(|part| format!("_id.{}", name_of(part)))
            }
            IdentityPlan::ObjectId(_) | IdentityPlan::Row => None,
        }
    }
}

fn name_of(field: &Field) -> String {
    let name = field.name.strip_suffix(b"\0").unwrap_or(&field.name);
    String::from_utf8_lossy(name).into_owned()
}

fn becomes(encoding: &Encoding) -> String {
    let text = match encoding {
        Encoding::Int32 | Encoding::EnumNumber => "Int32",
        Encoding::Int64 => "Int64",
        Encoding::Boolean => "Boolean",
        Encoding::Unsigned | Encoding::SetNumber => "Int64; above 2^63-1 Decimal128",
        Encoding::UnsignedDecimal | Encoding::Decimal => "Decimal128",
        Encoding::UnsignedText
        | Encoding::DecimalText
        | Encoding::Text
        | Encoding::TimeText { .. }
        | Encoding::EnumText(_) => "String",
        Encoding::DecimalDouble | Encoding::Float => "Double",
        Encoding::BitBytes { .. } | Encoding::TextBytes { .. } | Encoding::Binary => "Binary",
        Encoding::Uuid => "Binary, UUID",
        Encoding::Date(zero) => return dated("Date", *zero, None),
        Encoding::DateText(zero) => return dated("String", *zero, None),
        Encoding::Instant { zero, zone, .. } => return dated("Date", *zero, zone.as_ref()),
        Encoding::InstantText { zero, zone, .. } => return dated("String", *zero, zone.as_ref()),
        Encoding::TimeMillis { .. } => "Int64, milliseconds",
        Encoding::TimeMicros => "Int64, microseconds",
        Encoding::SetArray(_) => "Array of Strings",
        Encoding::Json => "the BSON value",
        Encoding::JsonText => "String, JSON text",
        Encoding::Geometry(GeometryForm::BySystem) => "GeoJSON for SRID 4326, else { srid, wkb }",
        Encoding::Geometry(GeometryForm::GeoJson) => "GeoJSON",
        Encoding::Geometry(GeometryForm::Wkb) => "{ srid, wkb }",
        Encoding::Vector => "Binary, float32",
        Encoding::VectorArray => "Array of Doubles",
    };
    text.to_owned()
}

fn dated(form: &str, zero: ZeroDateChoice, zone: Option<&Zone>) -> String {
    let form = match zone {
        Some(zone) => format!("{form}, by the clock of {}", zone.name()),
        None => form.to_owned(),
    };
    let off_the_calendar = match zero {
        ZeroDateChoice::String if form.starts_with("String") => return form,
        ZeroDateChoice::String => "String",
        ZeroDateChoice::Null => "null",
        ZeroDateChoice::Epoch => "1970-01-01",
        ZeroDateChoice::Year1 => "0001-01-01",
    };
    format!("{form}; off the calendar {off_the_calendar}")
}
