//! The programs of `docs/consumers.md`, run as they stand there: they see what happened to a table.

use mysql_async::prelude::Queryable;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use testbed::servers::Provisioned;
use tests::comparer::connect;
use tests::pipeline::PATIENCE;
use tests::pipeline_scene::{LogKind, Scene};
use tests::workload;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// By key, what has to be seen of it, in order.
const SEEN: &[(&str, &[&str])] = &[
    (
        "1",
        &[
            "r {\"id\":1,\"body\":\"one\"}",
            "u {\"id\":1,\"body\":\"eins\"}",
        ],
    ),
    ("2", &["r {\"id\":2,\"body\":null}", "d null"]),
    ("3", &["r {\"id\":3,\"body\":\"three\"}", "d null"]),
    ("4", &["c {\"id\":4,\"body\":\"three\"}"]),
    ("5", &["c {\"id\":5,\"body\":\"fünf \\\"5\\\"\"}"]),
];

/// The program in this language that the page shows.
fn program(language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/consumers.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// What the program prints of the topic until it has seen as much as there is.
async fn seen(command: &mut Command, scene: &Scene) -> BTreeMap<String, Vec<String>> {
    let topic = format!("{}.work.letters", scene.name);
    let mut process = command
        .args([scene.kafka().brokers(), topic])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in SEEN.iter().flat_map(|(_, changes)| *changes) {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line
            .unwrap()
            .unwrap()
            .expect("it goes on until it is stopped");
        let mut words = line.splitn(3, ' ');
        let (operation, key, after) = (words.next(), words.next(), words.next());
        let changes = seen.entry(key.unwrap().to_owned()).or_default();
        changes.push(format!("{} {}", operation.unwrap(), after.unwrap()));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_of_the_page_for_consumers_see_what_happened() {
    let options = workload::Options {
        rows: 50,
        ..workload::Options::new(95)
    };
    let scene = Scene::start(LogKind::Kafka, options, "").await.unwrap();
    let mut sql = connect(&scene.mysql.url()).await.unwrap();
    let before = [
        "CREATE TABLE work.letters (id INT PRIMARY KEY, body VARCHAR(20))",
        "INSERT INTO work.letters VALUES (1, 'one'), (2, NULL), (3, 'three')",
    ];
    let after = [
        "UPDATE work.letters SET body = 'eins' WHERE id = 1",
        "DELETE FROM work.letters WHERE id = 2",
        "UPDATE work.letters SET id = 4 WHERE id = 3",
        "INSERT INTO work.letters VALUES (5, 'fünf \"5\"')",
    ];
    for statements in [&before[..], &after] {
        for statement in statements {
            sql.query_drop(*statement).await.unwrap();
        }
        scene.pipeline.part_catches_up("capture").await.unwrap();
    }

    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, language: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, program(language)).unwrap();
        path
    };
    let mut java = Command::from(scene.kafka().client_program());
    java.arg(written("Follow.java", "java"));
    let clients = Provisioned::locate().unwrap().python_clients().unwrap();
    let mut python = Command::new("python3");
    python
        .arg(written("follow.py", "python"))
        .env("PYTHONPATH", clients);

    let expected: BTreeMap<String, Vec<String>> = SEEN
        .iter()
        .map(|(id, changes)| {
            let changes = changes.iter().map(|change| (*change).to_owned());
            (format!("{{\"id\":{id}}}"), changes.collect())
        })
        .collect();
    assert_eq!(seen(&mut java, &scene).await, expected, "Java");
    assert_eq!(seen(&mut python, &scene).await, expected, "Python");
}
