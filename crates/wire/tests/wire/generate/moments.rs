//! Dates and times, with days that no calendar has.

use change::{Date, DateTime, Time, Timestamp};
use proptest::prelude::*;

pub(super) fn date() -> impl Strategy<Value = Date> {
    let made = |(year, month, day)| Date { year, month, day };
    prop_oneof![
        (1u16..=9999, 1u8..=12, 1u8..=28).prop_map(made),
        (1u16..=9999, 0u8..=13, 0u8..=31).prop_map(made),
        (0u16..=1, 0u8..=1, 0u8..=1).prop_map(made),
        any::<(u16, u8, u8)>().prop_map(made),
    ]
}

fn microsecond() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        (0u32..1000).prop_map(|ms| ms * 1000),
        0u32..1_000_000,
        any::<u32>()
    ]
}

fn clock() -> impl Strategy<Value = (u8, u8, u8, u32)> {
    prop_oneof![
        8 => (0u8..24, 0u8..60, 0u8..60, microsecond()),
        1 => (any::<u8>(), any::<u8>(), any::<u8>(), any::<u32>()),
    ]
}

pub(super) fn time() -> impl Strategy<Value = Time> {
    let hours = prop_oneof![Just(0u16), 0u16..=838, any::<u16>()];
    (any::<bool>(), hours, clock()).prop_map(
        |(negative, hours, (zero, minute, second, microsecond))| {
            let zero = zero == 0 && hours == 0;
            Time {
                negative,
                hours,
                minute: if zero { 0 } else { minute },
                second: if zero { 0 } else { second },
                microsecond: if zero { 0 } else { microsecond },
            }
        },
    )
}

pub(super) fn date_time() -> impl Strategy<Value = DateTime> {
    (date(), clock()).prop_map(|(date, (hour, minute, second, microsecond))| DateTime {
        date,
        hour,
        minute,
        second,
        microsecond,
    })
}

pub(super) fn timestamp() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![
        Just(0i64),
        0i64..=4_294_967_295,
        -62_135_596_801i64..=253_402_300_800,
        any::<i64>()
    ];
    (seconds, microsecond()).prop_map(|(seconds, microsecond)| Timestamp {
        seconds,
        microsecond,
    })
}
