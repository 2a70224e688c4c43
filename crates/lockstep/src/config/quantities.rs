//! Sizes and spans of time as people write them: `8MiB`, `10s`.
//! A number without a unit is refused rather than guessed, bytes excepted.

use std::time::Duration;

const BYTE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

const TIME_UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Bytes from `8MiB`, `500kB` or `1048576B`.
pub(super) fn parse_bytes(text: &str) -> Option<u64> {
    parse(text, BYTE_UNITS)
}

/// A duration from `250ms`, `10s`, `5min`, `2h` or `7d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, TIME_UNITS).map(Duration::from_millis)
}

/// `8388608` as `8MiB`: the largest unit that says it exactly.
pub(super) fn show_bytes(bytes: u64) -> String {
    show(bytes, &BYTE_UNITS[..3]).unwrap_or_else(|| format!("{bytes}B"))
}

/// `10000` milliseconds as `10s`: the largest unit that says it exactly.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let largest_first: Vec<_> = TIME_UNITS.iter().rev().copied().collect();
    show(milliseconds, &largest_first).unwrap_or_else(|| format!("{milliseconds}ms"))
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(amount: u64, units_largest_first: &[(&str, u64)]) -> Option<String> {
    units_largest_first
        .iter()
        .find(|(_, factor)| amount >= *factor && amount.is_multiple_of(*factor))
        .map(|(name, factor)| format!("{}{name}", amount / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_their_unit_only() {
        assert_eq!(parse_bytes("8MiB"), Some(8 << 20));
        assert_eq!(parse_bytes("500 kB"), Some(500_000));
        assert_eq!(parse_duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for wrong in [
            "",
            "8",
            "MiB",
            "8mib",
            "-1B",
            "8 MiB x",
            "99999999999999999999GiB",
            "18446744073709551615GiB",
        ] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
        assert_eq!(parse_duration("10"), None);
    }

    #[test]
    fn what_is_shown_is_read_back_as_the_same_amount() {
        for amount in [1, 1023, 1024, 8 << 20, (8 << 20) + 1, 3 << 30] {
            assert_eq!(parse_bytes(&show_bytes(amount)), Some(amount));
        }
        for milliseconds in [1, 999, 1000, 90_000, 60_000, 86_400_000] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
    }
}
