//! Every type of the server: the value in the stream is the one that SELECT prints.

use super::{Stage, changes};
use change::{Json, Time, Value};

/// A type, how the server is asked for its value, and values.
pub(crate) struct Case {
    pub(crate) column: &'static str,
    printed_as: &'static str,
    pub(crate) values: &'static [&'static str],
}

const fn case(
    column: &'static str,
    printed_as: &'static str,
    values: &'static [&'static str],
) -> Case {
    Case {
        column,
        printed_as,
        values,
    }
}

const PLAIN: &str = "v";
const NUMBER: &str = "CAST(v AS UNSIGNED)";
const BYTES: &str = "HEX(v)";
const EXACT: &str = "CAST(v AS DOUBLE)";

pub(crate) const CASES: &[Case] = &[
    case("TINYINT", PLAIN, &["-128", "-1", "0", "127"]),
    case("TINYINT UNSIGNED", PLAIN, &["0", "255"]),
    case("BOOLEAN", PLAIN, &["TRUE", "FALSE"]),
    case("SMALLINT", PLAIN, &["-32768", "32767"]),
    case("SMALLINT UNSIGNED", PLAIN, &["65535"]),
    case("MEDIUMINT", PLAIN, &["-8388608", "-1", "8388607"]),
    case("MEDIUMINT UNSIGNED", PLAIN, &["16777215"]),
    case("INT", PLAIN, &["-2147483648", "2147483647"]),
    case("INT UNSIGNED", PLAIN, &["4294967295"]),
    case(
        "BIGINT",
        PLAIN,
        &["-9223372036854775808", "9223372036854775807"],
    ),
    case("BIGINT UNSIGNED", PLAIN, &["0", "18446744073709551615"]),
    case("SERIAL", PLAIN, &["7"]),
    case("FLOAT", EXACT, &["1.5", "-3.4e38", "1e-38", "0.1"]),
    case("FLOAT(7,4)", EXACT, &["999.0001"]),
    case(
        "DOUBLE",
        EXACT,
        &["0.1", "-1.7976931348623157e308", "5e-324", "-0.0e0"],
    ),
    case("DOUBLE UNSIGNED", EXACT, &["1e100"]),
    case("REAL", EXACT, &["2.25"]),
    case("DECIMAL(1,0)", PLAIN, &["-9", "0", "9"]),
    case("DECIMAL(5,5)", PLAIN, &["-0.99999", "0.00001"]),
    case("DECIMAL(10,2)", PLAIN, &["1.5", "-12345678.90", "0"]),
    case("DECIMAL(18,9)", PLAIN, &["123456789.987654321"]),
    case(
        "DECIMAL(38,10)",
        PLAIN,
        &["-9999999999999999999999999999.9999999999", "0.0000000001"],
    ),
    case(
        "DECIMAL(65,30)",
        PLAIN,
        &[
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "-1.5",
            "0",
        ],
    ),
    case(
        "DECIMAL(65,0)",
        PLAIN,
        &["-12345678901234567890123456789012345678901234567890123456789012345"],
    ),
    case("NUMERIC(20,0) UNSIGNED", PLAIN, &["99999999999999999999"]),
    case("BIT(1)", NUMBER, &["b'0'", "b'1'"]),
    case("BIT(9)", NUMBER, &["b'101010101'"]),
    case("BIT(64)", NUMBER, &["~0", "1"]),
    case("YEAR", PLAIN, &["0", "1901", "2155"]),
    case(
        "DATE",
        PLAIN,
        &[
            "'2024-02-29'",
            "'0000-00-00'",
            "'2024-00-00'",
            "'9999-12-31'",
            "'0001-01-01'",
        ],
    ),
    case(
        "TIME",
        PLAIN,
        &["'-838:59:59'", "'00:00:00'", "'838:59:59'", "'-00:00:01'"],
    ),
    case("TIME(1)", PLAIN, &["'-00:00:00.1'", "'12:34:56.7'"]),
    case("TIME(2)", PLAIN, &["'-00:00:01.05'", "'-01:00:00.00'"]),
    case("TIME(3)", PLAIN, &["'-12:34:56.789'"]),
    case("TIME(4)", PLAIN, &["'-00:00:00.0001'"]),
    case(
        "TIME(6)",
        PLAIN,
        &["'-838:59:58.000001'", "'00:00:00.999999'"],
    ),
    case(
        "DATETIME",
        PLAIN,
        &[
            "'2024-02-29 23:59:59'",
            "'0000-00-00 00:00:00'",
            "'2024-00-01 01:02:03'",
        ],
    ),
    case("DATETIME(1)", PLAIN, &["'2024-01-02 03:04:05.6'"]),
    case("DATETIME(3)", PLAIN, &["'1000-01-01 00:00:00.001'"]),
    case("DATETIME(6)", PLAIN, &["'9999-12-31 23:59:59.999999'"]),
    case(
        "TIMESTAMP NULL",
        PLAIN,
        &[
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07'",
            "'0000-00-00 00:00:00'",
        ],
    ),
    case("TIMESTAMP(2) NULL", PLAIN, &["'2024-01-02 03:04:05.67'"]),
    case(
        "TIMESTAMP(6) NULL",
        PLAIN,
        &["'2024-01-02 03:04:05.000007'"],
    ),
    case("CHAR(10)", PLAIN, &["'abc'", "''", "'ä€😀'"]),
    case("CHAR(255)", PLAIN, &["REPEAT('😀', 255)"]),
    case("CHAR(1)", PLAIN, &["'x'"]),
    case("NCHAR(3)", PLAIN, &["'äöü'"]),
    case("VARCHAR(10)", PLAIN, &["'trailing  '", "''"]),
    case("VARCHAR(16000)", PLAIN, &["REPEAT('é', 16000)"]),
    case("TINYTEXT", PLAIN, &["'t'"]),
    case("TEXT", PLAIN, &["REPEAT('é', 30000)"]),
    case("MEDIUMTEXT", PLAIN, &["REPEAT('x', 100000)"]),
    case("LONGTEXT", PLAIN, &["'l'"]),
    case(
        "BINARY(4)",
        BYTES,
        &["X'01000000'", "X'00000000'", "X'FFFFFFFF'", "''"],
    ),
    case("BINARY(255)", BYTES, &["X'00'"]),
    case("BINARY", BYTES, &["X'00'"]),
    case("VARBINARY(300)", BYTES, &["X'010000'", "''"]),
    case("TINYBLOB", BYTES, &["X'00FF'"]),
    case("BLOB", BYTES, &["X'00FF00'"]),
    case("MEDIUMBLOB", BYTES, &["X'01'"]),
    case("LONGBLOB", BYTES, &["X'02'"]),
    case(
        "ENUM('a','b,''c','')",
        NUMBER,
        &["'a'", "2", "''", "'no such'"],
    ),
    case(
        "SET('a','b','c','d','e','f','g','h','i')",
        NUMBER,
        &["'a,c,i'", "''", "511"],
    ),
    case(
        "SET('0','1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16','17','18','19','20','21','22',\
         '23','24','25','26','27','28','29','30','31','32','33','34','35','36','37','38','39','40','41','42','43','44',\
         '45','46','47','48','49','50','51','52','53','54','55','56','57','58','59','60','61','62','63')",
        NUMBER,
        &["'63'", "18446744073709551615"],
    ),
    case(
        "GEOMETRY",
        BYTES,
        &[
            "ST_GeomFromText('POINT(1 2)')",
            "ST_GeomFromText('POINT(52.5 13.4)', 4326)",
        ],
    ),
    case("POINT", BYTES, &["POINT(-1, 1e10)"]),
    case(
        "LINESTRING",
        BYTES,
        &["ST_GeomFromText('LINESTRING(0 0, 1 1)')"],
    ),
    case(
        "POLYGON",
        BYTES,
        &["ST_GeomFromText('POLYGON((0 0, 1 0, 1 1, 0 0))')"],
    ),
    case(
        "MULTIPOINT",
        BYTES,
        &["ST_GeomFromText('MULTIPOINT(0 0, 1 1)')"],
    ),
    case(
        "MULTILINESTRING",
        BYTES,
        &["ST_GeomFromText('MULTILINESTRING((0 0, 1 1))')"],
    ),
    case(
        "MULTIPOLYGON",
        BYTES,
        &["ST_GeomFromText('MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))')"],
    ),
    case(
        "GEOMETRYCOLLECTION",
        BYTES,
        &["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"],
    ),
    case("VECTOR(3)", BYTES, &["STRING_TO_VECTOR('[1, -2.5, 1e-3]')"]),
    case(
        "JSON",
        PLAIN,
        &[
            "'null'",
            "'true'",
            "'-32769'",
            "'32768'",
            "'-2147483649'",
            "'18446744073709551615'",
            "'1.5'",
            "'\"a \\\\u0041 \\\\\"q\\\\\"\"'",
            "'[]'",
            "'{}'",
            "'{\"bb\": 1, \"a\": [1, [2, {\"c\": null}]], \"ä\": \"😀\", \"\": false}'",
            "JSON_OBJECT('d', CAST(1.50 AS DECIMAL(5,2)), 'n', CAST(-0.001 AS DECIMAL(65,30)))",
            "JSON_ARRAY(CAST('2024-01-02' AS DATE), CAST('-12:34:56.5' AS TIME(1)), CAST('0000-00-00 00:00:00' AS DATETIME))",
            "JSON_ARRAY(CAST('2024-01-02 03:04:05.000006' AS DATETIME(6)))",
            "JSON_ARRAY(REPEAT('x', 70000), 2147483648, 5, 100000)",
            "JSON_OBJECT(REPEAT('k', 300), 1)",
        ],
    ),
];

#[tokio::test]
async fn every_value_of_every_type_is_the_one_that_select_prints() {
    let mut stage = Stage::start(&[]).await;
    stage
        .run(&[
            "SET sql_mode = 'ALLOW_INVALID_DATES'",
            "SET time_zone = '+00:00'",
        ])
        .await;
    for Case {
        column,
        printed_as,
        values,
    } in CASES
    {
        stage
            .run(&[
                "DROP TABLE IF EXISTS a",
                &format!("CREATE TABLE a (id INT PRIMARY KEY, v {column})"),
            ])
            .await;
        let before = stage.head().await;
        let can_be_null = *column != "SERIAL";
        if can_be_null {
            stage.run(&["INSERT INTO a VALUES (0, NULL)"]).await;
        }
        for (index, value) in values.iter().enumerate() {
            stage
                .run(&[&format!("INSERT INTO a VALUES ({}, {value})", index + 1)])
                .await;
        }
        // The same values again, as the images of an update and of a delete.
        stage.run(&["UPDATE a SET id = id + 100 ORDER BY id"]).await;
        let printed = stage
            .select(&format!("SELECT {printed_as} FROM a ORDER BY id"))
            .await;
        stage.run(&["DELETE FROM a"]).await;
        let events = stage.events(&before).await;
        let rows = changes(&events);
        let count = values.len() + usize::from(can_be_null);
        assert_eq!(rows.len(), 3 * count, "{column}");
        for (index, printed) in printed.iter().enumerate() {
            let inserted = &rows[index].after().unwrap()[1];
            let ours = print(inserted, printed_as);
            assert!(
                same_text(inserted, &ours, printed),
                "{column}, value {index}: {ours:?} for {printed:?}"
            );
            let images = [
                rows[count + index].before(),
                rows[count + index].after(),
                rows[2 * count + index].before(),
            ];
            for image in images {
                // The same bits: a negative zero is no zero.
                assert_eq!(
                    format!("{:?}", image.unwrap()[1]),
                    format!("{inserted:?}"),
                    "{column}, value {index}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_type_that_the_server_knows_has_been_tried() {
    // Other names of the same types, and what the manual lists beside types.
    const ALIASES: &[&str] = &[
        "AUTO_INCREMENT",
        "INTEGER",
        "DEC",
        "DOUBLE PRECISION",
        "CHAR BYTE",
    ];
    let mut stage = Stage::start(&[]).await;
    let tried = |name: &str| {
        CASES.iter().any(|case| {
            let rest = case.column.strip_prefix(name);
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphabetic()))
        })
    };
    let topics = stage
        .select(
            "SELECT t.name FROM mysql.help_topic AS t JOIN mysql.help_category AS c USING (help_category_id) \
             WHERE c.name = 'Data Types'",
        )
        .await;
    assert!(topics.len() > 30, "{topics:?}");
    for topic in topics.into_iter().flatten() {
        let name = topic.trim_end_matches(" DATA TYPE");
        assert!(
            ALIASES.contains(&name) || tried(name),
            "{name} is a type of the server that no case has"
        );
    }
    // What the catalogue's own columns are made of, types without a topic of their own included.
    let catalogue = stage
        .select("SELECT DISTINCT UPPER(DATA_TYPE) FROM information_schema.COLUMNS")
        .await;
    for name in catalogue.into_iter().flatten() {
        assert!(
            tried(&name),
            "{name} is a type of the server that no case has"
        );
    }
}

#[tokio::test]
async fn generated_invisible_and_hidden_columns_are_those_of_the_catalogue() {
    let mut stage = Stage::start(&[]).await;
    let before = stage.head().await;
    stage
        .run(&[
            "SET sql_generate_invisible_primary_key = ON",
            "CREATE TABLE a (n INT, j JSON, v INT AS (n * 2) VIRTUAL, s INT AS (n * 3) STORED, i INT INVISIBLE DEFAULT 7, \
             INDEX f ((n + 1)), INDEX m ((CAST(j->'$.tags' AS UNSIGNED ARRAY))))",
            "INSERT INTO a (n, j) VALUES (5, '{\"tags\": [1, 2]}')",
        ])
        .await;
    let catalogue = stage
        .select("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' ORDER BY ORDINAL_POSITION")
        .await;
    let events = stage.events(&before).await;
    let schema = events
        .iter()
        .find_map(|event| match event {
            flow::ports::SourceEvent::Rows { schema, .. } => Some(schema.clone()),
            _ => None,
        })
        .unwrap();
    let names: Vec<Option<String>> = schema
        .columns
        .iter()
        .map(|column| Some(column.name.to_string()))
        .collect();
    assert_eq!(names, catalogue);
    assert_eq!(names[0].as_deref(), Some("my_row_id"));
    assert_eq!(schema.key, [0]);
    let rows = changes(&events);
    let row = rows[0].after().unwrap();
    assert_eq!(
        (&row[3], &row[4], &row[5]),
        (&Value::Int(10), &Value::Int(15), &Value::Int(7))
    );
}

/// Times are printed here with six digits of a fraction, by the server with the column's count.
fn same_text(value: &Value, ours: &Option<String>, printed: &Option<String>) -> bool {
    let (Value::Time(_) | Value::DateTime(_) | Value::Timestamp(_), Some(ours), Some(printed)) =
        (value, ours, printed)
    else {
        return ours == printed;
    };
    let digits = printed
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let rest = if digits == 0 {
        format!(".{:06}", 0)
    } else {
        "0".repeat(6 - digits)
    };
    *ours == format!("{printed}{rest}")
}

/// As the server prints it.
fn print(value: &Value, printed_as: &str) -> Option<String> {
    let hexadecimal = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    Some(match value {
        Value::Null => return None,
        Value::Int(number) => number.to_string(),
        Value::UInt(number) | Value::Bit(number) | Value::Set(number) => number.to_string(),
        Value::Float(number) => print_double(f64::from(*number)),
        Value::Double(number) => print_double(*number),
        Value::Decimal(number) => number.to_string(),
        Value::Year(year) => format!("{year:04}"),
        Value::Enum(index) => index.to_string(),
        Value::Date(date) => print_date(*date),
        Value::Time(time) => with_fraction(print_time(*time), time.microsecond),
        Value::DateTime(clock) => with_fraction(print_clock(*clock), clock.microsecond),
        Value::Timestamp(instant) => {
            with_fraction(print_clock(instant.wall_clock()), instant.microsecond)
        }
        Value::Text(text) => text.as_str().to_owned(),
        Value::Bytes(bytes) | Value::Geometry(bytes) | Value::Vector(bytes) => {
            assert_eq!(printed_as, BYTES);
            hexadecimal(bytes)
        }
        Value::Json(json) => print_json(json),
        Value::Malformed(bytes) => panic!("malformed: {bytes:?}"),
    })
}

/// The text of a JSON value as the server prints it.
pub(super) fn print_json(json: &Json) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Int(number) => number.to_string(),
        Json::UInt(number) => number.to_string(),
        Json::Double(number) => number.to_string(),
        Json::Decimal(number) => number.to_string(),
        Json::String(text) | Json::Temporal(text) => quoted(text.as_str()),
        Json::Opaque { column_type, bytes } => panic!("no case has one: {column_type} {bytes:?}"),
        Json::Array(items) => format!(
            "[{}]",
            items.iter().map(print_json).collect::<Vec<_>>().join(", ")
        ),
        Json::Object(members) => {
            let member = |(name, value): &(change::Text, Json)| {
                format!("{}: {}", quoted(name.as_str()), print_json(value))
            };
            format!(
                "{{{}}}",
                members.iter().map(member).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn print_double(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-15..1e15).contains(&magnitude) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

fn print_date(date: change::Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

fn print_clock(clock: change::DateTime) -> String {
    format!(
        "{} {:02}:{:02}:{:02}",
        print_date(clock.date),
        clock.hour,
        clock.minute,
        clock.second
    )
}

fn print_time(time: Time) -> String {
    let sign = if time.negative { "-" } else { "" };
    format!(
        "{sign}{:02}:{:02}:{:02}",
        time.hours, time.minute, time.second
    )
}

fn with_fraction(text: String, microsecond: u32) -> String {
    format!("{text}.{microsecond:06}")
}
