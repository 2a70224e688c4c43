//! Dates and times from the text that MySQL prints to what a document holds.
//!
//! Days are counted by adding up years and months, the plain way, so that a mistake in a cleverer
//! formula elsewhere shows. A date off the calendar (a zero part, a day that the month has not)
//! has no instant and stays text.

const MILLISECONDS_PER_DAY: i64 = 86_400_000;

/// Milliseconds since 1970-01-01T00:00:00 of `YYYY-MM-DD[ HH:MM:SS[.ffffff]]`, rounded down;
/// `None` when the date is off the calendar or the text is no date.
pub fn milliseconds(printed: &str) -> Option<i64> {
    let (date, clock) = match printed.split_once(' ') {
        Some((date, clock)) => (date, Some(clock)),
        None => (printed, None),
    };
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let midnight = days(year, month, day)? * MILLISECONDS_PER_DAY;
    match clock {
        None => Some(midnight),
        Some(clock) => Some(midnight + duration_micros(clock)?.div_euclid(1000)),
    }
}

/// 0001-01-01T00:00:00Z.
pub const YEAR_1: i64 = -62_135_596_800_000;

/// Milliseconds that clocks in Berlin are ahead of UTC when they show `wall`: an hour, and another
/// from 02:00 of the last Sunday in March to 03:00 of the last one in October, as in the whole
/// European Union since 1996.
pub fn berlin_offset(wall: i64) -> i64 {
    const HOUR: i64 = 3_600_000;
    let last_sunday = |year: i64, month: i64| {
        // 1970-01-01 was a Thursday, so day 3 was a Sunday.
        let last = days(year, month, 31).expect("both months have 31 days");
        last - (last - 3).rem_euclid(7)
    };
    let day = wall.div_euclid(MILLISECONDS_PER_DAY);
    let year = (1970..)
        .find(|year| days(year + 1, 1, 1).is_some_and(|next| next > day))
        .expect("years go on");
    let begin = last_sunday(year, 3) * MILLISECONDS_PER_DAY + 2 * HOUR;
    let end = last_sunday(year, 10) * MILLISECONDS_PER_DAY + 3 * HOUR;
    if (begin..end).contains(&wall) {
        2 * HOUR
    } else {
        HOUR
    }
}

/// Microseconds of `[-]H+:MM:SS[.ffffff]`.
pub fn duration_micros(printed: &str) -> Option<i64> {
    let (sign, text) = match printed.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, printed),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * (((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros))
}

/// `YYYY-MM-DD` of a day from 1970 on, found by going through the years and months.
pub fn date_of(day: i64) -> String {
    let (mut year, mut month) = (1970, 1);
    while days(year + 1, 1, 1).is_some_and(|next| next <= day) {
        year += 1;
    }
    while month < 12 && days(year, month + 1, 1).is_some_and(|next| next <= day) {
        month += 1;
    }
    let first = days(year, month, 1).expect("every month has a first day");
    format!("{year:04}-{month:02}-{:02}", day - first + 1)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || !(1..=12).contains(&month) || !(1..=month_length(year, month)).contains(&day) {
        return None;
    }
    let year_length = |year: i64| 365 + i64::from(is_leap(year));
    let years: i64 = if year >= 1970 {
        (1970..year).map(year_length).sum()
    } else {
        -(year..1970).map(year_length).sum::<i64>()
    };
    let months: i64 = (1..month).map(|month| month_length(year, month)).sum();
    Some(years + months + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn berlin_s_summer_begins_and_ends_on_sundays() {
        let offset = |printed| berlin_offset(milliseconds(printed).unwrap()) / 3_600_000;
        for (printed, hours) in [
            ("2024-03-31 01:59:59", 1),
            ("2024-03-31 03:00:00", 2),
            ("2024-10-27 01:59:59", 2),
            ("2024-10-27 03:00:00", 1),
            ("2000-12-31 23:59:59", 1),
        ] {
            assert_eq!(offset(printed), hours, "{printed}");
        }
    }

    #[test]
    fn a_day_has_the_date_that_it_is_counted_from() {
        for date in ["1970-01-01", "1999-12-31", "2000-02-29", "2038-01-19"] {
            let day = milliseconds(date).unwrap() / MILLISECONDS_PER_DAY;
            assert_eq!(date_of(day), date);
        }
    }

    #[test]
    fn known_instants_come_out_and_dates_off_the_calendar_do_not() {
        assert_eq!(milliseconds("1970-01-01"), Some(0));
        assert_eq!(milliseconds("1969-12-31 23:59:59.999"), Some(-1));
        assert_eq!(milliseconds("0001-01-01"), Some(-62_135_596_800_000));
        assert_eq!(
            milliseconds("9999-12-31 23:59:59.999"),
            Some(253_402_300_799_999)
        );
        assert_eq!(milliseconds("1969-12-31 23:59:59.999999"), Some(-1));
        for off in [
            "0000-00-00",
            "2024-00-01",
            "2024-02-30",
            "1900-02-29",
            "0000-01-01",
        ] {
            assert_eq!(milliseconds(off), None, "{off}");
        }
        assert_eq!(duration_micros("-00:00:00.5"), Some(-500_000));
        assert_eq!(duration_micros("838:59:59"), Some(3_020_399_000_000));
    }
}
