//! What is done to tables: each kind of statement that changes one, and rows written behind it.

/// A table, and what is done to it. `{t}` stands for its name.
pub struct Change {
    pub name: &'static str,
    pub create: &'static str,
    pub statements: &'static [&'static str],
    /// Rows that are written right behind the statements.
    pub after: &'static [&'static str],
}

const PLAIN: &str = "CREATE TABLE {t} (id INT PRIMARY KEY, n INT NOT NULL, \
                     label VARCHAR(40) NOT NULL DEFAULT 'none', extra INT, KEY by_n (n))";
/// Its unique key has to go before the first row of another shape comes.
const UNIQUE: &str = "CREATE TABLE {t} (id INT PRIMARY KEY, n INT NOT NULL, \
                      label VARCHAR(40) NOT NULL, extra INT, UNIQUE KEY by_label (label), \
                      UNIQUE KEY by_n (n))";
const PARTS: &str = "CREATE TABLE {t} (id INT PRIMARY KEY, n INT NOT NULL, label VARCHAR(40), \
                     extra INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), \
                     PARTITION p1 VALUES LESS THAN (200), PARTITION p2 VALUES LESS THAN MAXVALUE)";
const ROWS: &[&str] = &[
    "UPDATE {t} SET extra = 7 WHERE id % 5 = 1",
    "DELETE FROM {t} WHERE id = 250",
    "INSERT INTO {t} (id, n, label) VALUES (701, 701, 'x'), (702, 702, 'y')",
];

const fn plain(
    name: &'static str,
    statements: &'static [&'static str],
    after: &'static [&'static str],
) -> Change {
    Change {
        name,
        create: PLAIN,
        statements,
        after,
    }
}

pub const CHANGES: &[Change] = &[
    plain(
        "added",
        &["ALTER TABLE {t} ADD COLUMN d INT NOT NULL DEFAULT 5"],
        ROWS,
    ),
    plain(
        "instant",
        &["ALTER TABLE {t} ADD d VARCHAR(9) DEFAULT 'old', ALGORITHM = INSTANT"],
        ROWS,
    ),
    plain(
        "twice",
        &[
            "ALTER TABLE {t} ADD d INT DEFAULT 5",
            "UPDATE {t} SET d = id",
            "ALTER TABLE {t} DROP COLUMN extra, RENAME COLUMN d TO e",
        ],
        &["UPDATE {t} SET e = e + 1 WHERE id % 3 = 0"],
    ),
    plain(
        "dropped",
        &["ALTER TABLE {t} DROP COLUMN label"],
        &["INSERT INTO {t} (id, n) VALUES (701, 701)"],
    ),
    plain("wider", &["ALTER TABLE {t} MODIFY n BIGINT NOT NULL"], ROWS),
    plain("text", &["ALTER TABLE {t} MODIFY n VARCHAR(20)"], ROWS),
    plain(
        "changed",
        &["ALTER TABLE {t} CHANGE n amount DECIMAL(12,2) AFTER label"],
        &["UPDATE {t} SET amount = amount + 0.5 WHERE id % 4 = 0"],
    ),
    plain(
        "reordered",
        &["ALTER TABLE {t} MODIFY extra INT FIRST"],
        ROWS,
    ),
    plain(
        "latin",
        &["ALTER TABLE {t} CONVERT TO CHARACTER SET latin1"],
        ROWS,
    ),
    plain(
        "identified",
        &["ALTER TABLE {t} DROP PRIMARY KEY, ADD PRIMARY KEY (n, id)"],
        ROWS,
    ),
    plain(
        "key_type",
        &["ALTER TABLE {t} MODIFY id VARCHAR(20) NOT NULL"],
        ROWS,
    ),
    plain(
        "definition",
        &[
            "ALTER TABLE {t} COMMENT = 'ADD COLUMN', ADD INDEX by_extra (extra), FORCE",
            "CREATE INDEX by_label ON {t} (label)",
            "ALTER TABLE {t} ADD INDEX by_sum ((n + 1)), ADD COLUMN e INT AS (n + 2)",
            "ALTER TABLE {t} RENAME INDEX by_label TO by_word, ALTER COLUMN extra SET DEFAULT 3",
        ],
        ROWS,
    ),
    plain(
        "uniquely",
        &["ALTER TABLE {t} ADD UNIQUE KEY only (n)"],
        ROWS,
    ),
    plain("emptied", &["TRUNCATE TABLE {t}"], ROWS),
    plain(
        "made_anew",
        &[
            "DROP TABLE {t}",
            "CREATE TABLE {t} (code VARCHAR(9) PRIMARY KEY, n DATE)",
        ],
        &["INSERT INTO {t} VALUES ('a', '2026-01-01'), ('b', NULL)"],
    ),
    plain(
        "renamed",
        &["RENAME TABLE {t} TO {t}_later"],
        &["INSERT INTO {t}_later (id, n) VALUES (701, 701)"],
    ),
    plain(
        "ghost",
        &[
            "CREATE TABLE {t}_gho LIKE {t}",
            "ALTER TABLE {t}_gho ADD COLUMN d INT DEFAULT 9, ADD INDEX by_d (d)",
            "INSERT INTO {t}_gho (id, n, label, extra) SELECT id, n, label, extra FROM {t} \
             WHERE id < 260",
            "RENAME TABLE {t} TO {t}_del, {t}_gho TO {t}",
        ],
        ROWS,
    ),
    plain(
        "swapped",
        &[
            "CREATE TABLE {t}_twin (PRIMARY KEY (id)) SELECT id + 1000 AS id, 'b' AS b FROM {t}",
            "RENAME TABLE {t} TO {t}_third, {t}_twin TO {t}, {t}_third TO {t}_twin",
        ],
        &[
            "INSERT INTO {t} VALUES (5, 'new')",
            "DELETE FROM {t}_twin WHERE id < 30",
        ],
    ),
    Change {
        name: "unique_renamed",
        create: UNIQUE,
        statements: &["ALTER TABLE {t} RENAME COLUMN label TO title"],
        after: &[
            "INSERT INTO {t} (id, n, title) VALUES (701, 701, 'x'), (702, 702, 'y')",
            "UPDATE {t} SET extra = 1 WHERE id % 2 = 0",
        ],
    },
    Change {
        name: "unique_exchanged",
        create: UNIQUE,
        statements: &["ALTER TABLE {t} RENAME COLUMN label TO n, RENAME COLUMN n TO label"],
        after: &["UPDATE {t} SET extra = 1 WHERE id % 2 = 0"],
    },
    Change {
        name: "unique_dropped",
        create: UNIQUE,
        statements: &["DROP INDEX by_label ON {t}"],
        after: &["UPDATE {t} SET label = 'same' WHERE id % 2 = 0"],
    },
    Change {
        name: "unique_moved",
        create: UNIQUE,
        statements: &["ALTER TABLE {t} DROP KEY by_label, DROP KEY by_n, ADD KEY by_n (extra)"],
        after: &["UPDATE {t} SET label = 'same', n = 1 WHERE id % 2 = 0"],
    },
    Change {
        name: "key_dropped",
        create: UNIQUE,
        statements: &["ALTER TABLE {t} DROP PRIMARY KEY, DROP INDEX by_label"],
        after: &[
            "UPDATE {t} SET id = 1 WHERE id % 2 = 0",
            "DELETE FROM {t} WHERE n = 9",
        ],
    },
    Change {
        name: "key_added",
        create: "CREATE TABLE {t} (id INT NOT NULL, n INT NOT NULL, label VARCHAR(40), \
                 extra INT, UNIQUE KEY by_n (n))",
        statements: &["ALTER TABLE {t} ADD PRIMARY KEY (id), DROP INDEX by_n"],
        after: &[
            "UPDATE {t} SET n = 1 WHERE id % 2 = 0",
            "DELETE FROM {t} WHERE id = 9",
        ],
    },
    Change {
        name: "counted",
        create: "CREATE TABLE {t} (id INT, n INT, label VARCHAR(40), extra INT)",
        statements: &["ALTER TABLE {t} ADD COLUMN d INT DEFAULT 5"],
        after: ROWS,
    },
    Change {
        name: "part_dropped",
        create: PARTS,
        statements: &["ALTER TABLE {t} DROP PARTITION p0"],
        after: ROWS,
    },
    Change {
        name: "part_emptied",
        create: PARTS,
        statements: &[
            "ALTER TABLE {t} TRUNCATE PARTITION p1",
            "ALTER TABLE {t} REORGANIZE PARTITION p0, p1 INTO (PARTITION p VALUES LESS THAN (200))",
        ],
        after: ROWS,
    },
    Change {
        name: "part_exchanged",
        create: PARTS,
        statements: &[
            "CREATE TABLE {t}_other (id INT PRIMARY KEY, n INT NOT NULL, label VARCHAR(40), \
             extra INT)",
            "INSERT INTO {t}_other (id, n) VALUES (150, 1), (151, 2)",
            "ALTER TABLE {t} EXCHANGE PARTITION p1 WITH TABLE {t}_other",
        ],
        after: &[
            "UPDATE {t}_other SET n = 6 WHERE id < 130",
            "DELETE FROM {t} WHERE id = 151",
        ],
    },
    Change {
        name: "like_and_select",
        create: PLAIN,
        statements: &[
            "CREATE TABLE {t}_like LIKE {t}",
            "INSERT INTO {t}_like SELECT * FROM {t}",
            "CREATE TABLE {t}_select (PRIMARY KEY (id)) SELECT id, label FROM {t}",
        ],
        after: &["DELETE FROM {t}_select WHERE id % 2 = 0"],
    },
];
