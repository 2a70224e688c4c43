//! What is about whole rows: NULL in every place, a thousand columns, columns that the server makes
//! itself, hides, or adds for an index without telling; members of ENUM and SET in one byte and more.

use super::{Column, Table};

pub(super) fn tables() -> Vec<Table> {
    vec![
        Table::new("members", members()),
        Table::new("nulls", nulls()),
        Table::new("wide", wide()),
        generated(),
    ]
}

fn members() -> Vec<Column> {
    let names = |count: usize| -> String {
        let names: Vec<String> = (1..=count).map(|one| format!("'m{one}'")).collect();
        names.join(", ")
    };
    let mut columns = Vec::new();
    for count in [1, 2, 255, 256, 1_000] {
        columns.push(Column::new(
            format!("enum_{count}"),
            format!("ENUM({})", names(count)),
            [
                "'m1'".to_owned(),
                count.to_string(),
                "0".to_owned(),
                "NULL".to_owned(),
            ],
        ));
    }
    for count in [1, 7, 8, 9, 16, 17, 24, 25, 32, 33, 63, 64] {
        let all = u64::MAX >> (64 - count);
        columns.push(Column::new(
            format!("set_{count}"),
            format!("SET({})", names(count)),
            [
                "''".to_owned(),
                all.to_string(),
                (all / 2 + 1).to_string(),
                (all / 3).to_string(),
                "NULL".to_owned(),
            ],
        ));
    }
    columns.push(Column::new(
        "enum_latin",
        "ENUM('ä', 'b b', '') CHARACTER SET latin1",
        ["'ä'", "'b b'", "''", "'no member'"],
    ));
    columns.push(Column::new(
        "set_japanese",
        "SET('日本', '語') CHARACTER SET sjis",
        ["'日本'", "'日本,語'", "''"],
    ));
    columns
}

/// Row 0 has no NULL, row 1 nothing else; then each place alone is NULL, and each alone is not.
fn nulls() -> Vec<Column> {
    const KINDS: &[(&str, &str)] = &[
        ("INT", "5"),
        ("VARCHAR(20)", "'text'"),
        ("DECIMAL(10, 2)", "1.50"),
        ("JSON", "'[1]'"),
        ("BIT(9)", "300"),
        ("DATETIME(6)", "'2024-01-02 03:04:05.000006'"),
        ("VARBINARY(20)", "x'00'"),
        ("ENUM('a', 'b')", "'b'"),
        ("TIMESTAMP NULL", "'2024-01-02 03:04:05'"),
        ("POINT", "ST_GeomFromText('POINT(1 2)')"),
        ("BIGINT UNSIGNED", "18446744073709551615"),
    ];
    const COUNT: usize = 3 * KINDS.len() + 1;
    (0..COUNT)
        .map(|place| {
            let (definition, literal) = KINDS[place % KINDS.len()];
            let literals = (0..2 * COUNT + 2).map(|row| {
                let is_null = match row {
                    0 => false,
                    1 => true,
                    row if row < COUNT + 2 => row - 2 == place,
                    row => row - 2 - COUNT != place,
                };
                if is_null { "NULL" } else { literal }
            });
            Column::new(format!("place_{place}"), definition, literals)
        })
        .collect()
}

/// The rows tell the columns' numbers in binary, NULL for one of the digits.
fn wide() -> Vec<Column> {
    (0..1_000_u32)
        .map(|number| {
            let literals = (0..20).map(|row| {
                let digit = number >> (row / 2) & 1;
                if digit == row % 2 {
                    "NULL".to_owned()
                } else {
                    number.to_string()
                }
            });
            Column::new(format!("column_{number}"), "SMALLINT", literals)
        })
        .collect()
}

fn generated() -> Table {
    let none = || std::iter::empty::<String>();
    let columns = vec![
        Column::new("first_virtual", "INT AS (number * 2) VIRTUAL", none()),
        Column::new("number", "INT", ["1", "-7", "NULL", "1000"]),
        Column::new(
            "stored",
            "VARCHAR(40) AS (CONCAT('n', number)) STORED",
            none(),
        ),
        Column::new("word", "VARCHAR(40)", ["'a'", "'é'", "NULL", "''"]),
        Column::new(
            "length",
            "BIGINT AS (CHAR_LENGTH(word)) VIRTUAL INVISIBLE",
            none(),
        ),
        Column::new("hidden", "INT INVISIBLE", ["3", "NULL", "4"]),
        Column::new(
            "hidden_default",
            "INT DEFAULT 77 INVISIBLE",
            ["DEFAULT", "NULL"],
        ),
        Column::new(
            "document",
            "JSON",
            [
                "'{\"tags\": [1, 2], \"name\": \"x\"}'",
                "'{\"tags\": []}'",
                "NULL",
            ],
        ),
        Column::new(
            "name",
            "VARCHAR(40) AS (document->>'$.name') STORED",
            none(),
        ),
        Column::new("place", "POINT AS (POINT(number, 1)) VIRTUAL", none()),
        Column::new(
            "last_virtual",
            "DATE AS (MAKEDATE(2024, number)) VIRTUAL",
            none(),
        ),
    ];
    Table {
        keys: ", KEY by_expression ((number * 3)), \
               KEY by_word ((UPPER(word)), number), \
               KEY by_tags ((CAST(document->'$.tags' AS UNSIGNED ARRAY))), \
               KEY by_virtual (first_virtual)",
        ..Table::new("made_by_the_server", columns)
    }
}
