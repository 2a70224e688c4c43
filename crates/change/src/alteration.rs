//! What an alteration of a table means for its rows.
//!
//! A statement that alters a table logs no rows, whatever becomes of them. What is told here is how
//! much of what was copied can be kept, by the statement's own words; whoever is in doubt tells the
//! strongest thing, that rows came or went.

use crate::Column;
use std::sync::Arc;

/// What a statement did to a table. The default is a change of nothing but the definition: indexes
/// that are not unique, options, defaults, comments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Alteration {
    /// Rows came or went, or are identified by something else now.
    pub rows: bool,
    /// Unique keys may have come or gone.
    pub unique_keys: bool,
    /// Every row may hold other values, or other columns.
    pub columns: bool,
    /// Columns of before that may have another name, another type or other values now, or be gone.
    pub touched: Vec<Arc<str>>,
    /// All columns that hold text are touched.
    pub texts: bool,
}

impl Alteration {
    /// Nothing that was known of the rows can be relied on.
    pub fn of_rows() -> Self {
        Self {
            rows: true,
            ..Self::default()
        }
    }

    pub fn of_unique_keys() -> Self {
        Self {
            unique_keys: true,
            ..Self::default()
        }
    }

    /// Columns were added: no value of before is another one now.
    pub fn of_columns() -> Self {
        Self {
            columns: true,
            ..Self::default()
        }
    }

    pub fn of_column(name: impl Into<Arc<str>>) -> Self {
        Self {
            columns: true,
            touched: vec![name.into()],
            ..Self::default()
        }
    }

    pub fn of_texts() -> Self {
        Self {
            columns: true,
            texts: true,
            ..Self::default()
        }
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows |= other.rows;
        self.unique_keys |= other.unique_keys;
        self.columns |= other.columns;
        self.texts |= other.texts;
        self.touched.extend(other.touched);
        self
    }

    /// Whether unique keys of before may no longer hold.
    pub fn loosens(&self) -> bool {
        self.rows || self.unique_keys || self.columns
    }

    /// Whether it may be about what identifies a row, whatever that is.
    pub fn is_of_keys(&self) -> bool {
        self.rows || self.unique_keys || self.texts || !self.touched.is_empty()
    }

    /// Whether one of these columns may hold something else now.
    pub fn touches(&self, columns: &[Column]) -> bool {
        columns.iter().any(|column| {
            let named = |name: &Arc<str>| is_same_name(name, &column.name);
            self.touched.iter().any(named) || (self.texts && column.kind.is_text())
        })
    }
}

/// Column names are compared without case by every MySQL server.
fn is_same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnKind, IntegerWidth};

    #[test]
    fn columns_are_touched_by_their_names_and_their_types() {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            nullable: false,
        };
        let number = ColumnKind::Integer {
            width: IntegerWidth::Int,
            unsigned: false,
        };
        let text = ColumnKind::Text {
            charset: "utf8mb4".into(),
        };
        let (id, label) = ([column("Id", number)], [column("label", text)]);
        assert!(Alteration::of_column("iD").touches(&id));
        assert!(!Alteration::of_column("iD").touches(&label));
        assert!(Alteration::of_texts().touches(&label));
        assert!(!Alteration::of_texts().touches(&id));
        assert!(!Alteration::of_columns().touches(&id));
    }
}
