//! Which crate may know which, held against what cargo says.
//! The table is the agreed one; an edge that it does not name is either a mistake or a decision, and a decision is made here, in sight.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const PURE: &[&str] = &["change", "mapping", "reconcile", "cutover", "wire"];
const ADAPTERS: &[&str] = &["mysql", "kafka", "mongo"];

/// What pure crates may not use: whatever waits, connects, or reads a clock.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "futures",
    "mongodb",
    "mysql_async",
    "rdkafka",
    "tracing",
    "axum",
];

/// The crates of ours that this one may use in its product code.
fn allowed(name: &str) -> BTreeSet<&'static str> {
    let pure = PURE.iter().copied();
    match name {
        "change" | "xtask" => BTreeSet::new(),
        "mapping" | "reconcile" | "cutover" | "wire" => BTreeSet::from(["change"]),
        "flow" => pure.collect(),
        "mysql" | "kafka" | "mongo" | "testbed" => pure.chain(["flow"]).collect(),
        "lockstep" => pure
            .chain(ADAPTERS.iter().copied())
            .chain(["flow"])
            .collect(),
        // It judges from outside and may only use servers.
        "tests" => BTreeSet::from(["testbed"]),
        other => panic!("the crate `{other}` has no place in the agreed table"),
    }
}

struct Package {
    normal: BTreeSet<String>,
    development: BTreeSet<String>,
}

fn packages() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = |package: &serde_json::Value| {
        let of_kind = |development: bool| {
            package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| (dependency["kind"] == "dev") == development)
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect()
        };
        (
            package["name"].as_str().unwrap().to_owned(),
            Package {
                normal: of_kind(false),
                development: of_kind(true),
            },
        )
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(package)
        .collect()
}

#[test]
fn each_crate_uses_only_the_crates_that_the_design_allows_it() {
    let packages = packages();
    assert!(packages.len() >= 10, "{:?}", packages.keys());
    let mut wrong = Vec::new();
    for (name, package) in &packages {
        let allowed = allowed(name);
        for used in package
            .normal
            .iter()
            .filter(|used| packages.contains_key(*used))
        {
            if !allowed.contains(used.as_str()) {
                wrong.push(format!("{name} -> {used}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "edges that the design does not allow: {wrong:?}"
    );
}

#[test]
fn tests_of_a_crate_use_beyond_that_only_the_testbed() {
    let packages = packages();
    let mut wrong = Vec::new();
    for (name, package) in &packages {
        let mut allowed = allowed(name);
        if name != "xtask" {
            allowed.insert("testbed");
        }
        // Adapters meet in the tests of the binary alone.
        for used in package
            .development
            .iter()
            .filter(|used| packages.contains_key(*used))
        {
            if !allowed.contains(used.as_str()) && used != name {
                wrong.push(format!("{name} -> {used}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "edges that the design does not allow: {wrong:?}"
    );
}

#[test]
fn pure_crates_neither_wait_nor_connect() {
    let packages = packages();
    let mut wrong = Vec::new();
    for (name, package) in packages
        .iter()
        .filter(|(name, _)| PURE.contains(&name.as_str()))
    {
        for impure in IMPURE
            .iter()
            .filter(|impure| package.normal.contains(**impure))
        {
            wrong.push(format!("{name} -> {impure}"));
        }
    }
    for file in super::sources::all() {
        let pure = PURE
            .iter()
            .any(|name| file.path.starts_with(&format!("crates/{name}/src/")));
        if pure {
            for (number, line) in file.product() {
                if line.contains(".await") || line.contains("async fn") {
                    wrong.push(format!("{}:{number}", file.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "logic that waits: {wrong:?}");
}

#[test]
fn the_judge_of_both_stores_knows_no_crate_of_lockstep() {
    let names: Vec<String> = packages()
        .into_keys()
        .filter(|name| name != "tests")
        .flat_map(|name| [format!("use {name}::"), format!(" {name}::")])
        .collect();
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for file in super::sources::all() {
        if !file.path.starts_with("tests/src/comparer") {
            continue;
        }
        looked_at += 1;
        for (number, line) in file.product() {
            if names.iter().any(|name| line.contains(name.as_str())) {
                wrong.push(format!("{}:{number}: {line}", file.path));
            }
        }
    }
    assert!(looked_at > 0, "there is no comparer where it is looked for");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
