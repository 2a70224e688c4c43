//! One column: what the server is asked to print for it, and what that print must become.
//!
//! Everything that could hide a difference is printed as hexadecimal or as exact text by the server
//! itself; the rules are those of the table of types, at their defaults unless a choice is given.

use super::calendar;
use super::catalogue::{Column, quoted};
use super::expected::Expected;
use super::form::{
    Choice, ColumnRules, Form, VECTOR_SUBTYPE, ZeroDates, chosen_form, default_form,
};
use super::{geometry, json};

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

/// How one column is asked for and judged.
#[derive(Clone, Debug)]
pub struct Judge {
    column: String,
    form: Form,
    rules: ColumnRules,
    expression: String,
}

impl Judge {
    pub fn new(column: &Column, rules: ColumnRules) -> Result<Self, ColumnTrouble> {
        let form = match rules.form {
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
            rules,
        })
    }

    /// The SQL expressions, separated by commas. There are as many as `width` says.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn width(&self) -> usize {
        if self.form == Form::Json { 2 } else { 1 }
    }

    /// Whether a field that is NULL must not be there.
    pub fn leaves_null_out(&self) -> bool {
        self.rules.absent
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
            Form::PlainText | Form::JsonText => Expected::String(printed.to_owned()),
            Form::HexText => Expected::String(text()?),
            Form::Bits => Expected::Binary {
                subtype: 0,
                bytes: bytes(printed)?,
            },
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
                Some(wall) if self.rules.in_berlin => {
                    Expected::Date(wall - calendar::berlin_offset(wall))
                }
                Some(milliseconds) => Expected::Date(milliseconds),
                None => self.off_the_calendar(printed),
            },
            Form::Clock { zone } => match calendar::milliseconds(printed) {
                Some(_) => {
                    let zone = if zone { "Z" } else { "" };
                    Expected::String(printed.replacen(' ', "T", 1) + zone)
                }
                None => self.off_the_calendar(printed),
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
            Form::Geometry | Form::GeoJson | Form::WellKnownBinary => {
                let (srid, wkb) = printed.split_once(':').ok_or_else(|| refuse("geometry"))?;
                let wkb = bytes(wkb)?;
                let geographic = srid == WGS84.to_string();
                if geographic && self.form == Form::Geometry || self.form == Form::GeoJson {
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

impl Judge {
    fn off_the_calendar(&self, printed: &str) -> Expected {
        match self.rules.zero_dates {
            ZeroDates::AsPrinted => Expected::String(printed.to_owned()),
            ZeroDates::Null => Expected::Null,
            ZeroDates::Epoch => Expected::Date(0),
            ZeroDates::Year1 => Expected::Date(calendar::YEAR_1),
        }
    }
}

const WGS84: u32 = 4326;
/// A BSON vector begins with its element type (float32) and the padding bits of its last byte.
const FLOAT32_HEADER: [u8; 2] = [0x27, 0x00];
fn expression(column: &Column, form: Form) -> String {
    let name = format!("source.{}", quoted(&column.name));
    match form {
        Form::HexText if column.data_type == "enum" || !column.is_binary_text => {
            format!("HEX(CONVERT({name} USING utf8mb4))")
        }
        Form::Set => format!("HEX(CONVERT({name} USING utf8mb4))"),
        Form::HexText | Form::HexBinary(_) | Form::FloatArray => format!("HEX({name})"),
        // A FLOAT printed as such is rounded to six digits; widened, it prints exactly. As JSON, because
        // the text of a cast has 22 places, too few for the longest double. MariaDB, which leaves such
        // comments out, has no such cast, and prints the double itself exactly.
        Form::Double => {
            format!("/*!80000 CAST(CAST( */ CAST({name} AS DOUBLE) /*!80000 AS JSON) AS CHAR) */")
        }
        Form::Bits => {
            let digits = 2 * column.numeric_precision.unwrap_or(0).div_ceil(8);
            format!("LPAD(HEX({name}), {digits}, '0')")
        }
        Form::Int32 | Form::Unsigned | Form::Boolean | Form::Decimal128 | Form::PlainText
            if matches!(column.data_type.as_str(), "bit" | "enum" | "set") =>
        {
            format!("CAST(CAST({name} AS UNSIGNED) AS CHAR)")
        }
        // The stored bytes behind the SRID are well-known binary; for 4326 the order is asked for.
        Form::Geometry | Form::GeoJson => format!(
            "CONCAT(ST_SRID({name}), ':', IF(ST_SRID({name}) = {WGS84}, \
             HEX(ST_AsWKB({name} /*!80000 , 'axis-order=long-lat' */)), SUBSTRING(HEX({name}), 9)))"
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
        | Form::JsonText
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
