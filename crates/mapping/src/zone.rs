//! The wall clock of a time zone, for DATETIMEs that were not written in UTC.
//!
//! The rules are those of the IANA database that is built into this program, never the machine's:
//! the same row has to become the same document wherever it is read. A clock that the zone skipped
//! or showed twice has no one instant; it is refused, never guessed at.

use crate::problem::Refusal;
use change::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::sync::{Arc, LazyLock};

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const SECONDS_PER_DAY: i64 = 86_400;

/// A time zone by its name in the IANA database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Zone {
    name: Arc<str>,
    rules: TimeZone,
}

/// The zone's name in the database's own spelling; `None` where there is no such zone.
pub fn zone_name(name: &str) -> Option<String> {
    Zone::named(name).map(|zone| zone.name.to_string())
}

impl Zone {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let rules = BUNDLED.get(name).ok()?;
        let name = rules.iana_name()?.into();
        Some(Self { name, rules })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Seconds that the zone is ahead of UTC when it shows this clock, whose date is on the
    /// calendar.
    pub(crate) fn offset_of(&self, clock: &DateTime) -> Result<i64, Refusal> {
        let civil = jiff::civil::DateTime::new(
            i16::try_from(clock.date.year).unwrap_or(i16::MAX),
            clock.date.month as i8,
            clock.date.day as i8,
            clock.hour as i8,
            clock.minute as i8,
            clock.second as i8,
            0,
        )
        .map_err(|_| Refusal::Mismatch {
            expected: "a date with time",
        })?;
        match self.rules.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => Ok(i64::from(offset.seconds())),
            AmbiguousOffset::Gap { .. } => Err(Refusal::ClockSkipped),
            AmbiguousOffset::Fold { .. } => Err(Refusal::ClockTwice),
        }
    }

    /// The clock of UTC at that instant.
    pub(crate) fn in_utc(&self, clock: &DateTime) -> Result<DateTime, Refusal> {
        let wall = clock
            .microseconds_since_epoch()
            .ok_or(Refusal::Mismatch {
                expected: "a date on the calendar",
            })?
            .div_euclid(1_000_000);
        let seconds = wall - self.offset_of(clock)?;
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let date = Date::from_days_since_epoch(seconds.div_euclid(SECONDS_PER_DAY));
        if !date.is_on_the_calendar() || date.year > 9999 {
            return Err(Refusal::ClockOutOfRange);
        }
        Ok(DateTime {
            date,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            microsecond: clock.microsecond,
        })
    }
}
