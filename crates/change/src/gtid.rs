//! Global transaction identifiers, with tags, and sets of them.
//!
//! Text form by the MySQL Reference Manual, "GTID Format and Storage":
//! `uuid[:tag][:n[-m]]…`, comma-separated; a tag applies to the intervals that follow it until the
//! next tag or uuid. Intervals are kept sorted, disjoint and joined, so that equal sets are equal
//! values and print the same.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who assigned a transaction its number: a server's uuid and, from MySQL 8.3 on, perhaps a tag.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SourceId {
    pub uuid: [u8; 16],
    /// At most 32 characters of `[a-z0-9_]`; empty for an untagged identifier.
    pub tag: Arc<str>,
}

/// One transaction's identifier.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Gtid {
    pub source: SourceId,
    /// From 1 to 2^63 - 2.
    pub number: u64,
}

/// A set of transactions.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GtidSet {
    // Inclusive intervals, sorted, disjoint, not adjacent.
    intervals: BTreeMap<SourceId, Vec<(u64, u64)>>,
}

/// The text is not a GTID or a set of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a GTID set of the form uuid[:tag]:first[-last]")]
pub struct ParseGtidError(String);

impl SourceId {
    /// An untagged source.
    pub fn untagged(uuid: [u8; 16]) -> Self {
        Self {
            uuid,
            tag: Arc::from(""),
        }
    }

    fn write_uuid(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.uuid.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl GtidSet {
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// Adds one transaction.
    pub fn insert(&mut self, gtid: &Gtid) {
        self.insert_interval(&gtid.source, gtid.number, gtid.number);
    }

    /// Adds all transactions of `first..=last` of one source.
    pub fn insert_interval(&mut self, source: &SourceId, first: u64, last: u64) {
        let intervals = match self.intervals.get_mut(source) {
            Some(intervals) => intervals,
            None => self.intervals.entry(source.clone()).or_default(),
        };
        // The usual case: the next number in line.
        if let Some(end) = intervals.last_mut()
            && first >= end.0
            && first <= end.1.saturating_add(1)
        {
            end.1 = end.1.max(last);
            return;
        }
        let start = intervals.partition_point(|&(_, end)| end.saturating_add(1) < first);
        let stop = intervals.partition_point(|&(begin, _)| begin <= last.saturating_add(1));
        let merged = intervals[start..stop]
            .iter()
            .fold((first, last), |(low, high), &(begin, end)| {
                (low.min(begin), high.max(end))
            });
        intervals.splice(start..stop, [merged]);
    }

    /// Whether the transaction is in the set.
    pub fn contains(&self, gtid: &Gtid) -> bool {
        self.contains_interval(&gtid.source, gtid.number, gtid.number)
    }

    /// Whether every transaction of this set is in `other`.
    pub fn is_subset_of(&self, other: &GtidSet) -> bool {
        self.iter()
            .all(|(source, first, last)| other.contains_interval(source, first, last))
    }

    /// The transactions of this set that are not in `other`.
    pub fn without(&self, other: &GtidSet) -> GtidSet {
        let mut rest = GtidSet::default();
        for (source, first, last) in self.iter() {
            let mut next = first;
            for &(begin, end) in other.intervals.get(source).map_or(&[][..], Vec::as_slice) {
                if end < next || begin > last {
                    continue;
                }
                if begin > next {
                    rest.insert_interval(source, next, begin - 1);
                }
                next = end.saturating_add(1);
            }
            if next <= last {
                rest.insert_interval(source, next, last);
            }
        }
        rest
    }

    /// Adds every transaction of `other`.
    pub fn extend(&mut self, other: &GtidSet) {
        for (source, first, last) in other.iter() {
            self.insert_interval(source, first, last);
        }
    }

    /// All intervals, inclusive, by source.
    pub fn iter(&self) -> impl Iterator<Item = (&SourceId, u64, u64)> {
        self.intervals.iter().flat_map(|(source, intervals)| {
            intervals
                .iter()
                .map(move |&(first, last)| (source, first, last))
        })
    }

    /// How many transactions are in the set.
    pub fn count(&self) -> u64 {
        self.iter().map(|(_, first, last)| last - first + 1).sum()
    }

    fn contains_interval(&self, source: &SourceId, first: u64, last: u64) -> bool {
        self.intervals.get(source).is_some_and(|intervals| {
            let index = intervals.partition_point(|&(_, end)| end < first);
            intervals
                .get(index)
                .is_some_and(|&(begin, end)| begin <= first && last <= end)
        })
    }
}

impl std::fmt::Display for SourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.write_uuid(f)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Gtid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.source, self.number)
    }
}

impl std::fmt::Display for GtidSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (source, intervals)) in self.intervals.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{source}")?;
            for &(first, last) in intervals {
                write!(f, ":{first}")?;
                if last > first {
                    write!(f, "-{last}")?;
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for GtidSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for GtidSet {
    type Err = ParseGtidError;

    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let error = || ParseGtidError(text.to_owned());
        let mut set = GtidSet::default();
        for member in text
            .split(',')
            .map(str::trim)
            .filter(|member| !member.is_empty())
        {
            let mut parts = member.split(':').map(str::trim);
            let uuid = parts.next().and_then(parse_uuid).ok_or_else(error)?;
            let mut source = SourceId::untagged(uuid);
            let mut intervals = 0;
            for part in parts {
                if part.starts_with(|first: char| first.is_ascii_digit()) && is_interval(part) {
                    let (first, last) = part.split_once('-').unwrap_or((part, part));
                    let first = first.trim().parse().map_err(|_| error())?;
                    let last = last.trim().parse().map_err(|_| error())?;
                    if first == 0 || last < first {
                        return Err(error());
                    }
                    set.insert_interval(&source, first, last);
                    intervals += 1;
                } else if is_tag(part) {
                    source.tag = Arc::from(part.to_ascii_lowercase());
                } else {
                    return Err(error());
                }
            }
            if intervals == 0 {
                return Err(error());
            }
        }
        Ok(set)
    }
}

impl std::str::FromStr for Gtid {
    type Err = ParseGtidError;

    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let set: GtidSet = text.parse()?;
        let mut members = set.iter();
        match (members.next(), members.next()) {
            (Some((source, first, last)), None) if first == last => Ok(Gtid {
                source: source.clone(),
                number: first,
            }),
            _ => Err(ParseGtidError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for GtidSet {
    type Error = ParseGtidError;
    fn try_from(text: String) -> Result<Self, ParseGtidError> {
        text.parse()
    }
}

impl From<GtidSet> for String {
    fn from(set: GtidSet) -> Self {
        set.to_string()
    }
}

fn is_interval(part: &str) -> bool {
    part.bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b' ')
}

fn is_tag(part: &str) -> bool {
    let mut bytes = part.bytes();
    part.len() <= 32
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').collect();
    if digits.len() != 32 {
        return None;
    }
    let mut uuid = [0; 16];
    for (byte, pair) in uuid.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn set(text: &str) -> GtidSet {
        text.parse().unwrap()
    }

    #[test]
    fn intervals_join_whatever_order_they_come_in() {
        let mut joined = GtidSet::default();
        for number in [5, 1, 3, 2, 9, 4, 8] {
            joined.insert(&format!("{A}:{number}").parse().unwrap());
        }
        assert_eq!(joined.to_string(), format!("{A}:1-5:8-9"));
        assert_eq!(joined.count(), 7);
    }

    #[test]
    fn tags_apply_until_the_next_tag() {
        let tagged = set(&format!("{A}:1-3:blue:1-2:5:green:7"));
        assert_eq!(
            tagged.to_string(),
            format!("{A}:1-3,{A}:blue:1-2:5,{A}:green:7")
        );
        assert_eq!(set(&tagged.to_string()), tagged);
        assert!(tagged.contains(&format!("{A}:blue:5").parse().unwrap()));
        assert!(!tagged.contains(&format!("{A}:5").parse().unwrap()));
    }

    #[test]
    fn subset_and_difference_agree() {
        let all = set(&format!("{A}:1-10:20-30"));
        let some = set(&format!("{A}:3-5:25"));
        assert!(some.is_subset_of(&all));
        assert!(!all.is_subset_of(&some));
        assert_eq!(
            all.without(&some).to_string(),
            format!("{A}:1-2:6-10:20-24:26-30")
        );
        assert!(some.without(&all).is_empty());
    }

    #[test]
    fn what_is_not_a_set_is_refused() {
        for text in [
            "x",
            A,
            "3e11fa47:1",
            &format!("{A}:0"),
            &format!("{A}:5-4"),
            &format!("{A}:1-"),
        ] {
            assert!(text.parse::<GtidSet>().is_err(), "{text:?}");
        }
        assert!(set("").is_empty());
    }
}
