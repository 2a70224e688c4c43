//! The lines of the table of types about dates and times.

use crate::table::mapped;
use bson::{Bson, DateTime as BsonDate};
use change::{ColumnKind, Date, DateTime, Time, Timestamp, Value};

fn milliseconds(count: i64) -> Bson {
    Bson::DateTime(BsonDate::from_millis(count))
}

fn text(text: &str) -> Bson {
    Bson::String(text.into())
}

fn date(year: u16, month: u8, day: u8) -> Date {
    Date { year, month, day }
}

fn clock(date: Date, microsecond: u32) -> DateTime {
    DateTime {
        date,
        hour: 3,
        minute: 4,
        second: 5,
        microsecond,
    }
}

fn time(negative: bool, hours: u16, microsecond: u32) -> Value {
    Value::Time(Time {
        negative,
        hours,
        minute: 4,
        second: 5,
        microsecond,
    })
}

fn at(seconds: i64, microsecond: u32) -> Value {
    Value::Timestamp(Timestamp {
        seconds,
        microsecond,
    })
}

/// 2024-01-02T03:04:05Z in seconds.
const NOON: i64 = 1_704_164_645;

#[test]
fn dates_and_times_become_what_the_table_of_types_says() {
    let (day, zero, odd) = (date(2024, 1, 2), date(0, 0, 0), date(2024, 0, 31));
    let stamp = |fraction| ColumnKind::Timestamp { fraction };
    let wall = |fraction| ColumnKind::DateTime { fraction };
    let span = |fraction| ColumnKind::Time { fraction };
    let zero_clock = DateTime {
        hour: 0,
        minute: 0,
        second: 0,
        ..clock(zero, 0)
    };
    let cases = [
        (
            ColumnKind::Date,
            "",
            Value::Date(day),
            milliseconds(1_704_153_600_000),
        ),
        (
            ColumnKind::Date,
            "",
            Value::Date(date(1, 1, 1)),
            milliseconds(-62_135_596_800_000),
        ),
        (
            ColumnKind::Date,
            "",
            Value::Date(date(9999, 12, 31)),
            milliseconds(253_402_214_400_000),
        ),
        (
            ColumnKind::Date,
            "string",
            Value::Date(day),
            text("2024-01-02"),
        ),
        (ColumnKind::Date, "", Value::Date(zero), text("0000-00-00")),
        (ColumnKind::Date, "", Value::Date(odd), text("2024-00-31")),
        (
            ColumnKind::Date,
            "",
            Value::Date(date(2023, 2, 29)),
            text("2023-02-29"),
        ),
        (ColumnKind::Date, "null", Value::Date(zero), Bson::Null),
        (ColumnKind::Date, "epoch", Value::Date(odd), milliseconds(0)),
        (
            ColumnKind::Date,
            "year1",
            Value::Date(zero),
            milliseconds(-62_135_596_800_000),
        ),
        (
            wall(0),
            "",
            Value::DateTime(clock(day, 0)),
            milliseconds(NOON * 1000),
        ),
        (
            wall(3),
            "",
            Value::DateTime(clock(day, 123_000)),
            milliseconds(NOON * 1000 + 123),
        ),
        (
            wall(3),
            "string",
            Value::DateTime(clock(day, 120_000)),
            text("2024-01-02T03:04:05.120"),
        ),
        (
            wall(0),
            "string",
            Value::DateTime(clock(day, 0)),
            text("2024-01-02T03:04:05"),
        ),
        (
            wall(4),
            "",
            Value::DateTime(clock(day, 100)),
            text("2024-01-02T03:04:05.0001"),
        ),
        (
            wall(6),
            "",
            Value::DateTime(clock(day, 123_456)),
            text("2024-01-02T03:04:05.123456"),
        ),
        (
            wall(6),
            "date",
            Value::DateTime(clock(day, 123_999)),
            milliseconds(NOON * 1000 + 123),
        ),
        (
            wall(0),
            "",
            Value::DateTime(zero_clock),
            text("0000-00-00 00:00:00"),
        ),
        (
            wall(2),
            "",
            Value::DateTime(zero_clock),
            text("0000-00-00 00:00:00.00"),
        ),
        (
            wall(6),
            "",
            Value::DateTime(clock(odd, 1)),
            text("2024-00-31 03:04:05.000001"),
        ),
        (
            wall(6),
            "date null",
            Value::DateTime(zero_clock),
            Bson::Null,
        ),
        (
            wall(6),
            "date epoch",
            Value::DateTime(clock(day, 0)),
            milliseconds(NOON * 1000),
        ),
        (stamp(0), "", at(NOON, 0), milliseconds(NOON * 1000)),
        (stamp(0), "", at(1, 0), milliseconds(1000)),
        (
            stamp(3),
            "",
            at(NOON, 999_000),
            milliseconds(NOON * 1000 + 999),
        ),
        (
            stamp(3),
            "string",
            at(NOON, 7_000),
            text("2024-01-02T03:04:05.007Z"),
        ),
        (
            stamp(6),
            "",
            at(NOON, 123_456),
            text("2024-01-02T03:04:05.123456Z"),
        ),
        (
            stamp(6),
            "date",
            at(NOON, 123_999),
            milliseconds(NOON * 1000 + 123),
        ),
        (stamp(0), "", at(0, 0), text("0000-00-00 00:00:00")),
        (stamp(6), "", at(0, 0), text("0000-00-00 00:00:00.000000")),
        (stamp(0), "epoch", at(0, 0), milliseconds(0)),
        (span(0), "", time(false, 1, 0), text("01:04:05")),
        (span(6), "", time(true, 838, 1), text("-838:04:05.000001")),
        (span(1), "", time(true, 0, 500_000), text("-00:04:05.5")),
        (
            span(3),
            "millis",
            time(true, 0, 500_000),
            Bson::Int64(-245_500),
        ),
        (
            span(6),
            "micros",
            time(false, 0, 7),
            Bson::Int64(245_000_007),
        ),
    ];
    for (kind, words, value, expected) in cases {
        let case = format!("{kind:?} {words} {value:?}");
        assert_eq!(
            mapped(kind, words, value).unwrap(),
            Some(expected),
            "{case}"
        );
    }
}
