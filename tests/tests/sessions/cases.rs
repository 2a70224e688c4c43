//! What sessions set for themselves, and the statements that they run then.

/// A table, and what a session does to it. `{t}` stands for its name.
pub struct Case {
    pub name: &'static str,
    pub create: &'static str,
    pub settings: &'static [&'static str],
    pub statements: &'static [&'static str],
    /// Given to LOAD DATA LOCAL INFILE.
    pub file: Option<&'static str>,
}

const PLAIN: &str = "CREATE TABLE {t} (id INT PRIMARY KEY, n INT, t MEDIUMTEXT, j JSON)";
const WRITES: &[&str] = &[
    "INSERT INTO {t} (id, n, t) VALUES (1001, 1, 'new'), (1002, 2, 'new')",
    "UPDATE {t} SET n = n + 1, t = CONCAT(t, '!') WHERE id % 3 = 0",
    "UPDATE {t} SET id = id + 5000 WHERE id % 50 = 1",
    "DELETE FROM {t} WHERE id % 7 = 0",
    "REPLACE INTO {t} (id, n) VALUES (2, 22), (1003, 33)",
];

const fn plain(
    name: &'static str,
    settings: &'static [&'static str],
    statements: &'static [&'static str],
) -> Case {
    Case {
        name,
        create: PLAIN,
        settings,
        statements,
        file: None,
    }
}

pub const CASES: &[Case] = &[
    plain(
        "as_text",
        &["SET SESSION binlog_format = 'STATEMENT'"],
        WRITES,
    ),
    plain(
        "as_text_at_once",
        &["SET SESSION binlog_format = 'STATEMENT'"],
        &[
            "BEGIN",
            "UPDATE {t} SET n = n * 2",
            "INSERT INTO {t} (id, n) VALUES (900, 1)",
            "DELETE FROM {t} WHERE id < 20",
            "COMMIT",
        ],
    ),
    plain(
        "mixed",
        &["SET SESSION binlog_format = 'MIXED'"],
        &[
            "UPDATE {t} SET n = n + 1 WHERE id < 100",
            "UPDATE {t} SET t = UUID() WHERE id < 50",
            "BEGIN",
            "INSERT INTO {t} (id, t) VALUES (950, UUID())",
            "DELETE FROM {t} WHERE id = 3",
            "COMMIT",
        ],
    ),
    plain(
        "by_temporary",
        &["SET SESSION binlog_format = 'STATEMENT'"],
        &[
            "CREATE TEMPORARY TABLE kept (id INT PRIMARY KEY, n INT)",
            "INSERT INTO kept VALUES (2001, 1), (2002, 2)",
            "INSERT INTO {t} (id, n) SELECT id, n FROM kept",
            "DROP TEMPORARY TABLE kept",
        ],
    ),
    plain(
        "back_and_forth",
        &[],
        &[
            "UPDATE {t} SET n = 1 WHERE id = 1",
            "SET SESSION binlog_format = 'STATEMENT'",
            "UPDATE {t} SET n = 2 WHERE id = 2",
            "SET SESSION binlog_format = 'ROW'",
            "UPDATE {t} SET n = 3 WHERE id = 3",
        ],
    ),
    Case {
        file: Some("3001\tone\n3002\ttwo\n5\tfive\n"),
        ..plain(
            "loaded_as_text",
            &["SET SESSION binlog_format = 'STATEMENT'"],
            &["LOAD DATA LOCAL INFILE 'generated' REPLACE INTO TABLE {t} (id, t)"],
        )
    },
    Case {
        file: Some("3001\tone\n3002\ttwo\n5\tfive\n"),
        ..plain(
            "loaded",
            &[],
            &["LOAD DATA LOCAL INFILE 'generated' REPLACE INTO TABLE {t} (id, t)"],
        )
    },
    plain(
        "partial",
        &["SET SESSION binlog_row_value_options = 'PARTIAL_JSON'"],
        &[
            "UPDATE {t} SET j = JSON_SET(j, '$.a', n, '$.list[1]', 'x') WHERE id < 200",
            "UPDATE {t} SET j = JSON_REMOVE(j, '$.list[0]') WHERE id < 100",
            "UPDATE {t} SET j = JSON_REPLACE(j, '$.b.c', REPEAT('long', 100)) WHERE id < 50",
            "UPDATE {t} SET n = 4 WHERE id < 20",
        ],
    ),
    plain(
        "minimal",
        &["SET SESSION binlog_row_image = 'MINIMAL'"],
        WRITES,
    ),
    Case {
        create: "CREATE TABLE {t} (id INT PRIMARY KEY DEFAULT 6001, n INT, t MEDIUMTEXT, j JSON)",
        ..plain(
            "by_default",
            &["SET SESSION binlog_row_image = 'MINIMAL'"],
            &["INSERT INTO {t} VALUES ()"],
        )
    },
    plain(
        "without_texts",
        &[
            "SET SESSION binlog_row_image = 'NOBLOB'",
            "SET SESSION binlog_row_value_options = ''",
        ],
        WRITES,
    ),
    plain(
        "compressed",
        &["SET SESSION binlog_transaction_compression = ON"],
        WRITES,
    ),
    plain(
        "compressed_partial",
        &[
            "SET SESSION binlog_transaction_compression = ON",
            "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
        ],
        &["UPDATE {t} SET j = JSON_SET(j, '$.a', 'other') WHERE id < 200"],
    ),
    plain(
        "unchecked",
        &["SET GLOBAL binlog_checksum = NONE"],
        &[
            "UPDATE {t} SET n = 71 WHERE id < 20",
            "FLUSH BINARY LOGS",
            "UPDATE {t} SET n = 72 WHERE id < 10",
            "SET GLOBAL binlog_checksum = CRC32",
            "UPDATE {t} SET n = 73 WHERE id < 5",
        ],
    ),
    plain(
        "long_statement",
        &["SET SESSION binlog_rows_query_log_events = ON"],
        &["UPDATE {t} SET t = '{megabyte}' WHERE id IN (1, 2)"],
    ),
    plain(
        "long_definition",
        &[],
        &[
            "ALTER TABLE {t} /* {megabyte} */ ADD COLUMN d INT DEFAULT 3",
            "UPDATE {t} SET d = 4 WHERE id < 5",
        ],
    ),
    plain(
        "long_text",
        &["SET SESSION binlog_format = 'STATEMENT'"],
        &["UPDATE {t} SET t = '{megabyte}' WHERE id = 1"],
    ),
    plain(
        "commented",
        &[],
        &[
            "/*!50100 ALTER */ TABLE {t} /*!80000 ADD COLUMN `d e` INT DEFAULT 3 */",
            "UPDATE {t} SET `d e` = 4 WHERE id < 5",
            "/* ALTER TABLE {t} DROP COLUMN n */ ALTER TABLE {t} -- DROP COLUMN t\n RENAME COLUMN j TO k",
        ],
    ),
    Case {
        name: "quoted",
        create: "CREATE TABLE {t} (id INT PRIMARY KEY, n INT, t MEDIUMTEXT, j JSON, `DROP TABLE` INT)",
        settings: &["SET SESSION sql_mode = 'ANSI_QUOTES'"],
        statements: &[
            "ALTER TABLE {t} RENAME COLUMN \"DROP TABLE\" TO \"a `b` c\"",
            "UPDATE {t} SET \"a `b` c\" = 5 WHERE id < 9",
            "ALTER TABLE {t} ADD COLUMN \"PRIMARY KEY\" INT DEFAULT 8",
        ],
        file: None,
    },
    plain(
        "watched",
        &[],
        &[
            "CREATE TABLE {t}_log (id INT PRIMARY KEY AUTO_INCREMENT, whose INT)",
            "CREATE TRIGGER {t}_trigger AFTER UPDATE ON {t} FOR EACH ROW \
             INSERT INTO {t}_log (whose) VALUES (NEW.id)",
            "CREATE VIEW {t}_view AS SELECT id, n FROM {t}",
            "UPDATE {t}_view SET n = 9 WHERE id < 30",
            "SET SESSION binlog_format = 'STATEMENT'",
            "UPDATE {t} SET n = 10 WHERE id < 20",
            "UPDATE {t}_view SET n = 11 WHERE id < 10",
            "DROP VIEW {t}_view",
            "DROP TRIGGER {t}_trigger",
        ],
    ),
    plain(
        "multiplied",
        &[],
        &[
            "CREATE TABLE {t}_like LIKE {t}",
            "INSERT INTO {t}_like SELECT * FROM {t} WHERE id < 50",
            "CREATE TABLE {t}_one (id INT PRIMARY KEY)",
            "CREATE TABLE {t}_two (PRIMARY KEY (id)) SELECT id FROM {t} WHERE id < 9",
            "INSERT INTO {t}_one VALUES (1)",
            "DROP TABLE {t}_one, {t}_two",
            "CREATE TABLE {t}_one (PRIMARY KEY (n)) SELECT id AS n FROM {t} WHERE id < 20",
        ],
    ),
];
