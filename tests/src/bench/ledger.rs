//! The table that is moved: 12 columns, about 250 bytes a row.
//!
//! A row is a function of its id and a version, written once as SQL and once as the document that it
//! has to become, so that the floor writes what the pipeline writes.

use bson::{DateTime, Decimal128, RawDocumentBuf};

use super::BenchError;

pub const DATABASE: &str = "bench";
pub const TABLE: &str = "ledger";

pub const CREATE: &str = "CREATE TABLE bench.ledger (
    id BIGINT NOT NULL PRIMARY KEY,
    customer INT NOT NULL,
    state VARCHAR(16) NOT NULL,
    total DECIMAL(12,2) NOT NULL,
    currency CHAR(3) NOT NULL,
    created DATETIME NOT NULL,
    changed TIMESTAMP(3) NOT NULL,
    street VARCHAR(80) NOT NULL,
    city VARCHAR(40) NOT NULL,
    note VARCHAR(200) NOT NULL,
    weight DOUBLE NOT NULL,
    version INT NOT NULL)";

const STATES: [&str; 4] = ["received", "packed", "shipped", "delivered"];
/// 2023-11-14 22:13:20 UTC.
const EPOCH_SECONDS: i64 = 1_700_000_000;
/// 36 days, in which all that happened lies.
const SPAN_SECONDS: i64 = 3_110_400;

/// One state of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: u64,
    pub version: u32,
}

impl Row {
    fn id(self) -> i64 {
        i64::try_from(self.id).expect("the ids count rows of a table that fits on a disk")
    }

    fn customer(self) -> i32 {
        i32::try_from(self.id % 50_000).expect("below 50,000")
    }

    fn created_seconds(self) -> i64 {
        EPOCH_SECONDS + self.id() % SPAN_SECONDS
    }

    fn street(self) -> String {
        format!("{} Old Harbour Road, second floor", self.id % 997)
    }

    fn city(self) -> String {
        format!("Somewhere-{}", self.id % 1_009)
    }

    /// 112 characters that differ from row to row.
    fn note(self) -> String {
        (0..7)
            .map(|part| format!("{:016x}", scramble(self.id * 7 + part)))
            .collect()
    }

    fn weight(self) -> f64 {
        self.id() as f64 * 0.125
    }

    /// The row as a tuple of values.
    #[must_use]
    pub fn values(self) -> String {
        let version = Version(self.version);
        format!(
            "({},{},'{}',{},'EUR',FROM_UNIXTIME({}),FROM_UNIXTIME({}),'{}','{}','{}',{},{})",
            self.id,
            self.customer(),
            version.state(),
            version.total(),
            self.created_seconds(),
            version.changed(),
            self.street(),
            self.city(),
            self.note(),
            self.weight(),
            self.version,
        )
    }

    /// The document that the row has to become, by the documented defaults.
    ///
    /// # Errors
    /// Never in practice: the values are made here.
    pub fn document(self) -> Result<RawDocumentBuf, BenchError> {
        let version = Version(self.version);
        let total: Decimal128 = version.total().parse()?;
        let number = i32::try_from(self.version).expect("versions count transactions");
        Ok(bson::rawdoc! {
            "_id": self.id(),
            "customer": self.customer(),
            "state": version.state(),
            "total": total,
            "currency": "EUR",
            "created": DateTime::from_millis(self.created_seconds() * 1_000),
            "changed": DateTime::from_millis(version.changed_ms()),
            "street": self.street(),
            "city": self.city(),
            "note": self.note(),
            "weight": self.weight(),
            "version": number,
        })
    }
}

/// What a version gives to every row that has it, so that one statement can change many rows.
#[derive(Clone, Copy, Debug)]
pub struct Version(pub u32);

impl Version {
    fn state(self) -> &'static str {
        STATES[self.0 as usize % STATES.len()]
    }

    fn total(self) -> String {
        format!("{}.{:02}", 100 + self.0 % 90_000, self.0 % 100)
    }

    fn changed_ms(self) -> i64 {
        EPOCH_SECONDS * 1_000 + i64::from(self.0) * 17
    }

    fn changed(self) -> String {
        let milliseconds = self.changed_ms();
        format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
    }

    /// `SET` of an `UPDATE`.
    #[must_use]
    pub fn assignments(self) -> String {
        format!(
            "state='{}',total={},changed=FROM_UNIXTIME({}),version={}",
            self.state(),
            self.total(),
            self.changed(),
            self.0
        )
    }
}

/// Digits that no compression makes small (the finisher of SplitMix64).
#[must_use]
pub fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Row, scramble};

    #[test]
    fn a_row_is_about_250_bytes_and_its_document_has_12_fields() {
        let row = Row {
            id: 499_999,
            version: 3,
        };
        let document = row.document().unwrap();
        assert_eq!(document.iter().count(), 12);
        let values = row.values().len();
        assert!((220..320).contains(&values), "{values}");
    }

    #[test]
    fn notes_of_neighbours_share_nothing() {
        assert_ne!(scramble(1) >> 32, scramble(2) >> 32);
    }
}
