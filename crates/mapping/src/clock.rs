//! Dates and times as text, digit for digit, and as milliseconds.
//!
//! A value on the calendar is written by ISO 8601 with exactly the column's digits; a date that no
//! calendar has is written as MySQL prints it, with a blank between date and time. Both forms
//! sort by time and neither is ever taken for the other.

use change::{Date, DateTime, Time};

/// Short text on the stack.
pub(crate) struct ClockText {
    bytes: [u8; 32],
    length: usize,
}

impl ClockText {
    fn new() -> Self {
        Self {
            bytes: [0; 32],
            length: 0,
        }
    }

    pub(crate) fn date(date: &Date) -> Self {
        let mut text = Self::new();
        text.push_date(date);
        text
    }

    /// ISO 8601 on the calendar (`zulu` adds the Z of an instant), MySQL's own form off it.
    pub(crate) fn date_time(clock: &DateTime, fraction: u8, zulu: bool) -> Self {
        let iso = clock.date.is_on_the_calendar();
        let mut text = Self::new();
        text.push_date(&clock.date);
        text.push(if iso { b'T' } else { b' ' });
        text.push_time_of_day(u32::from(clock.hour), clock.minute, clock.second);
        text.push_fraction(clock.microsecond, fraction);
        if iso && zulu {
            text.push(b'Z');
        }
        text
    }

    /// `[-]HH:MM:SS[.ffffff]`, with as many digits of hours as there are, at least two.
    pub(crate) fn time(time: &Time, fraction: u8) -> Self {
        let mut text = Self::new();
        if time.negative {
            text.push(b'-');
        }
        text.push_time_of_day(u32::from(time.hours), time.minute, time.second);
        text.push_fraction(time.microsecond, fraction);
        text
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn push_digits(&mut self, number: u32, digits: u32) {
        for place in (0..digits).rev() {
            self.push(b'0' + (number / 10u32.pow(place) % 10) as u8);
        }
    }

    fn push_date(&mut self, date: &Date) {
        self.push_digits(u32::from(date.year), 4);
        self.push(b'-');
        self.push_digits(u32::from(date.month), 2);
        self.push(b'-');
        self.push_digits(u32::from(date.day), 2);
    }

    fn push_time_of_day(&mut self, hours: u32, minute: u8, second: u8) {
        self.push_digits(hours, if hours >= 100 { 3 } else { 2 });
        self.push(b':');
        self.push_digits(u32::from(minute), 2);
        self.push(b':');
        self.push_digits(u32::from(second), 2);
    }

    fn push_fraction(&mut self, microsecond: u32, digits: u8) {
        if digits > 0 {
            self.push(b'.');
            let digits = u32::from(digits.min(6));
            self.push_digits(microsecond / 10u32.pow(6 - digits), digits);
        }
    }
}

/// The whole duration in microseconds, with its sign.
pub(crate) fn microseconds_of(time: &Time) -> i64 {
    let seconds =
        i64::from(time.hours) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    let microseconds = seconds * 1_000_000 + i64::from(time.microsecond);
    if time.negative {
        -microseconds
    } else {
        microseconds
    }
}
