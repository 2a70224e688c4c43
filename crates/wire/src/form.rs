//! How a column's values stand in JSON, decided once per column.
//!
//! The usual form is Debezium's for the type. What members of an ENUM or SET can be told apart by
//! name is looked at here; the others are written by number.

use crate::string::quoted;
use change::{ColumnKind, Text};
use std::collections::HashMap;

/// The usual JSON of a column. What does not fit it is written in an exact form of its own
/// (`exact.rs`).
#[derive(Debug)]
pub(crate) enum Form {
    Signed,
    Unsigned,
    Float,
    Double,
    Decimal,
    /// BIT(1).
    Boolean,
    /// BIT(n): so many bytes, the lowest first.
    Bits {
        bytes: usize,
    },
    Year,
    Date,
    Time,
    /// Milliseconds for up to three fractional digits, else microseconds.
    DateTime {
        fraction: u8,
    },
    Timestamp {
        fraction: u8,
    },
    Text,
    Bytes,
    Enum(Members),
    Set(Members),
    Json,
    Geometry,
    Vector,
}

/// The members of an ENUM or SET that a name identifies.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Each escaped and without quotes; `None` for one that its name does not identify.
    names: Vec<Option<Box<[u8]>>>,
    /// Indexes of `names` by name.
    indexes: HashMap<Box<[u8]>, usize>,
}

impl Form {
    pub(crate) fn of(kind: &ColumnKind) -> Self {
        match kind {
            ColumnKind::Integer {
                unsigned: false, ..
            } => Form::Signed,
            ColumnKind::Integer { unsigned: true, .. } => Form::Unsigned,
            ColumnKind::Float => Form::Float,
            ColumnKind::Double => Form::Double,
            ColumnKind::Decimal { .. } => Form::Decimal,
            ColumnKind::Bit { width: 0 | 1 } => Form::Boolean,
            ColumnKind::Bit { width } => Form::Bits {
                bytes: usize::from(*width).div_ceil(8).min(8),
            },
            ColumnKind::Year => Form::Year,
            ColumnKind::Date => Form::Date,
            ColumnKind::Time { .. } => Form::Time,
            ColumnKind::DateTime { fraction } => Form::DateTime {
                fraction: (*fraction).min(6),
            },
            ColumnKind::Timestamp { fraction } => Form::Timestamp {
                fraction: (*fraction).min(6),
            },
            ColumnKind::Text { .. } => Form::Text,
            ColumnKind::Binary { .. } => Form::Bytes,
            ColumnKind::Enum { members } => Form::Enum(Members::new(members, |_| true)),
            // MySQL joins members by commas and prints no member as nothing.
            ColumnKind::Set { members } => Form::Set(Members::new(members, |name| {
                !name.is_empty() && !name.contains(&b',')
            })),
            ColumnKind::Json => Form::Json,
            ColumnKind::Geometry => Form::Geometry,
            ColumnKind::Vector => Form::Vector,
        }
    }
}

impl Members {
    fn new(members: &[Text], by_name: impl Fn(&[u8]) -> bool) -> Self {
        let mut made = Self::default();
        for (index, member) in members.iter().enumerate() {
            let mut written = Vec::new();
            quoted(&mut written, member.as_bytes());
            let name: Box<[u8]> = written[1..written.len() - 1].into();
            // The first of two equal names has it.
            let named = by_name(member.as_bytes()) && !made.indexes.contains_key(&name);
            if named {
                made.indexes.insert(name.clone(), index);
            }
            made.names.push(named.then_some(name));
        }
        made
    }

    /// The name of the member of this index, counted from 0.
    #[inline]
    pub(crate) fn name(&self, index: usize) -> Option<&[u8]> {
        self.names.get(index)?.as_deref()
    }

    #[inline]
    pub(crate) fn index(&self, name: &[u8]) -> Option<usize> {
        self.indexes.get(name).copied()
    }

    /// Whether nothing is called so: an ENUM's invalid value can then be written as the empty
    /// string that MySQL prints.
    pub(crate) fn lacks(&self, name: &[u8]) -> bool {
        !self.indexes.contains_key(name)
    }
}
