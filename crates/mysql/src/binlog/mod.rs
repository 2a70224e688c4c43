//! The binlog: from packets of a dump connection to events, and from events to rows.
//!
//! `dump` opens the stream and takes packets apart, `payload` looks into compressed transactions,
//! `table_map` turns a table's description into decoders, and the rest reads one thing each. All of
//! it only knows what the events themselves say; nothing here decides what to do about it.

pub(crate) mod column;
pub(crate) mod dump;
pub(crate) mod event;
pub(crate) mod gtid;
pub(crate) mod image;
pub(crate) mod mariadb;
pub(crate) mod metadata;
pub(crate) mod number;
pub(crate) mod partial;
pub(crate) mod payload;
pub(crate) mod rows;
pub(crate) mod table_map;
pub(crate) mod temporal;
