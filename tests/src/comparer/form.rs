//! What a column's values become: the table of types, at its defaults and with each of its choices,
//! written here a second time.

use super::catalogue::Column;
use super::column::ColumnTrouble;

/// A choice that departs from a column's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Long,
    Boolean,
    Decimal,
    String,
    Double,
    Binary,
    Uuid,
    Date,
    Millis,
    Micros,
    Number,
    Wkb,
    GeoJson,
    Array,
}

/// What stands for a date off the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroDates {
    #[default]
    AsPrinted,
    Null,
    Epoch,
    Year1,
}

/// Everything that is configured for one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnRules {
    pub form: Option<Choice>,
    pub zero_dates: ZeroDates,
    /// NULL leaves the field out.
    pub absent: bool,
    /// The wall clock is that of Berlin. The rule is written for the years from 1996 on.
    pub in_berlin: bool,
}

impl From<Choice> for ColumnRules {
    fn from(choice: Choice) -> Self {
        Self {
            form: Some(choice),
            ..Self::default()
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Int32,
    Int64,
    /// Int64, above its range Decimal128.
    Unsigned,
    Boolean,
    Double,
    Decimal128,
    PlainText,
    HexText,
    HexBinary(u8),
    /// A BIT's bytes, the highest first.
    Bits,
    Date,
    /// ISO 8601 with all its digits.
    Clock {
        zone: bool,
    },
    Duration {
        micros_per_unit: i64,
    },
    Set,
    Json,
    JsonText,
    Geometry,
    GeoJson,
    WellKnownBinary,
    FloatArray,
}

/// The subtype of a BSON vector.
pub(super) const VECTOR_SUBTYPE: u8 = 9;
/// More digits than a Decimal128 holds.
const DECIMAL128_DIGITS: u64 = 34;

pub(super) fn default_form(column: &Column) -> Result<Form, ColumnTrouble> {
    let unsigned = column.column_type.contains("unsigned");
    let long_fraction = column.datetime_precision.unwrap_or(0) > 3;
    Ok(match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "year" => Form::Int32,
        "int" if unsigned => Form::Int64,
        "int" => Form::Int32,
        "bigint" if unsigned => Form::Unsigned,
        "bigint" => Form::Int64,
        "decimal" if column.numeric_precision.unwrap_or(0) > DECIMAL128_DIGITS => Form::PlainText,
        "decimal" => Form::Decimal128,
        "float" | "double" => Form::Double,
        "bit" if column.numeric_precision == Some(1) => Form::Boolean,
        "bit" => Form::Unsigned,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext"
            if !column.is_binary_text =>
        {
            Form::HexText
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "char"
        | "varchar" => Form::HexBinary(0),
        "date" => Form::Date,
        "datetime" if long_fraction => Form::Clock { zone: false },
        "timestamp" if long_fraction => Form::Clock { zone: true },
        "datetime" | "timestamp" => Form::Date,
        "time" => Form::PlainText,
        "enum" => Form::HexText,
        "set" => Form::Set,
        "json" => Form::Json,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geomcollection" | "geometrycollection" => Form::Geometry,
        "vector" => Form::HexBinary(VECTOR_SUBTYPE),
        _ => {
            return Err(ColumnTrouble::UnknownType {
                column: column.name.clone(),
                column_type: column.column_type.clone(),
            });
        }
    })
}

pub(super) fn chosen_form(column: &Column, choice: Choice) -> Option<Form> {
    let default = default_form(column).ok()?;
    let kind = column.data_type.as_str();
    Some(match (choice, default) {
        (Choice::Long, Form::Int32) => Form::Int64,
        (Choice::Boolean, Form::Int32) if kind == "tinyint" => Form::Boolean,
        (Choice::Decimal, Form::Unsigned) => Form::Decimal128,
        (Choice::String, Form::Unsigned | Form::Decimal128) => Form::PlainText,
        (Choice::String, Form::PlainText) if kind == "decimal" => Form::PlainText,
        (Choice::String, Form::Json) => Form::JsonText,
        (Choice::String, Form::Date | Form::Clock { .. }) if kind != "date" => Form::Clock {
            zone: kind == "timestamp",
        },
        (Choice::String, Form::Date) => Form::PlainText,
        (Choice::Double, Form::Decimal128 | Form::PlainText) if kind == "decimal" => Form::Double,
        (Choice::Binary, Form::Boolean | Form::Unsigned) if kind == "bit" => Form::Bits,
        (Choice::Binary, Form::HexText) if kind != "enum" => Form::HexBinary(0),
        (Choice::Uuid, Form::HexBinary(0)) if column.column_type == "binary(16)" => {
            Form::HexBinary(4)
        }
        (Choice::Date, Form::Clock { .. } | Form::Date) if kind != "date" => Form::Date,
        (Choice::Millis, Form::PlainText) if kind == "time" => Form::Duration {
            micros_per_unit: 1000,
        },
        (Choice::Micros, Form::PlainText) if kind == "time" => {
            Form::Duration { micros_per_unit: 1 }
        }
        (Choice::Number, Form::HexText) if kind == "enum" => Form::Int32,
        (Choice::Number, Form::Set) => Form::Unsigned,
        (Choice::GeoJson, Form::Geometry) => Form::GeoJson,
        (Choice::Wkb, Form::Geometry) => Form::WellKnownBinary,
        (Choice::Array, Form::HexBinary(VECTOR_SUBTYPE)) => Form::FloatArray,
        _ => return None,
    })
}
