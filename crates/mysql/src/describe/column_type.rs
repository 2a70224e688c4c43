//! What a column of `information_schema.COLUMNS` holds.
//!
//! The result agrees with what a row event's table map says of the same column, so that a row read
//! by SELECT and one read from the binlog have equal schemas. Type names and their spelling by the
//! MySQL Reference Manual, "Data Types" and "The INFORMATION_SCHEMA COLUMNS Table".

use change::{ColumnKind, IntegerWidth, Text};
use std::sync::Arc;

/// The facts that `information_schema.COLUMNS` has of one column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogueColumn {
    pub name: Arc<str>,
    /// DATA_TYPE, for example `int`.
    pub data_type: String,
    /// COLUMN_TYPE, for example `int unsigned`.
    pub column_type: String,
    pub nullable: bool,
    pub charset: Option<Arc<str>>,
    pub collation: Option<Arc<str>>,
    /// CHARACTER_OCTET_LENGTH.
    pub octets: Option<u64>,
    pub numeric_precision: Option<u64>,
    pub numeric_scale: Option<u64>,
    pub datetime_precision: Option<u64>,
}

impl CatalogueColumn {
    /// What the column holds; `None` where the type is unknown here.
    pub fn kind(&self) -> Option<ColumnKind> {
        let unsigned = || {
            self.column_type
                .split_ascii_whitespace()
                .any(|word| word == "unsigned" || word == "zerofill")
        };
        let integer = |width| ColumnKind::Integer {
            width,
            unsigned: unsigned(),
        };
        let fraction = self.datetime_precision.unwrap_or(0) as u8;
        Some(match self.data_type.as_str() {
            "tinyint" => integer(IntegerWidth::Tiny),
            "smallint" => integer(IntegerWidth::Small),
            "mediumint" => integer(IntegerWidth::Medium),
            "int" => integer(IntegerWidth::Int),
            "bigint" => integer(IntegerWidth::Big),
            "float" => ColumnKind::Float,
            "double" => ColumnKind::Double,
            "decimal" => ColumnKind::Decimal {
                precision: u8::try_from(self.numeric_precision?).ok()?,
                scale: u8::try_from(self.numeric_scale?).ok()?,
            },
            "bit" => ColumnKind::Bit {
                width: u8::try_from(self.numeric_precision?).ok()?,
            },
            "year" => ColumnKind::Year,
            "date" => ColumnKind::Date,
            "time" => ColumnKind::Time { fraction },
            "datetime" => ColumnKind::DateTime { fraction },
            "timestamp" => ColumnKind::Timestamp { fraction },
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                ColumnKind::Text {
                    charset: self.charset.clone()?,
                }
            }
            "binary" => ColumnKind::Binary {
                fixed: Some(u16::try_from(self.octets?).ok()?),
            },
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                ColumnKind::Binary { fixed: None }
            }
            "enum" => ColumnKind::Enum {
                members: self.members()?,
            },
            "set" => ColumnKind::Set {
                members: self.members()?,
            },
            "json" => ColumnKind::Json,
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => ColumnKind::Geometry,
            "vector" => ColumnKind::Vector,
            _ => return None,
        })
    }

    /// Whether the catalogue may have written `?` in place of a character of an ENUM's or SET's
    /// member: it keeps its texts in utf8mb3, which has no characters beyond the first plane.
    pub fn members_may_be_garbled(&self) -> bool {
        let wide = matches!(
            self.charset.as_deref(),
            Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030")
        );
        matches!(self.data_type.as_str(), "enum" | "set") && wide && self.column_type.contains('?')
    }

    fn members(&self) -> Option<Arc<[Text]>> {
        let list = self.column_type.strip_prefix(self.data_type.as_str())?;
        members_of(list).map(Arc::from)
    }
}

/// The members of `('a','it''s','back\\slash')`. The server doubles quotes and writes backslash,
/// line feed, carriage return and NUL as escapes, whatever the SQL mode.
fn members_of(list: &str) -> Option<Vec<Text>> {
    let mut characters = list
        .strip_prefix('(')?
        .strip_suffix(')')?
        .chars()
        .peekable();
    let mut members = Vec::new();
    loop {
        if characters.next()? != '\'' {
            return None;
        }
        let mut member = String::new();
        loop {
            match characters.next()? {
                '\'' if characters.peek() == Some(&'\'') => {
                    characters.next();
                    member.push('\'');
                }
                '\'' => break,
                '\\' => member.push(match characters.next()? {
                    '0' => '\0',
                    'n' => '\n',
                    'r' => '\r',
                    '\\' => '\\',
                    _ => return None,
                }),
                other => member.push(other),
            }
        }
        members.push(Text::from(member));
        match characters.next() {
            None => return Some(members),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &str) -> Option<Vec<String>> {
        members_of(list).map(|members| members.into_iter().map(String::from).collect())
    }

    #[test]
    fn members_are_what_was_declared_whatever_they_hold() {
        // As a 9.7 server prints a member with each special character.
        let printed = "('a\\\\b','c''d','x\\ny','z\\0w','tab\t','é,ü','\"q\"','cr\\r','','),(')";
        let expected = [
            "a\\b", "c'd", "x\ny", "z\0w", "tab\t", "é,ü", "\"q\"", "cr\r", "", "),(",
        ];
        assert_eq!(members(printed).unwrap(), expected);
    }

    #[test]
    fn a_list_that_is_not_one_is_refused() {
        for list in ["", "()", "('a'", "('a',)", "('a'b)", "('a\\x')", "('a''"] {
            assert_eq!(members(list), None, "{list}");
        }
    }

    #[test]
    fn zerofill_makes_an_integer_unsigned() {
        let column = CatalogueColumn {
            name: "n".into(),
            data_type: "int".into(),
            column_type: "int(5) unsigned zerofill".into(),
            nullable: false,
            charset: None,
            collation: None,
            octets: None,
            numeric_precision: Some(10),
            numeric_scale: Some(0),
            datetime_precision: None,
        };
        let unsigned = ColumnKind::Integer {
            width: IntegerWidth::Int,
            unsigned: true,
        };
        assert_eq!(column.kind(), Some(unsigned));
    }
}
