//! A column of every type, with literals at the edges of each.
//!
//! Literals are SQL, chosen so that every boundary of a type is written sooner or later: smallest,
//! largest, zero, negative zero, empty, NULL, trailing spaces and zero bytes, dates off the
//! calendar, fractions before 1970, text in several character sets, JSON of every kind.

use testbed::servers::Product;

/// The columns behind `id`: name, definition and literals to choose from.
pub const COLUMNS: &[(&str, &str, &[&str])] = &[
    ("c_tiny", "TINYINT", &["-128", "127", "0", "-1", "NULL"]),
    ("c_tiny_u", "TINYINT UNSIGNED", &["255", "0", "128"]),
    ("c_flag", "TINYINT(1)", &["0", "1", "7", "NULL"]),
    ("c_small", "SMALLINT", &["-32768", "32767", "-1"]),
    ("c_small_u", "SMALLINT UNSIGNED", &["65535", "32768", "0"]),
    (
        "c_medium",
        "MEDIUMINT",
        &["-8388608", "8388607", "-1", "-256"],
    ),
    (
        "c_medium_u",
        "MEDIUMINT UNSIGNED",
        &["16777215", "8388608", "0"],
    ),
    ("c_int", "INT", &["-2147483648", "2147483647", "-1", "NULL"]),
    (
        "c_int_u",
        "INT UNSIGNED",
        &["4294967295", "2147483648", "0"],
    ),
    (
        "c_big",
        "BIGINT",
        &["-9223372036854775808", "9223372036854775807", "-1"],
    ),
    (
        "c_big_u",
        "BIGINT UNSIGNED",
        &[
            "18446744073709551615",
            "9223372036854775807",
            "9223372036854775808",
            "0",
        ],
    ),
    ("c_year", "YEAR", &["0", "1901", "2155", "2000", "NULL"]),
    (
        "c_decimal",
        "DECIMAL(10, 3)",
        &["1.50", "-1.5", "0", "-0.001", "9999999.999", "NULL"],
    ),
    (
        "c_decimal_whole",
        "DECIMAL(20, 0)",
        &["99999999999999999999", "-7", "0"],
    ),
    (
        "c_decimal_long",
        "DECIMAL(34, 10)",
        &["999999999999999999999999.9999999999", "-0.0000000001", "1"],
    ),
    (
        "c_decimal_longest",
        "DECIMAL(65, 30)",
        &[
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "0",
            "1.5",
        ],
    ),
    (
        "c_float",
        "FLOAT",
        &[
            "0.1",
            "-3.4028234e38",
            "1.17549435e-38",
            "-0e0",
            "16777217",
            "NULL",
        ],
    ),
    (
        "c_double",
        "DOUBLE",
        &[
            "0.1",
            "-1.7976931348623157e308",
            "2.2250738585072014e-308",
            "-0e0",
            "1/3e0",
        ],
    ),
    ("c_bit", "BIT(1)", &["b'0'", "b'1'", "NULL"]),
    ("c_bits", "BIT(17)", &["b'0'", "b'11111111111111111'", "5"]),
    (
        "c_bits_all",
        "BIT(64)",
        &["0", "18446744073709551615", "9223372036854775808", "1"],
    ),
    (
        "c_char",
        "CHAR(10)",
        &["''", "'a  '", "'Ünïcödé'", "'😀😀'", "NULL"],
    ),
    (
        "c_varchar",
        "VARCHAR(300)",
        &[
            "''",
            "'trailing   '",
            "'😀 é \\\\ \\' \" \\n \\0 end'",
            "REPEAT('é', 300)",
            "NULL",
        ],
    ),
    (
        "c_latin",
        "VARCHAR(50) CHARACTER SET latin1",
        &["'café €'", "''", "'\u{a0}ÿ'"],
    ),
    (
        "c_greek",
        "VARCHAR(50) CHARACTER SET greek",
        &["'αβγ'", "'abc'"],
    ),
    (
        "c_japanese",
        "VARCHAR(50) CHARACTER SET sjis",
        &["'日本語'", "'ｶﾀｶﾅ'"],
    ),
    (
        "c_chinese",
        "VARCHAR(50) CHARACTER SET gb18030",
        &["'中文😀'", "'a'"],
    ),
    (
        "c_utf16",
        "VARCHAR(50) CHARACTER SET utf16",
        &["'a😀'", "''"],
    ),
    ("c_utf32", "CHAR(5) CHARACTER SET utf32", &["'é😀'", "''"]),
    ("c_tinytext", "TINYTEXT", &["'tiny'", "''", "NULL"]),
    ("c_text", "TEXT", &["REPEAT('x', 20000)", "''", "'text '"]),
    (
        "c_longtext",
        "LONGTEXT",
        &["REPEAT('long 😀 ', 9000)", "''", "NULL"],
    ),
    (
        "c_binary",
        "BINARY(8)",
        &[
            "x'0000000000000000'",
            "x'61'",
            "x'6100000000000000'",
            "x'FF00FF0000000000'",
        ],
    ),
    (
        "c_varbinary",
        "VARBINARY(64)",
        &["x''", "x'00'", "x'610000'", "x'FFFE'", "NULL"],
    ),
    ("c_blob", "BLOB", &["x''", "REPEAT(x'00FF', 5000)", "NULL"]),
    (
        "c_longblob",
        "LONGBLOB",
        &["REPEAT(x'0102', 50000)", "x'00'"],
    ),
    (
        "c_date",
        "DATE",
        &[
            "'0000-00-00'",
            "'2024-00-00'",
            "'1000-01-01'",
            "'9999-12-31'",
            "'2024-02-29'",
            "'1969-12-31'",
            "NULL",
        ],
    ),
    (
        "c_datetime",
        "DATETIME",
        &[
            "'0000-00-00 00:00:00'",
            "'1000-01-01 00:00:00'",
            "'9999-12-31 23:59:59'",
            "NULL",
        ],
    ),
    (
        "c_datetime_3",
        "DATETIME(3)",
        &[
            "'1969-12-31 23:59:59.999'",
            "'2024-01-02 03:04:05.006'",
            "'2024-00-10 01:02:03.004'",
        ],
    ),
    (
        "c_datetime_6",
        "DATETIME(6)",
        &[
            "'1969-12-31 23:59:59.999999'",
            "'2024-01-02 03:04:05.000001'",
            "'0000-00-00 00:00:00'",
        ],
    ),
    (
        "c_datetime_4",
        "DATETIME(4)",
        &["'2024-01-02 03:04:05.0001'", "'2024-01-02 03:04:05'"],
    ),
    (
        "c_timestamp",
        "TIMESTAMP NULL",
        &[
            "'0000-00-00 00:00:00'",
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07'",
            "NULL",
        ],
    ),
    (
        "c_timestamp_2",
        "TIMESTAMP(2) NULL",
        &["'2024-03-31 01:30:00.25'", "'1970-01-01 00:00:01.01'"],
    ),
    (
        "c_timestamp_6",
        "TIMESTAMP(6) NULL",
        &[
            "'2024-10-27 01:30:00.000001'",
            "'0000-00-00 00:00:00'",
            "'2001-01-01 00:00:00'",
        ],
    ),
    (
        "c_time",
        "TIME",
        &[
            "'-838:59:59'",
            "'838:59:59'",
            "'00:00:00'",
            "'-00:00:01'",
            "NULL",
        ],
    ),
    (
        "c_time_2",
        "TIME(2)",
        &["'-00:00:00.01'", "'-12:34:56.78'", "'12:00:00'"],
    ),
    (
        "c_time_6",
        "TIME(6)",
        &[
            "'-00:00:00.000001'",
            "'-838:59:58.999999'",
            "'01:02:03.004005'",
        ],
    ),
    (
        "c_enum",
        "ENUM('a', 'b b', 'ü', '')",
        &["'a'", "'ü'", "''", "NULL"],
    ),
    (
        "c_enum_zero",
        "ENUM('x', 'y')",
        &["'no such member'", "'y'"],
    ),
    (
        "c_set",
        "SET('a', 'b', 'c d', 'ß')",
        &["''", "'a,ß'", "'c d,b'", "NULL"],
    ),
    (
        "c_json",
        "JSON",
        &[
            "'{}'",
            "'[]'",
            "'null'",
            "'true'",
            "'-0.0'",
            "'\"😀 \\\\u0001\"'",
            "NULL",
            "'{\"b\": 1, \"aa\": [1.0, -1, 2147483648, 18446744073709551615, 1e100], \"\": null, \"a.b\": {\"$c\": \"d\"}}'",
            "JSON_OBJECT('d', CAST('1.50' AS DECIMAL(10, 3)), 'w', CAST(15 AS DECIMAL(10)), 'l', CAST('-1.5' AS DECIMAL(65, 30)))",
            "JSON_ARRAY(CAST('2024-01-02 03:04:05.6' AS DATETIME(6)), CAST('-12:00:00' AS TIME(3)), CAST('2024-01-02' AS DATE))",
            "JSON_ARRAY(CAST('abc' AS BINARY), 'base64:type15:YWJj', x'00FF')",
            "JSON_OBJECT('deep', JSON_ARRAY(JSON_ARRAY(JSON_OBJECT('x', 9223372036854775807)), REPEAT('y', 70000)))",
        ],
    ),
    (
        "c_geometry",
        "GEOMETRY",
        &[
            "ST_GeomFromText('POINT(1 2)')",
            "ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))', 3857)",
            "ST_GeomFromText('POINT(10 20)', 4326)",
            "NULL",
        ],
    ),
    (
        "c_point",
        "POINT SRID 4326",
        &[
            "ST_GeomFromText('POINT(-90 180)', 4326)",
            "ST_GeomFromText('POINT(0.30000000000000004 -1e-10)', 4326)",
            "NULL",
        ],
    ),
    (
        "c_collection",
        "GEOMETRYCOLLECTION SRID 4326",
        &[
            "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2, 3 4), POLYGON((0 0, 0 1, 1 1, 0 0)))', 4326)",
            "ST_GeomFromText('GEOMETRYCOLLECTION(MULTIPOINT((1 2), (3 4)), MULTILINESTRING((0 0, 1 1)), MULTIPOLYGON(((0 0, 0 1, 1 1, 0 0))))', 4326)",
            "NULL",
        ],
    ),
    (
        "c_vector",
        "VECTOR(3)",
        &["TO_VECTOR('[1, -2.5, 1e-30]')", "NULL"],
    ),
    (
        "c_generated",
        "INT GENERATED ALWAYS AS (c_small * 2) STORED",
        &[],
    ),
    (
        "c_virtual",
        "VARCHAR(20) GENERATED ALWAYS AS (CONCAT('v', c_small)) VIRTUAL",
        &[],
    ),
];

/// Types of MySQL that MariaDB has not, or writes in another way.
const MYSQL_ALONE: &[&str] = &["c_chinese", "c_point", "c_collection", "c_vector"];

/// So many literals of JSON are text that both makes read; the others are made of MySQL's own types.
const JSON_TEXTS: usize = 8;

/// A column that a server of this make can have, as in [`COLUMNS`].
type Column = (&'static str, &'static str, &'static [&'static str]);

/// The columns of a server of this make.
pub fn columns(product: Product) -> impl Iterator<Item = Column> {
    let is_there = move |name: &str| !product.is_mariadb() || !MYSQL_ALONE.contains(&name);
    let columns = COLUMNS.iter().filter(move |(name, _, _)| is_there(name));
    columns.map(move |&(name, definition, literals)| match name {
        "c_json" if product.is_mariadb() => (name, definition, &literals[..JSON_TEXTS]),
        _ => (name, definition, literals),
    })
}
