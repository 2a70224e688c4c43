//! One column: what the server is asked to print for it, and what that print must become.
//!
//! Everything that could hide a difference is printed as hexadecimal or as exact text by the server
//! itself; the rules are those of the table of types, at their defaults unless a choice is given.

use super::calendar;
use super::catalogue::{Column, quoted};
use super::expected::Expected;
use super::{geometry, json};

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

/// A column whose values cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ColumnTrouble {
    #[error("column {column}: the type {column_type} is not understood by the comparer")]
    UnknownType { column: String, column_type: String },
    #[error("column {column}: the choice {choice:?} does not go with {column_type}")]
    ChoiceDoesNotFit {
        column: String,
        column_type: String,
        choice: Choice,
    },
    #[error("column {column}: the server printed {printed:?}, which is no {form}")]
    Unreadable {
        column: String,
        form: &'static str,
        printed: String,
    },
    #[error("column {column}: {cause}")]
    Json {
        column: String,
        cause: json::JsonTrouble,
    },
    #[error("column {column}: {cause}")]
    Geometry {
        column: String,
        cause: geometry::UnreadableGeometry,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
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
    Geometry,
    WellKnownBinary,
    FloatArray,
}

/// How one column is asked for and judged.
#[derive(Clone, Debug)]
pub struct Judge {
    column: String,
    form: Form,
    expression: String,
}

impl Judge {
    pub fn new(column: &Column, choice: Option<Choice>) -> Result<Self, ColumnTrouble> {
        let form = match choice {
            None => default_form(column)?,
            Some(choice) => {
                chosen_form(column, choice).ok_or_else(|| ColumnTrouble::ChoiceDoesNotFit {
                    column: column.name.clone(),
                    column_type: column.column_type.clone(),
                    choice,
                })?
            }
        };
        Ok(Self {
            column: column.name.clone(),
            form,
            expression: expression(column, form),
        })
    }

    /// The SQL expressions, separated by commas. There are as many as `width` says.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn width(&self) -> usize {
        if self.form == Form::Json { 2 } else { 1 }
    }

    /// What the printed value must be in the document; no text is NULL.
    pub fn expectation(
        &self,
        printed: Option<&str>,
        second: Option<&str>,
    ) -> Result<Expected, ColumnTrouble> {
        let Some(printed) = printed else {
            return Ok(Expected::Null);
        };
        let refuse = |form: &'static str| ColumnTrouble::Unreadable {
            column: self.column.clone(),
            form,
            printed: printed.chars().take(80).collect(),
        };
        let integer = || printed.parse::<i64>().map_err(|_| refuse("integer"));
        let text = || hex_text(printed).ok_or_else(|| refuse("hexadecimal text in UTF-8"));
        let bytes = |from: &str| hex(from).ok_or_else(|| refuse("hexadecimal"));
        Ok(match self.form {
            Form::Int32 => Expected::Int32(printed.parse().map_err(|_| refuse("32-bit integer"))?),
            Form::Int64 => Expected::Int64(integer()?),
            Form::Unsigned => match printed.parse() {
                Ok(number) => Expected::Int64(number),
                Err(_) => Expected::Decimal128(printed.to_owned()),
            },
            Form::Boolean => match integer()? {
                0 => Expected::Boolean(false),
                1 => Expected::Boolean(true),
                _ => return Err(refuse("boolean")),
            },
            Form::Double => Expected::Double(printed.parse().map_err(|_| refuse("number"))?),
            Form::Decimal128 => Expected::Decimal128(printed.to_owned()),
            Form::PlainText => Expected::String(printed.to_owned()),
            Form::HexText => Expected::String(text()?),
            Form::HexBinary(subtype) => {
                let mut content = bytes(printed)?;
                if subtype == VECTOR_SUBTYPE {
                    content.splice(0..0, FLOAT32_HEADER);
                }
                Expected::Binary {
                    subtype,
                    bytes: content,
                }
            }
            Form::Date => match calendar::milliseconds(printed) {
                Some(milliseconds) => Expected::Date(milliseconds),
                None => Expected::String(printed.to_owned()),
            },
            Form::Clock { zone } => match calendar::milliseconds(printed) {
                Some(_) => {
                    let zone = if zone { "Z" } else { "" };
                    Expected::String(printed.replacen(' ', "T", 1) + zone)
                }
                None => Expected::String(printed.to_owned()),
            },
            Form::Duration { micros_per_unit } => {
                let micros = calendar::duration_micros(printed).ok_or_else(|| refuse("time"))?;
                Expected::Int64(micros.div_euclid(micros_per_unit))
            }
            Form::Set => {
                let members = text()?;
                let members = members.split(',').filter(|member| !member.is_empty());
                Expected::Array(
                    members
                        .map(|one| Expected::String(one.to_owned()))
                        .collect(),
                )
            }
            Form::Json => {
                json::expectation(printed, second.unwrap_or_default()).map_err(|cause| {
                    ColumnTrouble::Json {
                        column: self.column.clone(),
                        cause,
                    }
                })?
            }
            Form::Geometry | Form::WellKnownBinary => {
                let (srid, wkb) = printed.split_once(':').ok_or_else(|| refuse("geometry"))?;
                let wkb = bytes(wkb)?;
                let geographic = srid == WGS84.to_string();
                if geographic && self.form == Form::Geometry {
                    geometry::geo_json(&wkb).map_err(|cause| ColumnTrouble::Geometry {
                        column: self.column.clone(),
                        cause,
                    })?
                } else {
                    let srid = srid.parse().map_err(|_| refuse("SRID"))?;
                    let wkb = Expected::Binary {
                        subtype: 0,
                        bytes: wkb,
                    };
                    Expected::Document(vec![
                        ("srid".to_owned(), Expected::Int32(srid)),
                        ("wkb".to_owned(), wkb),
                    ])
                }
            }
            Form::FloatArray => {
                let content = bytes(printed)?;
                let numbers = content.chunks_exact(4).map(|chunk| {
                    let number = f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
                    Expected::Double(f64::from(number))
                });
                Expected::Array(numbers.collect())
            }
        })
    }
}

const WGS84: u32 = 4326;
const VECTOR_SUBTYPE: u8 = 9;
/// A BSON vector begins with its element type (float32) and the padding bits of its last byte.
const FLOAT32_HEADER: [u8; 2] = [0x27, 0x00];
/// More digits than a Decimal128 holds.
const DECIMAL128_DIGITS: u64 = 34;

fn default_form(column: &Column) -> Result<Form, ColumnTrouble> {
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

fn chosen_form(column: &Column, choice: Choice) -> Option<Form> {
    let default = default_form(column).ok()?;
    let kind = column.data_type.as_str();
    Some(match (choice, default) {
        (Choice::Long, Form::Int32) => Form::Int64,
        (Choice::Boolean, Form::Int32) if kind == "tinyint" => Form::Boolean,
        (Choice::Decimal, Form::Unsigned) => Form::Decimal128,
        (Choice::String, Form::Unsigned | Form::Decimal128) => Form::PlainText,
        (Choice::String, Form::Date | Form::Clock { .. }) if kind != "date" => Form::Clock {
            zone: kind == "timestamp",
        },
        (Choice::String, Form::Date) => Form::PlainText,
        (Choice::Double, Form::Decimal128) => Form::Double,
        (Choice::Binary, Form::HexText) if kind != "enum" => Form::HexBinary(0),
        (Choice::Uuid, Form::HexBinary(0)) if column.column_type == "binary(16)" => {
            Form::HexBinary(4)
        }
        (Choice::Date, Form::Clock { .. }) => Form::Date,
        (Choice::Millis, Form::PlainText) if kind == "time" => Form::Duration {
            micros_per_unit: 1000,
        },
        (Choice::Micros, Form::PlainText) if kind == "time" => {
            Form::Duration { micros_per_unit: 1 }
        }
        (Choice::Number, Form::HexText) if kind == "enum" => Form::Int32,
        (Choice::Number, Form::Set) => Form::Unsigned,
        (Choice::Wkb, Form::Geometry) => Form::WellKnownBinary,
        (Choice::Array, Form::HexBinary(VECTOR_SUBTYPE)) => Form::FloatArray,
        _ => return None,
    })
}

fn expression(column: &Column, form: Form) -> String {
    let name = format!("source.{}", quoted(&column.name));
    match form {
        Form::HexText if column.data_type == "enum" || !column.is_binary_text => {
            format!("HEX(CONVERT({name} USING utf8mb4))")
        }
        Form::Set => format!("HEX(CONVERT({name} USING utf8mb4))"),
        Form::HexText | Form::HexBinary(_) | Form::FloatArray => format!("HEX({name})"),
        // A FLOAT printed as such is rounded to six digits; widened, it prints exactly. As JSON, because
        // the text of a cast has 22 places, too few for the longest double.
        Form::Double => format!("CAST(CAST(CAST({name} AS DOUBLE) AS JSON) AS CHAR)"),
        Form::Int32 | Form::Unsigned | Form::Boolean
            if matches!(column.data_type.as_str(), "bit" | "enum" | "set") =>
        {
            format!("CAST(CAST({name} AS UNSIGNED) AS CHAR)")
        }
        // The stored bytes behind the SRID are well-known binary; for 4326 the order is asked for.
        Form::Geometry => format!(
            "CONCAT(ST_SRID({name}), ':', IF(ST_SRID({name}) = {WGS84}, \
             HEX(ST_AsWKB({name}, 'axis-order=long-lat')), SUBSTRING(HEX({name}), 9)))"
        ),
        Form::WellKnownBinary => {
            format!("CONCAT(ST_SRID({name}), ':', SUBSTRING(HEX({name}), 9))")
        }
        Form::Json => format!("CAST({name} AS CHAR), {}", json_types(&name)),
        Form::Int32
        | Form::Int64
        | Form::Unsigned
        | Form::Boolean
        | Form::Decimal128
        | Form::PlainText
        | Form::Date
        | Form::Clock { .. }
        | Form::Duration { .. } => format!("CAST({name} AS CHAR)"),
    }
}

/// An object of every path in a JSON value and the server's name for the type that stands there.
fn json_types(name: &str) -> String {
    format!(
        "IF(JSON_TYPE({name}) IN ('OBJECT', 'ARRAY'), \
         (WITH RECURSIVE walk(path, found) AS ( \
           SELECT CAST('$' AS CHAR(8000) CHARACTER SET utf8mb4), {name} \
           UNION ALL \
           SELECT CONCAT(walk.path, step.suffix), JSON_EXTRACT({name}, CONCAT(walk.path, step.suffix)) \
           FROM walk, LATERAL ( \
             SELECT CONCAT('.', CAST(member AS CHAR)) AS suffix FROM JSON_TABLE( \
               JSON_KEYS(IF(JSON_TYPE(walk.found) = 'OBJECT', walk.found, '{{}}')), \
               '$[*]' COLUMNS(member JSON PATH '$')) AS members \
             UNION ALL \
             SELECT CONCAT('[', place - 1, ']') FROM JSON_TABLE( \
               IF(JSON_TYPE(walk.found) = 'ARRAY', walk.found, '[]'), \
               '$[*]' COLUMNS(place FOR ORDINALITY)) AS items \
           ) AS step) \
         SELECT CAST(JSON_OBJECTAGG(path, JSON_TYPE(found)) AS CHAR) FROM walk), \
         CAST(JSON_OBJECT('$', JSON_TYPE({name})) AS CHAR))"
    )
}

fn hex(printed: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = printed.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

fn hex_text(printed: &str) -> Option<String> {
    String::from_utf8(hex(printed)?).ok()
}
