//! Integers of every width and sign, bits of every width, DECIMAL at the ends of its digits and
//! groups, floating numbers at the ends of their exponents.

use super::{Column, Table};

pub(super) fn tables() -> Vec<Table> {
    vec![
        Table::new("integers", integers()),
        Table::new("bits", (1..=64).map(bits).collect()),
        Table::new("decimals", decimals()),
        Table::new("floats", floats()),
        Table::new("signs", signs()),
    ]
}

fn integers() -> Vec<Column> {
    let mut columns = Vec::new();
    for (name, bits) in [
        ("TINYINT", 8_u32),
        ("SMALLINT", 16),
        ("MEDIUMINT", 24),
        ("INT", 32),
        ("BIGINT", 64),
    ] {
        let highest = i128::pow(2, bits - 1) - 1;
        let mut signed = vec![0, 1, -1, highest, -highest - 1, highest - 1, -highest];
        let mut unsigned = vec![0, 1, highest, highest + 1, 2 * highest + 1, 2 * highest];
        // Where one more byte begins to count, both ways.
        for shift in (7..bits - 1).step_by(8) {
            let edge = i128::pow(2, shift);
            signed.extend([edge, -edge, edge - 1, -edge - 1, 2 * edge, -2 * edge]);
            unsigned.extend([edge, edge - 1, 2 * edge, 2 * edge - 1]);
        }
        let literals = |numbers: Vec<i128>| {
            let numbers = numbers.into_iter().map(|number| number.to_string());
            numbers.chain(["NULL".to_owned()]).collect::<Vec<_>>()
        };
        let lower = name.to_lowercase();
        columns.push(Column::new(lower.clone(), name, literals(signed)));
        columns.push(Column::new(
            format!("{lower}_unsigned"),
            format!("{name} UNSIGNED"),
            literals(unsigned.clone()),
        ));
        columns.push(Column::new(
            format!("{lower}_zerofill"),
            format!("{name} ZEROFILL"),
            literals(unsigned),
        ));
    }
    columns.push(Column::new(
        "flag",
        "TINYINT(1)",
        ["0", "1", "-1", "127", "NULL"],
    ));
    columns.push(Column::new(
        "year",
        "YEAR",
        ["0", "1901", "1999", "2000", "2155", "NULL"],
    ));
    columns
}

fn bits(width: u32) -> Column {
    let all = u64::MAX >> (64 - width);
    let literals = [0, 1, all, all / 2 + 1, all / 3].map(|number| number.to_string());
    let literals = literals.into_iter().chain(["NULL".to_owned()]);
    Column::new(format!("bit_{width}"), format!("BIT({width})"), literals)
}

fn decimals() -> Vec<Column> {
    let shapes = [
        (1, 0),
        (1, 1),
        (2, 1),
        (8, 0),
        (9, 0),
        (9, 9),
        (10, 0),
        (10, 1),
        (17, 8),
        (18, 0),
        (18, 9),
        (19, 10),
        (20, 20),
        (27, 3),
        (28, 19),
        (30, 30),
        (34, 0),
        (34, 1),
        (34, 30),
        (35, 0),
        (35, 30),
        (38, 0),
        (38, 30),
        (39, 0),
        (39, 1),
        (64, 1),
        (65, 0),
        (65, 30),
    ];
    shapes
        .map(|(precision, scale)| decimal(precision, scale))
        .into()
}

fn decimal(precision: usize, scale: usize) -> Column {
    let number = |digits: &str| {
        let digits = format!("{digits:0>precision$}");
        let (whole, fraction) = digits.split_at(precision - scale);
        let whole = if whole.is_empty() { "0" } else { whole };
        format!("{whole}.{fraction}")
            .trim_end_matches('.')
            .to_owned()
    };
    let mut numbers = vec![
        number("0"),
        number("1"),
        number(&"9".repeat(precision)),
        number(&("1".to_owned() + &"0".repeat(precision - 1))),
        // A group of nine digits that is zero, between others that are not.
        number(&"1000000000".repeat(7)[..precision]),
    ];
    let negative: Vec<String> = numbers[1..].iter().map(|one| format!("-{one}")).collect();
    numbers.extend(negative);
    let literals = numbers.iter().map(|number| format!("'{number}'"));
    Column::new(
        format!("decimal_{precision}_{scale}"),
        format!("DECIMAL({precision}, {scale})"),
        literals.chain(["NULL".to_owned()]),
    )
}

fn floats() -> Vec<Column> {
    let common = ["0e0", "-0e0", "1e0", "-1.5e0", "0.1e0", "1e10", "NULL"];
    let singles = [
        "3.4028234e38",
        "-3.4028234e38",
        "1.17549435e-38",
        "1.401298464324817e-45",
        "16777217",
        "0.3",
    ];
    let doubles = [
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "9007199254740993",
        "1e15",
        "1e-15",
        "1e22",
    ];
    let with = |more: &[&str]| -> Vec<String> {
        let all = common.iter().chain(more);
        all.map(|literal| (*literal).to_owned()).collect()
    };
    vec![
        Column::new("single", "FLOAT", with(&singles)),
        Column::new("single_unsigned", "FLOAT UNSIGNED", ["0", "1.5", "3e38"]),
        Column::new("single_7_2", "FLOAT(7, 2)", ["0", "-99999.99", "0.01"]),
        Column::new("double", "DOUBLE", with(&doubles)),
        Column::new(
            "double_20_5",
            "DOUBLE(20, 5)",
            ["0", "-1.00001", "123456789.12345"],
        ),
    ]
}

/// The log has a list of signs for some types of columns alone: behind each type stand an unsigned
/// and a signed number, whose signs would be others' if the type were counted wrongly.
fn signs() -> Vec<Column> {
    const KINDS: &[&str] = &[
        "TINYINT",
        "SMALLINT",
        "MEDIUMINT",
        "INT",
        "BIGINT",
        "YEAR",
        "BIT(3)",
        "DECIMAL(5, 2)",
        "DECIMAL(5, 2) UNSIGNED",
        "FLOAT",
        "FLOAT UNSIGNED",
        "DOUBLE",
        "DOUBLE UNSIGNED",
        "DATE",
        "TIME(3)",
        "DATETIME",
        "TIMESTAMP NULL",
        "CHAR(3)",
        "VARCHAR(3)",
        "BINARY(3)",
        "VARBINARY(3)",
        "TEXT",
        "BLOB",
        "ENUM('a')",
        "SET('a')",
        "JSON",
        "GEOMETRY",
        "VECTOR(2)",
        "INT AS (1) VIRTUAL",
        "INT AS (1) STORED",
    ];
    let mut columns = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        let literals: &[&str] = if kind.contains(" AS ") {
            &[]
        } else {
            &["NULL"]
        };
        columns.push(Column::new(
            format!("kind_{number}"),
            *kind,
            literals.iter().copied(),
        ));
        let unsigned = "BIGINT UNSIGNED";
        let largest = ["18446744073709551615", "1"];
        columns.push(Column::new(format!("unsigned_{number}"), unsigned, largest));
        columns.push(Column::new(
            format!("signed_{number}"),
            "BIGINT",
            ["-1", "1"],
        ));
    }
    columns
}
