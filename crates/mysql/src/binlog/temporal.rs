//! Dates and times as row events, and binary JSON, hold them.
//!
//! By the MySQL Source Code Documentation, "Binary formats of temporal values": from MySQL 5.6.4 on
//! all are big-endian numbers that sort as bytes, followed by a fraction in as few bytes as its
//! digits need. The forms before that are little-endian decimal notations.

use crate::wire::{Cursor, Malformed};
use change::{Date, DateTime, Time, Timestamp};

/// DATE: day, month and year packed in three bytes.
pub(crate) fn read_date(cursor: &mut Cursor) -> Result<Date, Malformed> {
    let packed = cursor.uint(3)?;
    Ok(Date {
        year: (packed >> 9) as u16,
        month: (packed >> 5 & 15) as u8,
        day: (packed & 31) as u8,
    })
}

/// DATETIME(fraction).
pub(crate) fn read_datetime(cursor: &mut Cursor, fraction: u8) -> Result<DateTime, Malformed> {
    const SIGN: u64 = 1 << 39;
    let packed = cursor.uint_be(5)?;
    if packed & SIGN == 0 {
        return Err(Malformed("a DATETIME is negative"));
    }
    let microsecond = read_fraction(cursor, fraction)?;
    Ok(datetime_of(packed & !SIGN, microsecond))
}

/// TIMESTAMP(fraction).
pub(crate) fn read_timestamp(cursor: &mut Cursor, fraction: u8) -> Result<Timestamp, Malformed> {
    let seconds = cursor.uint_be(4)? as i64;
    let microsecond = read_fraction(cursor, fraction)?;
    Ok(Timestamp {
        seconds,
        microsecond,
    })
}

/// TIME(fraction).
pub(crate) fn read_time(cursor: &mut Cursor, fraction: u8) -> Result<Time, Malformed> {
    // The number and its fraction are one two's complement number with its sign bit inverted, so
    // that a negative time borrows from the seconds for its fraction.
    let bytes = fraction_bytes(fraction);
    let offset = 1_i64 << (23 + 8 * bytes);
    let packed = cursor.uint_be(3 + bytes)? as i64 - offset;
    let negative = packed < 0;
    let magnitude = packed.unsigned_abs();
    let seconds = magnitude >> (8 * bytes);
    let microsecond = scaled(magnitude & ((1 << (8 * bytes)) - 1), bytes);
    Ok(time_of(negative, seconds, microsecond))
}

/// A DATE, DATETIME or TIMESTAMP inside JSON: the packed number with 24 bits of microseconds.
pub(crate) fn datetime_from_packed(packed: i64) -> DateTime {
    let packed = packed.unsigned_abs();
    datetime_of(packed >> 24, (packed & 0xff_ffff) as u32)
}

/// A TIME inside JSON.
pub(crate) fn time_from_packed(packed: i64) -> Time {
    let magnitude = packed.unsigned_abs();
    time_of(packed < 0, magnitude >> 24, (magnitude & 0xff_ffff) as u32)
}

/// TIME before MySQL 5.6.4: HHMMSS as a decimal number.
pub(crate) fn read_old_time(cursor: &mut Cursor) -> Result<Time, Malformed> {
    let number = cursor.int(3)?;
    let magnitude = number.unsigned_abs();
    Ok(Time {
        negative: number < 0,
        hours: (magnitude / 10_000) as u16,
        minute: (magnitude / 100 % 100) as u8,
        second: (magnitude % 100) as u8,
        microsecond: 0,
    })
}

/// DATETIME before MySQL 5.6.4: YYYYMMDDHHMMSS as a decimal number.
pub(crate) fn read_old_datetime(cursor: &mut Cursor) -> Result<DateTime, Malformed> {
    let number = cursor.u64()?;
    let (date, clock) = (number / 1_000_000, number % 1_000_000);
    Ok(DateTime {
        date: Date {
            year: (date / 10_000) as u16,
            month: (date / 100 % 100) as u8,
            day: (date % 100) as u8,
        },
        hour: (clock / 10_000) as u8,
        minute: (clock / 100 % 100) as u8,
        second: (clock % 100) as u8,
        microsecond: 0,
    })
}

/// TIMESTAMP before MySQL 5.6.4.
pub(crate) fn read_old_timestamp(cursor: &mut Cursor) -> Result<Timestamp, Malformed> {
    Ok(Timestamp {
        seconds: i64::from(cursor.u32()?),
        microsecond: 0,
    })
}

fn datetime_of(packed: u64, microsecond: u32) -> DateTime {
    let (days, clock) = (packed >> 17, packed & 0x1_ffff);
    let (months, day) = (days >> 5, days & 31);
    DateTime {
        date: Date {
            year: (months / 13) as u16,
            month: (months % 13) as u8,
            day: day as u8,
        },
        hour: (clock >> 12) as u8,
        minute: (clock >> 6 & 63) as u8,
        second: (clock & 63) as u8,
        microsecond,
    }
}

fn time_of(negative: bool, packed: u64, microsecond: u32) -> Time {
    Time {
        negative,
        hours: (packed >> 12 & 0x3ff) as u16,
        minute: (packed >> 6 & 63) as u8,
        second: (packed & 63) as u8,
        microsecond,
    }
}

fn fraction_bytes(fraction: u8) -> usize {
    usize::from(fraction).div_ceil(2).min(3)
}

fn read_fraction(cursor: &mut Cursor, fraction: u8) -> Result<u32, Malformed> {
    match fraction_bytes(fraction) {
        0 => Ok(0),
        bytes => Ok(scaled(cursor.uint_be(bytes)?, bytes)),
    }
}

/// A fraction's number is in hundredths, ten-thousandths or millionths.
fn scaled(number: u64, bytes: usize) -> u32 {
    number as u32 * [1, 10_000, 100, 1][bytes]
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn time(bytes: &'static [u8], fraction: u8) -> (bool, u16, u8, u8, u32) {
        let time = read_time(&mut Cursor::new(Bytes::from_static(bytes)), fraction).unwrap();
        (
            time.negative,
            time.hours,
            time.minute,
            time.second,
            time.microsecond,
        )
    }

    #[test]
    fn negative_times_with_fractions_are_not_off_by_a_second() {
        assert_eq!(time(&[0x80, 0x10, 0x83], 0), (false, 1, 2, 3, 0));
        assert_eq!(time(&[0x7f, 0xff, 0xff, 0xff], 1), (true, 0, 0, 0, 10_000));
        assert_eq!(time(&[0x7f, 0xff, 0xfe, 0xce], 2), (true, 0, 0, 1, 500_000));
        assert_eq!(time(&[0x7f, 0xff, 0xff, 0x00], 2), (true, 0, 0, 1, 0));
    }
}
