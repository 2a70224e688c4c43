//! MariaDB's global transaction identifiers: `domain-server-sequence`.
//!
//! A domain is a history of its own, and numbers grow in it whoever writes them. So the last
//! identifier of each domain says it all: every transaction of the domain up to its number lies at
//! or before the position. A stream whose numbers do not grow breaks that rule, and whoever reads it
//! has to say so ([`MariaDbGtids::advance`]).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One transaction's identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MariaDbGtid {
    pub domain: u32,
    /// `server_id` of the server that gave it out.
    pub server_id: u32,
    /// From 1 on; grows within its domain.
    pub sequence: u64,
}

/// The last transaction of each domain: a position, as `@@gtid_binlog_pos` tells it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MariaDbGtids(BTreeMap<u32, MariaDbGtid>);

/// The text is not a GTID of MariaDB, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a list of GTIDs of the form domain-server-sequence")]
pub struct ParseMariaDbGtidError(String);

/// A transaction does not come after the last one of its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("transaction {came} comes after {last} of the same domain")]
pub struct OutOfOrder {
    pub last: MariaDbGtid,
    pub came: MariaDbGtid,
}

impl MariaDbGtids {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves the position over the next transaction of its domain.
    pub fn advance(&mut self, gtid: MariaDbGtid) -> Result<(), OutOfOrder> {
        match self.0.get(&gtid.domain) {
            Some(&last) if last.sequence >= gtid.sequence => {
                return Err(OutOfOrder { last, came: gtid });
            }
            Some(_) | None => {}
        }
        self.0.insert(gtid.domain, gtid);
        Ok(())
    }

    /// The last transaction of the domain.
    pub fn of_domain(&self, domain: u32) -> Option<MariaDbGtid> {
        self.0.get(&domain).copied()
    }

    /// Whether the transaction lies at or before this position.
    pub fn contains(&self, gtid: &MariaDbGtid) -> bool {
        self.of_domain(gtid.domain)
            .is_some_and(|last| last.sequence >= gtid.sequence)
    }

    /// Whether every transaction up to `other` lies at or before this position.
    pub fn covers(&self, other: &MariaDbGtids) -> bool {
        other.iter().all(|gtid| self.contains(gtid))
    }

    /// The identifiers of this position that lie behind `other`.
    pub fn beyond(&self, other: &MariaDbGtids) -> MariaDbGtids {
        let beyond = self.iter().filter(|gtid| !other.contains(gtid));
        Self(beyond.map(|gtid| (gtid.domain, *gtid)).collect())
    }

    /// One identifier for each domain.
    pub fn iter(&self) -> impl Iterator<Item = &MariaDbGtid> {
        self.0.values()
    }
}

/// Of identifiers that share a domain the highest number counts: that is what a list of what each
/// server wrote (`@@gtid_binlog_state`) comes to.
impl FromIterator<MariaDbGtid> for MariaDbGtids {
    fn from_iter<I: IntoIterator<Item = MariaDbGtid>>(gtids: I) -> Self {
        let mut position = Self::default();
        for gtid in gtids {
            // One that is not higher than what is known changes nothing.
            let _ = position.advance(gtid);
        }
        position
    }
}

impl std::fmt::Display for MariaDbGtid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server_id, self.sequence)
    }
}

impl std::fmt::Display for MariaDbGtids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, gtid) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{gtid}")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for MariaDbGtids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for MariaDbGtid {
    type Err = ParseMariaDbGtidError;

    fn from_str(text: &str) -> Result<Self, ParseMariaDbGtidError> {
        let read = || {
            let mut parts = text.trim().split('-');
            let gtid = Self {
                domain: number(parts.next()?)?,
                server_id: number(parts.next()?)?,
                sequence: number(parts.next()?)?,
            };
            parts.next().is_none().then_some(gtid)
        };
        read().ok_or_else(|| ParseMariaDbGtidError(text.to_owned()))
    }
}

impl std::str::FromStr for MariaDbGtids {
    type Err = ParseMariaDbGtidError;

    fn from_str(text: &str) -> Result<Self, ParseMariaDbGtidError> {
        let members = text.split(',').map(str::trim);
        members
            .filter(|member| !member.is_empty())
            .map(str::parse::<MariaDbGtid>)
            .collect::<Result<Self, _>>()
            .map_err(|_| ParseMariaDbGtidError(text.to_owned()))
    }
}

impl TryFrom<String> for MariaDbGtids {
    type Error = ParseMariaDbGtidError;
    fn try_from(text: String) -> Result<Self, ParseMariaDbGtidError> {
        text.parse()
    }
}

impl From<MariaDbGtids> for String {
    fn from(gtids: MariaDbGtids) -> Self {
        gtids.to_string()
    }
}

/// Digits only: no sign.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtids(text: &str) -> MariaDbGtids {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_number_of_each_domain_is_the_position() {
        let position = gtids("1-5-7, 0-1-42,0-2-41");
        assert_eq!(position.to_string(), "0-1-42,1-5-7");
        assert!(position.covers(&gtids("0-9-42")));
        assert!(!position.covers(&gtids("0-1-43")));
        assert!(!position.covers(&gtids("2-1-1")));
        assert!(position.covers(&gtids("")));
        assert_eq!(position.beyond(&gtids("0-1-42,2-2-2")).to_string(), "1-5-7");
    }

    #[test]
    fn numbers_that_do_not_grow_are_told() {
        let mut position = gtids("0-1-42");
        position.advance("0-2-43".parse().unwrap()).unwrap();
        position.advance("7-2-1".parse().unwrap()).unwrap();
        assert_eq!(position.to_string(), "0-2-43,7-2-1");
        let same = position.advance("0-1-43".parse().unwrap()).unwrap_err();
        assert_eq!(same.last.to_string(), "0-2-43");
        assert!(position.advance("0-1-9".parse().unwrap()).is_err());
    }

    #[test]
    fn what_is_not_a_position_is_refused() {
        for text in ["x", "0-1", "0-1-2-3", "0-1-+2", "0--1-2", "4294967296-1-1"] {
            assert!(text.parse::<MariaDbGtids>().is_err(), "{text:?}");
        }
    }
}
