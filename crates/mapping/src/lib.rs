//! Rows to documents: names, identity, types.
//!
//! A [`Mapper`] holds what a person decided; it compiles a table's schema into a [`TableMapper`],
//! which turns each change into effects on encoded BSON documents, and a table's description into
//! a [`CollectionPlan`]. Everything here is pure: the same row, schema and configuration always
//! give the same bytes, which is what replaying, verifying and comparing by hash stand on. By
//! default no value changes; a choice that loses something is written by a person and can be
//! listed.

mod choice;
mod clock;
mod collection;
mod config;
mod decimal128;
mod element;
mod encoding;
mod geometry;
mod indexes;
mod json;
mod json_text;
mod mapper;
mod multiset;
mod names;
mod outline;
mod printable;
mod problem;
mod row_key;
mod table;
mod value;
mod zone;

pub use choice::{ColumnChoice, FormChoice, UnknownChoice, ZeroDateChoice};
pub use collection::{CollectionPlan, IndexPlan};
pub use config::{IdentityChoice, MappingConfig, TYPES, TableChoices};
pub use mapper::Mapper;
pub use multiset::{RowCounter, numbered_document, numbered_id};
pub use outline::FieldOutline;
pub use printable::value as printable;
pub use problem::{MappingError, Problem, Problems};
pub use table::TableMapper;
pub use zone::zone_name;

/// The codes that this crate can say, each with a page: `lockstep explain CODE`.
pub const CODES: &[&str] = &[
    "LS5001", "LS5002", "LS5003", "LS5004", "LS5005", "LS5006", "LS5007", "LS5008", "LS5009",
    "LS5020", "LS5021", "LS5022", "LS5023", "LS5024", "LS5025", "LS5026",
];
