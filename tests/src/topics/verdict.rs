//! Whether the topics hold what the binary log tells: every change once, in order per key.
//!
//! A topic begins somewhere: changes before a table's first window are not written, and neither are
//! those between a DROP and the first window of the new table. So the life of a table is cut at its
//! drops, and in each piece the first change that was written, or the first row that the copy read,
//! says where the topic begins. From there on nothing may be missing.

use super::account::Account;
use super::change_event::{ChangeEvent, Event, Place, event};
use super::consumer::Record;
use super::expectation::{Expectation, expectations};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// More problems than this are only counted.
const PROBLEMS_SHOWN: usize = 20;

/// What the judge found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Changes that were in the topics and had to be.
    pub changes: usize,
    /// Rows that the copy read.
    pub reads: usize,
    /// Changes from before a table's start.
    pub before_the_start: usize,
    /// Tables that have a change or a row.
    pub tables: usize,
    /// Tables that the account does not tell of.
    pub untold: usize,
    pub problems: Vec<String>,
}

/// Holds the records of the topics `<prefix><database>.<table>` against the account.
#[must_use]
pub fn judge(account: &Account, records: &[Record], prefix: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut topics: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        match record.topic.strip_prefix(prefix) {
            Some(table) => topics.entry(table).or_default().push(record),
            None => verdict
                .problems
                .push(format!("a record of {}", record.topic)),
        }
    }
    let told = account.changes.iter().map(|change| change.table.as_str());
    let tables: BTreeSet<&str> = topics.keys().copied().chain(told).collect();
    for table in tables {
        let Some(records) = topics.get(table) else {
            continue;
        };
        if account.untold.contains(table) {
            verdict.untold += 1;
            continue;
        }
        verdict.tables += 1;
        match expectations(account, table) {
            Ok(expected) => Table::new(account, table, &mut verdict).judge(&expected, records),
            Err(no_rule) => verdict.problems.push(no_rule.to_string()),
        }
    }
    verdict
}

/// One key's history, as the topic has it.
type Histories<'a> = BTreeMap<String, Vec<(&'a Record, Event)>>;

struct Table<'a> {
    account: &'a Account,
    name: &'a str,
    by_gtid: BTreeMap<&'a str, usize>,
    /// The transactions that dropped the table.
    drops: Vec<usize>,
    /// The transactions that dropped or emptied it.
    ends: Vec<usize>,
    verdict: &'a mut Verdict,
}

impl<'a> Table<'a> {
    fn new(account: &'a Account, name: &'a str, verdict: &'a mut Verdict) -> Self {
        let transactions = account.transactions.iter().enumerate();
        let ends = account.ends.iter().filter(|end| end.table == name);
        Self {
            account,
            name,
            by_gtid: transactions
                .map(|(index, transaction)| (transaction.gtid.as_str(), index))
                .collect(),
            drops: ends
                .clone()
                .filter(|end| end.dropped)
                .map(|end| end.transaction)
                .collect(),
            ends: ends.map(|end| end.transaction).collect(),
            verdict,
        }
    }

    fn judge(mut self, expected: &[Expectation<'_>], records: &[&Record]) {
        let histories = self.histories(records);
        let starts = self.starts(&histories);
        let mut wanted: BTreeMap<&str, Vec<&Expectation<'_>>> = BTreeMap::new();
        for expectation in expected {
            let piece = piece(&self.drops, expectation.transaction);
            if starts
                .get(&piece)
                .is_some_and(|start| expectation.transaction >= *start)
            {
                wanted
                    .entry(&expectation.key)
                    .or_default()
                    .push(expectation);
            } else {
                self.verdict.before_the_start += 1;
            }
        }
        let keys: BTreeSet<&str> = histories
            .keys()
            .map(String::as_str)
            .chain(wanted.keys().copied())
            .collect();
        for key in keys {
            let history = histories.get(key).map_or(&[][..], Vec::as_slice);
            let wanted = wanted.get(key).map_or(&[][..], Vec::as_slice);
            self.form(key, history);
            self.content(key, wanted, history);
        }
    }

    /// The events of each key in the order of their offsets.
    fn histories<'r>(&mut self, records: &[&'r Record]) -> Histories<'r> {
        let mut in_order = records.to_vec();
        in_order.sort_by_key(|record| (record.partition, record.offset));
        let mut histories = Histories::new();
        for record in in_order {
            if record.home != Some(record.partition) {
                let home = record.home;
                self.problem(format!(
                    "offset {} of partition {} belongs into partition {home:?}",
                    record.offset, record.partition
                ));
            }
            match event(record) {
                Some(event) => {
                    let history = histories.entry(event.key().to_owned()).or_default();
                    history.push((record, event));
                }
                None => {
                    let value = record.value.as_deref().unwrap_or_default();
                    let value = String::from_utf8_lossy(value).into_owned();
                    self.problem(format!(
                        "offset {} is no change event: {value}",
                        record.offset
                    ));
                }
            }
        }
        histories
    }

    /// For each piece of the table's life, the first transaction that the topic has to hold.
    fn starts(&self, histories: &Histories<'_>) -> BTreeMap<usize, usize> {
        let mut starts: BTreeMap<usize, usize> = BTreeMap::new();
        let events = histories.values().flatten().map(|(_, event)| event);
        for event in events {
            let transaction = match event {
                Event::Change(change) => self.by_gtid.get(change.gtid.as_str()).copied(),
                Event::Read { place, .. } => Some(self.first_from(place)),
                Event::Tombstone { .. } => None,
            };
            if let Some(transaction) = transaction {
                // A row that was read just ahead of a drop is of the piece before it.
                let piece = match event {
                    Event::Read { .. } => self
                        .drops
                        .iter()
                        .filter(|drop| **drop < transaction)
                        .count(),
                    _ => piece(&self.drops, transaction),
                };
                let start = starts.entry(piece).or_insert(transaction);
                *start = transaction.min(*start);
            }
        }
        starts
    }

    /// The first transaction that begins at this place or behind it.
    fn first_from(&self, place: &Place) -> usize {
        self.account
            .transactions
            .partition_point(|told| (&told.file, told.start) < (&place.file, place.offset))
    }

    /// What holds of a key's records whatever the log tells.
    fn form(&mut self, key: &str, history: &[(&Record, Event)]) {
        let partitions: BTreeSet<u32> =
            history.iter().map(|(record, _)| record.partition).collect();
        if partitions.len() > 1 {
            self.problem(format!("{key} is in the partitions {partitions:?}"));
        }
        let places: Vec<&Place> = history
            .iter()
            .filter_map(|(_, event)| event.place())
            .collect();
        for pair in places.windows(2) {
            if pair[0] > pair[1] {
                self.problem(format!("{key}: {:?} stands before {:?}", pair[0], pair[1]));
            }
        }
        let mut reads = BTreeSet::new();
        for (index, (record, event)) in history.iter().enumerate() {
            let before = index.checked_sub(1).map(|index| &history[index].1);
            let after_a_delete =
                matches!(before, Some(Event::Change(change)) if change.is_delete());
            let is_tombstone = matches!(event, Event::Tombstone { .. });
            if after_a_delete != is_tombstone {
                self.problem(format!(
                    "{key}: offset {} breaks the rule that a delete, and nothing else, has a \
                     tombstone behind it",
                    record.offset
                ));
            }
            if let Event::Read { place, .. } = event {
                self.verdict.reads += 1;
                let copy = self
                    .ends
                    .iter()
                    .filter(|end| **end < self.first_from(place))
                    .count();
                if !reads.insert(copy) {
                    self.problem(format!("{key} was read twice by one copy"));
                }
            }
        }
        if matches!(history.last(), Some((_, Event::Change(change))) if change.is_delete()) {
            self.problem(format!("{key}: the last delete has no tombstone"));
        }
    }

    /// What the log tells of a key, and what the topic has.
    fn content(&mut self, key: &str, wanted: &[&Expectation<'_>], history: &[(&Record, Event)]) {
        let seen: Vec<&ChangeEvent> = history
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Change(change) => Some(change),
                Event::Read { .. } | Event::Tombstone { .. } => None,
            })
            .collect();
        for index in 0..wanted.len().max(seen.len()) {
            match (wanted.get(index), seen.get(index)) {
                (Some(wanted), Some(seen)) if self.is_same(wanted, seen) => {
                    self.verdict.changes += 1;
                    for difference in wanted.differences(seen) {
                        self.problem(format!("{key} in {}: {difference}", seen.gtid));
                    }
                    self.placed(key, wanted.transaction, &seen.place);
                }
                (wanted, seen) => {
                    let wanted = wanted.map(|wanted| {
                        let transaction = &self.account.transactions[wanted.transaction];
                        format!("{:?} of {}", wanted.operation, transaction.gtid)
                    });
                    let seen = seen.map(|seen| format!("{:?} of {}", seen.operation, seen.gtid));
                    self.problem(format!(
                        "{key}: change {index} has to be {wanted:?} and is {seen:?}"
                    ));
                    // What follows is shifted against each other.
                    return;
                }
            }
        }
    }

    fn is_same(&self, wanted: &Expectation<'_>, seen: &ChangeEvent) -> bool {
        wanted.operation == seen.operation
            && self.account.transactions[wanted.transaction].gtid == seen.gtid
    }

    /// A change stands in its transaction's file, behind the beginning of it.
    fn placed(&mut self, key: &str, transaction: usize, place: &Place) {
        let transactions = &self.account.transactions;
        let told = &transactions[transaction];
        let next = transactions.get(transaction + 1);
        let ends_before =
            next.is_some_and(|next| next.file == told.file && place.offset >= next.start);
        if place.file != told.file || place.offset <= told.start || ends_before {
            self.problem(format!("{key}: {place:?} is not within {told:?}"));
        }
    }

    fn problem(&mut self, problem: String) {
        self.verdict
            .problems
            .push(format!("{}: {problem}", self.name));
    }
}

/// Which piece of the table's life a transaction is in; the drop itself ends the one before.
fn piece(drops: &[usize], transaction: usize) -> usize {
    drops.iter().filter(|drop| **drop <= transaction).count()
}

impl Verdict {
    /// # Errors
    /// The whole verdict where there is a problem, or where too little was judged.
    pub fn require(&self, tables: usize, changes: usize, reads: usize) -> Result<(), String> {
        let enough = self.tables >= tables && self.changes >= changes && self.reads >= reads;
        match self.problems.is_empty() && enough {
            true => Ok(()),
            false => Err(format!(
                "{self}; wanted at least {tables} tables, {changes} changes, {reads} reads"
            )),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "topics of {} tables ({} more not told of): {} changes, {} rows of the copy, \
             {} changes before the start, {} problems",
            self.tables,
            self.untold,
            self.changes,
            self.reads,
            self.before_the_start,
            self.problems.len()
        )?;
        for problem in self.problems.iter().take(PROBLEMS_SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}
