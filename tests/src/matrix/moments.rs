//! Dates and times: every count of fractional digits, both ends, before 1970, negative durations,
//! what no calendar has.

use super::{Column, Table};

pub(super) fn tables() -> Vec<Table> {
    let mut columns = vec![Column::new(
        "date",
        "DATE",
        quoted(&[
            "0000-00-00",
            "0000-01-01",
            "2024-00-00",
            "2024-02-00",
            "2023-02-29",
            "2024-02-29",
            "2024-02-30",
            "1900-02-29",
            "0001-01-01",
            "1000-01-01",
            "1582-10-10",
            "1969-12-31",
            "1970-01-01",
            "9999-12-31",
        ]),
    )];
    for digits in 0..=6_usize {
        columns.push(Column::new(
            format!("datetime_{digits}"),
            format!("DATETIME({digits})"),
            fractions(
                digits,
                &[
                    "0000-00-00 00:00:00",
                    "2024-00-10 01:02:03",
                    "2024-02-30 01:02:03",
                    "0001-01-01 00:00:00",
                    "1000-01-01 00:00:00",
                    "1969-12-31 23:59:59",
                    "1970-01-01 00:00:00",
                    "2024-02-29 12:34:56",
                    "9999-12-31 23:59:59",
                ],
            ),
        ));
        columns.push(Column::new(
            format!("timestamp_{digits}"),
            format!("TIMESTAMP({digits}) NULL"),
            fractions(
                digits,
                &[
                    "0000-00-00 00:00:00",
                    "1970-01-01 00:00:01",
                    "2001-09-09 01:46:40",
                    "2024-03-31 01:30:00",
                    "2038-01-19 03:14:07",
                ],
            ),
        ));
        columns.push(Column::new(
            format!("time_{digits}"),
            format!("TIME({digits})"),
            fractions(
                digits,
                &[
                    "00:00:00",
                    "-00:00:00",
                    "00:00:01",
                    "-00:00:01",
                    "-00:59:59",
                    "23:59:59",
                    "24:00:00",
                    "-100:00:01",
                    "511:59:59",
                    "-512:00:00",
                    "838:59:58",
                    "-838:59:58",
                ],
            ),
        ));
    }
    vec![Table::new("moments", columns)]
}

fn quoted(texts: &[&str]) -> Vec<String> {
    let texts = texts.iter().map(|text| format!("'{text}'"));
    texts.chain(["NULL".to_owned()]).collect()
}

/// Each with no fraction, the smallest, the largest, and one that is no whole thousandth.
fn fractions(digits: usize, texts: &[&str]) -> Vec<String> {
    let mut literals = vec!["NULL".to_owned()];
    for text in texts {
        literals.push(format!("'{text}'"));
        // The zero date has no fraction.
        if digits > 0 && !text.starts_with("0000") {
            literals.push(format!("'{text}.{}1'", "0".repeat(digits - 1)));
            literals.push(format!("'{text}.{}'", "9".repeat(digits)));
            literals.push(format!("'{text}.{}'", &"102030"[..digits]));
        }
    }
    literals
}
