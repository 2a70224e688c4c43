//! The optional part of a table map, which `binlog_row_metadata = FULL` fills: names, signs,
//! character sets, ENUM and SET members, the primary key.
//!
//! Each list covers only the columns that it concerns (signs the numeric ones, character sets the
//! text ones), in column order (MySQL Source Code Documentation, "Optional metadata").

use crate::binlog::column::{ENUM, SET, WireType};
use crate::wire::{Cursor, Malformed, bit_from_top};
use bytes::Bytes;

/// What is known of the columns beyond their types.
#[derive(Default, Debug)]
pub(crate) struct Metadata {
    /// Empty without FULL metadata.
    pub(crate) names: Vec<Bytes>,
    /// By column; false for all but unsigned numbers.
    pub(crate) unsigned: Vec<bool>,
    /// Collation numbers by column; `None` for columns without one.
    pub(crate) collations: Vec<Option<u64>>,
    /// Members by column; empty for all but ENUM and SET.
    pub(crate) members: Vec<Vec<Bytes>>,
    /// Indexes of the primary key's columns, in key order.
    pub(crate) primary_key: Vec<usize>,
}

const SIGNEDNESS: u8 = 1;
const DEFAULT_CHARSET: u8 = 2;
const COLUMN_CHARSET: u8 = 3;
const COLUMN_NAME: u8 = 4;
const SET_MEMBERS: u8 = 5;
const ENUM_MEMBERS: u8 = 6;
const SIMPLE_PRIMARY_KEY: u8 = 8;
const PRIMARY_KEY_WITH_PREFIX: u8 = 9;
const ENUM_AND_SET_DEFAULT_CHARSET: u8 = 10;
const ENUM_AND_SET_COLUMN_CHARSET: u8 = 11;

impl Metadata {
    pub(crate) fn read(mut cursor: Cursor, types: &[WireType]) -> Result<Self, Malformed> {
        let mut metadata = Self {
            unsigned: vec![false; types.len()],
            collations: vec![None; types.len()],
            members: vec![Vec::new(); types.len()],
            ..Self::default()
        };
        while !cursor.is_empty() {
            let field = cursor.u8()?;
            let value = Cursor::new(cursor.length_encoded_bytes()?);
            match field {
                SIGNEDNESS => {
                    for (place, column) in columns(types, |column| column.is_numeric()).enumerate()
                    {
                        metadata.unsigned[column] = bit_from_top(value.as_slice(), place);
                    }
                }
                DEFAULT_CHARSET => {
                    metadata.default_collations(value, types, WireType::is_character)?
                }
                COLUMN_CHARSET => metadata.each_collation(value, types, WireType::is_character)?,
                ENUM_AND_SET_DEFAULT_CHARSET => {
                    metadata.default_collations(value, types, WireType::is_enum_or_set)?;
                }
                ENUM_AND_SET_COLUMN_CHARSET => {
                    metadata.each_collation(value, types, WireType::is_enum_or_set)?
                }
                COLUMN_NAME => metadata.names = strings(value, types.len())?,
                SET_MEMBERS => metadata.read_members(value, types, SET)?,
                ENUM_MEMBERS => metadata.read_members(value, types, ENUM)?,
                SIMPLE_PRIMARY_KEY => metadata.read_key(value, types.len(), false)?,
                PRIMARY_KEY_WITH_PREFIX => metadata.read_key(value, types.len(), true)?,
                // Geometry types, visibility, dimensions of vectors: not needed to read a row.
                _ => {}
            }
        }
        Ok(metadata)
    }

    /// One collation for most, then pairs of place and collation for the others.
    fn default_collations(
        &mut self,
        mut value: Cursor,
        types: &[WireType],
        concerned: fn(WireType) -> bool,
    ) -> Result<(), Malformed> {
        let default = value.length_encoded()?;
        let concerned: Vec<usize> = columns(types, concerned).collect();
        for &column in &concerned {
            self.collations[column] = Some(default);
        }
        while !value.is_empty() {
            let place = value.length()?;
            let collation = value.length_encoded()?;
            let column = concerned
                .get(place)
                .ok_or(Malformed("a character set belongs to no column"))?;
            self.collations[*column] = Some(collation);
        }
        Ok(())
    }

    fn each_collation(
        &mut self,
        mut value: Cursor,
        types: &[WireType],
        concerned: fn(WireType) -> bool,
    ) -> Result<(), Malformed> {
        for column in columns(types, concerned) {
            self.collations[column] = Some(value.length_encoded()?);
        }
        Ok(())
    }

    fn read_members(
        &mut self,
        mut value: Cursor,
        types: &[WireType],
        number: u8,
    ) -> Result<(), Malformed> {
        for column in columns(types, |column| column.number == number).collect::<Vec<_>>() {
            let count = value.length()?;
            for _ in 0..count {
                self.members[column].push(value.length_encoded_bytes()?);
            }
        }
        Ok(())
    }

    fn read_key(
        &mut self,
        mut value: Cursor,
        columns: usize,
        with_prefix: bool,
    ) -> Result<(), Malformed> {
        while !value.is_empty() {
            let column = value.length()?;
            if column >= columns {
                return Err(Malformed(
                    "its primary key names a column that it does not have",
                ));
            }
            if with_prefix {
                value.length_encoded()?;
            }
            self.primary_key.push(column);
        }
        Ok(())
    }
}

fn columns(
    types: &[WireType],
    concerned: impl Fn(WireType) -> bool,
) -> impl Iterator<Item = usize> {
    types
        .iter()
        .enumerate()
        .filter(move |(_, column)| concerned(**column))
        .map(|(index, _)| index)
}

fn strings(mut value: Cursor, count: usize) -> Result<Vec<Bytes>, Malformed> {
    (0..count).map(|_| value.length_encoded_bytes()).collect()
}
