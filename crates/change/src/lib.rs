//! The vocabulary of Lockstep: tables, rows, lossless values, positions, ordinals, changes,
//! effects and barriers.
//!
//! Everything that travels from MySQL to MongoDB is spelled in these words, so that the crates
//! which decide (`mapping`, `reconcile`) and the crates which do IO (`mysql`, `mongo`) never have
//! to know one another. This crate is pure: it opens nothing, waits for nothing, and knows neither
//! SQL nor BSON. A value is held without loss: whatever the server stores has exactly one
//! representation here, and what cannot be represented is carried as the bytes that the server
//! sent ([`Value::Malformed`]), never as a guess.

mod alteration;
mod barrier;
mod decimal;
mod effect;
mod gtid;
mod identity;
mod json;
mod mariadb;
mod position;
mod quarantine;
mod row;
mod schema;
mod temporal;
mod text;
mod value;

pub use alteration::Alteration;
pub use barrier::{
    Barrier, BarrierKind, Checkpoint, KeyRange, MappingVersion, Ordinal, TableEvent,
    TableEventKind, TableKey, TableProgress, TableState, Torn, Trouble,
};
pub use decimal::{Decimal, ParseDecimalError};
pub use effect::{Action, Collection, DocumentId, Effect};
pub use gtid::{Gtid, GtidSet, ParseGtidError, SourceId};
pub use identity::Identity;
pub use json::Json;
pub use mariadb::{MariaDbGtid, MariaDbGtids, OutOfOrder, ParseMariaDbGtidError};
pub use position::{LogPosition, MariaDbPosition, MySqlPosition, Position};
pub use quarantine::{
    QuarantineChange, QuarantineKey, QuarantineRecord, QuarantinedId, RowState, Sighting,
};
pub use row::{Change, ChangeKind, Origin, PartialChange, Place, Row, RowChange};
pub use schema::{
    Column, ColumnKind, Index, IndexPart, IntegerWidth, Schema, TableDescription, TableName,
};
pub use temporal::{Date, DateTime, Time, Timestamp};
pub use text::Text;
pub use value::Value;
