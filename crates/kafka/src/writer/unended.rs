//! Transactions that the brokers forgot to end, and what becomes of them.
//!
//! A coordinator that is told to commit writes that down, answers, and then has a marker put into
//! each partition. One that restarts in between, and finds a partition without a leader, takes the
//! partition for deleted and skips its marker for good (Kafka's TransactionMarkerChannelManager says
//! "likely deleted already and hence can be skipped"). All that is left is a transaction that
//! nobody will end: what it holds is hidden from everybody who reads what is committed, and the
//! next transaction there would take it along, whatever was decided.
//!
//! So after fencing, and before anything is concluded from the tail, every partition of the
//! pipeline has to be stable up to its end. Where one is not, the log itself tells what was meant. A
//! barrier's record is the last of its transaction, hence a record that is there proves that all of
//! its changes are: the barrier can be committed. Only a partition of it that was aborted says
//! otherwise. Where there is no record, nobody was told that the barrier is durable, and it is
//! aborted. Both end as one transaction over those partitions, without a message in them.

use crate::error::Error;
use crate::ledger::Ledger;
use crate::protocol::{self, Partition};
use crate::record::BarrierRecord;
use crate::tail::{ControlReader, Ends};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long markers may take that were promised; then they are forgotten.
const MARKERS_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A partition whose last records are decided for nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Open {
    /// What is committed ends here.
    stable: i64,
    end: i64,
}

pub(super) type Unstable = BTreeMap<Partition, Open>;

/// Ends what is open in the pipeline's topics although its producer is fenced. Tells whether there
/// was something, which costs the caller its producer: it is fenced too.
pub(super) fn end(reader: &ControlReader<'_>) -> Result<bool, Error> {
    let settings = reader.settings;
    let prefix = format!("{}.", settings.pipeline);
    let chosen = |name: &str| {
        let mut named = settings.topics.values();
        name.starts_with(&prefix) || named.any(|topic| **topic == *name)
    };
    let partitions = reader.partitions_of(chosen)?;
    let unstable = settled(reader, &partitions)?;
    if unstable.is_empty() {
        return Ok(false);
    }
    let barriers: Partition = (reader.control.barriers.as_str().into(), 0);
    let open = unstable.get(&barriers).copied();
    let mut marks = reader.marks()?;
    marks.high = open.map_or(marks.high, |open| open.stable);
    let last = reader.last(marks)?;
    let ledger = match &last {
        Some(found) => reader.ledger_at(found, marks)?.0,
        None => Ledger::default(),
    };
    let mut pending = None;
    if let Some(open) = open {
        // What this pipeline's writer cannot have added is somebody else's: no guess about it.
        pending = match reader.undecided(open.stable, open.end) {
            Err(Error::RecordUnreadable { .. }) => return Err(unproven(&barriers, open)),
            Ok(Some(found)) if found.record.previous != ledger.ordinal() => {
                return Err(unproven(&barriers, open));
            }
            found => found?.map(|found| found.record),
        };
    }
    let aborted = match &pending {
        Some(record) => is_aborted(reader, &ledger, record, &unstable)?,
        None => false,
    };
    let log = Log {
        barriers,
        schema: (reader.control.schema.as_str().into(), 0),
        ledger: &ledger,
        last: last.as_ref().map(|found| &found.record),
        pending: pending.as_ref().filter(|_| !aborted),
    };
    for commit in [true, false] {
        let chosen = unstable.iter();
        let chosen = chosen.filter(|(partition, open)| log.commits(partition, **open) == commit);
        let chosen: Vec<Partition> = chosen.map(|(partition, _)| partition.clone()).collect();
        if !chosen.is_empty() {
            let outcome = if commit { "committed" } else { "aborted" };
            tracing::warn!(
                partitions = ?chosen,
                "the brokers have forgotten to end a transaction of this pipeline; it is {outcome} now"
            );
            protocol::end_transaction(settings, &chosen, commit)?;
        }
    }
    match settled(reader, &partitions)?.iter().next() {
        Some((partition, open)) => Err(unproven(partition, *open)),
        None => Ok(true),
    }
}

/// The partitions that are not stable up to their end and do not become so.
pub(super) fn settled(
    reader: &ControlReader<'_>,
    partitions: &[Partition],
) -> Result<Unstable, Error> {
    let deadline = Instant::now() + MARKERS_WITHIN;
    loop {
        let [stable, ends] = reader.both_ends(partitions)?;
        let unstable = unstable(&stable, &ends);
        if unstable.is_empty() || Instant::now() >= deadline {
            return Ok(unstable);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn unstable(stable: &Ends, ends: &Ends) -> Unstable {
    let open = |(partition, &end): (&Partition, &i64)| {
        let stable = stable.get(partition).copied()?;
        (stable < end).then(|| (partition.clone(), Open { stable, end }))
    };
    ends.iter().filter_map(open).collect()
}

/// Whether a partition of the barrier was aborted. One that is decided tells for all.
fn is_aborted(
    reader: &ControlReader<'_>,
    ledger: &Ledger,
    record: &BarrierRecord,
    unstable: &Unstable,
) -> Result<bool, Error> {
    for entry in &record.partitions {
        let Some(partition) = name(ledger, record, entry.topic, entry.partition) else {
            continue;
        };
        if unstable.contains_key(&partition) {
            continue;
        }
        return Ok(!reader.is_committed(&partition, entry.first, entry.last + 1)?);
    }
    Ok(false)
}

/// The partition of a topic by its number: one of the log, or a new one of the barrier.
fn name(ledger: &Ledger, record: &BarrierRecord, topic: u32, partition: i32) -> Option<Partition> {
    let known = ledger.topic(topic).map(|topic| &topic.record);
    let new = || record.topics.iter().find(|new| new.number == topic);
    let record = known.or_else(new)?;
    Some((Arc::clone(&record.name), partition))
}

/// What the log tells of its last barriers.
struct Log<'a> {
    barriers: Partition,
    schema: Partition,
    ledger: &'a Ledger,
    /// The last committed barrier.
    last: Option<&'a BarrierRecord>,
    /// A whole one after it that is to be committed.
    pending: Option<&'a BarrierRecord>,
}

impl Log<'_> {
    /// Whether what is open in the partition belongs to a barrier that counts.
    fn commits(&self, partition: &Partition, open: Open) -> bool {
        if *partition == self.barriers {
            return self.pending.is_some();
        }
        // A schema stands under the digest of its content, so one too many harms nobody; but the
        // schemas of a log without a barrier would look like a loss.
        if *partition == self.schema {
            return self.last.or(self.pending).is_some();
        }
        // Not the last barrier alone: the writer of an earlier one may have gone on before it saw
        // that brokers went away.
        self.holds_committed(partition, open)
            || self.pending.is_some_and(|barrier| {
                barrier.partitions.iter().any(|entry| {
                    let named = name(self.ledger, barrier, entry.topic, entry.partition);
                    named.as_ref() == Some(partition) && entry.last >= open.stable
                })
            })
    }

    /// Whether committed barriers count records where the partition is open.
    fn holds_committed(&self, (topic, partition): &Partition, open: Open) -> bool {
        let mut topics = self.ledger.topics().iter();
        let topic = topics.find(|known| known.record.name == *topic);
        let filled = topic.and_then(|topic| {
            let partition = usize::try_from(*partition).ok()?;
            topic.partitions.get(partition)
        });
        filled.is_some_and(|filled| filled.next > open.stable)
    }
}

fn unproven((topic, _): &Partition, open: Open) -> Error {
    Error::TailUnproven {
        topic: topic.to_string(),
        reached: open.stable,
        mark: open.end,
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, Open, unstable};
    use crate::ledger::Ledger;
    use crate::ledger::tests::barrier;
    use crate::protocol::Partition;
    use crate::record::BarrierRecord;
    use crate::tail::Ends;

    fn partition(topic: &str) -> Partition {
        (topic.into(), 0)
    }

    const ORDERS: &str = "shop.shop.orders";

    /// Whether what is open from an offset on is committed, the first barrier's records being those
    /// from 11 to 20 of the orders and the second's those from 22 to 31.
    fn commits(
        topic: &str,
        stable: i64,
        last: Option<&BarrierRecord>,
        pending: Option<&BarrierRecord>,
    ) -> bool {
        let mut ledger = Ledger::default();
        if let Some(last) = last {
            ledger.fold(last).expect("a first barrier");
        }
        let log = Log {
            barriers: partition("shop.barriers"),
            schema: partition("shop.schema"),
            ledger: &ledger,
            last,
            pending,
        };
        log.commits(&partition(topic), Open { stable, end: 90 })
    }

    #[test]
    fn a_partition_is_open_where_what_is_committed_ends_before_it() {
        let ends = |ends: &[(&str, i64)]| -> Ends {
            let ends = ends.iter();
            ends.map(|(topic, end)| (partition(topic), *end)).collect()
        };
        let all = ends(&[("a", 5), ("b", 7), ("c", 0), ("unknown", 3)]);
        let open = unstable(&ends(&[("a", 5), ("b", 6), ("c", 0)]), &all);
        let expected = Open { stable: 6, end: 7 };
        assert_eq!(open, [(partition("b"), expected)].into());
    }

    #[test]
    fn a_whole_barrier_is_committed_with_all_that_it_wrote() {
        let (first, second) = (barrier(1), barrier(2));
        for topic in ["shop.barriers", "shop.schema", ORDERS] {
            assert!(commits(topic, 22, Some(&first), Some(&second)), "{topic}");
            assert!(commits(topic, 11, None, Some(&first)), "{topic}");
        }
    }

    #[test]
    fn what_the_last_barrier_wrote_is_committed_though_its_record_was_ended() {
        assert!(commits(ORDERS, 11, Some(&barrier(1)), None));
    }

    #[test]
    fn what_an_earlier_barrier_wrote_is_committed_though_a_later_one_wrote_elsewhere() {
        let mut ledger = Ledger::default();
        ledger.fold(&barrier(1)).expect("a first barrier");
        let elsewhere = BarrierRecord {
            partitions: Vec::new(),
            topics: Vec::new(),
            previous: ledger.ordinal(),
            ..barrier(2)
        };
        ledger.fold(&elsewhere).expect("the barrier after it");
        let log = Log {
            barriers: partition("shop.barriers"),
            schema: partition("shop.schema"),
            ledger: &ledger,
            last: Some(&elsewhere),
            pending: None,
        };
        let commits = |stable| log.commits(&partition(ORDERS), Open { stable, end: 90 });
        assert!(commits(11) && commits(20));
        assert!(!commits(21));
    }

    #[test]
    fn what_no_barrier_tells_of_is_aborted() {
        let first = barrier(1);
        assert!(!commits("shop.barriers", 3, Some(&first), None));
        assert!(!commits(ORDERS, 22, Some(&first), None));
        assert!(!commits("shop.shop.items", 0, Some(&first), None));
        assert!(!commits(ORDERS, 0, None, None));
        // A schema harms nobody, unless it is all that there is.
        assert!(commits("shop.schema", 3, Some(&first), None));
        assert!(!commits("shop.schema", 0, None, None));
    }
}
