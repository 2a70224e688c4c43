//! Figures as people read them.

use super::snapshot::{Side, Snapshot, TableProgress, TableState};

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rows in words: `1 row`, `1,200 rows`.
pub fn rows(number: u64) -> String {
    let word = if number == 1 { "row" } else { "rows" };
    format!("{} {word}", count(number))
}

/// Seconds as `0.2 s`, `42 s`, `3 min 20 s`, `2 h 5 min`.
pub fn seconds(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = whole(seconds);
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Bytes as `512 B`, `1.5 KiB`, `3.2 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| bytes >= *size) {
        Some((name, size)) => {
            let tenths = (u128::from(bytes) * 10 + u128::from(size / 2)) / u128::from(*size);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

/// A rate as `45,000 rows/s`.
pub(super) fn rate(rows_per_second: f64) -> String {
    format!("{} rows/s", count(whole(rows_per_second)))
}

/// How far a copy is: `12,000 of about 500,000 rows (2%)`.
pub(super) fn copied(table: &TableProgress) -> String {
    let copied = count(table.rows_copied);
    match table.rows_total {
        Some(total) if total > 0 => {
            let percent = (u128::from(table.rows_copied) * 100 / u128::from(total)).min(100);
            format!("{copied} of about {} rows ({percent}%)", count(total))
        }
        Some(_) | None => format!("{copied} rows"),
    }
}

/// Rate and remaining time, as far as they are known, each after a comma.
pub(super) fn pace(table: &TableProgress) -> String {
    let rate = table
        .rows_per_second
        .map(|rows| format!(", {}", rate(rows)));
    let left = table
        .eta_seconds
        .map(|left| format!(", about {} left", seconds(left)));
    rate.unwrap_or_default() + &left.unwrap_or_default()
}

/// `2 copying, 3 following`
pub(super) fn states(snapshot: &Snapshot) -> String {
    let parts: Vec<String> = TableState::ALL
        .iter()
        .map(|state| (snapshot.in_state(*state).count(), state.word()))
        .filter(|(tables, _)| *tables > 0)
        .map(|(tables, word)| format!("{tables} {word}"))
        .collect();
    if parts.is_empty() {
        "no tables yet".into()
    } else {
        parts.join(", ")
    }
}

/// `lag 0.2 s, 1.5 KiB behind`
pub(super) fn lag(side: &Side) -> String {
    let time = side
        .lag_seconds
        .map_or("lag not known yet".to_string(), |lag| {
            format!("lag {}", seconds(lag))
        });
    match side.lag_bytes {
        Some(behind) if behind > 0 => format!("{time}, {} behind", bytes(behind)),
        Some(_) | None => time,
    }
}

fn whole(number: f64) -> u64 {
    // Saturates: a rate or a time beyond u64 is no figure anybody reads.
    number.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_rounded() {
        assert_eq!(
            [0, 12, 999, 1000, 1_234_567].map(count),
            ["0", "12", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.04, 9.94, 9.96, 59.4, 200.0, 7500.0].map(seconds),
            ["0.0 s", "9.9 s", "10 s", "59 s", "3 min 20 s", "2 h 5 min"]
        );
        assert_eq!(
            [512, 1536, 1 << 20, u64::MAX].map(bytes),
            ["512 B", "1.5 KiB", "1.0 MiB", "17179869184.0 GiB"]
        );
        assert_eq!(rate(f64::NAN), "0 rows/s");
    }
}
