//! Dates and times exactly as the server holds them.
//!
//! MySQL stores dates that no calendar has (`0000-00-00`, `2024-00-31`) and times of up to 838
//! hours. These types keep every field as it stands; deciding what it means is `mapping`'s part.

use serde::{Deserialize, Serialize};

/// A DATE. Year 0 to 9999; month and day may be zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

/// A DATETIME: a wall clock without a zone, to the microsecond.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct DateTime {
    pub date: Date,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub microsecond: u32,
}

/// A TIME: a signed duration of up to 838:59:59.999999.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Time {
    pub negative: bool,
    pub hours: u16,
    pub minute: u8,
    pub second: u8,
    pub microsecond: u32,
}

/// A TIMESTAMP: an instant in UTC. Both fields zero is MySQL's zero date `0000-00-00 00:00:00`,
/// which the server stores in place of 1970-01-01 00:00:00.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// 0 to 999,999.
    pub microsecond: u32,
}

impl Date {
    /// Whether year, month or day is zero, or the day does not exist in the proleptic Gregorian
    /// calendar (`ALLOW_INVALID_DATES` lets such days in).
    pub fn is_on_the_calendar(&self) -> bool {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return false,
        };
        self.year > 0 && (1..=days).contains(&self.day)
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` off the calendar.
    pub fn days_since_epoch(&self) -> Option<i64> {
        if !self.is_on_the_calendar() {
            return None;
        }
        // Years are counted from March, so that the leap day is the last of its year.
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(era * 146_097 + day_of_era - 719_468)
    }

    /// The date that lies `days` after 1970-01-01. Valid for years 0 to 9999.
    pub fn from_days_since_epoch(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        } as u8;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Self {
            year: year as u16,
            month,
            day,
        }
    }
}

impl DateTime {
    /// Microseconds since 1970-01-01T00:00:00, the wall clock taken as UTC; `None` off the calendar.
    pub fn microseconds_since_epoch(&self) -> Option<i64> {
        let days = self.date.days_since_epoch()?;
        let seconds =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        Some((days * 86_400 + seconds) * 1_000_000 + i64::from(self.microsecond))
    }
}

impl Timestamp {
    /// MySQL's zero date.
    pub const ZERO: Self = Self {
        seconds: 0,
        microsecond: 0,
    };

    /// Whether this is MySQL's zero date.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// The wall clock in UTC. The zero date gives `0000-00-00 00:00:00`.
    pub fn wall_clock(&self) -> DateTime {
        if self.is_zero() {
            let date = Date {
                year: 0,
                month: 0,
                day: 0,
            };
            return DateTime {
                date,
                hour: 0,
                minute: 0,
                second: 0,
                microsecond: 0,
            };
        }
        let second_of_day = self.seconds.rem_euclid(86_400);
        DateTime {
            date: Date::from_days_since_epoch(self.seconds.div_euclid(86_400)),
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            microsecond: self.microsecond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_survives_the_round_trip() {
        let first = Date {
            year: 1,
            month: 1,
            day: 1,
        }
        .days_since_epoch()
        .unwrap();
        let last = Date {
            year: 9999,
            month: 12,
            day: 31,
        }
        .days_since_epoch()
        .unwrap();
        assert_eq!(last - first + 1, 3_652_059);
        for days in first..=last {
            assert_eq!(
                Date::from_days_since_epoch(days).days_since_epoch(),
                Some(days)
            );
        }
    }

    #[test]
    fn dates_off_the_calendar_have_no_day_number() {
        for (year, month, day) in [
            (0, 0, 0),
            (2024, 0, 1),
            (2024, 1, 0),
            (2023, 2, 29),
            (1900, 2, 29),
        ] {
            assert_eq!(Date { year, month, day }.days_since_epoch(), None);
        }
    }
}
