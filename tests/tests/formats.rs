//! Pipelines whose topics are of other formats: what the sink makes of them is what it makes of the
//! usual one, whatever happens to capture, and a topic keeps the format that it was begun with.

use std::time::Duration;
use testbed::servers::Registry;
use tests::pipeline_scene::{LogKind, Scene, rough_mix};
use tests::topics::{Record, read_committed};
use tests::workload;

const SECTIONS: &str = "[capture]\nchunk_rows = 100\nmax_barrier_changes = 250\n";

/// Copies and follows with a log of this format, capture being killed meanwhile; the comparer finds
/// both stores equal, and another format is refused afterwards.
async fn proven(lines: &str, sections: &str, seed: u64) -> (Scene, Vec<Record>) {
    let options = workload::Options {
        writers: 2,
        rows: 300,
        large_transaction_rows: 600,
        mix: rough_mix(),
        pause: Some(Duration::from_millis(15)),
        ..workload::Options::new(seed)
    };
    let sections = format!("{SECTIONS}{sections}");
    let scene = Scene::start(LogKind::Kafka, options, &sections)
        .await
        .unwrap();
    scene.configure(lines, &sections).unwrap();
    let writers = workload::start(&scene.mysql.url(), &scene.options)
        .await
        .unwrap();
    for (place, count) in [("produced", 3), ("logged", 12)] {
        let mut capture = scene
            .pipeline
            .start_and_stop_at("capture", place, count)
            .unwrap();
        capture.stopped_at(place).await;
        capture.kill();
    }
    println!("{}", writers.stop().await.unwrap());
    scene.pipeline.catch_up().await.unwrap();
    println!("{}", scene.require_equal().await.unwrap());

    scene.configure("", SECTIONS).unwrap();
    let checked = scene.pipeline.finish(&["check"]).await.unwrap();
    assert_eq!(checked.code, Some(3), "{checked}");
    assert!(checked.to_string().contains("LS5526"), "{checked}");
    let arguments = ["capture", "--until", "caught-up"];
    let ended = scene.pipeline.finish(&arguments).await.unwrap();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stderr.contains("[LS5526]"), "{ended}");
    // The sink goes by what the log says of itself.
    scene.pipeline.part_catches_up("sink").await.unwrap();
    scene.configure(lines, &sections).unwrap();

    let prefix = format!("{}.work.", scene.name);
    let records = read_committed(scene.kafka(), &prefix).await.unwrap();
    assert!(records.len() > 1_000, "{} records", records.len());
    (scene, records)
}

/// The values of the records of topics that end so.
fn values<'a>(records: &'a [Record], table: &str) -> impl Iterator<Item = &'a [u8]> {
    let of_table = records
        .iter()
        .filter(move |record| record.topic.ends_with(table));
    of_table.filter_map(|record| record.value.as_deref())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_with_their_schema_make_the_same_documents() {
    let (_scene, records) = proven("schema = true", "", 61).await;
    for record in &records {
        for part in [&record.key, &record.value].into_iter().flatten() {
            assert!(part.starts_with(b"{\"schema\":{\"type\":\"struct\""));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_in_protobuf_make_the_same_documents() {
    let (_scene, records) = proven("format = \"protobuf\"", "", 62).await;
    for record in &records {
        // The first field of a key is a column, that of a value its operation.
        let key = record.key.iter().map(|key| (key[0], 0x0a));
        let value = record.value.iter().map(|value| (value[0], 0x08));
        for (found, expected) in key.chain(value) {
            assert_eq!(found, expected, "{record:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_one_pipeline_may_have_different_formats() {
    let own = "[tables.\"work.accounts\"]\nformat = \"protobuf\"\n\
               [tables.\"work.items\"]\nformat = \"debezium-json\"\n";
    let (scene, records) = proven("schema = true", own, 63).await;
    for (table, begins) in [
        (".accounts", &b"\x08"[..]),
        (".items", b"{\"schema\":"),
        (".savings", b"{\"schema\":"),
    ] {
        let mut values = values(&records, table).peekable();
        assert!(values.peek().is_some(), "{table}");
        assert!(values.all(|value| value.starts_with(begins)), "{table}");
    }
    // People are shown the same, whatever the format.
    let plan = scene.pipeline.finish(&["plan"]).await.unwrap();
    assert_eq!(plan.code, Some(0), "{plan}");
    let shown = format!("topic {}.work.accounts, 3 partitions, protobuf", scene.name);
    assert!(plan.stdout.contains(&shown), "{plan}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_in_avro_make_the_same_documents_and_a_registry_knows_their_schemas() {
    let registry = Registry::start().await.unwrap();
    let lines = format!(
        "format = \"avro\"\nschema_registry = \"{}\"",
        registry.url()
    );
    let (_scene, records) = proven(&lines, "", 64).await;
    for record in &records {
        for part in [&record.key, &record.value].into_iter().flatten() {
            let id = u32::from_be_bytes(part[1..5].try_into().unwrap());
            assert!(part[0] == 0 && id > 0, "{record:?}");
        }
    }
}
