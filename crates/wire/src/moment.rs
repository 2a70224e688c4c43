//! Dates and times as Debezium counts them, for those that a calendar and a clock have; and as
//! MySQL prints them, for the others.
//!
//! Each function that turns fields into one number or text is followed by its inverse. A number is
//! only made of fields that the inverse gives back.

use crate::number::{padded, two_digits};
use change::{Date, DateTime, Time, Timestamp};

/// Of the first day of year 1 and the last of year 9999, since 1970-01-01.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;
const DAY_MICROSECONDS: i64 = 86_400_000_000;

pub(crate) fn days(date: &Date) -> Option<i64> {
    date.days_since_epoch().filter(|days| DAYS.contains(days))
}

pub(crate) fn from_days(days: i64) -> Option<Date> {
    DAYS.contains(&days)
        .then(|| Date::from_days_since_epoch(days))
}

/// A TIME in microseconds. `None` for `-00:00:00`, and for fields that no clock shows.
pub(crate) fn time_microseconds(time: &Time) -> Option<i64> {
    let seconds = i64::from(time.hours) * 3600 + i64::from(time.minute) * 60;
    let seconds = seconds + i64::from(time.second);
    let microseconds = seconds * 1_000_000 + i64::from(time.microsecond);
    let shown = time.minute < 60 && time.second < 60 && time.microsecond < 1_000_000;
    let counted = shown && !(time.negative && microseconds == 0);
    counted.then_some(if time.negative {
        -microseconds
    } else {
        microseconds
    })
}

pub(crate) fn from_time_microseconds(microseconds: i64) -> Option<Time> {
    let size = microseconds.unsigned_abs();
    let seconds = size / 1_000_000;
    Some(Time {
        negative: microseconds < 0,
        hours: u16::try_from(seconds / 3600).ok()?,
        minute: (seconds / 60 % 60) as u8,
        second: (seconds % 60) as u8,
        microsecond: (size % 1_000_000) as u32,
    })
}

/// Whether a DATETIME column of so many fractional digits is counted in milliseconds.
fn in_milliseconds(fraction: u8) -> bool {
    fraction <= 3
}

/// A DATETIME as milliseconds or microseconds since 1970, its wall clock taken as UTC.
#[inline]
pub(crate) fn ticks(clock: &DateTime, fraction: u8) -> Option<i64> {
    let days = days(&clock.date)?;
    let shown = clock.hour < 24 && clock.minute < 60 && clock.second < 60;
    if !shown || clock.microsecond > 999_999 {
        return None;
    }
    let minutes = i64::from(clock.hour) * 60 + i64::from(clock.minute);
    let seconds = days * 86_400 + minutes * 60 + i64::from(clock.second);
    if !in_milliseconds(fraction) {
        return Some(seconds * 1_000_000 + i64::from(clock.microsecond));
    }
    let whole = clock.microsecond.is_multiple_of(1000);
    whole.then(|| seconds * 1000 + i64::from(clock.microsecond / 1000))
}

#[inline]
pub(crate) fn from_ticks(ticks: i64, fraction: u8) -> Option<DateTime> {
    let microseconds = if in_milliseconds(fraction) {
        ticks.checked_mul(1000)?
    } else {
        ticks
    };
    let date = from_days(microseconds.div_euclid(DAY_MICROSECONDS))?;
    let of_day = microseconds.rem_euclid(DAY_MICROSECONDS);
    let second_of_day = of_day / 1_000_000;
    Some(DateTime {
        date,
        hour: (second_of_day / 3600) as u8,
        minute: (second_of_day / 60 % 60) as u8,
        second: (second_of_day % 60) as u8,
        microsecond: (of_day % 1_000_000) as u32,
    })
}

/// The wall clock of an instant that a calendar has; not of MySQL's zero date.
#[inline]
pub(crate) fn on_the_clock(instant: &Timestamp) -> Option<DateTime> {
    let days = instant.seconds.div_euclid(86_400);
    let shown = DAYS.contains(&days) && instant.microsecond < 1_000_000 && !instant.is_zero();
    shown.then(|| instant.wall_clock())
}

#[inline]
pub(crate) fn from_the_clock(clock: &DateTime) -> Option<Timestamp> {
    let microseconds = ticks(clock, 6)?;
    let instant = Timestamp {
        seconds: microseconds.div_euclid(1_000_000),
        microsecond: clock.microsecond,
    };
    (!instant.is_zero()).then_some(instant)
}

/// The column's digits, or six where the value has more than the column says.
#[inline]
pub(crate) fn fraction_digits(microsecond: u32, fraction: u8) -> usize {
    let fraction = usize::from(fraction.min(6));
    let unit = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1][fraction];
    if microsecond.is_multiple_of(unit) {
        fraction
    } else {
        6
    }
}

/// `HH:MM:SS` and a fraction of so many digits.
#[inline]
pub(crate) fn write_clock(
    out: &mut Vec<u8>,
    hour: u8,
    minute: u8,
    second: u8,
    microsecond: u32,
    digits: usize,
) {
    two_digits(out, hour);
    out.push(b':');
    two_digits(out, minute);
    out.push(b':');
    two_digits(out, second);
    if digits > 0 {
        out.push(b'.');
        let end = out.len() + digits;
        padded(out, microsecond, 6);
        out.truncate(end);
    }
}

/// The fields of `YYYY-MM-DD`, whatever they say.
#[inline]
pub(crate) fn parse_date(text: &[u8]) -> Option<Date> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    Some(Date {
        year: u16::from(pair(y1, y2)?) * 100 + u16::from(pair(y3, y4)?),
        month: pair(m1, m2)?,
        day: pair(d1, d2)?,
    })
}

/// The fields of `YYYY-MM-DD?HH:MM:SS[.digits]` with the character between date and clock.
#[inline]
pub(crate) fn parse_date_time(text: &[u8], between: u8) -> Option<DateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let (&separator, clock) = rest.split_first()?;
    let (&[h1, h2, b':', m1, m2, b':', s1, s2], fraction) = clock.split_first_chunk::<8>()? else {
        return None;
    };
    if separator != between {
        return None;
    }
    Some(DateTime {
        date: parse_date(date)?,
        hour: pair(h1, h2)?,
        minute: pair(m1, m2)?,
        second: pair(s1, s2)?,
        microsecond: parse_fraction(fraction)?,
    })
}

fn parse_fraction(text: &[u8]) -> Option<u32> {
    let Some((point, digits)) = text.split_first() else {
        return Some(0);
    };
    if *point != b'.' || digits.is_empty() || digits.len() > 6 {
        return None;
    }
    let mut microsecond = 0;
    for index in 0..6 {
        let digit = digits
            .get(index)
            .map_or(0, |digit| digit.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        microsecond = microsecond * 10 + u32::from(digit);
    }
    Some(microsecond)
}

fn pair(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (high.wrapping_sub(b'0'), low.wrapping_sub(b'0'));
    (high <= 9 && low <= 9).then(|| high * 10 + low)
}

/// `YYYY-MM-DD` as MySQL prints it; `false` where a field has more digits than that.
pub(crate) fn print_date(out: &mut Vec<u8>, date: &Date) -> bool {
    let printable = date.year <= 9999 && date.month <= 99 && date.day <= 99;
    if printable {
        padded(out, u32::from(date.year), 4);
        out.push(b'-');
        two_digits(out, date.month);
        out.push(b'-');
        two_digits(out, date.day);
    }
    printable
}

/// `YYYY-MM-DD HH:MM:SS[.digits]` as MySQL prints it; `false` where a field has more digits.
pub(crate) fn print_date_time(out: &mut Vec<u8>, clock: &DateTime, fraction: u8) -> bool {
    let printable = clock.hour <= 99
        && clock.minute <= 99
        && clock.second <= 99
        && clock.microsecond <= 999_999
        && print_date(out, &clock.date);
    if printable {
        let digits = fraction_digits(clock.microsecond, fraction);
        out.push(b' ');
        write_clock(
            out,
            clock.hour,
            clock.minute,
            clock.second,
            clock.microsecond,
            digits,
        );
    }
    printable
}
