//! JSON of every shape and size class of its binary form, geometries of every kind, vectors.

use super::{Column, Table};

pub(super) fn tables() -> Vec<Table> {
    vec![
        Table::new(
            "documents",
            vec![Column::new("document", "JSON", documents())],
        ),
        Table::new("shapes", shapes()),
        Table::new("vectors", vectors()),
    ]
}

fn documents() -> Vec<String> {
    let mut documents: Vec<String> = [
        "NULL",
        "'null'",
        "'true'",
        "'false'",
        "'\"\"'",
        "'{}'",
        "'[]'",
        "'[[], {}, [[]], {\"\": {}}]'",
        // Inline numbers, and those that are not, in small and large containers.
        "'[0, -1, 32767, -32768, 32768, -32769, 65535, 65536]'",
        "'[2147483647, -2147483648, 2147483648, -2147483649, 4294967295, 4294967296]'",
        "'[9223372036854775807, -9223372036854775808, 9223372036854775808, 18446744073709551615]'",
        "'[0.0, -0.0, 1.5, 1e15, 1e16, 1e-15, 1e-16, 1.7976931348623157e308, 5e-324]'",
        "'[18446744073709551616, 123456789012345678901234567890]'",
        "CAST(CAST(7 AS UNSIGNED) AS JSON)",
        "JSON_ARRAY(CAST(0 AS UNSIGNED), CAST(65535 AS UNSIGNED), CAST(65536 AS UNSIGNED))",
        "JSON_ARRAY(CAST('0' AS DECIMAL(1)), CAST('-1.50' AS DECIMAL(65, 30)), CAST('9.9' AS DECIMAL(2, 1)))",
        "JSON_ARRAY(CAST(REPEAT('9', 65) AS DECIMAL(65)), CAST(REPEAT('9', 34) AS DECIMAL(34)), CAST(REPEAT('9', 35) AS DECIMAL(35)))",
        "JSON_ARRAY(CAST('2024-01-02' AS DATE), CAST('0001-01-01' AS DATE))",
        "JSON_ARRAY(CAST('2024-01-02 03:04:05.678901' AS DATETIME(6)), CAST('1000-01-01' AS DATETIME))",
        "JSON_ARRAY(CAST('-838:59:58.000001' AS TIME(6)), CAST('00:00:00' AS TIME), CAST('-00:00:00.5' AS TIME(1)))",
        "JSON_ARRAY(TIMESTAMP('2024-01-02 03:04:05'), CAST(2024 AS YEAR))",
        "JSON_ARRAY(b'101', x'00ff', CAST('' AS BINARY), CAST(REPEAT(x'ab', 100) AS BINARY))",
        "JSON_ARRAY(CAST(REPEAT(x'cd', 57) AS BINARY), CAST(REPEAT(x'cd', 58) AS BINARY))",
        "CAST(ST_GeomFromText('POINT(1.5 -2)') AS JSON)",
        "JSON_ARRAY('base64:type15:YWJj', 'é', '😀', '\\\\', '/', '\\'', '\\\"', CHAR(8, 9, 10, 12, 13, 31, 127 USING utf8mb4))",
        // Members are sorted by length, then bytes; names that MongoDB reads in queries stay.
        "'{\"b\": 1, \"a\": 2, \"aa\": 3, \"\": 4, \"é\": 5, \"$set\": 6, \"a.b\": 7, \"_id\": 8}'",
        "'{\"a\": {\"b\": {\"c\": {\"d\": [1, {\"e\": null}]}}}}'",
        // More than 64 KiB turn offsets from two bytes into four.
        "JSON_OBJECT('small', 1, 'large', REPEAT('x', 65500), 'int', 70000)",
        "JSON_OBJECT('int', 70000, 'large', REPEAT('x', 65536), 'uint', 4294967295)",
        "JSON_ARRAY(REPEAT('é', 40000), 70000, JSON_OBJECT('inner', JSON_ARRAY(REPEAT('y', 70000), 1)))",
        "JSON_OBJECT(REPEAT('k', 7900), 'a long name')",
    ]
    .map(String::from)
    .into();
    // Lengths in one, two and three bytes.
    for length in [1, 127, 128, 16_383, 16_384] {
        documents.push(format!("JSON_QUOTE(REPEAT('s', {length}))"));
        documents.push(format!("JSON_ARRAY(REPEAT('s', {length}), 1)"));
    }
    documents.push(nested(100));
    // More scalars than the bytes that the server's GROUP_CONCAT gives by default.
    let numbers: Vec<String> = (0..1_100).map(|number| number.to_string()).collect();
    documents.push(format!("'[{}]'", numbers.join(", ")));
    let members: Vec<String> = (0..300).map(|one| format!("\"m{one}\": {one}")).collect();
    documents.push(format!("'{{{}}}'", members.join(", ")));
    documents
}

fn nested(levels: usize) -> String {
    format!("'{}{}'", "[".repeat(levels), "]".repeat(levels))
}

fn shapes() -> Vec<Column> {
    let kinds = [
        ("point", "POINT", "(1.5 -2)"),
        ("line", "LINESTRING", "(0 0, 1 1, 2.5 -3)"),
        (
            "polygon",
            "POLYGON",
            "((0 0, 0 9, 9 9, 0 0), (1 2, 1 3, 2 3, 1 2))",
        ),
        ("points", "MULTIPOINT", "((0 0), (1 -1))"),
        ("lines", "MULTILINESTRING", "((0 0, 1 1), (2 2, 3 3, 4 4))"),
        (
            "polygons",
            "MULTIPOLYGON",
            "(((0 0, 0 1, 1 1, 0 0)), ((5 5, 5 6, 6 6, 5 5)))",
        ),
        (
            "collection",
            "GEOMETRYCOLLECTION",
            "(POINT(1 2), GEOMETRYCOLLECTION(LINESTRING(0 0, 1 1)), GEOMETRYCOLLECTION())",
        ),
    ];
    let mut any = vec!["NULL".to_owned()];
    let mut columns = Vec::new();
    for (name, kind, coordinates) in kinds {
        let literals: Vec<String> = [0, 3857, 4326]
            .map(|system| format!("ST_GeomFromText('{kind}{coordinates}', {system})"))
            .into();
        any.extend(literals.clone());
        let literals = literals.into_iter().chain(["NULL".to_owned()]);
        columns.push(Column::new(name, kind, literals));
    }
    columns.push(Column::new("any", "GEOMETRY", any));
    columns
}

fn vectors() -> Vec<Column> {
    let long: Vec<String> = (0..2_000).map(|number| format!("{number}.5")).collect();
    vec![
        Column::new(
            "short",
            "VECTOR(4)",
            [
                "TO_VECTOR('[0, -0, 1.5, -3.4e38]')",
                "TO_VECTOR('[1.2e-38]')",
                "NULL",
            ],
        ),
        Column::new(
            "long",
            "VECTOR(2000)",
            [
                format!("TO_VECTOR('[{}]')", long.join(",")),
                "NULL".to_owned(),
            ],
        ),
    ]
}
