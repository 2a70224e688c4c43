//! The field numbers of `change.proto`, each with its wire type: what stands ahead of a field.
//!
//! None is ever used for anything else. A test holds them against the file.

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

const fn tag(number: u32, wire_type: u32) -> u32 {
    number << 3 | wire_type
}

/// Of `Change`.
pub(super) mod change {
    use super::{BYTES, VARINT, tag};

    pub(crate) const OPERATION: u32 = tag(1, VARINT);
    pub(crate) const BEFORE: u32 = tag(2, BYTES);
    pub(crate) const AFTER: u32 = tag(3, BYTES);
    pub(crate) const SOURCE: u32 = tag(4, BYTES);
    pub(crate) const TS_MS: u32 = tag(5, VARINT);
}

/// Of `Row` and `Key`.
pub(super) const COLUMNS: u32 = tag(1, BYTES);

/// Of `Column`.
pub(super) mod column {
    use super::{BYTES, FIXED32, FIXED64, VARINT, tag};

    pub(crate) const NAME: u32 = tag(1, BYTES);
    pub(crate) const NULL: u32 = tag(2, VARINT);
    pub(crate) const INT: u32 = tag(3, VARINT);
    pub(crate) const UINT: u32 = tag(4, VARINT);
    pub(crate) const FLOAT: u32 = tag(5, FIXED32);
    pub(crate) const DOUBLE: u32 = tag(6, FIXED64);
    pub(crate) const DECIMAL: u32 = tag(7, BYTES);
    pub(crate) const TEXT: u32 = tag(8, BYTES);
    pub(crate) const BINARY: u32 = tag(9, BYTES);
    pub(crate) const DATE: u32 = tag(10, BYTES);
    pub(crate) const TIME: u32 = tag(11, BYTES);
    pub(crate) const DATETIME: u32 = tag(12, BYTES);
    pub(crate) const TIMESTAMP: u32 = tag(13, BYTES);
    pub(crate) const ENUM: u32 = tag(14, BYTES);
    pub(crate) const JSON: u32 = tag(15, BYTES);
    pub(crate) const SET: u32 = tag(16, BYTES);
    pub(crate) const BIT: u32 = tag(17, VARINT);
    pub(crate) const YEAR: u32 = tag(18, VARINT);
    pub(crate) const MALFORMED_TEXT: u32 = tag(19, BYTES);
    pub(crate) const GEOMETRY: u32 = tag(20, BYTES);
    pub(crate) const VECTOR: u32 = tag(21, BYTES);
}

/// The fields of a message whose fields are all numbers, from 1 on.
pub(super) const fn number(index: u32) -> u32 {
    tag(index, VARINT)
}

/// A field of bytes, a text or a message.
pub(super) const fn bytes(index: u32) -> u32 {
    tag(index, BYTES)
}

/// Of `Source`.
pub(super) mod source {
    use super::{BYTES, VARINT, tag};

    pub(crate) const VERSION: u32 = tag(1, BYTES);
    pub(crate) const CONNECTOR: u32 = tag(2, BYTES);
    pub(crate) const NAME: u32 = tag(3, BYTES);
    pub(crate) const TS_MS: u32 = tag(4, VARINT);
    pub(crate) const SNAPSHOT: u32 = tag(5, VARINT);
    pub(crate) const DB: u32 = tag(6, BYTES);
    pub(crate) const TABLE: u32 = tag(7, BYTES);
    pub(crate) const SERVER_ID: u32 = tag(8, VARINT);
    pub(crate) const GTID: u32 = tag(9, BYTES);
    pub(crate) const FILE: u32 = tag(10, BYTES);
    pub(crate) const POS: u32 = tag(11, VARINT);
    pub(crate) const ROW: u32 = tag(12, VARINT);
    pub(crate) const ORDINAL: u32 = tag(13, BYTES);
}
