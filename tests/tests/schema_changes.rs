//! Statements that change tables, while they are copied and while they are followed: no table stops,
//! and every value is right in the end.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::BTreeSet;
use tests::comparer::{Identity, Pair, TableRules, compare, connect};
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;

/// A table, and what is done to it. `{t}` stands for its name.
struct Change {
    name: &'static str,
    create: &'static str,
    statements: &'static [&'static str],
    /// Rows that are written right behind the statements.
    after: &'static [&'static str],
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

const CHANGES: &[Change] = &[
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

const SECTIONS: &str = "[capture]\nchunk_rows = 40\nmax_barrier_changes = 50\n\
                        [tables.\"work.counted_copied\"]\nidentity = \"row\"\n\
                        [tables.\"work.counted_followed\"]\nidentity = \"row\"\n";

impl Change {
    fn table(&self, when: &str) -> String {
        format!("work.{}_{when}", self.name)
    }

    async fn run(&self, sql: &mut Conn, when: &str, statements: &[&str]) {
        for statement in statements {
            let statement = statement.replace("{t}", &self.table(when));
            let done = sql.query_drop(&statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    async fn prepare(&self, sql: &mut Conn, when: &str) {
        let fill = "INSERT INTO {t} (id, n, label, extra) WITH RECURSIVE k (i) AS \
                    (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 300) \
                    SELECT i, i, CONCAT('l', i), i % 7 FROM k";
        self.run(sql, when, &[self.create, fill]).await;
    }

    async fn change(&self, sql: &mut Conn, when: &str) {
        self.run(sql, when, &["UPDATE {t} SET extra = -1 WHERE id % 11 = 0"])
            .await;
        self.run(sql, when, self.statements).await;
        self.run(sql, when, self.after).await;
    }
}

fn pair() -> Pair {
    let row = || TableRules {
        identity: Identity::Row,
        ..TableRules::default()
    };
    Pair::same_name("work")
        .with_rules("counted_copied", row())
        .with_rules("counted_followed", row())
}

async fn states(scene: &Scene) -> serde_json::Value {
    let status = scene.pipeline.finish(&["status", "--json"]).await.unwrap();
    assert_eq!(status.code, Some(0), "{status}");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    status["tables"].clone()
}

async fn index_names(scene: &Scene, collection: &str) -> BTreeSet<String> {
    let collection = scene
        .client
        .database("work")
        .collection::<bson::Document>(collection);
    let names = collection.list_index_names().await.unwrap();
    names.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_altered_renamed_and_exchanged_while_copied_and_followed_stay_right() {
    altered_tables_stay_right(LogKind::Direct, 91).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kafka_too_tables_that_are_altered_renamed_and_exchanged_stay_right() {
    altered_tables_stay_right(LogKind::Kafka, 92).await;
}

async fn altered_tables_stay_right(log: LogKind, seed: u64) {
    let options = workload::Options {
        rows: 100,
        ..workload::Options::new(seed)
    };
    let scene = Scene::start(log, options, SECTIONS).await.unwrap();
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    for change in CHANGES {
        change.prepare(&mut sql, "copied").await;
        change.prepare(&mut sql, "followed").await;
    }
    let mut run = scene.pipeline.start(&["run"]).unwrap();
    scene.progress(&mut run, "the copy begins").await.unwrap();
    for change in CHANGES {
        change.change(&mut sql, "copied").await;
    }
    run.alive_until("every table is copied", async |_| {
        let tables = states(&scene).await;
        let mut states = tables.as_object().unwrap().values();
        let settled = |table: &serde_json::Value| {
            assert_ne!(table["state"], "stopped", "{tables}");
            table["state"] == "following" || table["state"] == "dropped"
        };
        states.all(settled).then_some(())
    })
    .await;
    for change in CHANGES {
        change.change(&mut sql, "followed").await;
    }
    run.terminate();
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{ended}");
    require_right(&scene, &["copied", "followed"]).await;
}

/// All is caught up with, and every table, value and index is what MySQL has.
async fn require_right(scene: &Scene, whens: &[&str]) {
    scene.pipeline.catch_up().await.unwrap();

    let tables = states(scene).await;
    for (table, progress) in tables.as_object().unwrap() {
        let state = progress["state"].as_str().unwrap();
        assert!(
            ["following", "dropped"].contains(&state),
            "{table}: {progress}"
        );
    }
    // A name that no table has any more leaves an empty collection.
    let database = scene.client.database("work");
    for when in whens {
        for (name, end) in [("renamed", ""), ("ghost", "_gho"), ("swapped", "_third")] {
            let left = format!("{name}_{when}{end}");
            let collection = database.collection::<bson::Document>(&left);
            let documents = collection.count_documents(bson::doc! {}).await.unwrap();
            assert_eq!(documents, 0, "{left}");
            collection.drop().await.unwrap();
        }
    }
    let report = compare(&scene.mysql.url(), &scene.client, &[pair()])
        .await
        .unwrap();
    let rows = u64::try_from(whens.len() * 5_000).unwrap();
    report
        .require_equal(whens.len() * CHANGES.len(), rows)
        .unwrap();
    println!("{report}");
    for when in whens {
        for (name, expected) in [
            ("definition", &["_id_", "by_extra", "by_n", "by_word"][..]),
            ("uniquely", &["_id_", "only"]),
            ("unique_renamed", &["_id_", "by_label", "by_n"]),
            ("unique_dropped", &["_id_", "by_n"]),
            ("unique_moved", &["_id_", "by_n"]),
            ("ghost", &["_id_", "by_d", "by_n"]),
        ] {
            let names = index_names(scene, &format!("{name}_{when}")).await;
            let expected: BTreeSet<String> = expected.iter().map(|&name| name.into()).collect();
            assert_eq!(names, expected, "{name}_{when}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_is_killed_while_tables_are_altered_goes_on_where_it_was() {
    let options = workload::Options {
        rows: 50,
        ..workload::Options::new(93)
    };
    let scene = Scene::start(LogKind::Direct, options, SECTIONS)
        .await
        .unwrap();
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    for change in CHANGES {
        change.prepare(&mut sql, "followed").await;
    }
    scene.pipeline.catch_up().await.unwrap();
    let places = [
        ("copying", 1),
        ("mid-commit", 4),
        ("mid-lanes", 2),
        ("committed", 5),
        ("copying", 4),
        ("mid-commit", 9),
        ("recovery", 1),
        ("committed", 12),
    ];
    for (round, changes) in CHANGES.chunks(4).enumerate() {
        let (place, count) = places[round % places.len()];
        let run = scene.pipeline.start_and_stop_at("run", place, count);
        let mut run = run.unwrap();
        for change in changes {
            change.change(&mut sql, "followed").await;
        }
        run.stopped_at(place).await;
        run.kill();
    }
    require_right(&scene, &["followed"]).await;
}
