//! Every choice of the table of types, once at least.

use super::{Column, Table};
use crate::comparer::{Choice, ColumnRules, ZeroDates};

pub(super) fn table() -> Table {
    let mut columns = Vec::new();
    let mut add = |name: &str, definition: &str, literals: &[&str], word: &str, choice: Choice| {
        let column = Column::new(name, definition, literals.iter().copied());
        columns.push(column.chosen(&format!("type = \"{word}\""), choice));
    };
    let whole = &["1", "0", "NULL"];
    for kind in ["TINYINT", "SMALLINT UNSIGNED", "MEDIUMINT", "INT", "YEAR"] {
        let name = format!("long_{}", kind.to_lowercase().replace(' ', "_"));
        add(&name, kind, whole, "long", Choice::Long);
    }
    add("boolean", "TINYINT(1)", whole, "boolean", Choice::Boolean);
    let large = &["18446744073709551615", "9223372036854775807", "0", "NULL"];
    for kind in ["BIGINT UNSIGNED", "BIT(64)"] {
        let name = kind.to_lowercase().replace([' ', '(', ')'], "_");
        add(
            &format!("decimal_{name}"),
            kind,
            large,
            "decimal",
            Choice::Decimal,
        );
        add(
            &format!("string_{name}"),
            kind,
            large,
            "string",
            Choice::String,
        );
    }
    let decimals = &["'-1.50'", "'0'", "'99999999.99'", "'0.10'", "NULL"];
    for kind in ["DECIMAL(10, 2)", "DECIMAL(50, 10)"] {
        let name = kind.to_lowercase().replace([' ', '(', ')', ','], "_");
        add(
            &format!("string_{name}"),
            kind,
            decimals,
            "string",
            Choice::String,
        );
        add(
            &format!("double_{name}"),
            kind,
            decimals,
            "double",
            Choice::Double,
        );
    }
    for (width, literals) in [
        (1, ["0", "1", "NULL"]),
        (9, ["0", "511", "1"]),
        (64, ["0", "18446744073709551615", "1"]),
    ] {
        let (name, kind) = (format!("binary_bit_{width}"), format!("BIT({width})"));
        add(&name, &kind, &literals, "binary", Choice::Binary);
    }
    let words = &["'aé'", "''", "'ÿ €'", "NULL"];
    for charset in ["utf8mb4", "latin1", "utf16", "sjis", "gb18030", "ascii"] {
        let name = format!("binary_{charset}");
        let kind = format!("VARCHAR(20) CHARACTER SET {charset}");
        add(&name, &kind, words, "binary", Choice::Binary);
    }
    let sixteen = &["x'00112233445566778899aabbccddeeff'", "x'01'", "NULL"];
    add("uuid", "BINARY(16)", sixteen, "uuid", Choice::Uuid);
    let dates = &["'0000-00-00'", "'2024-02-29'", "'2024-02-30'", "NULL"];
    add("date_string", "DATE", dates, "string", Choice::String);
    let clocks = &[
        "'1969-12-31 23:59:59.999999'",
        "'0000-00-00 00:00:00'",
        "'2024-01-02 03:04:05.000999'",
        "NULL",
    ];
    for digits in [0, 3, 6] {
        let datetime = format!("DATETIME({digits})");
        add(
            &format!("datetime_string_{digits}"),
            &datetime,
            clocks,
            "string",
            Choice::String,
        );
        add(
            &format!("datetime_date_{digits}"),
            &datetime,
            clocks,
            "date",
            Choice::Date,
        );
        let timestamp = format!("TIMESTAMP({digits}) NULL");
        let instants = &[
            "'2024-01-02 03:04:05.000999'",
            "'0000-00-00 00:00:00'",
            "NULL",
        ];
        add(
            &format!("timestamp_string_{digits}"),
            &timestamp,
            instants,
            "string",
            Choice::String,
        );
        add(
            &format!("timestamp_date_{digits}"),
            &timestamp,
            instants,
            "date",
            Choice::Date,
        );
        let time = format!("TIME({digits})");
        let times = &[
            "'-00:00:00.000001'",
            "'-838:59:58.999999'",
            "'12:00:00'",
            "NULL",
        ];
        add(
            &format!("millis_{digits}"),
            &time,
            times,
            "millis",
            Choice::Millis,
        );
        add(
            &format!("micros_{digits}"),
            &time,
            times,
            "micros",
            Choice::Micros,
        );
    }
    add(
        "enum_number",
        "ENUM('a', 'b')",
        &["'b'", "'none'", "NULL"],
        "number",
        Choice::Number,
    );
    add(
        "set_number",
        "SET('a', 'b')",
        &["'a,b'", "''", "NULL"],
        "number",
        Choice::Number,
    );
    let documents = &[
        "'{\"b\": [1, -0.0, 1e15, 1e16, 1.5e-15, 1e-16, 0.1], \"a\\\\\"\": \"é\\\\u0001\\\\n\\\\/\"}'",
        "JSON_ARRAY(CAST('1.50' AS DECIMAL(5, 2)), CAST(REPEAT(x'ab', 200) AS BINARY), CAST('2024-01-02' AS DATE), 18446744073709551615)",
        "'null'",
        "'[]'",
        "NULL",
    ];
    add("json_string", "JSON", documents, "string", Choice::String);
    let shapes = &[
        "ST_GeomFromText('POINT(10 20)', 4326)",
        "ST_GeomFromText('POLYGON((0 0, 0 1, 1 1, 0 0))', 3857)",
        "ST_GeomFromText('POINT(1 2)')",
        "NULL",
    ];
    add("wkb", "GEOMETRY", shapes, "wkb", Choice::Wkb);
    add("geojson", "GEOMETRY", shapes, "geojson", Choice::GeoJson);
    add(
        "array",
        "VECTOR(3)",
        &["TO_VECTOR('[1, -2.5, 1e-30]')", "NULL"],
        "array",
        Choice::Array,
    );
    columns.extend(beyond_forms());
    Table::new("choices", columns)
}

/// Choices that are not about the form of values: zero dates, zones, NULL.
fn beyond_forms() -> Vec<Column> {
    let clocks = ["'0000-00-00'", "'2024-02-29'", "'2024-02-30'", "NULL"];
    let mut columns = Vec::new();
    for (word, zero_dates) in [
        ("string", ZeroDates::AsPrinted),
        ("null", ZeroDates::Null),
        ("epoch", ZeroDates::Epoch),
        ("year1", ZeroDates::Year1),
    ] {
        for kind in ["DATE", "DATETIME", "TIMESTAMP NULL"] {
            let rules = ColumnRules {
                zero_dates,
                ..ColumnRules::default()
            };
            let name = format!(
                "{word}_{}",
                kind[..4].to_lowercase() + &kind.len().to_string()
            );
            columns.push(
                Column::new(name, kind, clocks).chosen(&format!("zero_dates = \"{word}\""), rules),
            );
        }
    }
    let berlin = ColumnRules {
        in_berlin: true,
        ..ColumnRules::default()
    };
    let walls = [
        "'2024-01-02 03:04:05.678'",
        "'2024-03-31 01:59:59'",
        "'2024-03-31 03:00:00'",
        "'2024-10-27 01:59:59'",
        "'2024-10-27 03:00:00'",
        "'0000-00-00 00:00:00'",
        "NULL",
    ];
    for digits in [0, 3] {
        let kind = format!("DATETIME({digits})");
        columns.push(
            Column::new(format!("zone_{digits}"), kind, walls)
                .chosen("zone = \"Europe/Berlin\"", berlin.clone()),
        );
    }
    let absent = ColumnRules {
        absent: true,
        ..ColumnRules::default()
    };
    columns
        .push(Column::new("absent", "INT", ["1", "NULL", "0"]).chosen("null = \"absent\"", absent));
    columns
}
